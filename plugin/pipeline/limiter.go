package pipeline

import (
	"sync/atomic"
	"time"
)

// limiter lets one message pass in a while and counts the others.
type limiter struct {
	every  time.Duration
	next   atomic.Int64 // time of the next message, in nanoseconds of Unix time
	missed atomic.Uint64
}

// allow reports whether a message may pass now and how many did not since the
// last one.
func (l *limiter) allow(now time.Time) (missed uint64, ok bool) {
	t, next := now.UnixNano(), l.next.Load()
	if t < next || !l.next.CompareAndSwap(next, t+int64(l.every)) {
		l.missed.Add(1)
		return 0, false
	}
	return l.missed.Swap(0), true
}

// silent is the Logger of a pipeline that was given none.
type silent struct{}

func (silent) Errorf(string, ...any) {}
func (silent) Warnf(string, ...any)  {}
func (silent) Infof(string, ...any)  {}
func (silent) Debugf(string, ...any) {}
