//go:build amd64 || arm64

package prefetch

// lines asks for n lines from p on.
//
//go:noescape
func lines(p uintptr, n int)
