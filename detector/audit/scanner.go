package audit

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strings"
)

// scanner reads JSON text in one pass, without a tree of values: who uses it
// enters the objects and arrays of interest and skips the rest. It accepts what
// fastjson accepts, which is a little more than JSON: NaN and Inf as numbers,
// any run of digits, signs and points as one, any bytes in strings.
//
// From where it meets broken text on, bad is set and there is nothing more.
type scanner struct {
	b     []byte  // the text and padding behind it
	marks []marks // of b, nil where there are none
	n     int     // length of the text
	slash int     // offset of the next backslash, n if there is none
	at    int     // offset of the next byte
	open  int     // objects and arrays that were entered and not left
	fresh bool    // one was entered just now
	guess int     // index into order of the key that is likely next
	bad   bool
}

// padding is what has to stand behind the text, so that there always is a next
// byte, and a next quote.
const padding = "\x00\"\x00\x00\x00\x00\x00\x00\x00"

// maxDepth is how deep values may be nested.
const maxDepth = 300

// peek skips white space and returns the byte with which the next token begins.
func (s *scanner) peek() byte {
	for {
		c := s.b[s.at]
		if c > ' ' || c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c
		}
		s.at++
	}
}

// ended reports whether all of the text was read and was in order.
func (s *scanner) ended() bool {
	s.peek()
	return !s.bad && s.at == s.n
}

// fail marks the text as broken.
func (s *scanner) fail() bool {
	s.bad = true
	return false
}

// enter begins the object or array whose bracket is next.
func (s *scanner) enter() {
	s.at++
	s.open++
	s.fresh = true
}

// more reports whether another element of the object or array entered last
// follows, which then has to be read or skipped. If there is none it reads the
// bracket, which is end.
func (s *scanner) more(end byte) bool {
	if s.bad {
		return false
	}
	c := s.peek()
	fresh := s.fresh
	s.fresh = false
	switch {
	case c == end:
		s.at++
		s.open--
		return false
	case s.open >= maxDepth:
		return s.fail()
	case fresh:
		return true
	case c == ',':
		s.at++
		return true
	}
	return s.fail()
}

// key reads the key of the next element of the object entered last, and the
// colon. ok is false if there is none. The key aliases the text.
func (s *scanner) key() (key string, ok bool) {
	// The API server writes no white space: this is ,"key":
	b, at := s.b, s.at
	if !s.fresh {
		if b[at] != ',' {
			return s.otherKey()
		}
		at++
	}
	if b[at] != '"' || len(b) < at+1+longest+10 || s.guess >= len(order) {
		return s.otherKey()
	}
	n := &order[s.guess]
	if !n.begins(b[at+1:]) {
		return s.likelyKey(at + 1)
	}
	s.at, s.guess, s.fresh = at+len(n.string)+3, s.guess+1, false
	return n.string, true
}

// likelyKey is key where that begins at a known place and may be one of the next
// in order, but the first of them.
func (s *scanner) likelyKey(at int) (key string, ok bool) {
	for i := s.guess + 1; i < min(len(order), s.guess+ahead); i++ {
		if n := &order[i]; n.begins(s.b[at:]) {
			s.at, s.guess, s.fresh = at+len(n.string)+2, i+1, false
			return n.string, true
		}
	}
	return s.otherKey()
}

// otherKey is key for any text.
func (s *scanner) otherKey() (key string, ok bool) {
	raw, escaped, ok := s.rawKey()
	if !ok {
		return "", false
	}
	if escaped {
		raw = unescape(raw)
	}
	key = aliasOf(raw)
	for i := range order {
		if order[i].string == key {
			s.guess = i + 1
			break
		}
	}
	return key, true
}

// rawKey is key as it is written.
func (s *scanner) rawKey() (raw []byte, escaped, ok bool) {
	// The API server writes no white space: in most cases this is ,"key":
	if b, at := s.b, s.at; b[at] == ',' && !s.fresh && b[at+1] == '"' {
		if end := s.quote(at + 2); end < s.slash && b[end+1] == ':' {
			s.at = end + 2
			return b[at+2 : end : end], false, true
		}
	}
	if !s.more('}') {
		return nil, false, false
	}
	if s.peek() != '"' {
		return nil, false, s.fail()
	}
	raw, escaped = s.raw()
	if s.peek() != ':' {
		return nil, false, s.fail()
	}
	s.at++
	return raw, escaped, !s.bad
}

// text reads the string that is next. The result aliases the text, in which its
// escapes are undone in place.
func (s *scanner) text() string {
	from := s.at + 1
	if end := s.quote(from); end < s.slash {
		s.at = end + 1
		return aliasOf(s.b[from:end])
	}
	return s.escapedText()
}

func (s *scanner) escapedText() string {
	raw, escaped := s.raw()
	if escaped {
		raw = unescape(raw)
	}
	return aliasOf(raw)
}

// newScanner returns a scanner of b, which ends in padding. m are the marks of b
// and maybe more behind it, or nil.
func newScanner(b []byte, m []marks) scanner {
	s := scanner{b: b, marks: m, n: len(b) - len(padding)}
	s.slash = s.nextSlash(0)
	return s
}

// raw reads the string that is next, without its quotes, as it is written.
func (s *scanner) raw() (raw []byte, escaped bool) {
	from := s.at + 1
	end := s.quote(from)
	for end > s.slash {
		if s.slash == s.n {
			s.at, s.bad = s.n, true
			return nil, false
		}
		// A backslash comes first. What is behind it belongs to the string.
		escaped = true
		at := s.slash + 2
		s.slash = s.nextSlash(at)
		if end < at {
			end = s.quote(at)
		}
	}
	s.at = end + 1
	return s.b[from:end:end], escaped
}

// nextSlash returns the offset of the first backslash in b[from:n], n if there
// is none.
func nextSlash(b []byte, from, n int) int {
	if from < n {
		if i := bytes.IndexByte(b[from:n], '\\'); i >= 0 {
			return from + i
		}
	}
	return n
}

// quote returns the offset of the first quote in b[from:]. There has to be one
// with seven bytes behind it.
func quote(b []byte, from int) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for i := from; ; i += 8 {
		// Marks the bytes that are quotes by their highest bits, and maybe some
		// above the first.
		w := binary.LittleEndian.Uint64(b[i:]) ^ ones*'"'
		if hit := (w - ones) &^ w & tops; hit != 0 {
			return i + bits.TrailingZeros64(hit)/8
		}
	}
}

// number reads the number that is next, as it is written.
func (s *scanner) number() string {
	from := s.at
	for {
		switch c := s.b[s.at]; {
		case c >= '0' && c <= '9', c == '.', c == '-', c == '+', c == 'e', c == 'E':
			s.at++
			continue
		}
		break
	}
	if n := s.at - from; n == 0 || n == 1 && s.at < s.n && (s.b[from] == '-' || s.b[from] == '+') {
		if word := aliasOf(s.b[s.at:min(s.at+3, s.n)]); strings.EqualFold(word, "inf") || strings.EqualFold(word, "nan") {
			s.at += 3
		} else {
			s.bad = true
		}
	}
	return aliasOf(s.b[from:s.at])
}

// word reads one of the words that are values.
func (s *scanner) word(w string) {
	if !strings.HasPrefix(aliasOf(s.b[s.at:]), w) {
		s.bad = true
		return
	}
	s.at += len(w)
}

// skip passes over the value that is next. It does not recurse.
func (s *scanner) skip() {
	if s.b[s.at] == '{' && s.b[s.at+1] == '}' {
		s.at += 2 // a status has empty metadata
		return
	}
	var objects [maxDepth/64 + 1]uint64 // which of the open brackets are objects'
	outside := s.open
	for {
		switch c := s.peek(); c {
		case '"':
			s.raw()
		case '{':
			s.enter()
			objects[s.open/64] |= 1 << (s.open % 64)
		case '[':
			s.enter()
			objects[s.open/64] &^= 1 << (s.open % 64)
		case 't':
			s.word("true")
		case 'f':
			s.word("false")
		case 'n':
			if s.b[s.at+1] == 'u' {
				s.word("null")
			} else {
				s.number()
			}
		default:
			s.number()
		}
		// Behind a value, on to the next one.
		for {
			if s.bad || s.open == outside {
				return
			}
			if objects[s.open/64]>>(s.open%64)&1 == 0 {
				if s.more(']') {
					break
				}
			} else if _, _, ok := s.rawKey(); ok {
				break
			}
		}
	}
}
