// Package prefetch asks the processor for memory that is needed soon: between two
// decisions megabytes of other records go through its caches.
package prefetch

import "unsafe"

// Value asks for the cache line *v begins in. It changes nothing, and v may point
// anywhere.
func Value[T any](v *T) { line(unsafe.Pointer(v)) }
