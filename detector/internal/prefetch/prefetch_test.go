package prefetch

import "testing"

// To ask for memory does nothing that can be seen; to ask for what is not there
// must not be seen either.
func TestNothingHappens(t *testing.T) {
	var none *[1000]int
	Value(none)
	Value(new([1000]int))
	Slice([]int(nil), 10)
	Slice(make([]string, 5), 10)
	At(0)
	At(^uintptr(0))
}
