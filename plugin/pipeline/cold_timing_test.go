package pipeline

import (
	"fmt"
	"testing"
	"time"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/test/gen"
)

// BenchmarkCold takes chunks through as a host does: of one read, 32 KB, each in
// memory that other records went through since, so that a decision finds
// little of what it needs in the caches.
func BenchmarkCold(b *testing.B) {
	for _, share := range []float64{0, 0.02, 0.2} {
		b.Run(fmt.Sprint(share), func(b *testing.B) {
			const events, a = 100000, 29
			cfg := gen.DefaultConfig(1)
			cfg.Events, cfg.Secrets = events, share
			g := gen.New(cfg)
			var chunks [][]byte
			var c []byte
			n := 0
			for line := g.Next(); line != nil; line = g.Next() {
				c = append(c, lineRecord(headers[1], "log", string(line))...)
				if n++; n%a == 0 {
					chunks = append(chunks, c)
					c = nil
				}
			}
			ring := make([]byte, 64<<20)
			mem, out := make([]byte, 64<<10), make([]byte, 128<<10)
			var spent time.Duration
			judged := uint64(0)
			b.ResetTimer()
			for range b.N {
				d, err := detector.New(detector.DefaultConfig())
				if err != nil {
					b.Fatal(err)
				}
				p := newPipeline(b, func(o *Options) { o.Judge = d })
				at := 0
				for _, c := range chunks {
					// What goes through the caches besides: read, encoder, chunk.
					copy(mem, c)
					for range 2 {
						if at+len(c) > len(ring) {
							at = 0
						}
						copy(ring[at:], mem[:len(c)])
						at += len(c)
					}
					began := time.Now()
					p.Process(mem[:len(c)], func(n int) []byte { return out[:n] })
					spent += time.Since(began)
				}
				judged += p.stats.judged.Load()
			}
			b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N)/events, "ns/event")
			b.ReportMetric(float64(judged)/float64(b.N), "judged")
			b.ReportMetric(float64(spent.Nanoseconds())/float64(max(judged, 1)), "ns/judged")
		})
	}
}
