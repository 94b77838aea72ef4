// Package redact cuts the values of secrets and tokens out of records, whatever
// they are wrapped in, and leaves every other byte as it is.
//
// Audit events at the levels Request and RequestResponse hold what was sent and
// answered (requestObject, responseObject), and so the secrets themselves. These
// two members are removed whole from events about secrets, token requests and
// token reviews. Events are found by their members, not by their place: in the
// record itself, in any of its fields, as MessagePack, as JSON text or as JSON
// text within JSON text. The same holds for Google's AuditLog (request,
// response).
//
// Two more places repeat what was sent: responseStatus.message and details where
// they quote a body that was refused, and the annotations
// patch.webhook.admission.k8s.io/*, the patches of mutating webhooks.
package redact

import (
	"bytes"

	"github.com/secretwatch/secretwatch/detector/msgpack"
	"github.com/secretwatch/secretwatch/plugin/pipeline/tree"
)

// Marker ends a text that could not be parsed and was cut before an object that
// may hold a secret.
const Marker = "[redacted by secretwatch]"

// maxDepth bounds how many containers and texts within texts are opened. Real
// envelopes have six at most.
const maxDepth = 16

// Redactor finds what has to go. Reusable; the zero value is ready. Not safe for
// concurrent use.
type Redactor struct {
	edits []edit
	with  []byte // what edits insert
	text  []byte // texts without their escapes
	cut   int    // texts that could not be parsed
	bad   bool   // something in the current text could not be read
}

// edit replaces del bytes at offset at by with[from:to].
type edit struct {
	at, del  int
	from, to int
}

// Result says what Append did.
type Result struct {
	Redacted bool // something was removed
	Cut      int  // texts that could not be parsed and lost their end
}

// Append appends body, which must be one complete MessagePack object, without
// what it must not tell. If there is nothing to remove, dst is returned as it
// was. body is only read.
func (r *Redactor) Append(dst, body []byte) ([]byte, Result) {
	r.edits, r.with, r.text, r.cut = r.edits[:0], r.with[:0], r.text[:0], 0
	r.value(tree.Packed(body), 0, 0)
	result := Result{Redacted: len(r.edits) > 0, Cut: r.cut}
	at := 0
	for _, e := range r.edits {
		dst = append(dst, body[at:e.at]...)
		dst = append(dst, r.with[e.from:e.to]...)
		at = e.at + e.del
	}
	if result.Redacted {
		dst = append(dst, body[at:]...)
	}
	const most = 1 << 20
	if cap(r.text) > most {
		r.text = nil
	}
	return dst, result
}

// Suspect reports whether b may hold something to remove. It is what most
// records of interest cost, since they have no objects: it looks for bytes that
// are rare in audit events and then at their neighbours.
func Suspect(b []byte) bool {
	return has(b, 'O', "request", "Object") || has(b, 'O', "response", "Object") || isGoogle(b) || quotes(b)
}

// isGoogle reports whether b holds an AuditLog of Google's.
func isGoogle(b []byte) bool { return has(b, 'P', "proto", "Payload") }

// quotes reports whether a message of the API server repeats what was sent: that
// of a patch which cannot be applied does
// (k8s.io/apiserver/pkg/endpoints/handlers/patch.go), and that of the JSON decoder
// of versions before 1.23. Other messages about invalid values name names only.
func quotes(b []byte) bool {
	return has(b, 'I', "patch: ", "Invalid value") || has(b, '#', "error found in ", "#")
}

// has reports whether before and after stand in b one behind the other; rare is
// the first byte of after.
func has(b []byte, rare byte, before, after string) bool {
	for at := 0; ; at++ {
		i := bytes.IndexByte(b[at:], rare)
		if i < 0 {
			return false
		}
		at += i
		if at >= len(before) && len(b)-at >= len(after) &&
			string(b[at:at+len(after)]) == after && string(b[at-len(before):at]) == before {
			return true
		}
	}
}

// replace plans an edit in the current text.
func (r *Redactor) replace(at, del int, with []byte) {
	from := len(r.with)
	r.with = append(r.with, with...)
	r.edits = append(r.edits, edit{at, del, from, len(r.with)})
}

// reserve keeps a place for an edit that has to stand before those that follow;
// see settle.
func (r *Redactor) reserve() int {
	r.edits = append(r.edits, edit{})
	return len(r.edits) - 1
}

// settle fills the reserved place if edits followed it, and gives it back if not.
func (r *Redactor) settle(place, at, del int, with []byte) {
	if place == len(r.edits)-1 {
		r.edits = r.edits[:place]
		return
	}
	from := len(r.with)
	r.with = append(r.with, with...)
	r.edits[place] = edit{at, del, from, len(r.with)}
}

// saved is by how many bytes the edits from place on make their text shorter.
func (r *Redactor) saved(place int) (n int) {
	for _, e := range r.edits[place:] {
		n += e.del - (e.to - e.from)
	}
	return n
}

// value looks into v, which stands at offset off of the current text.
func (r *Redactor) value(v tree.Value, off, depth int) {
	if depth > maxDepth || !Suspect(v.Raw()) {
		return
	}
	switch v.Kind() {
	case tree.Object:
		r.object(v, off, depth)
	case tree.Array:
		e := v.Elements()
		for e.Next() {
			r.value(e.Value, off+e.From, depth+1)
		}
		r.bad = r.bad || e.Broken()
	case tree.String:
		r.string(v, off, depth)
	}
}

// string looks into the text that v holds.
func (r *Redactor) string(v tree.Value, off, depth int) {
	raw, at, plain := v.Content()
	place := len(r.edits)
	switch {
	case !v.IsJSON():
		place = r.reserve()
		r.document(raw, off+at, depth)
		n := len(raw) - r.saved(place+1)
		var header [5]byte
		h := msgpack.AppendStrHeader(header[:0], n)
		if _, _, isBin := msgpack.ReadBin(v.Raw(), 0); isBin {
			h = append(header[:0], 0xc6, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
		}
		r.settle(place, off, at, h)
	case plain:
		r.document(raw, off+at, depth)
	default:
		from := len(r.text)
		r.text = tree.Unescape(r.text, raw)
		// What is appended behind it may move the memory; this slice stays.
		r.document(r.text[from:len(r.text):len(r.text)], 0, depth)
		r.text = r.text[:from]
		m := tree.NewMapper(raw)
		for i := place; i < len(r.edits); i++ {
			e := &r.edits[i]
			start, end := m.Raw(e.at), m.Raw(e.at+e.del)
			e.at, e.del = off+at+start, end-start
		}
	}
}

// document looks into text that may be JSON.
func (r *Redactor) document(text []byte, off, depth int) {
	v, at := tree.JSON(text)
	place, before, bad := len(r.edits), len(r.with), r.bad
	r.bad = false
	switch v.Kind() {
	case tree.Object, tree.Array:
		r.value(v, off+at, depth+1)
	case tree.Broken:
	default:
		// Text around JSON, such as a prefix that some collector writes.
		r.bad = true
	}
	if r.bad {
		r.edits, r.with = r.edits[:place], r.with[:before]
		r.truncated(v, off+at)
	}
	r.bad = bad
}

// object looks into an Object.
func (r *Redactor) object(v tree.Value, off, depth int) {
	var f facts
	m := v.Members()
	for m.Next() {
		f.note(m.Key, m.Value)
	}
	if m.Broken() {
		r.bad = true
		return
	}
	r.members(v, off, depth, f.mode())
}

// members cuts what mode says and looks into all other members.
func (r *Redactor) members(v tree.Value, off, depth int, mode mode) {
	place, cut, kept := 0, 0, 0
	if !v.IsJSON() {
		place = r.reserve()
	}
	// In JSON a comma goes with each member: the one before it, or, where no
	// member is left before it, the one behind.
	end, open := 0, -1
	m := v.Members()
	for m.Next() {
		what := mode.of(m.Key)
		if what == status && !quotes(m.Value.Raw()) {
			what = look
		}
		if what == notes && !bytes.Contains(m.Value.Raw(), []byte(webhookPatch)) {
			what = look
		}
		if (what == status || what == notes) && m.Value.Kind() != tree.Object {
			what = drop
		}
		if open >= 0 && what != drop {
			r.replace(off+open, m.From-open, nil)
			open = -1
		}
		switch what {
		case drop:
			cut++
			switch {
			case !v.IsJSON():
				r.replace(off+m.From, m.To-m.From, nil)
			case kept > 0:
				r.replace(off+end, m.To-end, nil)
			case open < 0:
				open = m.From
			}
		case look:
			kept++
			if string(m.Key) == "protoPayload" && depth < maxDepth {
				// Nothing in it needs to look suspect.
				r.object(m.Value, off+m.ValueAt, depth+1)
				break
			}
			r.value(m.Value, off+m.ValueAt, depth+1)
		case status, notes:
			kept++
			r.members(m.Value, off+m.ValueAt, depth+1, inner(what))
		}
		end = m.To
	}
	if open >= 0 {
		r.replace(off+open, end-open, nil)
	}
	if v.IsJSON() {
		return
	}
	pairs, first, _ := msgpack.ReadMapHeader(v.Raw(), 0)
	var header [5]byte
	if cut == 0 {
		// The header stays; its place must not, nor be lost among the others.
		r.settle(place, off, 0, nil)
		return
	}
	r.settle(place, off, first, msgpack.AppendMapHeader(header[:0], pairs-cut))
}
