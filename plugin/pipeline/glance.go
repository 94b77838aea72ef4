package pipeline

import (
	"bytes"
	"encoding/binary"

	"github.com/secretwatch/secretwatch/plugin/chunk"
)

// Most of an audit log is about other things than secrets, and most of that can be
// told from the beginning of a line, without a look at the rest.
//
// An API server writes the fields of an event in the order of the struct
// (k8s.io/apiserver/pkg/apis/audit/v1.Event), without white space:
//
//	{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"…","stage":"…","requestURI":"/…
//
// A line that begins so is passed over if the path of its URI, which ends at a
// quote or a question mark, has no part that begins with sec or tok, no percent
// sign and no backslash, and if the line ends with a brace. It holds no access
// that is judged: objectRef is made from the same path
// (k8s.io/apiserver/pkg/endpoints/request.RequestInfoFactory), whose parts name the
// resource and the subresource. Only escapes make the path in the log another than
// the server's own (net/url.URL.EscapedPath), and whatever a client puts into the
// path, the query or its audit ID to end the string early has a backslash before
// its quote. And it holds no value that is removed: at level Metadata an event has
// no bodies, and what it quotes of a request is removed from events about secrets
// and tokens only.
//
// What the scan finds in such a line is therefore a name or a text that happens to
// hold one of the words. A line that is passed over is in no count but that of
// records and bytes, does not make its chunk one with anything of interest, and
// does not tell the lookout that events are found.
//
// This trusts that one API server wrote the line to its end. Behind a torn write, as
// on a full disk, another event may stand in the same line, and a collector that
// joins lines makes texts of several. No such text can be parsed, so that it is
// never judged; where it is looked at, it counts as broken and loses what may be the
// value of a secret. So that none is missed, nothing is passed over once a value was
// removed from a record: such a log has values in it. The one text that escapes is
// one that comes before, begins with a whole beginning of an event as above, and
// has the first value in the log behind it.
const (
	beginning = `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"`
	idSize    = 36 // of a UUID; clients may choose others
	endsWith  = '}'
	// shortest is the least size of a text that is passed over. Those of API
	// servers are three times as long.
	shortest = 192
)

// stages are what follows the audit ID: all stages but Panic, which is rare.
var stages = [...]string{
	`","stage":"ResponseComplete","requestURI":"/`,
	`","stage":"RequestReceived","requestURI":"/`,
	`","stage":"ResponseStarted","requestURI":"/`,
}

// form is what the records of a chunk have in common before their text. The zero
// form is that of no record.
type form struct {
	header [64]byte // of a record, and zeros where mask is zero
	mask   [64]byte // 0xff for the bytes that do not differ
	text   int      // offset of the text, 0 for none
}

// learn makes f the form of the record that b begins with, if that is a line under
// a name that events are looked for under. It reports whether it is.
func (f *form) learn(b []byte, p *Pipeline) bool {
	l, ok := chunk.ReadLine(b, 0)
	const length = 2 // as a str of 256 to 65,535 bytes has it, 0xda before it
	f.text = 0
	if !ok || l.Text.Start > len(f.header) || l.Text.End < len(f.header) || l.Text.Start-l.Key.End != 1+length || !p.looksIn(b[l.Key.Start:l.Key.End]) {
		return false
	}
	*f = form{text: l.Text.Start}
	for i := range f.text - length {
		if i < l.Time || i >= l.Time+8 {
			f.header[i], f.mask[i] = b[i], 0xff
		}
	}
	return true
}

// looksIn reports whether events are looked for in a field of that name, if it is
// the only one.
func (p *Pipeline) looksIn(name []byte) bool {
	if p.key != "" {
		return string(name) == p.key
	}
	for i := range usualFields {
		if string(name) == usualFields[i] {
			return true
		}
	}
	return false
}

// passGo passes over records of the form f at the beginning of b: it returns where
// the first one stands that has to be looked at, and how many are before it.
func (f *form) passGo(b []byte) (end, records int) {
	for {
		n := f.size(b[end:])
		if n == 0 || !passes(b[end+f.text:end+n]) {
			return end, records
		}
		end += n
		records++
	}
}

// size is the size of the record that b begins with if it is of the form f and its
// text long enough, else 0.
func (f *form) size(b []byte) int {
	if f.text == 0 || len(b) < f.text+shortest {
		return 0
	}
	for i := 0; i < len(f.header); i += 8 {
		if binary.LittleEndian.Uint64(b[i:])&binary.LittleEndian.Uint64(f.mask[i:]) != binary.LittleEndian.Uint64(f.header[i:]) {
			return 0
		}
	}
	n := f.text + int(binary.BigEndian.Uint16(b[f.text-2:]))
	if n > len(b) || n < f.text+shortest {
		return 0
	}
	return n
}

// passes reports whether a text of the shortest size at least is an event that has
// not to be looked at.
func passes(text []byte) bool {
	if text[len(text)-1] != endsWith || string(text[:len(beginning)]) != beginning {
		return false
	}
	rest := text[len(beginning):]
	if bytes.IndexByte(rest[:idSize], '"') >= 0 || bytes.IndexByte(rest[:idSize], '\\') >= 0 {
		return false
	}
	rest = rest[idSize:]
	for _, stage := range stages {
		if string(rest[:len(stage)]) == stage {
			return passesPath(rest[len(stage)-1:])
		}
	}
	return false
}

// passesPath reports whether text begins with a path as described above.
func passesPath(text []byte) bool {
	// passAVX2 takes whole blocks, and words that begin in a block: what is
	// behind a path, hundreds of bytes, must be long enough for that.
	const block, reach = 32, 3
	for at, c := range text {
		if at/block*block+block+reach > len(text) {
			return false
		}
		switch c {
		case '"', '?':
			return true
		case '%', '\\':
			return false
		case '/':
			if part := string(text[at+1 : at+1+reach]); part == "sec" || part == "tok" {
				return false
			}
		}
	}
	return false
}
