package state

import (
	"sync/atomic"
	"time"

	"github.com/secretwatch/secretwatch/detector/measure"
)

// Stats say how the file does. Everybody who opened the same path sees the same.
type Stats struct {
	Writable bool      // the last attempt to write worked
	Failures uint64    // attempts that did not, since the path was opened
	Current  time.Time // when the file last had everything; zero for never
	Bytes    int64     // size of the file when last written
	Pending  int       // identities that changed since
}

// counters are behind Stats, apart from the keeper's lock: that is held while
// the disk is waited for.
type counters struct {
	writable atomic.Bool
	failures atomic.Uint64
	current  atomic.Int64 // nanoseconds since the Unix epoch
	bytes    atomic.Int64

	writes measure.Observers[*History]
}

func (c *counters) written(size int64) {
	c.writable.Store(true)
	c.current.Store(time.Now().UnixNano())
	c.bytes.Store(size)
}

func (c *counters) failed() {
	c.writable.Store(false)
	c.failures.Add(1)
}

// Observe tells o, until h is closed, how long each transaction took that wrote
// something. A History has one observer.
func (h *History) Observe(o measure.Observer) { h.k.stats.writes.Set(h, o) }

// Stats may be called at any time, also after Close. It does not wait for the
// disk.
func (h *History) Stats() Stats {
	c := &h.k.stats
	s := Stats{
		Writable: c.writable.Load(), Failures: c.failures.Load(), Bytes: c.bytes.Load(),
		Pending: h.k.memory.Store().Unsaved(),
	}
	if t := c.current.Load(); t != 0 {
		s.Current = time.Unix(0, t)
	}
	return s
}
