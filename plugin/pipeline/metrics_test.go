package pipeline

import (
	"bytes"
	"slices"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/secretwatch/secretwatch/detector/rule"
)

type times struct {
	mu   sync.Mutex
	took []float64
}

func (t *times) Observe(seconds float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.took = append(t.took, seconds)
}

func TestMetrics(t *testing.T) {
	chunks, decisions := &times{}, &times{}
	p := newPipeline(t, func(o *Options) { o.Metrics = &Metrics{ChunkTime: chunks, DecisionTime: decisions} })
	f := func(in []byte, records, timed int) {
		t.Helper()
		before, counted, n := len(chunks.took), len(decisions.took), p.Stats().Records
		process(t, p, in)
		if len(chunks.took) != before+1 || len(decisions.took) != counted+timed {
			t.Errorf("%d chunks and %d decisions were timed, want 1 and %d", len(chunks.took)-before, len(decisions.took)-counted, timed)
		}
		if got := p.Stats().Records - n; got != uint64(records) {
			t.Errorf("%d records counted, want %d", got, records)
		}
	}
	many := func(n int, record []byte) []byte { return slices.Concat(slices.Repeat([][]byte{record}, n)...) }

	// Nothing of interest is counted too, as far as it can be read.
	f(many(5, logRecord("nothing")), 5, 0)
	f(append(many(5, logRecord("nothing")), 0xc1), 5, 0)
	// Memory may be dropped between two chunks, so one chunk tells.
	p = newPipeline(t, func(o *Options) { o.Metrics = p.watch })
	f(many(2*DecisionSample+1, logRecord(event("alice"))), 2*DecisionSample+1, 3)
	p = newPipeline(t, func(o *Options) { o.Metrics = p.watch })
	// What is skipped is neither timed nor counted as a decision.
	skipped := logRecord(notSecret(event("alice"))[:len(event("alice"))-1] + `,"secrets":1}`)
	f(many(DecisionSample, append(skipped, logRecord(event("alice"))...)), 2*DecisionSample, 1)
	for _, took := range slices.Concat(chunks.took, decisions.took) {
		if took <= 0 || took > 60 {
			t.Errorf("took %v s", took)
		}
	}
}

// Measuring allocates nothing.
func TestMetricsAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("with the race detector pools forget at random")
	}
	histogram := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "x"})
	p := newPipeline(t, func(o *Options) { o.Metrics = &Metrics{ChunkTime: histogram, DecisionTime: histogram} })
	in := bytes.Repeat(append(logRecord("x"), logRecord(event("alice"))...), DecisionSample)
	if n := testing.AllocsPerRun(100, func() { p.Process(in, alloc) }); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func TestFindingsByRule(t *testing.T) {
	p := newPipeline(t)
	process(t, p, slices.Concat(logRecord(event("bad")), logRecord(event("bad")), logRecord(event("alice"))))
	s := p.Stats()
	if s.Found[rule.Medium] != 2 || s.First != 2 || s.Findings() != 2 {
		t.Errorf("%+v", s)
	}
	for _, r := range s.Rules {
		want := RuleStats{Rule: r.Rule}
		switch r.Rule {
		case "unusual-user-agent":
			want.First[rule.Medium], want.Matches = 2, 2
		case "new-source-ip":
			want.Matches = 2
		}
		if r != want {
			t.Errorf("got %+v, want %+v", r, want)
		}
	}
	if len(s.Rules) != len(rule.IDs())+1 {
		t.Errorf("%d rules", len(s.Rules))
	}
}
