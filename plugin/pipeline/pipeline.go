// Package pipeline is the whole way of a record: chunk bytes in, chunk bytes
// out. The filter, the output and the replay tool are three thin doors to it.
//
// A chunk is scanned for byte strings that every secret access contains; if
// there is none, that is all. Otherwise its records are walked, those with a
// needle are searched for an audit event, events are parsed and judged, and
// records with findings gain fields. All other bytes are passed on as they came.
package pipeline

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/detector/rule"
	"github.com/secretwatch/secretwatch/plugin/chunk"
)

// Logger receives one-line messages. Implementations add level and origin in
// their host's form. Safe for concurrent use.
type Logger interface {
	Errorf(format string, args ...any)
	Warnf(format string, args ...any)
	Infof(format string, args ...any)
	Debugf(format string, args ...any)
}

// Judger judges one event; see detector.Detector, which is one. Safe for
// concurrent use.
type Judger interface {
	Judge(ev *audit.Event, v *detector.Verdict) detector.Result
}

// Options say what a Pipeline does.
type Options struct {
	// Judge decides. Required.
	Judge Judger
	// Key names the field that holds the audit event. Empty means: the record
	// itself if it is an audit event, else the usual fields.
	Key string
	// Format names the shape of the fields a tagged record gains, one of
	// Formats. Empty means native.
	Format string
	// SeverityKey names the top-level field that holds the severity once more.
	// Empty means none.
	SeverityKey string
	// TagAll also tags records that were judged clean.
	TagAll bool
	// Cluster is added to the verdict if not empty.
	Cluster string
}

// Pipeline takes chunks through the whole way. Safe for concurrent use.
type Pipeline struct {
	judge  Judger
	key    string
	tagAll bool
	format format
	stats  counters
	log    Logger
	faults limiter   // of messages about chunks given up
	idle   sync.Pool // of *scratch
}

// scratch is the memory of one Process call, reused between calls.
type scratch struct {
	spans   []chunk.Span // records with a needle
	parser  audit.Parser
	event   audit.Event
	verdict detector.Verdict
	edits   chunk.Edits
	fields  []byte // the fields of one record
}

// New returns a pipeline. log may be nil. The error says which option is wrong.
func New(opts Options, log Logger) (*Pipeline, error) {
	if opts.Judge == nil {
		return nil, errors.New("pipeline: no judge")
	}
	f, err := newFormat(&opts)
	if err != nil {
		return nil, err
	}
	if log == nil {
		log = silent{}
	}
	p := &Pipeline{
		judge:  opts.Judge,
		key:    opts.Key,
		tagAll: opts.TagAll,
		format: f,
		log:    log,
		faults: limiter{every: time.Minute},
	}
	p.idle.New = func() any { return new(scratch) }
	return p, nil
}

// Close releases what the pipeline holds. It does not close the judge. Close
// may be called more than once.
func (p *Pipeline) Close() error { return nil }

// Keys returns the top-level keys that a tagged record gains, in order. A record
// that has one of them already loses it.
func (p *Pipeline) Keys() []string { return p.format.keys() }

// Process judges the records of a chunk and returns the chunk with findings
// tagged, or modified false, and no out, if it stays as it is.
//
// chunk is only read, and not kept. out is made by one call of alloc, with its
// exact size, and owned as that memory is. A chunk that is no MessagePack, and
// one at which this code or the judge panics, stays untouched and is counted.
func (p *Pipeline) Process(chunk []byte, alloc func(n int) []byte) (out []byte, modified bool) {
	p.stats.chunks.Add(1)
	p.stats.bytes.Add(uint64(len(chunk)))
	first := nextNeedle(chunk, 0)
	if first < 0 {
		return nil, false
	}
	s := p.idle.Get().(*scratch)
	out, modified = p.process(s, chunk, first, alloc)
	return out, modified
}

// process is Process from the first needle on. It gives s back, unless it
// panicked and left s in an unknown state.
func (p *Pipeline) process(s *scratch, b []byte, first int, alloc func(n int) []byte) (out []byte, modified bool) {
	defer func() {
		if r := recover(); r != nil {
			out, modified = nil, false
			p.stats.panics.Add(1)
			if missed, ok := p.faults.allow(time.Now()); ok {
				p.log.Errorf("internal error, chunk of %d bytes passed on as it came (%d more since the last message): %s", len(b), missed, describe(r))
			}
		}
	}()
	// All records are walked before the first is judged: what the history
	// learns from a chunk and what comes out of it must agree.
	if err := s.find(p, b, first); err != nil {
		p.stats.undecodable.Add(1)
		if missed, ok := p.faults.allow(time.Now()); ok {
			p.log.Warnf("chunk of %d bytes passed on as it came (%d more since the last message): %v", len(b), missed, err)
		}
		p.release(s)
		return nil, false
	}
	for i := range s.spans {
		p.record(s, b, s.spans[i])
	}
	if !s.edits.Empty() {
		if out = s.edits.Apply(b, alloc); out == nil {
			p.stats.refused.Add(1)
		}
		modified = out != nil
	}
	p.release(s)
	return out, modified
}

// find walks the chunk and notes the records that contain a needle.
func (s *scratch) find(p *Pipeline, b []byte, needle int) error {
	s.spans = s.spans[:0]
	records := uint64(0)
	for at := 0; at < len(b); records++ {
		r, err := chunk.Next(b, at)
		if err != nil {
			return err
		}
		if at = r.End; needle >= 0 && needle < r.End {
			s.spans = append(s.spans, r)
			needle = nextNeedle(b, r.End)
		}
	}
	p.stats.records.Add(records)
	return nil
}

// record judges what is in one record and plans its edits.
func (p *Pipeline) record(s *scratch, b []byte, at chunk.Span) {
	r := chunk.Read(b, at)
	if r.Kind != chunk.Log {
		return
	}
	if !p.extract(s, r.Body) {
		return
	}
	if s.event.Time == 0 {
		s.event.Time = s.event.StageTime
	}
	if s.event.Time == 0 {
		s.event.Time = r.Time
	}
	result := p.judge.Judge(&s.event, &s.verdict)
	switch result {
	case detector.Skipped:
		return
	case detector.Duplicate:
		p.stats.duplicates.Add(1)
		return
	case detector.Clean:
		p.stats.judged.Add(1)
		if !p.tagAll {
			return
		}
	case detector.Found:
		p.stats.judged.Add(1)
		p.stats.found[min(s.verdict.Severity, rule.Critical)].Add(1)
		if s.verdict.First {
			p.stats.first.Add(1)
		}
	}
	s.fields = p.format.appendFields(s.fields[:0], &s.verdict)
	s.edits.SetFields(b, r.BodyAt, r.BodyAt+len(r.Body), p.format.keys(), len(p.format.keys()), s.fields)
}

// release returns s to the pool without anything that points into the chunk.
func (p *Pipeline) release(s *scratch) {
	s.event.Clear()
	s.verdict = detector.Verdict{Rules: clearAll(s.verdict.Rules), Techniques: clearAll(s.verdict.Techniques)}
	s.edits.Reset()
	if cap(s.spans) > 1<<16 {
		s.spans = nil
	}
	p.idle.Put(s)
}

func clearAll(s []string) []string {
	clear(s[:cap(s)])
	return s[:0]
}

// describe gives a recovered value on one line.
func describe(r any) string {
	const most = 300
	s := fmt.Sprint(r)
	if len(s) > most {
		s = s[:most]
	}
	return fmt.Sprintf("%q", s)
}
