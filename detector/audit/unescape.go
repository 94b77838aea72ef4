package audit

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// unescape undoes the escapes of a JSON string in place and returns what is left
// of b. Escapes that are none, and surrogates without a second half, stay as
// they are written.
func unescape(b []byte) []byte {
	n, rest := 0, b // bytes that are done, and those that are to come
	for {
		i := bytes.IndexByte(rest, '\\')
		if i < 0 || i+1 == len(rest) {
			return b[:n+copy(b[n:], rest)]
		}
		n += copy(b[n:], rest[:i])
		c := rest[i+1]
		rest = rest[i+2:]
		switch c {
		case '"', '\\', '/':
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			if r, size := escapedRune(rest); size > 0 {
				n += utf8.EncodeRune(b[n:n+2+size], r)
				rest = rest[size:]
				continue
			}
			fallthrough
		default:
			b[n] = '\\'
			n++
		}
		b[n] = c
		n++
	}
}

// escapedRune reads what stands behind \u, for a surrogate together with the
// escape of its other half. size is 0 if that is no rune.
func escapedRune(b []byte) (r rune, size int) {
	r, ok := hex4(b)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 4
	}
	if len(b) < 10 || b[4] != '\\' || b[5] != 'u' {
		return 0, 0
	}
	low, ok := hex4(b[6:])
	if !ok {
		return 0, 0
	}
	return utf16.DecodeRune(r, low), 10
}

func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
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
