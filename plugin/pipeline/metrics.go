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
func (p *Pipeline) decide(s *scratch) detector.Result {
	if p.watch == nil {
		return s.judge.Judge(&s.event, &s.verdict)
	}
	if s.untimed > 0 {
		result := s.judge.Judge(&s.event, &s.verdict)
		if result != detector.Skipped {
			s.untimed--
		}
		return result
	}
	began := time.Now()
	result := s.judge.Judge(&s.event, &s.verdict)
	if result != detector.Skipped {
		p.watch.DecisionTime.Observe(time.Since(began).Seconds())
		s.untimed = DecisionSample - 1
	}
	return result
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
