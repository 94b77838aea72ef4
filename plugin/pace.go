package main

import (
	"runtime"
	"sync/atomic"
	"time"
)

// pace keeps Go's scheduler on good terms with a thread of the host that calls in
// again and again.
//
// To the scheduler such a thread is one goroutine that never gives up its
// processor (P): its tick stands still, also while it is back in C. From 10 ms on
// (forcePreemptNS in runtime/proc.go, retake) the monitor thread therefore takes
// the P away between any two calls and goes to sleep, and the next call has to
// find another P and to wake it up. These two context switches cost as much as
// all that is done with a chunk. To pass through the scheduler now and then, while
// calls come in, moves the tick on.
type pace struct {
	last atomic.Int64 // when the scheduler was passed through, since started
}

// paceEvery is half of forcePreemptNS: the monitor looks every 10 ms at least.
const paceEvery = 5 * time.Millisecond

// started is what times are measured from: only the monotonic clock counts.
var started = time.Now()

// step is called once a call from the host. It usually costs a look at the clock,
// and some ten microseconds every paceEvery.
func (p *pace) step() {
	now := int64(time.Since(started))
	last := p.last.Load()
	// An instance has one thread as a rule. Where several share it, so do they the remedy.
	if now-last < int64(paceEvery) || !p.last.CompareAndSwap(last, now) {
		return
	}
	runtime.Gosched()
}
