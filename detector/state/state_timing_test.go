package state

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/detector/history"
	"github.com/secretwatch/secretwatch/test/cputime"
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

// BenchmarkTracked is a decision of a history that is kept, by one that is only in
// memory: x-memory. Nothing is written meanwhile.
func BenchmarkTracked(b *testing.B) {
	h := Open(Options{Path: filepath.Join(b.TempDir(), "state.db"), Flush: time.Hour, Log: &journal{}}, testConfig())
	defer h.Close()
	kept, memory := newReader(b, h.Memory()), newReader(b, detector.NewMemory(testConfig()))
	for range 2 * readers {
		kept.read()
		memory.read()
	}
	const turn = 1000
	var inFile, inMemory time.Duration
	for b.Loop() {
		from := cputime.Used()
		for range turn {
			kept.read()
		}
		then := cputime.Used()
		for range turn {
			memory.read()
		}
		inFile += then - from
		inMemory += cputime.Used() - then
	}
	b.ReportMetric(float64(inFile)/float64(inMemory), "x-memory")
	b.ReportMetric(float64(inFile)/float64(b.N)/turn, "ns/decision")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkWhileWriting is how long decisions take while all of a history of
// 1,000,000 values is written, over and over, by the clock: the 99th of a hundred,
// by that when nothing is written, and the longest.
func BenchmarkWhileWriting(b *testing.B) {
	cfg := testConfig()
	cfg.MaxPrincipals = 20000
	h := Open(Options{Path: filepath.Join(b.TempDir(), "state.db"), Flush: time.Hour, Log: &journal{}}, cfg)
	defer h.Close()
	teach(h, 0, 10000, now)
	r := newReader(b, h.Memory())
	for range 2 * readers {
		r.read()
	}
	sample := func() time.Duration {
		from := time.Now()
		r.read()
		return time.Since(from)
	}
	var during, before []time.Duration
	for b.Loop() {
		teach(h, 0, 10000, now+int64(b.N)*1e9)
		for range 20000 {
			before = append(before, sample())
		}
		written := make(chan error)
		go func() { written <- h.Flush() }()
		for done := false; !done; {
			select {
			case err := <-written:
				if done = true; err != nil {
					b.Fatal(err)
				}
			default:
				during = append(during, sample())
			}
		}
	}
	part := func(of []time.Duration, share float64) float64 {
		slices.Sort(of)
		return float64(of[int(share*float64(len(of)-1))])
	}
	b.ReportMetric(part(during, 0.99)/part(before, 0.99), "x-idle")
	b.ReportMetric(part(during, 0.99)/1e3, "p99-us")
	b.ReportMetric(part(during, 1)/1e3, "max-us")
	b.ReportMetric(part(before, 1)/1e3, "max-idle-us")
}

// readers is how many users a reader is, in turn.
const readers = 200

// reader makes accesses that are nothing new from the second round on.
type reader struct {
	tb testing.TB
	d  *detector.Detector
	ev audit.Event
	v  detector.Verdict
	n  int

	users []string
}

func newReader(tb testing.TB, m *detector.Memory) *reader {
	d, err := detector.NewWith(testConfig(), m)
	if err != nil {
		tb.Fatal(err)
	}
	r := &reader{tb: tb, d: d, ev: audit.Event{
		Stage: audit.StageResponseComplete, Verb: "get",
		SourceIPs: []string{"203.0.113.9"}, UserAgent: "kubectl/v1.30.0 (linux/amd64) kubernetes/abc",
		Resource: "secrets", Namespace: "prod", Name: "db", Code: 200, Time: now + 3600e9,
		RequestURI: "/api/v1/namespaces/prod/secrets/db",
	}}
	for i := range readers {
		r.users = append(r.users, fmt.Sprint("user", i))
	}
	return r
}

// read judges the next access.
func (r *reader) read() {
	r.ev.User.Username = r.users[r.n%readers]
	r.n++
	r.ev.Time++ // or it would be the same request
	if got := r.d.Judge(&r.ev, &r.v); got == detector.Duplicate || got == detector.Skipped {
		r.tb.Fatal(got)
	}
}
