package redact

import (
	"bytes"

	"github.com/secretwatch/secretwatch/plugin/pipeline/tree"
)

// truncated handles text that cannot be read, such as that of events which
// CloudWatch cuts at 256 KB. If what can be read says that it is an event about
// something else, it stays; otherwise it is cut before the first object.
func (r *Redactor) truncated(v tree.Value, off int) {
	var f facts
	m := v.Members()
	for m.Next() {
		f.note(m.Key, m.Value)
	}
	if f.hasRef && !f.sensitive() && !looksSecret(v.Raw()) {
		return
	}
	r.tail(v.Raw(), off)
}

// tail cuts text that cannot be understood before the first thing in it that may
// hold a secret's value.
func (r *Redactor) tail(text []byte, off int) {
	if !aboutSecrets(text) {
		return
	}
	at := -1
	for _, key := range [...]string{"requestObject", "responseObject"} {
		if i := bytes.Index(text, []byte(key)); i >= 0 && (at < 0 || i < at) {
			at = i
		}
	}
	// Google's AuditLog has other names; whatever stands in request and
	// response has a type before its values.
	if isGoogle(text) {
		for _, key := range [...]string{`request"`, `request\`, `response"`, `response\`} {
			if i := bytes.Index(text, []byte(key)); i >= 0 && (at < 0 || i < at) {
				at = i
			}
		}
	}
	if at < 0 {
		return
	}
	for at > 0 && (text[at-1] == '"' || text[at-1] == '\\') {
		at--
	}
	r.cut++
	r.replace(off+at, len(text)-at, []byte(Marker))
}

// aboutSecrets reports whether text that cannot be understood may be about
// secrets or tokens.
func aboutSecrets(text []byte) bool {
	return bytes.Contains(text, []byte("secrets")) || bytes.Contains(text, []byte("token")) || looksSecret(text)
}

// looksSecret reports whether text that cannot be understood names a kind whose
// objects hold values.
func looksSecret(text []byte) bool {
	for _, kind := range [...]string{"Secret", "SecretList", "TokenRequest", "TokenReview"} {
		for rest := text; ; {
			i := bytes.Index(rest, []byte(kind))
			if i < 0 {
				break
			}
			end := i + len(kind)
			before := rest[:i]
			if (bytes.HasSuffix(before, []byte{'"'}) || bytes.HasSuffix(before, []byte(`\u0022`))) &&
				end < len(rest) && (rest[end] == '"' || rest[end] == '\\') {
				return true
			}
			rest = rest[end:]
		}
	}
	return false
}
