package e2e

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/secretwatch/secretwatch/plugin/metrics/metricstest"
	"github.com/secretwatch/secretwatch/test/redistest"
)

// sharedCluster is the name of the history that tests share, and sharedLog the key
// of its log.
const (
	sharedCluster = "prod"
	sharedLog     = "secretwatch:{prod}:log"
)

// member is a process that shares its history, with its metrics at a port.
type member struct {
	process *engine
	port    string
}

// get returns the value of one of the member's metrics. labels are further ones, in
// alphabetical order behind those of the instance.
func (m *member) get(name, labels string) (float64, bool) {
	all, err := metricstest.Scrape("127.0.0.1:" + m.port)
	if err != nil {
		return 0, false
	}
	return pick(all, name, labels)
}

// pick returns the series of a metric that has the labels given, of a process with
// one instance.
func pick(all map[string]float64, name, labels string) (float64, bool) {
	for series, v := range all {
		if strings.HasPrefix(series, "secretwatch_"+name+"{") && strings.Contains(series, labels) {
			return v, true
		}
	}
	return 0, false
}

// must is get for a member that is known to be there.
func (m *member) must(name, labels string) float64 {
	m.process.t.Helper()
	v, ok := m.get(name, labels)
	if !ok {
		m.process.t.Fatalf("no %s{%s}: %s", name, labels, tail([]byte(m.process.stderr.String())))
	}
	return v
}

const (
	ofRedis  = `store="redis"`
	isBroken = `reason="broken"`
)

// settle returns when everything that the members have seen is known to all of
// them: none has anything left to send, and all have come past an entry of the log
// that was appended after that. The entry is of no kind they know, which they count
// and skip. do runs a command where the log is.
func settle(t *testing.T, do func(command ...any) (any, error), members ...*member) {
	t.Helper()
	limit := time.Now().Add(deadline)
	before := make([]float64, len(members))
	// all waits until done says so of each member, given how many such entries it came
	// past.
	all := func(limit time.Time, every time.Duration, done func(i int, marks float64) bool) bool {
		for i, m := range members {
			for {
				if marks, calm := m.state(); calm && done(i, marks) {
					break
				}
				if time.Now().After(limit) {
					return false
				}
				pause(t.Context(), every)
			}
		}
		return true
	}
	for {
		calm := all(limit, 20*time.Millisecond, func(i int, marks float64) bool {
			before[i] = marks
			return true
		})
		if !calm || time.Now().After(limit) {
			for _, m := range members {
				t.Logf("%s", tail([]byte(m.process.stderr.String())))
			}
			t.Fatalf("the members do not settle in %v", deadline)
		}
		if _, err := do("XADD", sharedLog, "*", "o", "test", "mark", "1"); err != nil {
			continue // the connection was lost
		}
		pause(t.Context(), 5*time.Millisecond)
		// The entry is lost if the server fails over this moment: then once more.
		if all(time.Now().Add(5*time.Second), 10*time.Millisecond, func(i int, marks float64) bool { return marks > before[i] }) {
			return
		}
	}
}

// state returns how many entries of no known kind the member came past, and whether
// it can reach the server and has nothing left to send.
func (m *member) state() (marks float64, calm bool) {
	all, err := metricstest.Scrape("127.0.0.1:" + m.port)
	if err != nil {
		return 0, false
	}
	up, _ := pick(all, "store_available", ofRedis)
	pending, ok := pick(all, "store_pending", ofRedis)
	marks, _ = pick(all, "shared_observations_lost_total", isBroken)
	return marks, up == 1 && ok && pending == 0
}

// shareArgs are the options of a loader host that shares its history; more are
// properties, or options if they begin with a dash.
func shareArgs(url, port string, more ...string) []string {
	args := []string{"--prop", "redis_url=" + url, "--prop", "cluster=" + sharedCluster, "--prop", "metrics_listen=127.0.0.1:" + port}
	for _, p := range more {
		if !strings.HasPrefix(p, "-") {
			args = append(args, "--prop")
		}
		args = append(args, p)
	}
	return args
}

// sharer is a loader host that shares its history.
type sharer struct {
	*dialog
	member
}

func startSharer(t *testing.T, generation, url string, more ...string) *sharer {
	t.Helper()
	port := freePort(t)
	d := startDialog(t, generation, shareArgs(url, port, more...)...)
	s := &sharer{d, member{d.engine, port}}
	d.await("metrics", func() bool { _, ok := s.get("store_pending", ofRedis); return ok })
	return s
}

// told returns how much others have been told by this host, or will be.
func (s *sharer) told() float64 {
	s.t.Helper()
	all := scrape(s.t, s.port)
	sent, ok := pick(all, "shared_observations_sent_total", "")
	pending, fine := pick(all, "store_pending", ofRedis)
	if !ok || !fine {
		s.t.Fatal("no metrics of the history")
	}
	return sent + pending
}

// firsts are findings that were raised for the first time: how often each was, and
// why.
type firsts map[string][]string

func (f firsts) add(records []judged) {
	for _, j := range records {
		if j.verdict != nil && j.verdict["first"] == true {
			key := fmt.Sprint(j.verdict["user"], " ", j.verdict["fingerprint"])
			f[key] = append(f[key], fmt.Sprintf("%s %v %v", j.key(), j.verdict["history"], j.verdict["reason"]))
		}
	}
}

// check fails unless both are the same.
func (f firsts) check(t *testing.T, got firsts) {
	t.Helper()
	wrong := 0
	say := func(format string, args ...any) {
		if wrong++; wrong <= 10 {
			t.Errorf(format, args...)
		}
	}
	for key, reasons := range f {
		if len(got[key]) != len(reasons) {
			say("raised %d times instead of %d: %s", len(got[key]), len(reasons), strings.Join(append(reasons, got[key]...), "\n"))
		}
	}
	for key, reasons := range got {
		if len(f[key]) == 0 {
			say("raised only when shared: %s", strings.Join(reasons, "\n"))
		}
	}
	if wrong > 10 {
		t.Errorf("and %d more", wrong-10)
	}
	if len(f) == 0 {
		t.Error("nothing was found")
	}
}

// mayMatter says whether an event of a line may be judged.
func mayMatter(line string) bool {
	return strings.Contains(line, "secret") || strings.Contains(line, "token")
}

// Three hosts among which a log is split at random by request find together what
// one finds in the whole log: with a server, with a cluster, and with a cluster in
// which a node is killed and another one takes over.
func TestHostsOnOneRedis(t *testing.T) {
	rec := loadRecorded(t)
	learning := "learning_period=" + rec.learning
	alone := run(t, nil, hostBinary("v5"), "--prop", learning, pluginSO, rec.file(t))
	want := firsts{}
	want.add(parseRecords(t, alone.stdout))

	// f gives the log to hosts. In the middle it calls fail, if there is one, which
	// makes the server fail and returns a function that waits until it is back.
	f := func(name string, start func(t *testing.T) (url string, do func(command ...any) (any, error), fail func() (back func()))) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, do, fail := start(t)
			var hosts []*sharer
			var members []*member
			for i := range 3 {
				// Others use the processors too: nobody is to give up for that.
				h := startSharer(t, generations[i%len(generations)], url, learning, "redis_timeout=5s", "state_flush=2s")
				hosts, members = append(hosts, h), append(members, &h.member)
			}
			settle(t, do, members...)
			random := rand.New(rand.NewPCG(7, 7))
			requests, hostOf := requestsOf(t, rec.lines), map[string]int{}
			for _, r := range requests {
				if _, ok := hostOf[r]; !ok {
					hostOf[r] = random.IntN(len(hosts))
				}
			}
			var records []judged
			chunks, settled, share, told := 0, 0, make([]int, len(hosts)), make([]float64, len(hosts))
			for from := 0; from < len(rec.lines); {
				to, at, matters := from, hostOf[requests[from]], false
				for ; to < len(rec.lines) && hostOf[requests[to]] == at; to++ {
					matters = matters || mayMatter(rec.lines[to])
				}
				var back func()
				if fail != nil && from > len(rec.lines)*3/4 && matters {
					back, fail = fail(), nil
				}
				out, _ := hosts[at].chunk(rec.lines[from:to]...)
				records = append(records, parseRecords(t, out)...)
				share[at] += to - from
				if back != nil {
					back()
				}
				if matters {
					chunks++
					if back != nil || hosts[at].told() != told[at] {
						settle(t, do, members...)
						told[at] = hosts[at].told()
						settled++
					}
				}
				from = to
			}
			rec.checkUnchanged(t, records)
			got := firsts{}
			got.add(records)
			want.check(t, got)
			waits := 0.0
			for _, h := range hosts {
				waits += h.must("shared_waits_total", "")
				if fail == nil && h.must("shared_observations_lost_total", `reason="dropped"`) != 0 {
					t.Error("observations were dropped")
				}
				h.end()
			}
			t.Logf("%d first findings; %v lines a host, %d chunks with something of interest, others heard of %d, %.0f waited", len(want), share, chunks, settled, waits)
		})
	}
	type doing = func(command ...any) (any, error)
	f("server", func(t *testing.T) (string, doing, func() func()) {
		s := redistest.Start(t)
		return s.URL(), s.Do, nil
	})
	f("cluster", func(t *testing.T) (string, doing, func() func()) {
		c := redistest.StartCluster(t, 3, 0)
		return clusterURL(c), c.MasterOf(sharedLog).Do, nil
	})
	f("cluster that fails over", func(t *testing.T) (string, doing, func() func()) {
		c := redistest.StartCluster(t, 3, 1)
		do := func(command ...any) (any, error) { return c.MasterOf(sharedLog).Do(command...) }
		return clusterURL(c), do, func() func() {
			c.KillMasterOf(sharedLog)
			return c.WaitFailover
		}
	})
}

func clusterURL(c *redistest.Cluster) string {
	return "redis+cluster://" + strings.Join(c.Addrs(), ",")
}

// requestsOf returns the request of each line.
func requestsOf(t *testing.T, lines []string) (requests []string) {
	t.Helper()
	for _, line := range lines {
		var r request
		if err := decode([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		requests = append(requests, r.AuditID+" "+r.Received)
	}
	return requests
}
