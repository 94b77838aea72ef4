// Package pipeline is the whole way of a record: chunk bytes in, chunk bytes
// out. The filter, the output and the replay tool are three thin doors to it.
//
// Lines of an audit log that tell by their beginning that they are about
// something else are passed over; see glance.go. What is left is scanned for byte
// strings that every secret access contains. Records with such a needle are
// searched for an audit event, events are parsed and judged, and records with
// findings gain fields. All other bytes are passed on as they came.
package pipeline

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/plugin/chunk"
	"github.com/secretwatch/secretwatch/plugin/pipeline/redact"
	"github.com/secretwatch/secretwatch/plugin/pipeline/tree"
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
	// Judge decides. Required. It may be a Sharer.
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
	// Split makes one record an item of records that hold lists of events.
	Split bool
	// Redact removes the values of secrets and tokens.
	Redact bool
	// Metrics is what to measure besides the counts that are always kept. Nil for
	// nothing.
	Metrics *Metrics
}

// Pipeline takes chunks through the whole way. Safe for concurrent use.
type Pipeline struct {
	judge  Judger
	sharer Sharer // judge, if it is one, else nil
	// repeater is judge, if it is one and what it finds nothing in is of no interest,
	// else nil; see routine.go.
	repeater Repeater
	routines *routines
	key      string
	tagAll   bool
	split    bool
	redact   bool
	format   format
	stats    counters
	watch    *Metrics // nil for none
	log      Logger
	faults   limiter     // of messages about chunks given up
	blind    lookout     // for what is never in the records
	glance   atomic.Bool // lines may be passed over: no value was removed so far; see glance.go
	idle     sync.Pool   // of *scratch
}

// scratch is the memory of one Process call, reused between calls.
type scratch struct {
	form     form         // of the lines seen last
	spans    []chunk.Span // records with a needle
	judge    Judger       // of this chunk
	parser   audit.Parser
	event    audit.Event
	verdict  detector.Verdict
	edits    chunk.Edits
	untimed  int              // decisions until the next one that is timed
	note     bool             // the judge is to note the routine
	noted    detector.Routine // by the judge
	repeat   detector.Repeat  // of a routine
	outlines []outline        // of the records in spans; see routine.go

	// Of the record at hand; see envelope.go.
	layouts [maxLayers + 1]layout
	text    []byte     // texts without their escapes
	holder  tree.Value // the field in which events were looked for last
	packed  tree.Value // the event in s.event, if it is MessagePack
	list    eventsIn
	shared  []shared // what goes with each item of the list

	redactor redact.Redactor
	tag      tag
	inner    chunk.Edits // of a body that is no longer the chunk's
	fields   []byte      // the fields of one record
	clean    []byte      // its body without secrets
	body     []byte      // its body as it leaves
	item     []byte      // an item of a list as the body of a record
	joined   []byte      // the same as JSON text
	records  []byte      // the records that a list becomes
}

// New returns a pipeline. log may be nil. The error says which option is wrong.
func New(opts Options, log Logger) (*Pipeline, error) {
	if opts.Judge == nil {
		return nil, errors.New("pipeline: no judge")
	}
	if holds := usualFields[:]; opts.SeverityKey != "" {
		if opts.Key != "" {
			holds = []string{opts.Key}
		}
		if slices.Contains(holds, opts.SeverityKey) {
			return nil, fmt.Errorf("property severity_key: bad value %q: the field that holds the event would be lost; accepted: another field name, or off for none", opts.SeverityKey)
		}
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
		split:  opts.Split,
		redact: opts.Redact,
		format: f,
		watch:  opts.Metrics,
		log:    log,
		faults: limiter{every: time.Minute},
	}
	p.sharer, _ = opts.Judge.(Sharer)
	if p.repeater, _ = opts.Judge.(Repeater); p.sharer != nil || p.tagAll {
		p.repeater = nil
	}
	if p.repeater != nil {
		p.routines = newRoutines()
	}
	p.stats.findings = newFindings()
	p.glance.Store(true)
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
// exact size, and owned as that memory is. A chunk that is no MessagePack stays
// untouched and is counted, and so is one at which this code or the judge panics,
// but for values of secrets, which are removed even then.
func (p *Pipeline) Process(chunk []byte, alloc func(n int) []byte) (out []byte, modified bool) {
	if p.watch != nil {
		began := time.Now()
		defer func() { p.watch.ChunkTime.Observe(time.Since(began).Seconds()) }()
	}
	p.stats.chunks.Add(1)
	bytes := p.stats.bytes.Add(uint64(len(chunk)))
	out, modified = p.process(p.idle.Get().(*scratch), chunk, alloc)
	p.blind.passed(bytes, p.log)
	return out, modified
}

// process takes a chunk through. It gives s back, unless it panicked and left s in
// an unknown state.
func (p *Pipeline) process(s *scratch, b []byte, alloc func(n int) []byte) (out []byte, modified bool) {
	defer func() {
		if r := recover(); r != nil {
			out, modified = nil, false
			p.stats.panics.Add(1)
			if missed, ok := p.faults.allow(time.Now()); ok {
				p.log.Errorf("internal error, chunk of %d bytes passed on unjudged (%d more since the last message): %s", len(b), missed, describe(r))
			}
			out, modified = p.onlyRedact(b, alloc)
		}
	}()
	// All records are walked before the first is judged: what the history
	// learns from a chunk and what comes out of it must agree.
	if err := s.find(p, b); err != nil {
		p.stats.undecodable.Add(1)
		if missed, ok := p.faults.allow(time.Now()); ok {
			p.log.Warnf("chunk of %d bytes passed on as it came (%d more since the last message): %v", len(b), missed, err)
		}
		p.release(s)
		return nil, false
	}
	if len(s.spans) == 0 {
		p.idle.Put(s)
		return nil, false
	}
	p.records(s, b)
	if !s.edits.Empty() {
		if out = s.edits.Apply(b, alloc); out == nil {
			p.stats.refused.Add(1)
		}
		modified = out != nil
	}
	p.release(s)
	return out, modified
}

// records judges the records that were found and plans the edits of the chunk.
func (p *Pipeline) records(s *scratch, b []byte) {
	end := p.begin(s, b)
	defer end()
	if p.repeater != nil {
		p.withRoutines(s, b)
		return
	}
	for i := range s.spans {
		p.record(s, b, s.spans[i])
	}
}

// record judges what is in one record and plans its edits.
func (p *Pipeline) record(s *scratch, b []byte, at chunk.Span) {
	r := chunk.Read(b, at)
	if r.Kind != chunk.Log {
		return
	}
	what := p.body(s, r.Body)
	// Of a list not only the judging would have to be repeated.
	s.note = s.note && what == single
	p.blind.note(what, p.log)
	if what == several && p.split && p.splitRecord(s, &r) {
		s.edits.Replace(at.Start, at.End-at.Start, s.records)
		return
	}
	t := p.judgeFound(s, what, r.Body, r.Time)
	if t == nil && !p.redact {
		return
	}
	clean, redacted := p.withoutSecrets(s, r.Body)
	if t != nil {
		t.redacted = redacted || wasRedacted(r.Body)
	}
	if t != nil && !redacted && !p.format.rebuilds() {
		// The usual case needs no copy of the record.
		var pairs int
		s.fields, pairs = p.format.appendFields(s.fields[:0], t)
		s.edits.SetFields(b, r.BodyAt, r.BodyAt+len(r.Body), p.format.keys(), pairs, s.fields)
		return
	}
	if body, changed := p.finish(s, clean, t, redacted); changed {
		s.edits.Replace(r.BodyAt, len(r.Body), body)
	}
}

// finish returns a body without secrets as it leaves: tagged with t, unless that
// is nil, and marked if something was removed. The result is valid until the next
// call.
func (p *Pipeline) finish(s *scratch, body []byte, t *tag, redacted bool) (out []byte, changed bool) {
	if t == nil && !redacted {
		return body, false
	}
	keys, pairs := p.format.keys(), 0
	if t != nil {
		t.redacted = t.redacted || redacted
		if p.format.rebuilds() {
			s.body = p.format.rebuild(s.body[:0], body, t)
			return s.body, true
		}
		s.fields, pairs = p.format.appendFields(s.fields[:0], t)
	} else {
		keys, pairs = redactedKeys[:], 1
		s.fields = p.format.appendRedacted(s.fields[:0])
	}
	s.inner.Reset()
	if !s.inner.SetFields(body, 0, len(body), keys, pairs, s.fields) {
		return body, redacted
	}
	s.body = s.inner.Apply(body, func(n int) []byte { return grow(s.body, n) })
	return s.body, true
}

// wasRedacted reports whether a pipeline that a record went through before removed
// something from it.
func wasRedacted(body []byte) bool {
	m := tree.Packed(body)
	return m.Get(verdictKey).Get("redacted").True() || m.Get(flatPrefix+"redacted").True()
}

// grow returns n bytes, in b's memory if they fit.
func grow(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}

// withoutSecrets returns body, or its copy without the values of secrets, which is
// valid until the next call.
func (p *Pipeline) withoutSecrets(s *scratch, body []byte) (clean []byte, redacted bool) {
	if !p.redact || !redact.Suspect(body) {
		return body, false
	}
	var did redact.Result
	s.clean, did = s.redactor.Append(s.clean[:0], body)
	if !did.Redacted {
		return body, false
	}
	p.glance.Store(false)
	p.stats.redacted.Add(1)
	p.stats.cut.Add(uint64(did.Cut))
	return s.clean, true
}

// onlyRedact is what is left to do for a chunk that was given up.
func (p *Pipeline) onlyRedact(b []byte, alloc func(n int) []byte) (out []byte, modified bool) {
	defer func() {
		if recover() != nil {
			out, modified = nil, false
		}
	}()
	s := new(scratch)
	if !p.redact || s.find(p, b) != nil {
		return nil, false
	}
	for _, at := range s.spans {
		r := chunk.Read(b, at)
		if r.Kind != chunk.Log {
			continue
		}
		clean, redacted := p.withoutSecrets(s, r.Body)
		if body, changed := p.finish(s, clean, nil, redacted); changed {
			s.edits.Replace(r.BodyAt, len(r.Body), body)
		}
	}
	if s.edits.Empty() {
		return nil, false
	}
	out = s.edits.Apply(b, alloc)
	return out, out != nil
}

// release returns s to the pool without anything that points into the chunk.
func (p *Pipeline) release(s *scratch) {
	s.event.Clear()
	s.verdict = detector.Verdict{Rules: clearAll(s.verdict.Rules), Techniques: clearAll(s.verdict.Techniques)}
	s.edits.Reset()
	s.inner.Reset()
	s.layouts = [maxLayers + 1]layout{}
	clear(s.outlines)
	s.note = false
	s.holder, s.packed, s.list, s.judge = tree.Value{}, tree.Value{}, eventsIn{}, nil
	s.tag = tag{}
	clear(s.shared[:cap(s.shared)])
	if cap(s.spans) > 1<<16 {
		s.spans, s.outlines = nil, nil
	}
	for _, b := range [...]*[]byte{&s.text, &s.fields, &s.clean, &s.body, &s.item, &s.joined, &s.records} {
		if cap(*b) > 1<<20 {
			*b = nil
		}
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
