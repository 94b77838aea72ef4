// Package observation is the form in which detectors that share a history tell
// each other of an access: enough of the audit event to judge it once more and
// to learn the same from it. Names of secrets are not in it, nor are values.
package observation

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/secretwatch/secretwatch/detector/audit"
)

//go:generate go run github.com/tinylib/msgp@v1.6.4 -file observation.go -tests=false -marshal -io=false

//msgp:tuple Observation
//msgp:tuple User
//msgp:limit arrays:64

// format is the first byte of an encoded observation. It changes with the
// meaning of what follows.
const format = 1

// Limits of what is kept of an event, in bytes and elements. The API server
// itself cuts user agents at 1024 bytes (k8s.io/apiserver/pkg/audit).
const (
	maxText   = 1024
	maxAgent  = 2048
	maxName   = 512
	maxAddr   = 64
	maxList   = 64
	maxGroups = 8 << 10 // of all groups of a user together
)

// Observation is one access, as one detector saw it.
type Observation struct {
	Time     int64  // of the event, nanoseconds since the Unix epoch
	Learning bool   // who saw it was learning
	Object   uint64 // access.ObjectKey

	Verb      string
	Query     string // of the request URI, for requests without a name
	UserAgent string
	User      User
	As        User     // whom it was made as; Name is empty if nobody
	SourceIPs []string // the last of them, as recorded

	Resource    string
	Subresource string
	Namespace   string
	Name        string // of a service account; anyName for a secret that was named

	Stage    uint8 // audit.Stage
	Code     int
	Message  string // of a denied impersonation
	Decision string
	Issued   string // id of the token that was issued
}

// User is audit.User.
type User struct {
	Name         string
	Groups       []string
	CredentialID string
	PodName      string
	PodUID       string
	NodeName     string
}

// anyName stands for the name of a secret.
const anyName = "?"

// Of fills o with an event. o aliases it.
func (o *Observation) Of(ev *audit.Event, time int64, object uint64, learning bool) {
	*o = Observation{
		Time: time, Learning: learning, Object: object,
		Verb: cut(ev.Verb, maxName), UserAgent: cut(ev.UserAgent, maxAgent),
		Resource: ev.Resource, Subresource: cut(ev.Subresource, maxName), Namespace: cut(ev.Namespace, maxName), Name: cut(ev.Name, maxName),
		Stage: uint8(ev.Stage), Code: ev.Code, Decision: cut(ev.Decision, maxName), Issued: cut(ev.IssuedCredentialID, maxName),
		SourceIPs: cutAll(ev.SourceIPs[max(0, len(ev.SourceIPs)-maxList):], maxAddr),
	}
	o.User.of(&ev.User)
	o.As.of(&ev.Impersonated)
	if ev.Name == "" {
		if _, query, ok := strings.Cut(ev.RequestURI, "?"); ok {
			o.Query = "?" + cut(query, maxText)
		}
	} else if ev.Resource == "secrets" {
		o.Name = anyName
	}
	if ev.Code == 403 && ev.Impersonated.Username == "" {
		o.Message = cut(ev.StatusMessage, maxText)
	}
}

func (u *User) of(from *audit.User) {
	*u = User{
		Name: cut(from.Username, maxText), Groups: cutAll(some(from.Groups), maxName),
		CredentialID: cut(from.CredentialID, maxName), PodName: cut(from.PodName, maxName),
		PodUID: cut(from.PodUID, maxName), NodeName: cut(from.NodeName, maxName),
	}
}

func cut(s string, n int) string { return s[:min(len(s), n)] }

// some returns the first of a user's groups.
func some(groups []string) []string {
	bytes := 0
	for i, g := range groups {
		if bytes += min(len(g), maxName); i == maxList || bytes > maxGroups {
			return groups[:i]
		}
	}
	return groups
}

// cutAll cuts the strings of a list, in a copy if there is one to be cut.
func cutAll(list []string, n int) []string {
	tooLong := func(s string) bool { return len(s) > n }
	if !slices.ContainsFunc(list, tooLong) {
		return list
	}
	list = slices.Clone(list)
	for i := range list {
		list[i] = cut(list[i], n)
	}
	return list
}

// Event fills ev, which aliases o.
func (o *Observation) Event(ev *audit.Event) {
	*ev = audit.Event{
		Time: o.Time, StageTime: o.Time, Stage: audit.Stage(o.Stage),
		Verb: o.Verb, RequestURI: o.Query, UserAgent: o.UserAgent,
		User: o.User.user(), Impersonated: o.As.user(), SourceIPs: o.SourceIPs,
		Resource: o.Resource, Subresource: o.Subresource, Namespace: o.Namespace, Name: o.Name,
		Code: o.Code, StatusMessage: o.Message, Decision: o.Decision, IssuedCredentialID: o.Issued,
	}
}

func (u *User) user() audit.User {
	return audit.User{
		Username: u.Name, Groups: u.Groups, CredentialID: u.CredentialID,
		PodName: u.PodName, PodUID: u.PodUID, NodeName: u.NodeName,
	}
}

// Append appends the encoded observation.
func (o *Observation) Append(dst []byte) []byte {
	b, _ := o.MarshalMsg(append(dst, format)) // cannot fail: there is no foreign type in it
	return b
}

// ErrFormat is the error for observations in a form of another version.
var ErrFormat = errors.New("an observation of another version")

// Decode reads what Append wrote. o does not alias b.
func (o *Observation) Decode(b []byte) error {
	if len(b) == 0 || b[0] != format {
		return ErrFormat
	}
	rest, err := o.UnmarshalMsg(b[1:])
	switch {
	case err != nil:
		return fmt.Errorf("broken observation: %w", err)
	case len(rest) > 0:
		return errors.New("broken observation: more than one")
	case o.Stage > uint8(audit.StagePanic) || o.Time <= 0:
		return errors.New("broken observation: no such stage or time")
	}
	return nil
}
