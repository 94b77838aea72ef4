package pipeline

import (
	"sync/atomic"

	"github.com/secretwatch/secretwatch/detector/rule"
)

// Stats are counts since the pipeline was made.
type Stats struct {
	Chunks  uint64
	Bytes   uint64
	Records uint64 // in chunks with anything of interest; others are not walked

	Judged     uint64                    // requests
	Found      [rule.Critical + 1]uint64 // of these, by severity of the finding
	First      uint64                    // findings that are no repeats
	Duplicates uint64                    // events of requests judged already

	Undecodable uint64 // chunks that are no MessagePack
	Unparsable  uint64 // events in broken or cut JSON
	Refused     uint64 // chunks for whose output there was no memory
	Panics      uint64 // chunks at which this code or the judge panicked
}

// Findings is the sum of Found.
func (s *Stats) Findings() (n uint64) {
	for _, f := range s.Found {
		n += f
	}
	return n
}

type counters struct {
	chunks, bytes, records, judged, first, duplicates,
	undecodable, unparsable, refused, panics atomic.Uint64

	found [rule.Critical + 1]atomic.Uint64
}

// Stats returns the current counts. They are read one by one: a chunk that is
// being processed may be in some of them and not yet in others.
func (p *Pipeline) Stats() Stats {
	c := &p.stats
	s := Stats{
		Chunks: c.chunks.Load(), Bytes: c.bytes.Load(), Records: c.records.Load(),
		Judged: c.judged.Load(), First: c.first.Load(), Duplicates: c.duplicates.Load(),
		Undecodable: c.undecodable.Load(), Unparsable: c.unparsable.Load(),
		Refused: c.refused.Load(), Panics: c.panics.Load(),
	}
	for i := range c.found {
		s.Found[i] = c.found[i].Load()
	}
	return s
}
