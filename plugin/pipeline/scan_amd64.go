package pipeline

// scanAVX2 returns the first of the offsets 0 to 32*k-1 where the bytes look
// somewhat like those of a needle, or -1; k is (n-5)/32.
//
//go:noescape
func scanAVX2(p *byte, n int) int

func hasAVX2() bool

var avx2 = hasAVX2()

// candidate returns the offset of the first "secrets", "token" or "Secret" in b, or -1.
func candidate(b []byte) int {
	if !avx2 {
		return candidateGo(b)
	}
	const reach = 5 // bytes that scanAVX2 looks at behind an offset
	at := 0
	for len(b)-at >= 32+reach {
		i := scanAVX2(&b[at], len(b)-at)
		if i < 0 {
			at += (len(b) - at - reach) / 32 * 32
			break
		}
		if at += i; startsNeedle(b, at) {
			return at
		}
		at++
	}
	if i := candidateGo(b[at:]); i >= 0 {
		return at + i
	}
	return -1
}
