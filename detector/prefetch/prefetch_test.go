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
	if x != 5 {
		t.Error("it changed")
	}
}
