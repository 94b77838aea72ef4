//go:build !amd64

package pipeline

// candidate returns the offset of the first "secrets", "token" or "Secret" in b, or -1.
func candidate(b []byte) int { return candidateGo(b) }
