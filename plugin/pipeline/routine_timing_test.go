package pipeline

import (
	"testing"
	"time"

	"github.com/valyala/fastjson"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/plugin/chunk"
	"github.com/secretwatch/secretwatch/test/cputime"
	"github.com/secretwatch/secretwatch/test/gen"
)

// BenchmarkRoutine takes chunks of a read's size through whose records repeat others,
// each as a new request; x-fastjson is what one costs by the cost of only parsing its
// text with fastjson, in turns.
func BenchmarkRoutine(b *testing.B) {
	d, err := detector.New(detector.DefaultConfig())
	if err != nil {
		b.Fatal(err)
	}
	routine := 0
	p := newPipeline(b, func(o *Options) { o.Judge = repeated{d, &routine} })
	cfg := gen.DefaultConfig(1)
	cfg.Events, cfg.Secrets, cfg.Anomalies, cfg.Span = 4000, 1, 0, time.Hour
	g := gen.New(cfg)
	var lines []string
	for line := g.Next(); line != nil; line = g.Next() {
		lines = append(lines, string(line))
	}
	chunks := chunksOf(lines, func(l string) []byte { return lineRecord(headers[1], "log", l) })
	texts := make([][][]byte, len(chunks))
	for i, c := range chunks {
		for at := 0; at < len(c); {
			l, ok := chunk.ReadLine(c, at)
			if !ok {
				b.Fatal("no line")
			}
			texts[i] = append(texts[i], c[at+l.Text.Start:at+l.Text.End])
			at += l.Text.End
		}
	}
	turn, asked := 0, 0
	next := func() int {
		i := turn % len(chunks)
		turn++
		for _, text := range texts[i] {
			asked++
			// The first digits of the audit id, which the API server draws.
			for at, n := len(beginning), asked; at < len(beginning)+8; at++ {
				text[at] = "0123456789abcdef"[n&15]
				n >>= 4
			}
		}
		return i
	}
	for range 3 * len(chunks) {
		p.Process(chunks[next()], alloc)
	}
	routine = 0
	var parser fastjson.Parser
	var repeats, parses time.Duration
	records := 0
	b.ReportAllocs()
	for b.Loop() {
		i := next()
		from := cputime.Used()
		p.Process(chunks[i], alloc)
		then := cputime.Used()
		for _, text := range texts[i] {
			if _, err := parser.ParseBytes(text); err != nil {
				b.Fatal(err)
			}
		}
		repeats += then - from
		parses += cputime.Used() - then
		records += len(texts[i])
	}
	if share := float64(routine) / float64(records); share < 0.99 {
		b.Fatalf("only %.2f of the accesses were routine", share)
	}
	b.ReportMetric(float64(repeats)/float64(records), "ns/access")
	b.ReportMetric(float64(repeats)/float64(parses), "x-fastjson")
	b.ReportMetric(0, "ns/op")
}
