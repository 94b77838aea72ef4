package pipeline

import (
	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/plugin/chunk"
)

// Sharer is a Judger that asks others about events before it judges them. It is
// asked for a session for each chunk.
type Sharer interface {
	Session() Session
}

// Session judges the events of one chunk, all of which it is shown beforehand, so
// that it has to ask only once. It is used by one goroutine.
type Session interface {
	// See is shown an event that is going to be judged.
	See(ev *audit.Event)
	// Ask waits until others were asked about what was seen, or could not be.
	Ask()
	Judger
	// End follows the last call of Judge, also after a panic.
	End()
}

// seeing shows events to a session instead of judging them.
type seeing struct{ Session }

func (s seeing) Judge(ev *audit.Event, _ *detector.Verdict) detector.Result {
	s.See(ev)
	return detector.Skipped
}

// begin sets the judge of a chunk whose records of interest were found. The
// function returned is to be called when they were judged.
func (p *Pipeline) begin(s *scratch, b []byte) (end func()) {
	if p.sharer == nil {
		s.judge = p.judge
		return func() {}
	}
	session := p.sharer.Session()
	done := false
	defer func() {
		if !done {
			session.End()
		}
	}()
	s.judge = seeing{session}
	for _, at := range s.spans {
		if r := chunk.Read(b, at); r.Kind == chunk.Log {
			p.judgeFound(s, p.body(s, r.Body), r.Body, r.Time)
		}
	}
	session.Ask()
	s.judge = session
	done = true
	return session.End
}
