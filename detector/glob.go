package detector

// globs is a list of patterns in which * stands for any run of bytes and ? for
// one. Nothing else is special: names hold ":", "/" and ".".
type globs []string

func (g globs) match(s string) bool {
	for _, p := range g {
		if globMatch(p, s) {
			return true
		}
	}
	return false
}

// globMatch runs in O(len(p)·len(s)) at worst, without recursion: only the last
// * ever needs to be tried again.
func globMatch(p, s string) bool {
	pi, si, star, mark := 0, 0, -1, 0
	for si < len(s) {
		switch {
		case pi < len(p) && p[pi] == '*':
			star, mark = pi, si
			pi++
		case pi < len(p) && (p[pi] == '?' || p[pi] == s[si]):
			pi++
			si++
		case star >= 0:
			mark++
			pi, si = star+1, mark
		default:
			return false
		}
	}
	for pi < len(p) && p[pi] == '*' {
		pi++
	}
	return pi == len(p)
}
