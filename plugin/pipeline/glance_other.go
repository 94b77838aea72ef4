//go:build !amd64

package pipeline

// pass is passGo.
func (f *form) pass(b []byte) (end, records int) { return f.passGo(b) }
