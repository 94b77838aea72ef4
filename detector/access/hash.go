package access

import "github.com/cespare/xxhash/v2"

// Key identifies any text within a dimension.
func Key(s string) uint64 { return xxhash.Sum64String(s) }

// keyOf identifies parts in their order: the hash of them with a NUL between
// two. The hash of a piece of memory is several times cheaper than that of a
// stream, and nearly all names are short.
func keyOf(parts ...string) uint64 {
	var short [256]byte
	size := len(parts)
	for _, p := range parts {
		size += len(p)
	}
	if size > len(short) {
		return longKeyOf(parts)
	}
	b := short[:0]
	for i, p := range parts {
		if i > 0 {
			b = append(b, 0)
		}
		b = append(b, p...)
	}
	return xxhash.Sum64(b)
}

func longKeyOf(parts []string) uint64 {
	var d xxhash.Digest
	d.Reset()
	for i, p := range parts {
		if i > 0 {
			_, _ = d.WriteString("\x00")
		}
		_, _ = d.WriteString(p)
	}
	return d.Sum64()
}
