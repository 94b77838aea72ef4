package pipeline

import "testing"

// On a processor with both kinds of registers the narrow ones find the same.
func TestScanNarrow(t *testing.T) {
	if !wide {
		t.Skip("this processor has only the narrow ones, which TestScan used")
	}
	wide = false
	defer func() { wide = true }()
	TestScan(t)
}

func BenchmarkScanNarrow(b *testing.B) {
	defer func(w bool) { wide = w }(wide)
	wide = false
	scan(b, nextNeedle)
}
