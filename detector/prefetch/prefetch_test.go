package prefetch

import "testing"

// To ask for memory does nothing that can be seen, also where there is none.
func TestNothingHappens(t *testing.T) {
	var none *int
	Value(none)
	x := 5
	Value(&x)
	All(&x)
	Address(0)
	Address(^uintptr(0))
	var empty struct{}
	All(&empty)
	large := new([1 << 20]byte)
	All(large)
	All((*[1000]byte)(nil))
	if x != 5 {
		t.Error("it changed")
	}
}
