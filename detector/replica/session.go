package replica

import (
	"sync/atomic"
	"time"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/detector/observation"
	"github.com/secretwatch/secretwatch/detector/rule"
)

// Degraded is the History of verdicts for which others could not be asked.
const Degraded = "degraded"

// maxAsked is about how many accesses of one chunk others are asked. Whoever sends
// more that is new in one chunk floods.
const maxAsked = 4096

// Session takes the events of one chunk through a detector whose history is
// shared: See for all of them, then Ask, then Judge for each, then End. It is for
// one goroutine.
type Session struct {
	l        *link
	d        *detector.Detector
	asks     [][]byte
	doubtful map[uint64]int64 // Observed.Object and Time of what is to be asked
	request  *request
	failed   bool
	scratch  observation.Observation
}

// Session begins a session of a detector that was made with h's memory.
func (h *History) Session(d *detector.Detector) *Session { return &Session{l: h.l, d: d} }

// See is shown an event before it is judged.
func (s *Session) See(ev *audit.Event) {
	o, ok := s.d.Observe(ev)
	if !ok {
		return
	}
	ask, tell := s.l.told.due(&o)
	if o.Weight == rule.Decisive && (ask || !s.l.up.Load()) {
		if _, again := s.doubtful[o.Object]; again {
			ask = false
		}
		if s.doubtful == nil {
			s.doubtful = make(map[uint64]int64)
		}
		s.doubtful[o.Object] = o.Time
	}
	if !ask && !tell {
		return
	}
	s.d.Observation(ev, o, &s.scratch)
	entry := s.scratch.Append(nil)
	switch {
	case ask && len(s.asks) < maxAsked:
		s.asks = append(s.asks, entry)
	case ask:
		s.failed = true
		s.l.tell(entry)
	default:
		s.l.tell(entry)
	}
}

// Ask waits until others were asked of what was seen, at most for the timeout,
// and not at all while the server is known not to answer.
func (s *Session) Ask() {
	s.ask()
	for object, time := range s.doubtful {
		s.l.told.done(object, time)
	}
}

func (s *Session) ask() {
	if !s.l.up.Load() {
		s.failed = s.failed || len(s.doubtful) > 0
		for _, entry := range s.asks {
			s.l.tell(entry)
		}
		return
	}
	if len(s.asks) == 0 {
		return
	}
	r := &request{entries: s.asks, done: make(chan struct{})}
	began := time.Now()
	timeout := time.NewTimer(s.l.o.Timeout)
	defer timeout.Stop()
	s.l.ask(r)
	select {
	case <-r.done:
	case <-timeout.C:
		if r.state.CompareAndSwap(waiting, abandoned) {
			s.l.trip(errSlow{s.l.o.Timeout})
		} else {
			<-r.done // it is being answered this moment
		}
	}
	s.l.stats.asked(time.Since(began))
	if r.state.Load() == answered {
		s.request = r
	} else {
		s.failed = true
	}
}

// Judge judges an event that was seen.
func (s *Session) Judge(ev *audit.Event, v *detector.Verdict) detector.Result {
	doubt := false
	if s.failed {
		if o, ok := s.d.Observe(ev); ok {
			_, doubt = s.doubtful[o.Object]
		}
	}
	result := s.d.Judge(ev, v)
	if doubt && (result == detector.Found || result == detector.Clean) && v.History != "learning" {
		v.History = Degraded
		s.l.stats.degraded.Add(1)
	}
	return result
}

// End ends the session. What others observe from here on comes after it.
func (s *Session) End() {
	if s.request != nil {
		s.request = nil
		s.l.judged()
	}
}

// request is what one session asks.
type request struct {
	entries [][]byte
	state   atomic.Uint32
	done    chan struct{} // closed when the state is final
}

// States of a request.
const (
	waiting   uint32 = iota
	abandoned        // whoever asked does not wait any more
	answered         // the entries are in the log, and all before them was applied
	refused          // they may not be
)

// finish sets the final state of a request and reports whether somebody waits for
// it.
func (r *request) finish(state uint32) bool {
	if !r.state.CompareAndSwap(waiting, state) {
		return false
	}
	close(r.done)
	return true
}
