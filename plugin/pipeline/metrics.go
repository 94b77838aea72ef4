package pipeline

import (
	"time"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/measure"
	"github.com/secretwatch/secretwatch/plugin/chunk"
)

// Metrics is what is measured only for those who want to see it. With it, records
// are counted in all chunks.
type Metrics struct {
	ChunkTime    measure.Observer // of whole calls of Process
	DecisionTime measure.Observer // of judging one event, see DecisionSample
}

// DecisionSample is the number of judged events of which one is timed: reading
// the clock twice costs about a tenth of a decision.
const DecisionSample = 64

// decide lets the judge decide on s.event.
func (p *Pipeline) decide(s *scratch) (result detector.Result) {
	began := p.clock(s)
	if s.note {
		result = p.repeater.JudgeRoutine(&s.event, &s.verdict, &s.noted)
	} else {
		result = s.judge.Judge(&s.event, &s.verdict)
	}
	p.clocked(s, began, result)
	return result
}

// clock returns the time before a decision that is to be timed, else the zero time.
func (p *Pipeline) clock(s *scratch) time.Time {
	if p.watch == nil || s.untimed > 0 {
		return time.Time{}
	}
	return time.Now()
}

// clocked takes the result of a decision and what clock returned before it.
func (p *Pipeline) clocked(s *scratch, began time.Time, result detector.Result) {
	switch {
	case p.watch == nil || result == detector.Skipped:
	case s.untimed > 0:
		s.untimed--
	default:
		p.watch.DecisionTime.Observe(time.Since(began).Seconds())
		s.untimed = DecisionSample - 1
	}
}

// count returns the number of records of a chunk, or of those before the first
// bytes that are none.
func count(b []byte) (n uint64) {
	for at := 0; at < len(b); n++ {
		r, err := chunk.Next(b, at)
		if err != nil {
			break
		}
		at = r.End
	}
	return n
}
