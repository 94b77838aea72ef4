package msgpack

import (
	"encoding/base64"
	"math"
	"strconv"
	"unicode/utf8"
)

// maxJSONDepth bounds the containers that AppendJSON keeps open at once.
const maxJSONDepth = 1000

// AppendJSON appends the object at b[at] as JSON text and returns the offset
// behind it. Map keys that are no strings are written as the text of their
// value, bin as base64, ext and numbers that JSON lacks as null. ok is false,
// and dst unchanged, if the object is broken or nested deeper than 1000 levels.
func AppendJSON(dst, b []byte, at int) (out []byte, next int, ok bool) {
	end, err := Skip(b, at)
	if err != nil {
		return dst, at, false
	}
	out, ok = appendJSON(dst, b[:end], at)
	if !ok {
		return dst, at, false
	}
	return out, end, true
}

// level is a container that appendJSON has open.
type level struct {
	left  int // objects that are still to come, keys and values alike
	isMap bool
}

func appendJSON(dst, b []byte, at int) ([]byte, bool) {
	var small [16]level
	open := small[:0]
	for at < len(b) || len(open) > 0 {
		key := false
		if n := len(open); n > 0 {
			l := &open[n-1]
			if l.left == 0 {
				if l.isMap {
					dst = append(dst, '}')
				} else {
					dst = append(dst, ']')
				}
				open = open[:n-1]
				continue
			}
			key = l.isMap && l.left&1 == 0
			if c := dst[len(dst)-1]; c != '{' && c != '[' && c != ':' {
				dst = append(dst, ',')
			}
			l.left--
		}
		if pairs, next, ok := ReadMapHeader(b, at); ok && !key {
			dst, at = append(dst, '{'), next
			open = append(open, level{2 * pairs, true})
		} else if n, next, ok := ReadArrayHeader(b, at); ok && !key {
			dst, at = append(dst, '['), next
			open = append(open, level{n, false})
		} else {
			end, err := Skip(b, at)
			if err != nil {
				return dst, false
			}
			dst = appendScalar(dst, b[at:end], key)
			at = end
		}
		if key {
			dst = append(dst, ':')
		}
		if len(open) > maxJSONDepth {
			return dst, false
		}
	}
	return dst, true
}

// appendScalar appends an object that is no container, or null for one that
// stands where a key should be.
func appendScalar(dst, b []byte, key bool) []byte {
	if s, _, ok := ReadStr(b, 0); ok {
		return AppendQuoted(dst, s)
	}
	s, _, isBin := ReadBin(b, 0)
	if isBin || key {
		dst = append(dst, '"')
	}
	if isBin {
		dst = base64.StdEncoding.AppendEncode(dst, s)
	} else if v, _, ok := ReadInt(b, 0); ok {
		dst = strconv.AppendInt(dst, v, 10)
	} else if v, _, ok := ReadUint64(b, 0); ok {
		dst = strconv.AppendUint(dst, v, 10)
	} else if v, _, ok := ReadFloat(b, 0); ok && !math.IsNaN(v) && !math.IsInf(v, 0) {
		dst = strconv.AppendFloat(dst, v, 'g', -1, 64)
	} else if b[0] == 0xc2 {
		dst = append(dst, "false"...)
	} else if b[0] == 0xc3 {
		dst = append(dst, "true"...)
	} else {
		dst = append(dst, "null"...)
	}
	if isBin || key {
		dst = append(dst, '"')
	}
	return dst
}

const hexDigits = "0123456789abcdef"

// AppendQuoted appends s as a JSON string. Invalid UTF-8 becomes U+FFFD.
func AppendQuoted[S string | []byte](dst []byte, s S) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			// Four bytes are enough to decode any rune.
			r, size := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
			if r == utf8.RuneError && size <= 1 {
				dst = append(append(dst, s[from:i]...), "\ufffd"...)
				i++
				from = i
				continue
			}
			i += size
			continue
		}
		if c >= 0x20 && c != '"' && c != '\\' && c != 0x7f {
			i++
			continue
		}
		dst = append(dst, s[from:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
		}
		i++
		from = i
	}
	return append(append(dst, s[from:]...), '"')
}
