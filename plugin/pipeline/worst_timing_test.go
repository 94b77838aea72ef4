package pipeline

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/test/cputime"
)

// heap is the memory in use after everything that can be given back was, in MB.
func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / 1e6
}

// detecting returns a pipeline with a detector that learns nothing first.
func detecting(b *testing.B) *Pipeline {
	cfg := detector.DefaultConfig()
	cfg.LearningPeriod = 0
	d, err := detector.New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	return newPipeline(b, func(o *Options) { o.Judge = d })
}

// long is a record around an access whose answer is about size bytes long, with
// an escape every few bytes, under an audit id of its own.
func long(id, size int) []byte {
	text := strings.Replace(event("alice"), `"id-1"`, fmt.Sprintf(`"id-%d"`, id), 1)
	text = strings.Replace(text, `"annotations":`, `"responseObject":{"kind":"Secret","data":{"a":"`+
		strings.Repeat(`eHh4\n\"`, size/9)+`"}},"annotations":`, 1)
	return logRecord(text)
}

// BenchmarkLongLine is an event of 2.4 MB. x-short is what a byte of it costs by
// what one of forty lines of 60 KB does; MB-kept is the memory that stays in use.
func BenchmarkLongLine(b *testing.B) {
	const size = 2400 << 10
	p := detecting(b)
	before := heap()
	var one, many time.Duration
	id := 0
	for b.Loop() {
		b.StopTimer()
		id++
		whole := long(id, size)
		var parts []byte
		for range 40 {
			id++
			parts = append(parts, long(id, size/40)...)
		}
		b.StartTimer()
		from := cputime.Used()
		p.Process(whole, alloc)
		then := cputime.Used()
		p.Process(parts, alloc)
		one += then - from
		many += cputime.Used() - then
	}
	b.ReportMetric(float64(one)/float64(many), "x-short")
	b.ReportMetric(float64(one)/float64(b.N)/1e6, "ms/line")
	b.ReportMetric(heap()-before, "MB-kept")
}

// BenchmarkFindings is a chunk of which all 10,000 records are tagged. x-tenth
// is what one of them costs by what one of a chunk of 1,000 does; MB-kept is the
// memory that stays in use.
func BenchmarkFindings(b *testing.B) {
	p := detecting(b)
	of := func(n, round int) []byte {
		var chunk []byte
		for i := range n {
			chunk = append(chunk, logRecord(strings.Replace(event("mallory"), `"id-1"`, fmt.Sprintf(`"id-%d-%d-%d"`, n, round, i), 1))...)
		}
		return chunk
	}
	before := heap()
	result := make([]byte, 32<<20)
	alloc := func(n int) []byte { return result[:n] }
	var all, tenth time.Duration
	for round := 0; b.Loop(); round++ {
		b.StopTimer()
		large, small := of(10000, round), of(1000, round)
		b.StartTimer()
		from := cputime.Used()
		out, _ := p.Process(large, alloc)
		then := cputime.Used()
		p.Process(small, alloc)
		all += then - from
		tenth += cputime.Used() - then
		if n := bytes.Count(out, []byte(`suspicious-user-agent`)); n < 10000 {
			b.Fatalf("%d findings", n)
		}
	}
	b.ReportMetric(float64(all)/float64(tenth)/10, "x-tenth")
	b.ReportMetric(float64(all)/float64(b.N)/10000, "ns/finding")
	result = nil
	b.ReportMetric(heap()-before, "MB-kept")
}
