package main

// #include "filter.h"
import "C"

import (
	"runtime"
	"time"
)

// pace keeps Go's scheduler on good terms with a thread of the host that calls in
// again and again. Each thread has its own, in C, whatever instances it calls.
//
// To the scheduler such a thread is one goroutine that never gives up its
// processor (P): its tick stands still, also while it is back in C. From 10 ms on
// (forcePreemptNS in runtime/proc.go, retake) the monitor thread therefore takes
// the P away between any two calls and goes to sleep, and the next call has to
// find another P and to wake it up. These two context switches cost as much as
// all that is done with a chunk. To pass through the scheduler now and then, while
// calls come in, moves the tick on.
//
// It has its price: two other threads are woken for it, and the monitor then looks
// some 60 times before it takes the P of a thread that did not come again. So it is
// done as rarely as will do, and not at all while calls come so seldom that the
// switches cost less: a P whose tick has not moved is taken at the first look.
type pace C.struct_sw_pace

const (
	// paceEvery leaves the monitor, which looks every 10 ms at most, no interval
	// without a pass.
	paceEvery = 9 * time.Millisecond
	// pacePause is the mean time between calls from which on a P that is taken away
	// between any two costs less than to keep it.
	pacePause = 4 * time.Millisecond
	paceLong  = C.SW_PACE_LONG * time.Nanosecond
	paceOf    = C.SW_PACE_OF
)

// step is called once a call from the host, on its thread. It usually costs nothing,
// and about a tenth of a millisecond every paceEvery.
func (p *pace) step() {
	if p.due() {
		runtime.Gosched()
		p.passed = p.now // or hardly later
	}
}

// note is there for tests, as C notes a chunk before it calls Go.
func (p *pace) note(handle uintptr, now time.Duration) {
	C.sw_pace_note((*C.struct_sw_pace)(p), C.uintptr_t(handle), C.int64_t(now))
}

// due notes a call and reports whether it has to pass through the
// scheduler: that is, whether the next one will be too late if it takes as long to
// come as this one did.
func (p *pace) due() bool {
	if p.called == 0 {
		// Calls are thought to be rare until they are seen not to be.
		p.gap = C.int64_t(paceLong)
	}
	gap := min(p.now-p.called, C.int64_t(paceLong))
	p.called = p.now
	p.gap += (gap - p.gap) / paceOf
	return p.gap < C.int64_t(pacePause) && p.now+gap-p.passed >= C.int64_t(paceEvery)
}
