package audit

import (
	"errors"
	"strings"
)

// ErrNotAudit is returned for well-formed input that is no audit event.
var ErrNotAudit = errors.New("no Kubernetes audit event")

// shape collects what tells an audit event from other objects: its kind, or,
// for the items of a webhook's EventList, which carry no kind, the three fields
// that every event has.
type shape struct {
	kind, apiVersion         string
	hasID, hasStage, hasVerb bool
}

func (s *shape) isAudit() bool {
	if s.kind != "" || s.apiVersion != "" {
		return s.kind == "Event" && strings.HasPrefix(s.apiVersion, "audit.k8s.io/")
	}
	return s.hasID && s.hasStage && s.hasVerb
}

// Names of annotations and of entries in user.extra, from
// k8s.io/apiserver/pkg/authentication/serviceaccount/util.go,
// k8s.io/apiserver/pkg/authentication/user/user.go and
// k8s.io/apiserver/pkg/endpoints/filters/authorization.go.
const (
	keyCredentialID = "authentication.kubernetes.io/credential-id"
	keyPodName      = "authentication.kubernetes.io/pod-name"
	keyPodUID       = "authentication.kubernetes.io/pod-uid"
	keyNodeName     = "authentication.kubernetes.io/node-name"
	keyNodeUID      = "authentication.kubernetes.io/node-uid"

	keyDecision    = "authorization.k8s.io/decision"
	keyIssuedID    = "authentication.kubernetes.io/issued-credential-id"
	keyLegacyToken = "authentication.k8s.io/legacy-token"
)

// underscored is how Elastic's integration writes these names, because
// Elasticsearch takes dots for levels.
func underscored(name string) string { return strings.ReplaceAll(name, ".", "_") }

var (
	altCredentialID = underscored(keyCredentialID)
	altPodName      = underscored(keyPodName)
	altPodUID       = underscored(keyPodUID)
	altNodeName     = underscored(keyNodeName)
	altNodeUID      = underscored(keyNodeUID)

	altDecision    = underscored(keyDecision)
	altIssuedID    = underscored(keyIssuedID)
	altLegacyToken = underscored(keyLegacyToken)
)

// extra returns the field that the entry called key of user.extra goes to.
func (u *User) extra(key string) *string {
	switch key {
	case keyCredentialID, altCredentialID:
		return &u.CredentialID
	case keyPodName, altPodName:
		return &u.PodName
	case keyPodUID, altPodUID:
		return &u.PodUID
	case keyNodeName, altNodeName:
		return &u.NodeName
	case keyNodeUID, altNodeUID:
		return &u.NodeUID
	}
	return nil
}

// annotation returns the field that the annotation called key goes to.
func (e *Event) annotation(key string) *string {
	switch key {
	case keyDecision, altDecision:
		return &e.Decision
	case keyIssuedID, altIssuedID:
		return &e.IssuedCredentialID
	case keyLegacyToken, altLegacyToken:
		return &e.LegacyToken
	}
	return nil
}

// reference returns the field that the entry called key of objectRef goes to.
func (e *Event) reference(key string) *string {
	switch key {
	case "resource":
		return &e.Resource
	case "apiGroup":
		return &e.APIGroup
	case "namespace":
		return &e.Namespace
	case "name":
		return &e.Name
	case "subresource":
		return &e.Subresource
	}
	return nil
}

// setTop sets the top-level string field called key.
func (e *Event) setTop(key, v string, s *shape) {
	switch key {
	case "kind":
		s.kind = v
	case "apiVersion":
		s.apiVersion = v
	case "auditID":
		e.AuditID, s.hasID = v, true
	case "stage":
		e.Stage, s.hasStage = ParseStage(v), true
	case "verb":
		e.Verb, s.hasVerb = v, true
	case "requestURI":
		e.RequestURI = v
	case "userAgent":
		e.UserAgent = v
	case "requestReceivedTimestamp":
		e.Time = ParseTime(v)
	case "stageTimestamp":
		e.StageTime = ParseTime(v)
	}
}

// codeOf checks a response code that arrived as a float, as it does behind a
// Lua filter.
func codeOf(f float64) (int, bool) {
	if n := int(f); f >= 0 && f <= 999 && float64(n) == f {
		return n, true
	}
	return 0, false
}
