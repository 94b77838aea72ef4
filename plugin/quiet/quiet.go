// Package quiet tells chunks that hold nothing for this library from others, in C,
// before Go is called; see quiet.h, where all of it is. The functions of this package
// are there to test that.
package quiet

// #cgo CFLAGS: -O2
// #include "quiet.h"
//
// static int quiet(const void *b, size_t n) { return sw_quiet(b, n); }
// static uint64_t records(const void *b, size_t n) { return sw_quiet_records(b, n); }
import "C"

import "unsafe"

// Size is the size of the largest chunk that is looked at, in bytes.
const Size = C.SW_QUIET_SIZE

// Is reports whether there is nothing in a chunk that pipeline.Pipeline.Process would
// do more than to count.
func Is(chunk []byte) bool {
	return C.quiet(unsafe.Pointer(unsafe.SliceData(chunk)), C.size_t(len(chunk))) != 0
}

// Records returns the number of records of a chunk, or of those before the first bytes
// that are none.
func Records(chunk []byte) uint64 {
	return uint64(C.records(unsafe.Pointer(unsafe.SliceData(chunk)), C.size_t(len(chunk))))
}
