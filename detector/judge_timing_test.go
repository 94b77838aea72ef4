package detector

import (
	"bytes"
	"testing"
	"time"

	"github.com/valyala/fastjson"

	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/test/cputime"
	"github.com/secretwatch/secretwatch/test/gen"
)

// accesses returns n accesses to secrets by ordinary users of a cluster, as JSON
// lines that are all of one day.
func accesses(n int) [][]byte {
	cfg := gen.DefaultConfig(1)
	cfg.Events, cfg.Secrets, cfg.Anomalies, cfg.Span = n, 1, 0, time.Hour
	g := gen.New(cfg)
	var lines [][]byte
	for line := g.Next(); line != nil; line = g.Next() {
		lines = append(lines, bytes.Clone(line))
	}
	return lines
}

// stream hands out events over and over, as new requests each time.
type stream struct {
	tb     testing.TB
	lines  [][]byte
	n      int
	parser audit.Parser
	event  audit.Event
}

// next is the text of the next event.
func (s *stream) next() []byte {
	line := s.lines[s.n%len(s.lines)]
	s.n++
	// The first digits of the audit id, which the API server draws.
	const at = len(`{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"`)
	for i, n := 0, s.n; i < 8; i++ {
		line[at+i] = "0123456789abcdef"[n&15]
		n >>= 4
	}
	return line
}

// judge takes one event from its text to the verdict, which has to be want.
func (s *stream) judge(d *Detector, v *Verdict, want Result) {
	if err := s.parser.ParseJSON(s.next(), &s.event); err != nil {
		s.tb.Fatal(err)
	}
	if got := d.Judge(&s.event, v); got != want {
		s.tb.Fatalf("result %d with %v: %s", got, v.Rules, v.Reason)
	}
}

// settled returns a detector that knows the accesses and has learnt for two
// days, and a stream of the accesses on the third.
func settled(tb testing.TB, lines [][]byte, change func(*Config)) (*Detector, *stream) {
	cfg := DefaultConfig()
	if change != nil {
		change(&cfg)
	}
	d, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	s := &stream{tb: tb, lines: lines}
	var v Verdict
	for _, day := range []string{"2026-06-01", "2026-06-03"} {
		for i, line := range lines {
			lines[i] = bytes.ReplaceAll(line, []byte("2026-06-01"), []byte(day))
		}
		for range lines {
			s.judge(d, &v, Clean)
		}
	}
	// Both generations of what is remembered of requests have their size.
	for range 2 * dedupSize {
		s.judge(d, &v, Clean)
	}
	return d, s
}

// BenchmarkDecision is the way from the bytes of a secret access to its verdict
// where nothing is new; x-fastjson is its cost by that of only parsing the same
// bytes with fastjson, in turns. An operation is a thousand of each.
func BenchmarkDecision(b *testing.B) {
	f := func(name, of string) {
		b.Run(name, func(b *testing.B) {
			var lines [][]byte
			for _, line := range accesses(4000) {
				if bytes.Contains(line, []byte(of)) {
					lines = append(lines, line)
				}
			}
			d, s := settled(b, lines, nil)
			plain := &stream{tb: b, lines: lines}
			var v Verdict
			var parser fastjson.Parser
			var decisions, parses time.Duration
			const turn = 1000 // of both
			b.ReportAllocs()
			for b.Loop() {
				from := cputime.Used()
				for range turn {
					s.judge(d, &v, Clean)
				}
				then := cputime.Used()
				for range turn {
					if _, err := parser.ParseBytes(plain.next()); err != nil {
						b.Fatal(err)
					}
				}
				decisions += then - from
				parses += cputime.Used() - then
			}
			b.ReportMetric(float64(decisions)/float64(b.N)/turn, "ns/decision")
			b.ReportMetric(float64(parses)/float64(b.N)/turn, "ns/fastjson")
			b.ReportMetric(float64(decisions)/float64(parses), "x-fastjson")
			b.ReportMetric(0, "ns/op")
		})
	}
	f("mix", "")
	f("node", `"username":"system:node:`)
	f("workload", `"username":"system:serviceaccount:`)
	f("person", `"username":"dev-`)
}

// BenchmarkJudge is the part of BenchmarkDecision behind the parser.
func BenchmarkJudge(b *testing.B) {
	d, s := settled(b, accesses(4000), nil)
	var v Verdict
	events := make([]audit.Event, len(s.lines))
	parsers := make([]audit.Parser, len(s.lines))
	for i := range events {
		if err := parsers[i].ParseJSON(s.next(), &events[i]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		ev := &events[n%len(events)]
		ev.Time++
		if got := d.Judge(ev, &v); got != Clean {
			b.Fatal(got, v.Reason)
		}
	}
}
