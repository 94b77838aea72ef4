package tree

import "bytes"

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// blank returns the offset of the first byte at or behind b[at] that is no blank.
func blank(b []byte, at int) int {
	for at < len(b) && isBlank(b[at]) {
		at++
	}
	return at
}

// skipString returns the offset behind the string whose quote is b[at].
func skipString(b []byte, at int) (int, bool) {
	for at++; ; {
		i := bytes.IndexByte(b[at:], '"')
		if i < 0 {
			return len(b), false
		}
		end := at + i
		// An odd number of backslashes before the quote escapes it. They cannot
		// reach back to before at: what stands there is a quote.
		n := 0
		for end-n > at && b[end-n-1] == '\\' {
			n++
		}
		at = end + 1
		if n&1 == 0 {
			return at, true
		}
	}
}

// structural are the bytes that matter to skipJSON inside of a container.
var structural = func() (t [256]bool) {
	for _, c := range []byte(`{}[]"`) {
		t[c] = true
	}
	return t
}()

// skipJSON returns the offset behind the value at b[at]. It does not descend, so
// no nesting can exhaust the stack, and its cost is linear.
func skipJSON(b []byte, at int) (int, bool) {
	if at >= len(b) {
		return at, false
	}
	switch b[at] {
	case '"':
		return skipString(b, at)
	case '{', '[':
	case ',', ':', '}', ']':
		return at, false
	default:
		from := at
		for at < len(b) && b[at] != ',' && b[at] != '}' && b[at] != ']' && !isBlank(b[at]) {
			at++
		}
		return at, at > from
	}
	for depth := 0; at < len(b); {
		c := b[at]
		if !structural[c] {
			at++
			continue
		}
		switch c {
		case '"':
			next, ok := skipString(b, at)
			if !ok {
				return next, false
			}
			at = next
			continue
		case '{', '[':
			depth++
		default:
			if depth--; depth == 0 {
				return at + 1, true
			}
		}
		at++
	}
	return len(b), false
}
