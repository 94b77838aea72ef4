package pipeline

import "golang.org/x/sys/cpu"

// scanAVX2 returns the first of the offsets 0 to 64*k-1 where cret or .tok stands,
// but for the e and the dot, which may be any byte, or -1; k is (n-3)/64.
//
//go:noescape
func scanAVX2(p *byte, n int) int

// candidate returns the offset of the first "secrets", "token" or "Secret" in b, or -1.
func candidate(b []byte) int {
	if !cpu.X86.HasAVX2 {
		return candidateGo(b)
	}
	// What scanAVX2 finds lies two bytes behind the s, or one before the t.
	const (
		block  = 64
		reach  = 3 // bytes that scanAVX2 looks at behind an offset
		before = 2
	)
	if len(b) > 0 && startsNeedle(b, 0) {
		return 0
	}
	at := 0
	for len(b)-at >= block+reach {
		i := scanAVX2(&b[at], len(b)-at)
		if i < 0 {
			at += (len(b) - at - reach) / block * block
			if at+reach == len(b) {
				return -1
			}
			// The rest is less than a block, and looked at together with what is
			// before it.
			at = len(b) - reach - block
			if i = scanAVX2(&b[at], block+reach); i < 0 {
				return -1
			}
		}
		at += i
		if at >= before && startsNeedle(b, at-before) {
			return at - before
		}
		if at++; startsNeedle(b, at) {
			return at
		}
	}
	// Little is left: b is short, or something alike was found near its end.
	at = max(at-before, 0)
	if i := candidateGo(b[at:]); i >= 0 {
		return at + i
	}
	return -1
}
