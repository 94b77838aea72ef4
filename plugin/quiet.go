package main

// #include "filter.h"
import "C"

import (
	"unsafe"

	"github.com/secretwatch/secretwatch/plugin/pipeline"
)

// Small chunks with nothing of interest pass without a call into Go; quiet/quiet.h
// says which, and why. Of these, C only keeps counts.

// letPass lets such chunks of a filter pass from now on, until exit. count is whether
// their records are to be counted.
func (ins *instance) letPass(handle uintptr, count bool) {
	ins.handle = handle
	var c C.int
	if count {
		c = 1
	}
	C.sw_quiet_open(C.uintptr_t(handle), c)
}

// letNonePass ends that. What was not noted before is lost.
func (ins *instance) letNonePass() { C.sw_quiet_close(C.uintptr_t(ins.handle)) }

// passes reports whether a chunk does not reach the instance. It is there for tests, as
// C asks before it calls Go.
func (ins *instance) passes(chunk []byte) bool {
	return C.sw_quiet_passes(C.uintptr_t(ins.handle), unsafe.Pointer(unsafe.SliceData(chunk)), C.size_t(len(chunk))) != 0
}

// notePassed adds to the counts of the pipeline what has passed meanwhile.
func (ins *instance) notePassed() {
	p := C.sw_quiet_take(C.uintptr_t(ins.handle))
	ins.pipeline.Passed(uint64(p.chunks), uint64(p.bytes), uint64(p.records))
}

// noteFull does so if so much has passed that C says so. thread is the calling thread's.
func (ins *instance) noteFull(thread *pace) {
	if thread.full != 0 {
		ins.notePassed()
	}
}

// ask is there for tests, as C says so before it calls Go.
func (ins *instance) ask(thread *pace) {
	thread.full = C.int64_t(C.sw_quiet_full(C.uintptr_t(ins.handle)))
}

func (ins *instance) stats() pipeline.Stats {
	ins.notePassed()
	return ins.pipeline.Stats()
}
