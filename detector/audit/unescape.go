package audit

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// unescape undoes the escapes of a JSON string in place and returns what is left
// of b. Escapes that are none, and surrogates without a second half, stay as
// they are written.
func unescape(b []byte) []byte {
	n := max(bytes.IndexByte(b, '\\'), 0) // bytes that are done
	for i := n; i < len(b); {
		c := b[i]
		if c != '\\' || i+1 == len(b) {
			b[n] = c
			n, i = n+1, i+1
			continue
		}
		c = b[i+1]
		i += 2
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
			r, size := escapedRune(b[i:])
			if size > 0 {
				n += utf8.EncodeRune(b[n:i+size], r)
				i += size
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
	return b[:n]
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

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(aliasOf(b[:4]), 16, 16)
	return rune(n), err == nil
}
