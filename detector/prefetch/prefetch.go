// Package prefetch asks the processor for memory that is needed soon: between two
// decisions megabytes of other records go through its caches.
package prefetch

import "unsafe"

const lineSize = 64

// All asks for all of *v.
func All[T any](v *T) {
	if a, size := uintptr(unsafe.Pointer(v)), unsafe.Sizeof(*v); size != 0 {
		lines(a, (a%lineSize+size+lineSize-1)/lineSize)
	}
}

// Address asks for the cache line at a, where memory may no longer be.
func Address(a uintptr) { lines(a, 1) }

// Value asks for the cache line *v begins in. It changes nothing, and v may point
// anywhere.
func Value[T any](v *T) { Address(uintptr(unsafe.Pointer(v))) }
