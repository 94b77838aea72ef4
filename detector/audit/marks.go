package audit

import "math/bits"

// marks says which of 64 bytes of a text are quotes and which are backslashes, the
// first byte in the lowest bit.
type marks struct {
	quotes, slashes uint64
}

// marking says whether texts are marked before they are read. It is not worth its
// cost without vector instructions.
var marking = canMark()

// mark makes the marks of b, whose length is a multiple of 64 and not 0, in dst's
// memory if they fit.
func mark(dst []marks, b []byte) []marks {
	blocks := len(b) / 64
	if cap(dst) < blocks {
		dst = make([]marks, blocks+blocks/2)
	}
	markBlocks(&dst[0], &b[0], blocks)
	return dst[:blocks]
}

// quote returns the offset of the first quote in the text from the given offset on.
// There has to be one, with seven bytes behind it.
func (s *scanner) quote(from int) int {
	if i := uint(from) / 64; i < uint(len(s.marks)) {
		if w := s.marks[i].quotes >> (uint(from) % 64); w != 0 {
			return from + bits.TrailingZeros64(w)
		}
	}
	return s.farQuote(from)
}

// farQuote is quote where that is not in the same 64 bytes, or nothing is marked.
func (s *scanner) farQuote(from int) int {
	if s.marks == nil {
		return quote(s.b, from)
	}
	for i := from/64 + 1; ; i++ {
		if w := s.marks[i].quotes; w != 0 {
			return 64*i + bits.TrailingZeros64(w)
		}
	}
}

// nextSlash returns the offset of the first backslash in the text from the given
// offset on, n if there is none.
func (s *scanner) nextSlash(from int) int {
	if from >= s.n || s.marks == nil {
		return nextSlash(s.b, from, s.n)
	}
	i := from / 64
	w := s.marks[i].slashes &^ (1<<(uint(from)%64) - 1)
	for w == 0 {
		if i++; i == len(s.marks) {
			return s.n
		}
		w = s.marks[i].slashes
	}
	return min(64*i+bits.TrailingZeros64(w), s.n) // behind the text anything may stand
}
