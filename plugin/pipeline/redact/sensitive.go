package redact

import (
	"bytes"
	"strings"

	"github.com/secretwatch/secretwatch/plugin/pipeline/tree"
)

// facts are what the members of an object say about whether its objects may be
// told.
type facts struct {
	hasObjects bool // requestObject or responseObject is there
	kind       bool // one of them is a secret by its own kind
	hasRef     bool
	resource   [48]byte // objectRef.resource/apiGroup/subresource; longer is none of interest
	group      [48]byte
	sub        [16]byte
	uri        bool // requestURI is that of a secret or token

	method bool // methodName is one of Kubernetes in Google's AuditLog
	secret bool // and about secrets or tokens
}

// elastic is what Elastic's integration sets before the names of an event's
// fields.
const elastic = "kubernetes.audit."

func (f *facts) note(key []byte, v tree.Value) {
	// The compiler does not allocate for conversions in comparisons.
	name := key
	if bytes.HasPrefix(name, []byte(elastic)) {
		name = name[len(elastic):]
	}
	switch string(name) {
	case "requestObject", "responseObject":
		f.hasObjects = true
		f.kind = f.kind || kindOf(v)
	case "objectRef":
		f.hasRef = true
		for m := v.Members(); m.Next(); {
			f.reference(m.Key, m.Value)
		}
	case "requestURI":
		f.uri = f.uri || secretURI(v)
	case "methodName":
		raw, _, _ := v.Content()
		if bytes.HasPrefix(raw, []byte("io.k8s.")) {
			f.method = true
			f.secret = f.secret || secretMethod(string(raw))
		}
	case "request", "response":
		f.kind = f.kind || kindOf(v)
	default:
		switch {
		case bytes.HasPrefix(name, []byte("objectRef.")):
			f.hasRef = true
			f.reference(name[len("objectRef."):], v)
		case isObjects(name):
			f.hasObjects = true
			if bytes.HasSuffix(name, []byte("Object.kind")) {
				f.kind = f.kind || secretKind(v)
			}
		}
	}
}

func (f *facts) reference(key []byte, v tree.Value) {
	if v.Kind() != tree.String {
		return
	}
	raw, _, _ := v.Content()
	switch string(key) {
	case "resource":
		f.resource = [48]byte{}
		copy(f.resource[:], raw)
	case "apiGroup":
		f.group = [48]byte{}
		copy(f.group[:], raw)
	case "subresource":
		f.sub = [16]byte{}
		copy(f.sub[:], raw)
	}
}

// is compares text of fixed size, which ends with the first zero.
func is(b []byte, s string) bool {
	return len(s) < len(b) && string(b[:len(s)]) == s && b[len(s)] == 0
}

// isObjects reports whether a name with dots lies within one of the objects.
func isObjects(name []byte) bool {
	return bytes.HasPrefix(name, []byte("requestObject.")) || bytes.HasPrefix(name, []byte("responseObject."))
}

// sensitive reports whether an event with these facts is about a secret or token.
func (f *facts) sensitive() bool {
	switch {
	case f.kind:
		return true
	case !f.hasRef:
		return f.uri
	case is(f.resource[:], "secrets"):
		return f.group[0] == 0
	case is(f.resource[:], "serviceaccounts"):
		return is(f.sub[:], "token")
	}
	return is(f.resource[:], "tokenreviews")
}

// kinds whose objects hold values.
func secretKind(v tree.Value) bool {
	raw, _, _ := v.Content()
	switch string(raw) {
	case "Secret", "SecretList", "TokenRequest", "TokenReview":
		return v.Kind() == tree.String
	}
	return false
}

// kindOf reports whether v is an object of such a kind, also as text.
func kindOf(v tree.Value) bool {
	if v.Kind() == tree.String {
		raw, _, _ := v.Content()
		return bytes.Contains(raw, []byte(`"kind`)) && looksSecret(raw)
	}
	return secretKind(v.Get("kind"))
}

// secretURI reports whether a request's path names secrets or a token. It is
// only asked where nothing better is there.
func secretURI(v tree.Value) bool {
	raw, _, _ := v.Content()
	path, _, _ := bytes.Cut(raw, []byte("?"))
	return bytes.Contains(path, []byte("/secrets")) || bytes.HasSuffix(path, []byte("/token")) || bytes.HasSuffix(path, []byte("/tokenreviews"))
}

// secretMethod reports whether a method of Google's AuditLog is about values:
// io.k8s.core.v1.secrets.get, io.k8s.core.v1.serviceaccounts.token.create,
// io.k8s.authentication.v1.tokenreviews.create.
func secretMethod(name string) bool {
	if rest, ok := strings.CutPrefix(name, "io.k8s.core.v1."); ok {
		return strings.HasPrefix(rest, "secrets.") || strings.HasPrefix(rest, "serviceaccounts.token.")
	}
	return strings.Contains(name, ".tokenreviews.")
}

// mode is what is done with the members of an object.
type mode uint8

const (
	plain    mode = iota
	event         // of audit.k8s.io, about a secret
	google        // AuditLog, about a secret
	inStatus      // status of a refusal that repeats what was sent
	inNotes       // annotations
)

// action is what is done with one member.
type action uint8

const (
	look   action = iota // search it
	drop                 // remove it
	status               // remove what repeats the body, if anything does
	notes                // remove the patches of webhooks
)

func inner(a action) mode {
	if a == status {
		return inStatus
	}
	return inNotes
}

func (f *facts) mode() mode {
	switch {
	case f.method && (f.secret || f.kind):
		return google
	case f.sensitive():
		return event
	}
	return plain
}

// webhookPatch is the prefix of annotations that hold what mutating webhooks
// changed (k8s.io/apiserver/pkg/admission/plugin/webhook/mutating/dispatcher.go).
const webhookPatch = "patch.webhook.admission"

func (m mode) of(key []byte) action {
	if bytes.HasPrefix(key, []byte(elastic)) {
		key = key[len(elastic):]
	}
	switch m {
	case plain:
		return look
	case inStatus:
		if string(key) == "message" || string(key) == "details" {
			return drop
		}
		return look
	case inNotes:
		if bytes.HasPrefix(key, []byte(webhookPatch)) {
			return drop
		}
		return look
	case google:
		switch string(key) {
		case "request", "response":
			return drop
		case "status":
			return status
		}
		return look
	}
	switch string(key) {
	case "requestObject", "responseObject":
		return drop
	case "annotations":
		return notes
	case "responseStatus", "responseStatus.message", "responseStatus.details":
		return status
	}
	if isObjects(key) || bytes.HasPrefix(key, []byte("annotations."+webhookPatch)) {
		return drop
	}
	return look
}
