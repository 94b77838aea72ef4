package replica

import (
	"sync/atomic"
	"time"
)

// Stats are counts since the start, but for what says otherwise.
type Stats struct {
	Up        bool          // the server answers, now
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
}

type counters struct {
	chunks, waited, exchanges, failures, sent, applied, broken, dropped, degraded, saves atomic.Uint64
}

func (c *counters) asked(took time.Duration) {
	c.chunks.Add(1)
	c.waited.Add(uint64(took))
}

func (l *link) snapshotStats() Stats {
	c := &l.stats
	l.mu.Lock()
	pending := l.outbox.len()
	l.mu.Unlock()
	return Stats{
		Up: l.up.Load(), Asked: c.chunks.Load(), Waited: time.Duration(c.waited.Load()), Exchanges: c.exchanges.Load(),
		Failures: c.failures.Load(), Sent: c.sent.Load(), Applied: c.applied.Load(), Broken: c.broken.Load(),
		Dropped: c.dropped.Load(), Pending: pending, Degraded: c.degraded.Load(), Saves: c.saves.Load(),
	}
}
