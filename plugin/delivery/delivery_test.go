package delivery

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/secretwatch/secretwatch/detector/msgpack"
	"github.com/secretwatch/secretwatch/plugin/chunk"
)

// record returns a V2 record whose body has the pairs of text, key after value.
func record(text ...string) []byte {
	b := chunk.AppendRecordHeader(nil, 1700000000_000000005)
	b = msgpack.AppendMapHeader(b, len(text)/2)
	for _, s := range text {
		b = msgpack.AppendStr(b, s)
	}
	return b
}

// tagger is a Processor that appends a verdict to records with a member "bad",
// once for the same record.
type tagger struct {
	mu    sync.Mutex
	seen  map[string]bool
	calls int
}

func (p *tagger) Process(b []byte, alloc func(n int) []byte) ([]byte, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	var edits chunk.Edits
	for at := 0; at < len(b); {
		s, err := chunk.Next(b, at)
		if err != nil {
			return nil, false
		}
		at = s.End
		r := chunk.Read(b, s)
		if r.Kind != chunk.Log || member(r.Body, "bad") == nil || p.seen[string(r.Body)] {
			continue
		}
		if p.seen == nil {
			p.seen = map[string]bool{}
		}
		p.seen[string(r.Body)] = true
		edits.SetFields(b, r.BodyAt, r.BodyAt+len(r.Body), nil, 1, verdict)
	}
	if edits.Empty() {
		return nil, false
	}
	return edits.Apply(b, alloc), true
}

var verdict = func() []byte {
	b := msgpack.AppendStr(nil, "secretwatch")
	b = msgpack.AppendMapHeader(b, 1)
	b = msgpack.AppendStr(b, "severity")
	return msgpack.AppendStr(b, "high")
}()

// memory is a writer that fails while err is set.
type memory struct {
	mu     sync.Mutex
	text   bytes.Buffer
	err    error
	closed int
}

func (m *memory) Write(b []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return 0, m.err
	}
	return m.text.Write(b)
}

func (m *memory) Close() error { m.closed++; return nil }

// lines collects what is logged.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) add(level, format string, args []any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, level+" "+fmt.Sprintf(format, args...))
}

func (l *lines) Errorf(format string, args ...any) { l.add("error", format, args) }
func (l *lines) Warnf(format string, args ...any)  { l.add("warn", format, args) }
func (l *lines) Infof(format string, args ...any)  { l.add("info", format, args) }

func (l *lines) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(strings.Join(l.all, "\n"), text)
}

const bad = `{"a":"1","bad":"2","secretwatch":{"severity":"high"}}` + "\n"

// A chunk that is brought again is not judged again, and goes out with what was
// found the first time.
func TestRetryKeepsVerdicts(t *testing.T) {
	f := func(only bool, want string) {
		t.Helper()
		var p tagger
		w, log := &memory{err: errors.New("no room")}, &lines{}
		o := New(Options{Process: &p, Target: ToLines(w), Log: log, OnlyFindings: only})
		b := append(record("a", "0"), record("a", "1", "bad", "2")...)
		for range 3 {
			if r := o.Deliver(b, "t", true); r != Retry {
				t.Errorf("result %v", r)
			}
		}
		if n, _ := o.pending.size(); n != 1 || p.calls != 1 {
			t.Errorf("%d pending, %d times judged", n, p.calls)
		}
		w.err = nil
		if r := o.Deliver(b, "t", true); r != Delivered || w.text.String() != want {
			t.Errorf("result %v: %s", r, w.text.String())
		}
		if n, bytes := o.pending.size(); n != 0 || bytes != 0 || p.calls != 1 {
			t.Errorf("%d pending of %d bytes, %d times judged", n, bytes, p.calls)
		}
		// The next chunk with the same content is another.
		o.Deliver(b, "t", true)
		if p.calls != 2 {
			t.Errorf("%d times judged", p.calls)
		}
		if !log.has("warn not delivered") || !log.has("info delivering again, after 3 attempts") || len(log.all) != 2 {
			t.Errorf("log: %q", log.all)
		}
		if o.Close(); w.closed != 1 {
			t.Error("the target is not closed")
		}
	}
	f(false, `{"a":"0"}`+"\n"+bad)
	f(true, bad)
}

// Chunks of the same bytes under different tags are different chunks.
func TestRetryKnowsTags(t *testing.T) {
	var p tagger
	w := &memory{err: io.ErrShortWrite}
	o := New(Options{Process: &p, Target: ToLines(w), Log: &lines{}})
	b := record("a", "1", "bad", "2")
	o.Deliver(b, "t", true)
	o.Deliver(b, "u", true)
	if n, _ := o.pending.size(); n != 2 || p.calls != 2 {
		t.Errorf("%d pending, %d times judged", n, p.calls)
	}
}

func TestUndecodable(t *testing.T) {
	log := &lines{}
	w := &memory{}
	o := New(Options{Process: &tagger{}, Target: ToLines(w), Log: log})
	if r := o.Deliver(append(record("a", "0"), 0x92, 0xc1), "t", true); r != Failed || !log.has("error chunk of ") || w.text.Len() != 0 {
		t.Errorf("result %v, log %q", r, log.all)
	}
	if o.pending.any() {
		t.Error("remembered")
	}
}

// What is no record is left out, and markers of groups silently.
func TestUnfit(t *testing.T) {
	start := []byte{0x92, 0x92, 0xd7, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0x80, 0x80}
	legacy := []byte{0x92, 0xce, 0x65, 0, 0, 0, 0x81, 0xa1, 'l', 0xc0}
	scalar := append(chunk.AppendRecordHeader(nil, 0), 0xc3)
	f := func(want string, sent Sent, parts ...[]byte) {
		t.Helper()
		w := &memory{}
		got, err := ToLines(w).Send(bytes.Join(parts, nil), "", "", true)
		if err != nil || got != sent || w.text.String() != want {
			t.Errorf("%v, %+v: %q", err, got, w.text.String())
		}
	}
	f(`{"l":null}`+"\n"+`{"a":"1"}`+"\n", Sent{2, 2}, start, legacy, []byte{7}, record("a", "1"), scalar)
	f("", Sent{}, start)
	f("", Sent{})
	deep := append(chunk.AppendRecordHeader(nil, 0), 0x81, 0xa1, 'd')
	deep = append(append(deep, bytes.Repeat([]byte{0x91}, 2000)...), 0xc0)
	f(`{"a":"1"}`+"\n", Sent{1, 1}, deep, record("a", "1"))
}

func TestHasFinding(t *testing.T) {
	f := func(want bool, text ...string) {
		t.Helper()
		r := record(text...)
		if got := hasFinding(chunk.Read(r, chunk.Span{Start: 0, End: len(r)}).Body); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	f(false)
	f(false, "severity", "high")
	f(false, "secretwatch", "high")
	f(false, "secretwatch_severity", "none")
	f(true, "x", "y", "secretwatch_severity", "low")
	f(true, "secretwatch_severity", "critical")
}

func TestPendingIsBounded(t *testing.T) {
	var p pending
	p.init(10*(100+pendingOverhead), time.Minute)
	now := time.Now()
	at := func(i int) pendingKey { return pendingKey{byte(i), byte(i >> 8)} }
	lost := 0
	for i := range 1000 {
		lost += p.put(at(i), &pendingChunk{changed: true, records: make([]byte, 100, 5000)}, now)
	}
	if n, bytes := p.size(); n != 10 || bytes > p.most || lost != 990 {
		t.Errorf("%d of %d bytes, %d lost", n, bytes, lost)
	}
	if p.take(at(989)) != nil || p.take(at(990)) == nil || p.take(at(990)) != nil {
		t.Error("not the oldest went")
	}
	if p.put(at(1), &pendingChunk{changed: true, records: make([]byte, p.most)}, now) != 1 || p.take(at(1)) != nil {
		t.Error("one that is too large is remembered")
	}
	p.put(at(2), &pendingChunk{}, now.Add(2*time.Minute))
	if n, _ := p.size(); n != 1 {
		t.Errorf("%d remembered beyond their time", n)
	}
	p.put(at(2), &pendingChunk{}, now.Add(2*time.Minute))
	if n, bytes := p.size(); n != 1 || bytes != pendingOverhead {
		t.Errorf("%d of %d bytes", n, bytes)
	}
}
