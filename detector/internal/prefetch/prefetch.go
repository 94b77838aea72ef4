// Package prefetch asks the processor for memory that is needed soon. Between two
// decisions megabytes of other records go through its caches; what a decision
// needs is then waited for once if it was asked for at once, and a dozen times if
// one thing leads to the next.
package prefetch

import "unsafe"

// line is the size of a cache line of all processors of the architectures this is
// built for, in bytes; where lines are longer, some are asked for twice.
const line = 64

// Value asks for the memory of *v. It changes nothing, and v may be nil.
func Value[T any](v *T) {
	lines(uintptr(unsafe.Pointer(v)), int(unsafe.Sizeof(*v)+line-1)/line)
}

// Slice asks for the memory of the first n elements of s, or of all if there are fewer.
func Slice[T any](s []T, n int) {
	var v T
	lines(uintptr(unsafe.Pointer(unsafe.SliceData(s))), (min(n, len(s))*int(unsafe.Sizeof(v))+line-1)/line)
}

// At asks for the line of an address, which need not be one of anything.
func At(address uintptr) { lines(address, 1) }
