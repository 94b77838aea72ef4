// Package prefetch asks the processor for memory that is needed soon: between two
// decisions megabytes of other records go through its caches.
package prefetch

import "unsafe"

// All asks for all of *v.
func All[T any](v *T) {
	const lineSize = 64
	for at := uintptr(0); at < unsafe.Sizeof(*v); at += lineSize {
		address(uintptr(unsafe.Pointer(v)) + at)
	}
}

// Address asks for the cache line at a, where memory may no longer be.
func Address(a uintptr) { address(a) }

// Value asks for the cache line *v begins in. It changes nothing, and v may point
// anywhere.
func Value[T any](v *T) { address(uintptr(unsafe.Pointer(v))) }
