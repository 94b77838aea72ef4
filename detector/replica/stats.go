package replica

import (
	"sync/atomic"
	"time"

	"github.com/secretwatch/secretwatch/detector/measure"
)

// Stats are counts since the start, but for what says otherwise. Everybody who
// opened the same history sees the same.
type Stats struct {
	Up        bool          // the server answers, now
	Current   time.Time     // when all that was observed was last sent; zero for never
	Asked     uint64        // chunks that waited for the server
	Waited    time.Duration // for how long, all together
	Exchanges uint64        // round trips, whoever waited
	Failures  uint64        // of them, those that failed
	Sent      uint64        // observations appended to the log
	Applied   uint64        // observations of other replicas learnt from
	Broken    uint64        // of them, those that could not be read
	Dropped   uint64        // observations that found no place while the server was away
	Pending   int           // observations not yet sent, now
	Degraded  uint64        // verdicts for which others could not be asked
	Saves     uint64        // times that records were written
	NotSaved  uint64        // times that they could not be
}

type counters struct {
	chunks, waited, exchanges, failures, sent, applied, broken, dropped, degraded, saves, notSaved atomic.Uint64

	current atomic.Int64 // ns since the Unix epoch

	exchange, save measure.Observers[*History]
}

// Observe tells, until h is closed, how long each round trip took in which
// observations are exchanged, and each time that records were written. A History
// has one observer of each.
func (h *History) Observe(exchange, save measure.Observer) {
	h.l.stats.exchange.Set(h, exchange)
	h.l.stats.save.Set(h, save)
}

func (c *counters) forget(h *History) {
	c.exchange.Remove(h)
	c.save.Remove(h)
}

func (c *counters) asked(took time.Duration) {
	c.chunks.Add(1)
	c.waited.Add(uint64(took))
}

func (l *link) snapshotStats() Stats {
	c := &l.stats
	l.mu.Lock()
	pending := l.outbox.len() + l.outbox.flying
	for _, r := range l.requests {
		pending += len(r.entries)
	}
	l.mu.Unlock()
	s := Stats{
		Up: l.up.Load(), Asked: c.chunks.Load(), Waited: time.Duration(c.waited.Load()), Exchanges: c.exchanges.Load(),
		Failures: c.failures.Load(), Sent: c.sent.Load(), Applied: c.applied.Load(), Broken: c.broken.Load(),
		Dropped: c.dropped.Load(), Pending: pending, Degraded: c.degraded.Load(), Saves: c.saves.Load(), NotSaved: c.notSaved.Load(),
	}
	if t := c.current.Load(); t != 0 {
		s.Current = time.Unix(0, t)
	}
	return s
}
