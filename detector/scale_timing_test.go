package detector

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/secretwatch/secretwatch/detector/access"
	"github.com/secretwatch/secretwatch/detector/history"
	"github.com/secretwatch/secretwatch/test/cputime"
)

// heap is the memory in use after everything that can be given back was.
func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// BenchmarkPrincipals is a decision for one of many principals, all of them
// known, in no order: what a processor's caches do not hold has to come from
// memory. x-1000 says how much longer it takes than with 1,000 of them.
func BenchmarkPrincipals(b *testing.B) {
	var base float64
	for _, n := range []int{1000, 1000000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			if n > 1000 && testing.Short() {
				b.Skip("takes 2 GB")
			}
			cfg := DefaultConfig()
			cfg.MaxPrincipals = n + n/4
			d, err := New(cfg)
			if err != nil {
				b.Fatal(err)
			}
			const user = "dev-0007@example.com"
			s := &stream{tb: b}
			for _, line := range accesses(4000) {
				if bytes.Contains(line, []byte(user)) {
					s.lines = [][]byte{line}
				}
			}
			at := bytes.Index(s.lines[0], []byte(user))
			as := func(i int) {
				for end := at + len("dev-0007@exa"); end > at; end-- {
					s.lines[0][end-1] = byte('a' + i%26)
					i /= 26
				}
			}
			var v Verdict
			for i := range n {
				as(i)
				s.judge(d, &v, Clean)
			}
			r := rand.New(rand.NewPCG(1, 2))
			runtime.GC() // of what it took to get here
			b.ReportAllocs()
			from := cputime.Used()
			for b.Loop() {
				as(r.IntN(n))
				s.judge(d, &v, Clean)
			}
			took := float64(cputime.Used()-from) / float64(b.N)
			if n == 1000 {
				base = took
			}
			b.ReportMetric(took/base, "x-1000")
			b.ReportMetric(took, "ns/decision")
		})
	}
}

// BenchmarkValues is the memory of a history of a million values: of few
// principals with many and of many with few.
func BenchmarkValues(b *testing.B) {
	f := func(name string, principals, sources, clients, namespaces, objects int) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				before := heap()
				s := history.NewStore(history.Bounds{Window: int64(7 * 24 * time.Hour), Probation: int64(24 * time.Hour), MaxValues: 64}, principals+principals/4)
				n := 0
				for i := range principals {
					user := fmt.Sprintf("dev-%04d@example.com", i)
					sh := s.Shard(user)
					sh.Lock()
					p, _ := sh.Get(user, 1)
					teach := func(dim history.Dim, text string) {
						p.Sets[dim].Teach(&s.Bounds, access.Key(text), text, 1)
						n++
					}
					for j := range sources {
						teach(history.DimSource, fmt.Sprintf("203.%d.113.%d", i%256, j))
					}
					for j := range clients {
						teach(history.DimClient, fmt.Sprintf("kubectl-%d linux/amd64", j))
					}
					for j := range namespaces {
						teach(history.DimNamespace, fmt.Sprintf("team-%04d", j))
					}
					for j := range objects {
						p.Objects.Teach(&s.Bounds, access.ObjectKey(user, fmt.Sprint(j)), 1, false)
						n++
					}
					sh.Teach(p, 1, true)
					sh.Unlock()
				}
				used := heap() - before
				b.ReportMetric(used/float64(n), "B/value")
				runtime.KeepAlive(s)
			}
		})
	}
	f("people", 100000, 2, 2, 2, 4)
	f("operators", 4000, 4, 2, 64, 180)
	f("roamers", 5000, 64, 64, 64, 8)
}

// BenchmarkInstances is eight detectors judging at once, as eight filters do.
// x-separate is the throughput of those that share a memory by that of those
// which have one each, timed in turns.
func BenchmarkInstances(b *testing.B) {
	const instances, turn = 8, 512
	lines := accesses(instances * 500)
	newStreams := func(shared bool) (ds []*Detector, ss []*stream) {
		cfg := DefaultConfig()
		cfg.LearningPeriod = 365 * 24 * time.Hour
		m := NewMemory(cfg)
		for i := range instances {
			if !shared {
				m = NewMemory(cfg)
			}
			d, err := NewWith(cfg, m)
			if err != nil {
				b.Fatal(err)
			}
			s := &stream{tb: b, n: i << 28}
			for _, line := range lines[i*500 : (i+1)*500] {
				s.lines = append(s.lines, bytes.Clone(line))
			}
			ds, ss = append(ds, d), append(ss, s)
		}
		return ds, ss
	}
	run := func(ds []*Detector, ss []*stream) time.Duration {
		from := time.Now()
		var all sync.WaitGroup
		for i := range ds {
			all.Add(1)
			go func() {
				defer all.Done()
				var v Verdict
				for range turn {
					ss[i].judge(ds[i], &v, Clean)
				}
			}()
		}
		all.Wait()
		return time.Since(from)
	}
	sharedD, sharedS := newStreams(true)
	ownD, ownS := newStreams(false)
	for range 128 {
		run(sharedD, sharedS)
		run(ownD, ownS)
	}
	// Medians of the turns, since whatever else the machine does falls on one of
	// the two.
	var ratio, shared, own []float64
	for b.Loop() {
		s, o := float64(run(sharedD, sharedS)), float64(run(ownD, ownS))
		ratio, shared, own = append(ratio, o/s), append(shared, s), append(own, o)
	}
	median := func(of []float64) float64 {
		slices.Sort(of)
		return of[len(of)/2]
	}
	b.ReportMetric(median(ratio), "x-separate")
	b.ReportMetric(median(shared)/instances/turn, "ns/shared")
	b.ReportMetric(median(own)/instances/turn, "ns/separate")
}

// BenchmarkFlood is one identity that comes with a new user agent, address and
// namespace each time. x-first is what an event costs at the end by what it
// costs at the beginning; MB-kept is what the history has grown by.
func BenchmarkFlood(b *testing.B) {
	const flood, part = 100000, 5000
	var first, last time.Duration
	var kept float64
	for b.Loop() {
		d, err := New(DefaultConfig())
		if err != nil {
			b.Fatal(err)
		}
		s := &stream{tb: b, lines: accesses(1)}
		var v Verdict
		if err := s.parser.ParseJSON(s.next(), &s.event); err != nil {
			b.Fatal(err)
		}
		ev := s.event
		before := heap()
		from := cputime.Used()
		for i := range flood {
			ev.AuditID, ev.UserAgent, ev.Namespace = fmt.Sprint(i), fmt.Sprintf("agent-%d/v1", i), fmt.Sprintf("ns-%d", i)
			ev.SourceIPs = []string{fmt.Sprintf("203.%d.%d.9", i>>8&0xff, i&0xff)}
			ev.Time += int64(time.Second)
			d.Judge(&ev, &v)
			switch i {
			case 2*part - 1:
				from = cputime.Used()
			case 3*part - 1:
				first += cputime.Used() - from
			case flood - part - 1:
				from = cputime.Used()
			}
		}
		last += cputime.Used() - from
		kept = (heap() - before) / 1e6
		runtime.KeepAlive(d)
	}
	b.ReportMetric(float64(last)/float64(first), "x-first")
	b.ReportMetric(kept, "MB-kept")
	b.ReportMetric(float64(last)/float64(b.N)/part, "ns/event")
}
