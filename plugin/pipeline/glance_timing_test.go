package pipeline

import (
	"fmt"
	"testing"

	"github.com/secretwatch/secretwatch/test/gen"
)

// BenchmarkPass passes over records of 1.1 KB that are in the first, in the second
// and in no cache.
func BenchmarkPass(b *testing.B) {
	for _, size := range []int{16 << 10, 1 << 20, 64 << 20} {
		b.Run(fmt.Sprintf("%dKB", size>>10), func(b *testing.B) { benchmarkPass(b, size, (*form).pass) })
	}
	b.Run("Go", func(b *testing.B) { benchmarkPass(b, 1<<20, (*form).passGo) })
}

func benchmarkPass(b *testing.B, size int, pass func(*form, []byte) (int, int)) {
	cfg := gen.DefaultConfig(1)
	cfg.Secrets = 0
	g := gen.New(cfg)
	var f form
	p := newPipeline(b)
	var c []byte
	for len(c) < size {
		n := len(c)
		c = append(c, lineRecord(headers[1], "log", string(g.Next()))...)
		if !f.learn(c[n:], p) {
			b.Fatal("no line")
		}
		if end, _ := f.pass(c[n:]); end == 0 {
			c = c[:n] // a review of a token
		}
	}
	records := 0
	for b.Loop() {
		end, n := pass(&f, c)
		if end != len(c) {
			b.Fatalf("%d of %d bytes", end, len(c))
		}
		records += n
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(records), "ns/record")
}
