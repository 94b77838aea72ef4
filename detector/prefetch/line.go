//go:build amd64 || arm64

package prefetch

// lines asks for n cache lines, at least one, from the one on that a is in.
func lines(a, n uintptr)
