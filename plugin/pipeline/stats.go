package pipeline

import (
	"fmt"
	"sync/atomic"

	"github.com/secretwatch/secretwatch/detector/rule"
)

// Stats are counts since the pipeline was made.
type Stats struct {
	Chunks  uint64
	Bytes   uint64
	Records uint64 // in chunks with anything of interest; others are counted only for Options.Metrics

	Judged     uint64                    // requests
	Found      [rule.Critical + 1]uint64 // of these, by severity of the finding
	First      uint64                    // findings that are no repeats
	Rules      []RuleStats               // findings by rule
	Duplicates uint64                    // events of requests judged already

	Split    uint64 // lists that became one record an item
	Items    uint64 // these records
	Redacted uint64 // records from which values of secrets were removed

	Truncated   uint64 // events that CloudWatch cut
	Cut         uint64 // texts that could not be parsed and lost what may be a secret
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

// Summary returns the counts as one line for a person: what was seen and found,
// and what went wrong only if it did.
func (p *Pipeline) Summary() string {
	s := p.Stats()
	of := " in those with anything of interest"
	if p.watch != nil {
		of = ""
	}
	line := fmt.Sprintf("%d chunks, %d records%s, %d requests judged, %d findings (",
		s.Chunks, s.Records, of, s.Judged, s.Findings())
	for severity := rule.Critical; severity >= rule.Low; severity-- {
		line += fmt.Sprintf("%d %s, ", s.Found[severity], severity)
	}
	line += fmt.Sprintf("%d first), %d duplicates", s.First, s.Duplicates)
	if s.Split > 0 {
		line += fmt.Sprintf(", %d lists split into %d records", s.Split, s.Items)
	}
	for _, c := range []struct {
		n    uint64
		what string
	}{
		{s.Redacted, "records with values of secrets removed"},
		{s.Truncated, "truncated events"},
		{s.Cut, "texts cut because they may hold a secret"},
		{s.Unparsable, "events in broken JSON"},
		{s.Undecodable, "chunks that are no MessagePack"},
		{s.Refused, "chunks without memory for the result"},
		{s.Panics, "internal errors"},
	} {
		if c.n > 0 {
			line += fmt.Sprintf(", %d %s", c.n, c.what)
		}
	}
	return line
}

type counters struct {
	chunks, bytes, records, judged, duplicates,
	split, items, redacted, truncated, cut,
	undecodable, unparsable, refused, panics atomic.Uint64

	findings findings
}

// Passed counts chunks that a caller did not give to Process, because there is nothing
// in them that it would do more than to count.
func (p *Pipeline) Passed(chunks, bytes, records uint64) {
	p.stats.chunks.Add(chunks)
	p.stats.records.Add(records)
	p.blind.passed(p.stats.bytes.Add(bytes), p.log)
}

// Stats returns the current counts. They are read one by one: a chunk that is
// being processed may be in some of them and not yet in others.
func (p *Pipeline) Stats() Stats {
	c := &p.stats
	s := Stats{
		Chunks: c.chunks.Load(), Bytes: c.bytes.Load(), Records: c.records.Load(),
		Judged: c.judged.Load(), Duplicates: c.duplicates.Load(),
		Split: c.split.Load(), Items: c.items.Load(), Redacted: c.redacted.Load(),
		Truncated: c.truncated.Load(), Cut: c.cut.Load(),
		Undecodable: c.undecodable.Load(), Unparsable: c.unparsable.Load(),
		Refused: c.refused.Load(), Panics: c.panics.Load(),
	}
	s.Rules = c.findings.stats()
	for i := range s.Rules {
		for severity := range s.Found {
			s.Found[severity] += s.Rules[i].First[severity] + s.Rules[i].Repeated[severity]
			s.First += s.Rules[i].First[severity]
		}
	}
	return s
}
