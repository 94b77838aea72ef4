// Package canary looks for values of secrets and tokens where none may be.
//
// An audit log at level RequestResponse holds them. Collect gathers them, and
// Find looks for every run of window bytes of each, as it stands in the log,
// decoded from base64, and as URL-safe base64, under any number of layers of JSON escapes. A piece of a value is found like
// the whole.
package canary

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"unicode/utf8"
)

// window is the shortest piece of a value, in bytes, that is a leak. A shorter
// value counts where it stands as a whole, in quotes or as a str of MessagePack.
const window = 12

// Set is what may not be found. Safe for concurrent use.
type Set struct {
	values  []string
	windows map[string]int32 // index of the value it is a piece of, or several
	filter  []uint64         // bits of hashes of windows: quick to say no
	short   map[string]int32 // the same of values shorter than a window
}

// several marks a piece that values share.
const several = -1

var token = regexp.MustCompile(`eyJ[\w-]+\.eyJ[\w-]+(\.[\w-]+)?`)

// Collect returns the values of secrets and tokens in the lines of an audit log.
// A piece that also stands where it may be told, in the log without the objects
// of secrets and tokens, is none. The error says which line is no event, or which
// value cannot be told from the rest.
func Collect(lines []string) (*Set, error) {
	s := &Set{windows: map[string]int32{}, short: map[string]int32{}}
	known := map[string]bool{}
	var public []byte
	for i, line := range lines {
		var event map[string]any
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		if sensitive(event) {
			for _, name := range []string{"requestObject", "responseObject"} {
				collect(event[name], false, func(v string) { known[v] = true })
				delete(event, name)
			}
			delete(event, "responseStatus") // it may quote what was refused
		}
		for _, t := range token.FindAllString(line, -1) {
			known[t] = true
		}
		rest, err := json.Marshal(event)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		public = append(public, rest...)
	}
	delete(known, "")
	for v := range known {
		s.values = append(s.values, v)
	}
	slices.Sort(s.values)
	for i, v := range s.values {
		for _, form := range forms(v) {
			s.add(form, int32(i))
		}
	}
	public = unescape(public)
	for at := 0; at+window <= len(public); at++ {
		delete(s.windows, string(public[at:at+window]))
	}
	for v := range s.short {
		if bytes.Contains(public, []byte(`"`+v+`"`)) {
			delete(s.short, v)
		}
	}
	s.filter = make([]uint64, 1<<17)
	for w := range s.windows {
		h := hash([]byte(w))
		s.filter[h>>6] |= 1 << (h & 63)
	}
	for i, v := range s.values {
		if s.Find([]byte(`"`+v+`"`)) == "" {
			return nil, fmt.Errorf("the value %.80q also stands where it may be told", s.values[i])
		}
	}
	return s, nil
}

// sensitive reports whether the objects of an event hold values.
func sensitive(event map[string]any) bool {
	ref, _ := event["objectRef"].(map[string]any)
	group, _ := ref["apiGroup"].(string)
	switch {
	case ref["resource"] == "secrets":
		return group == ""
	case ref["resource"] == "serviceaccounts":
		return ref["subresource"] == "token"
	}
	return ref["resource"] == "tokenreviews"
}

// holders are the members of secrets, of JSON patches of them and of token
// requests and reviews whose texts are values.
var holders = []string{"data", "stringData", "value", "token"}

// collect calls f with the texts in all holders, also in objects that are written
// as text.
func collect(v any, within bool, f func(string)) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			collect(member, within || slices.Contains(holders, name), f)
		}
	case []any:
		for _, e := range v {
			collect(e, within, f)
		}
	case string:
		var object map[string]any
		if json.Unmarshal([]byte(v), &object) == nil {
			collect(object, within, f) // such as last-applied-configuration
		} else if within {
			f(v)
		}
	}
}

// forms are the ways in which a value might be written.
func forms(v string) []string {
	all := []string{v}
	plain, err := base64.StdEncoding.DecodeString(v)
	if err == nil {
		all = append(all, string(plain), base64.RawURLEncoding.EncodeToString(plain))
		if inner, err := base64.StdEncoding.DecodeString(string(plain)); err == nil {
			all = append(all, string(inner)) // Helm encodes twice
		}
	}
	return all
}

func (s *Set) add(form string, value int32) {
	note := func(pieces map[string]int32, piece string) {
		if other, ok := pieces[piece]; ok && other != value {
			pieces[piece] = several
			return
		}
		pieces[piece] = value
	}
	if len(form) < window {
		if form != "" {
			note(s.short, form)
		}
		return
	}
	for at := 0; at+window <= len(form); at++ {
		note(s.windows, form[at:at+window])
	}
}

// Len returns the number of values.
func (s *Set) Len() int { return len(s.values) }

// Find returns a message that shows a value, or a piece of one, in text and what
// surrounds it, and "" if there is none. text is taken as it is and without JSON
// escapes.
func (s *Set) Find(text []byte) string {
	message := ""
	s.each(text, func(text []byte, at, value int) bool {
		what := "several values"
		if value != several {
			what = fmt.Sprintf("%.200q", s.values[value])
		}
		message = fmt.Sprintf("a piece of %s, %q, in %q", what, text[at:min(at+window, len(text))], text[max(at-300, 0):min(at+80, len(text))])
		return false
	})
	return message
}

// Count returns how many of the values are in text, at least a piece that no other
// value has, or, of a value without such pieces, the whole.
func (s *Set) Count(text []byte) int {
	seen := make([]bool, len(s.values))
	s.each(text, func(_ []byte, _, value int) bool {
		if value != several {
			seen[value] = true
		}
		return true
	})
	n, plain := 0, []byte(nil)
	for i, v := range s.values {
		if !seen[i] && !s.hasOwn(int32(i)) {
			if plain == nil {
				plain = unescape(text)
			}
			seen[i] = bytes.Contains(plain, []byte(v))
		}
		if seen[i] {
			n++
		}
	}
	return n
}

// hasOwn reports whether a value has a piece that no other has.
func (s *Set) hasOwn(value int32) bool {
	v := s.values[value]
	for _, form := range forms(v) {
		if i, ok := s.short[form]; ok && i == value {
			return true
		}
		for at := 0; at+window <= len(form); at++ {
			if i, ok := s.windows[form[at:at+window]]; ok && i == value {
				return true
			}
		}
	}
	return false
}

// each calls f with the places and numbers of values in text, until f returns
// false.
func (s *Set) each(text []byte, f func(text []byte, at, value int) bool) {
	if !s.pieces(text, f) {
		return
	}
	if bytes.IndexByte(text, '\\') >= 0 {
		s.pieces(unescape(text), f)
	}
}

// pieces is each for text as it is. It reports whether f never returned false.
func (s *Set) pieces(text []byte, f func(text []byte, at, value int) bool) bool {
	for at := 0; at+window <= len(text); at++ {
		h := hash(text[at:])
		if s.filter[h>>6]&(1<<(h&63)) == 0 {
			continue
		}
		if value, ok := s.windows[string(text[at:at+window])]; ok && !f(text, at, int(value)) {
			return false
		}
	}
	for v, value := range s.short {
		const fixstr = 0xa0 // with the length in the lower bits
		for _, form := range []string{`"` + v + `"`, string([]byte{fixstr | byte(len(v))}) + v} {
			if at := bytes.Index(text, []byte(form)); at >= 0 && !f(text, at, int(value)) {
				return false
			}
		}
	}
	return true
}

// hash of the first window bytes, with as many bits as the filter has.
func hash(b []byte) uint64 {
	_ = b[window-1]
	low, high := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[window-8:])
	return (low*0x9e3779b97f4a7c15 ^ high*0xc2b2ae3d27d4eb4f) >> 41
}

// unescape takes all layers of JSON escapes off text, whether or not it is JSON.
func unescape(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for {
		i := bytes.IndexByte(text, '\\')
		if i < 0 {
			return append(out, text...)
		}
		out, text = append(out, text[:i]...), text[i+1:]
		for len(text) >= 5 && text[0] == 'u' {
			r, err := strconv.ParseUint(string(text[1:5]), 16, 16)
			if err != nil {
				break
			}
			text = text[5:]
			if r != '\\' { // else it begins an escape of the layer below
				out = utf8.AppendRune(out, rune(r))
				break
			}
		}
	}
}
