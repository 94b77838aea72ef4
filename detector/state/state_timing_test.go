package state

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/secretwatch/secretwatch/detector/history"
)

// teach makes n principals with 100 values each: addresses, clients, namespaces
// and secrets.
func teach(h *History, from, n int, at int64) {
	s := h.Memory().Store()
	b := &s.Bounds
	s.Start(at)
	for i := from; i < from+n; i++ {
		name := fmt.Sprintf("system:serviceaccount:team-%d:app-%d", i%500, i)
		sh := s.Shard(name)
		sh.Lock()
		p, _ := sh.Get(name, at)
		for k := range 25 {
			p.Sets[history.DimSource].Teach(b, uint64(i*1000+k), fmt.Sprintf("198.51.%d.%d", i%250, k), at+int64(k)*1e9)
		}
		for k := range 5 {
			p.Sets[history.DimClient].Teach(b, uint64(k), fmt.Sprintf("client-%d linux/amd64", k), at+int64(k)*1e9)
		}
		for k := range 20 {
			p.Sets[history.DimNamespace].Teach(b, uint64(k), fmt.Sprintf("team-%d", k), at+int64(k)*1e9)
		}
		for k := range 50 {
			p.Objects.Teach(b, uint64(i*1000+k), at+int64(k)*1e9, false)
		}
		sh.Teach(p, at, true)
		sh.Unlock()
	}
}

// BenchmarkMillionValues times a history of 1,000,000 values: to write it, to
// write 1 % of it that changed, and to read it at a start.
func BenchmarkMillionValues(b *testing.B) {
	cfg := testConfig()
	cfg.MaxPrincipals = 20000 // shards are not filled evenly
	for range b.N {
		path := filepath.Join(b.TempDir(), "state.db")
		timed := func(what string, f func()) {
			began := time.Now()
			f()
			b.ReportMetric(float64(time.Since(began).Microseconds())/1000, what+"-ms")
		}
		check := func(err error) {
			if err != nil {
				b.Fatal(err)
			}
		}
		h := Open(Options{Path: path, Flush: time.Hour, Log: &journal{}}, cfg)
		teach(h, 0, 10000, now)
		timed("write-all", func() { check(h.Flush()) })
		teach(h, 0, 100, now+1e12)
		timed("write-1%", func() { check(h.Flush()) })
		timed("write-nothing", func() { check(h.Flush()) })
		check(h.Close())
		info, err := os.Stat(path)
		check(err)
		b.ReportMetric(float64(info.Size())/1e6, "file-MB")

		var before, after runtime.MemStats
		h = nil
		runtime.GC()
		runtime.ReadMemStats(&before)
		timed("start", func() { h = Open(Options{Path: path, Flush: time.Hour, Log: &journal{}}, cfg) })
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric((float64(after.HeapAlloc)-float64(before.HeapAlloc))/1e6, "heap-MB")
		known, _ := h.Memory().Store().Len()
		if known != 10000 {
			b.Fatalf("%d principals were read", known)
		}
		check(h.Close())
	}
}
