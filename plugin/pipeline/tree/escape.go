package tree

import (
	"unicode/utf16"
	"unicode/utf8"
)

// Unescape appends what the content of a JSON string means. Escapes that are
// none stay as they are; lone surrogates become U+FFFD.
func Unescape(dst, s []byte) []byte {
	for len(s) > 0 {
		i := 0
		for i < len(s) && s[i] != '\\' {
			i++
		}
		if dst = append(dst, s[:i]...); i == len(s) {
			break
		}
		// Quotes are by far the most frequent.
		if i+1 < len(s) && s[i+1] == '"' {
			dst, s = append(dst, '"'), s[i+2:]
			continue
		}
		var size int
		dst, size = unescapeOne(dst, s[i:])
		s = s[i+size:]
	}
	return dst
}

// unescapeOne appends what the escape at the start of s means and returns how
// long it is as written.
func unescapeOne(dst, s []byte) ([]byte, int) {
	if len(s) < 2 {
		return append(dst, s...), len(s)
	}
	switch c := s[1]; c {
	case '"', '\\', '/':
		return append(dst, c), 2
	case 'b':
		return append(dst, '\b'), 2
	case 'f':
		return append(dst, '\f'), 2
	case 'n':
		return append(dst, '\n'), 2
	case 'r':
		return append(dst, '\r'), 2
	case 't':
		return append(dst, '\t'), 2
	case 'u':
		r, ok := hex4(s[2:])
		if !ok {
			break
		}
		if utf16.IsSurrogate(r) {
			if len(s) >= 12 && s[6] == '\\' && s[7] == 'u' {
				if low, ok := hex4(s[8:]); ok {
					if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
						return utf8.AppendRune(dst, both), 12
					}
				}
			}
			r = utf8.RuneError
		}
		return utf8.AppendRune(dst, r), 6
	}
	return append(dst, '\\'), 1
}

func hex4(s []byte) (r rune, ok bool) {
	if len(s) < 4 {
		return 0, false
	}
	for _, c := range s[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// Mapper turns offsets in what Unescape made of a text into offsets in the text
// itself. Offsets must be asked for in ascending order.
type Mapper struct {
	raw     []byte
	at, out int // the same place in both
	buf     [16]byte
}

// NewMapper returns a mapper for the content of a JSON string.
func NewMapper(raw []byte) Mapper { return Mapper{raw: raw} }

// Raw returns the offset in the text as written. One within what a single escape
// means is taken as the offset of that escape.
func (m *Mapper) Raw(offset int) int {
	for m.out < offset && m.at < len(m.raw) {
		if m.raw[m.at] != '\\' {
			m.at++
			m.out++
			continue
		}
		out, size := unescapeOne(m.buf[:0], m.raw[m.at:])
		if m.out+len(out) > offset {
			break
		}
		m.at += size
		m.out += len(out)
	}
	return m.at
}
