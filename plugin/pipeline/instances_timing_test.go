package pipeline

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/test/gen"
)

// instance is a filter and the log it reads, over and over.
type instance struct {
	p      *Pipeline
	chunks [][]byte
	ids    [][]int // offsets in each chunk of the audit ids of accesses
	turn   int
	asked  uint32
}

// step takes the next chunk through. Its accesses are new requests each time.
func (i *instance) step() {
	at := i.turn % len(i.chunks)
	i.turn++
	c := i.chunks[at]
	for _, id := range i.ids[at] {
		i.asked++
		for d, n := 0, i.asked; d < 8; d++ {
			c[id+d] = "0123456789abcdef"[n&15]
			n >>= 4
		}
	}
	i.p.Process(c, alloc)
}

// BenchmarkInstances is eight filters at work at once, by the share of their records
// that are accesses to secrets. x-separate is the throughput of those that share a
// history by that of those which have one each, timed in turns.
func BenchmarkInstances(b *testing.B) {
	const count, turn = 8, 100 // filters, chunks
	for _, share := range []float64{0.02, 0.2, 1} {
		b.Run(fmt.Sprint(share), func(b *testing.B) {
			made := func(shared bool) []*instance {
				cfg := gen.DefaultConfig(1)
				cfg.Events, cfg.Secrets, cfg.Anomalies, cfg.Span = count*3000, share, 0, time.Hour
				g := gen.New(cfg)
				dc := detector.DefaultConfig()
				dc.LearningPeriod = 365 * 24 * time.Hour
				m := detector.NewMemory(dc)
				var all []*instance
				for n := range count {
					if !shared {
						m = detector.NewMemory(dc)
					}
					d, err := detector.NewWith(dc, m)
					if err != nil {
						b.Fatal(err)
					}
					i := &instance{p: newPipeline(b, func(o *Options) { o.Judge = d }), asked: uint32(n) << 28}
					var lines []string
					for range cfg.Events / count {
						lines = append(lines, string(g.Next()))
					}
					i.chunks = chunksOf(lines, func(l string) []byte { return lineRecord(headers[1], "log", l) })
					for _, c := range i.chunks {
						var ids []int
						for at := 0; ; at++ {
							next := bytes.Index(c[at:], []byte(beginning))
							if next < 0 {
								break
							}
							at += next + len(beginning)
							line, _, _ := bytes.Cut(c[at:], []byte(beginning))
							if bytes.Contains(line, []byte(`"resource":"secrets"`)) {
								ids = append(ids, at)
							}
						}
						i.ids = append(i.ids, ids)
					}
					all = append(all, i)
				}
				return all
			}
			run := func(all []*instance) float64 {
				from := time.Now()
				var wait sync.WaitGroup
				for _, i := range all {
					wait.Add(1)
					go func() {
						defer wait.Done()
						for range turn {
							i.step()
						}
					}()
				}
				wait.Wait()
				return float64(time.Since(from))
			}
			together, apart := made(true), made(false)
			for range 10 {
				run(together)
				run(apart)
			}
			// Medians of the turns, since whatever else the machine does falls on one
			// of the two.
			var ratio, shared []float64
			for b.Loop() {
				t, a := run(together), run(apart)
				ratio, shared = append(ratio, a/t), append(shared, t)
			}
			slices.Sort(ratio)
			slices.Sort(shared)
			b.ReportMetric(ratio[len(ratio)/2], "x-separate")
			b.ReportMetric(shared[len(shared)/2]/count/turn, "ns/chunk")
			b.ReportMetric(0, "ns/op")
		})
	}
}
