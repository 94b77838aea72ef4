package detector_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/access"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/detector/history"
	"github.com/secretwatch/secretwatch/detector/internal/bench"
	"github.com/secretwatch/secretwatch/detector/rule"
	"github.com/secretwatch/secretwatch/test/sim"
)

// twins are a detector that judges every event in full and one that judges what
// is routine by what it noted of the event before.
type twins struct {
	t               *testing.T
	full, brief     *detector.Detector
	memory          [2]*detector.Memory
	noted           map[string]*detector.Routine
	want, got       detector.Verdict
	routine, events int
}

func newTwins(t *testing.T, cfg detector.Config) *twins {
	w := &twins{t: t, noted: map[string]*detector.Routine{}}
	for i, d := range [...]**detector.Detector{&w.full, &w.brief} {
		w.memory[i] = detector.NewMemory(cfg)
		if i > 0 {
			// Both forget requests at the same times.
			restore := w.memory[i].Restore()
			w.memory[0].Last(func(table history.Table, key string, value []byte) {
				require.NoError(t, restore.Add(table, key, value))
			})
			restore.Done()
		}
		w.memory[i].Track()
		var err error
		*d, err = detector.NewWith(cfg, w.memory[i])
		require.NoError(t, err)
	}
	return w
}

// judge judges an event by both, and fails the test where they differ.
func (w *twins) judge(ev *audit.Event) {
	w.events++
	want := w.full.Judge(ev, &w.want)
	// What is the same in two events of one routine.
	same := *ev
	same.AuditID, same.Time, same.StageTime = "", 0, 0
	key := fmt.Sprintf("%q", fmt.Sprint(same))
	r := w.noted[key]
	if r == nil {
		r = new(detector.Routine)
		w.noted[key] = r
	}
	got, ok := detector.Skipped, false
	if r.Valid() {
		got, ok = again(w.brief, r, ev)
	}
	if ok {
		if got == detector.Clean {
			w.routine++
		}
	} else if got = w.brief.JudgeRoutine(ev, &w.got, r); got == detector.Clean || got == detector.Found {
		// What the verdict aliases differs, what it says does not.
		require.Equal(w.t, fmt.Sprintf("%+v", w.want), fmt.Sprintf("%+v", w.got), "event %d: %+v", w.events, ev)
	}
	if got != want {
		w.t.Fatalf("event %d: result %d, judged in full %d: %+v", w.events, got, want, ev)
	}
}

func again(d *detector.Detector, r *detector.Routine, ev *audit.Event) (detector.Result, bool) {
	x := detector.Repeat{Time: ev.Time, StageTime: ev.StageTime}
	d.Expect(r, ev.AuditID, &x)
	return d.JudgeAgain(r, &x)
}

// alike fails the test unless both remember the same, to the last byte.
func (w *twins) alike() {
	w.t.Helper()
	for _, all := range []bool{false, true} {
		var records [2]map[string]string
		for i := range records {
			records[i] = map[string]string{}
			w.memory[i].Changes(all, func(table history.Table, key string, value []byte) {
				if table != "requests" { // has come from the other
					records[i][string(table)+" "+key] = string(value)
				}
			})
		}
		require.Equal(w.t, len(records[0]), len(records[1]))
		for key, want := range records[0] {
			if got := records[1][key]; got != want {
				w.t.Fatalf("%s:\n%q, judged in full\n%q", key, got, want)
			}
		}
	}
}

// Whatever happens in a cluster, and however little may be remembered, judging
// what is routine by what was noted of it changes neither a verdict nor what is
// remembered.
func TestRoutineIsJudgedAsInFull(t *testing.T) {
	f := func(name string, least float64, change func(*detector.Config)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := detector.DefaultConfig()
			if change != nil {
				change(&cfg)
			}
			w := newTwins(t, cfg)
			last := 0
			sim.Run(days(4), func(ev *audit.Event, _ *sim.Label) {
				w.judge(ev)
				if d := int((ev.Time - sim.Start.UnixNano()) / int64(24*time.Hour)); d > last {
					last = d
					w.alike()
				}
			})
			w.alike()
			share := float64(w.routine) / float64(w.events)
			t.Logf("%d of %d events were routine", w.routine, w.events)
			if share < least {
				t.Errorf("only %.0f %% of the events were routine", 100*share)
			}
		})
	}
	f("default", 0.15, nil)
	f("networks", 0.15, func(cfg *detector.Config) { cfg.Networks = recordedConfig(true).Networks })
	f("little memory", 0.01, func(cfg *detector.Config) { cfg.MaxPrincipals, cfg.MaxValues = 60, 2 })
	f("short window", 0.15, func(cfg *detector.Config) { cfg.Window, cfg.Probation = 3*time.Hour, time.Hour })
	f("no learning", 0.12, func(cfg *detector.Config) { cfg.LearningPeriod = 0 })
	f("rules off", 0.15, func(cfg *detector.Config) {
		cfg.Severities = map[string]rule.Severity{rule.CredentialReuse: rule.None, "new-namespace": rule.None}
	})
}

// The same where events come late, twice, and from the future.
func TestRoutineOutOfOrder(t *testing.T) {
	w := newTwins(t, detector.DefaultConfig())
	r := rand.New(rand.NewPCG(1, 2))
	var held []*audit.Event
	sim.Run(days(4), func(ev *audit.Event, _ *sim.Label) {
		switch n := r.IntN(100); {
		case n < 2:
			w.judge(ev)
			w.judge(ev)
		case n < 6 && len(held) < 500:
			held = append(held, cloneEvent(ev))
		case n < 7:
			early := *ev
			early.Time += r.Int64N(int64(30 * time.Hour))
			early.StageTime = early.Time + r.Int64N(int64(2*time.Minute))
			w.judge(&early)
		case n < 8:
			untimed := *ev
			untimed.Time = 0
			w.judge(&untimed)
		default:
			w.judge(ev)
		}
		if len(held) > 0 && r.IntN(50) == 0 {
			i := r.IntN(len(held))
			w.judge(held[i])
			held[i] = held[len(held)-1]
			held = held[:len(held)-1]
		}
	})
	w.alike()
	if w.routine < w.events/8 {
		t.Errorf("only %d of %d events were routine", w.routine, w.events)
	}
}

// And for the recorded log.
func TestRoutineRecorded(t *testing.T) {
	for _, networks := range []bool{false, true} {
		w := newTwins(t, recordedConfig(networks))
		var p audit.Parser
		var ev audit.Event
		lines(t, "audit.jsonl.gz", func(line []byte) {
			if p.ParseJSON(line, &ev) == nil {
				w.judge(&ev)
			}
		})
		w.alike()
		t.Logf("%d of %d events were routine", w.routine, w.events)
	}
}

// What keeps an access from being routine is judged in full, each time.
func TestNoRoutine(t *testing.T) {
	b := bench.Cluster(t)
	noted := func(change ...bench.Change) bool {
		var r detector.Routine
		var v detector.Verdict
		ev := b.Event(change...)
		b.D.JudgeRoutine(ev, &v, &r)
		return r.Valid()
	}
	for range 2 {
		require.True(t, noted(bench.Alice))
		require.True(t, noted(bench.WebPod))
		require.True(t, noted(bench.Node1, bench.On("shop", "web-tls")))

		require.False(t, noted(bench.FluxPod, bench.List("")), "a list of the whole cluster keeps up a habit of its own")
		require.False(t, noted(bench.Alice, bench.Denied), "denied")
		require.False(t, noted(bench.Alice, bench.Missing), "not found")
		require.False(t, noted(bench.Alice, bench.With(bench.Curl)), "a finding")
		require.False(t, noted(bench.Alice, bench.Acting("bob")), "impersonation")
		require.False(t, noted(bench.Alice, bench.Verb("create")), "made, not read")
		require.False(t, noted(bench.Anonymous), "anonymous")
	}
	require.True(t, noted(bench.Alice, bench.On("shop", "never-read")), "an object that is new only this time")
}

// A routine ends when what it rests on does.
func TestRoutineEnds(t *testing.T) {
	b := bench.Cluster(t)
	var v detector.Verdict
	var r detector.Routine
	repeats := func(at time.Duration) bool {
		ev := b.Event(bench.Alice)
		ev.Time, ev.StageTime = ev.Time+int64(at), ev.StageTime+int64(at)
		_, ok := again(b.D, &r, ev)
		return ok
	}
	note := func() {
		t.Helper()
		require.Equal(t, detector.Clean, b.D.JudgeRoutine(b.Event(bench.Alice), &v, &r))
		require.True(t, repeats(0))
	}
	note()
	require.False(t, repeats(8*24*time.Hour), "all of it has expired")
	require.False(t, repeats(13*time.Hour), "people at large are to be told")
	require.True(t, repeats(11*time.Hour))

	note()
	b.D.Store().Forget("alice", "")
	require.False(t, repeats(0), "she is forgotten")

	b = bench.Cluster(t)
	pod := func() *audit.Event {
		ev := b.Event(bench.WebPod)
		ev.User.CredentialID = "JTI=1"
		return ev
	}
	require.Equal(t, detector.Clean, b.D.JudgeRoutine(pod(), &v, &r))
	_, ok := again(b.D, &r, pod())
	require.True(t, ok)
	b.D.Store().Minted.Put("alice", access.Key("JTI=1"), history.Minted{Minter: "alice"})
	_, ok = again(b.D, &r, pod())
	require.False(t, ok, "somebody minted its token")

	b = bench.Cluster(t)
	note()
	other := bench.Cluster(t)
	ev := other.Event(bench.Alice)
	_, ok = again(other.D, &r, ev)
	require.False(t, ok, "of another history")
	_, ok = again(other.D, new(detector.Routine), ev)
	require.False(t, ok, "none")
}

// A routine may be older than all that was seen before it.
func TestRoutineBeforeTheFirst(t *testing.T) {
	b := bench.New(t)
	var v detector.Verdict
	var r detector.Routine
	first, late := b.Event(bench.Alice), b.Event(bench.Alice)
	late.Time = first.Time - int64(time.Minute)
	require.Equal(t, detector.Clean, b.D.JudgeRoutine(first, &v, &r))
	_, ok := again(b.D, &r, late)
	require.True(t, ok)
	since, _ := b.D.Store().Started()
	require.Equal(t, late.Time, since)
}

// cloneEvent copies an event that is reused.
func cloneEvent(ev *audit.Event) *audit.Event {
	c := *ev
	c.SourceIPs, c.User.Groups = slices.Clone(ev.SourceIPs), slices.Clone(ev.User.Groups)
	c.Impersonated.Groups = slices.Clone(ev.Impersonated.Groups)
	return &c
}

// anything makes up requests of all kinds out of few values, most of which come again
// and again.
type anything struct {
	*rand.Rand
	requests [40]*audit.Event
	now      int64
	n        int
}

func pick[T any](a *anything, from ...T) T { return from[a.IntN(len(from))] }

// request returns a new kind of request.
func (a *anything) request() *audit.Event {
	ev := &audit.Event{
		Stage: audit.StageResponseComplete, Resource: "secrets", Code: 200, Decision: "allow",
		Verb:      pick(a, "get", "get", "get", "list", "watch", "update", "patch", "create", "delete", "deletecollection"),
		Namespace: pick(a, "shop", "kube-system", "kube-system", ""), Name: pick(a, "db", "tls", "token"),
		UserAgent: pick(a, bench.Kubectl, bench.Kubelet, bench.Web, bench.Flux, bench.Curl, strings.Repeat("long-", 60)+"/v1", ""),
		SourceIPs: []string{pick(a, "10.244.0.7", "10.244.0.8", "10.0.0.1", "203.0.113.9", "198.51.100.7", "2001:db8::1", "none")},
	}
	ev.User.Username = pick(a, "alice", "bob", "carol", "system:serviceaccount:shop:web", "system:serviceaccount:kube-system:flux",
		"system:node:one", "system:node:two", "system:kube-scheduler", "system:anonymous")
	ev.User.Groups = pick(a, nil, []string{"dev", "system:authenticated"}, []string{"ops"}, []string{"system:masters"})
	token := fmt.Sprintf("JTI=%d", a.IntN(10))
	ev.User.CredentialID = pick(a, "", token, token, "X509SHA256=1", "X509SHA256=2")
	ev.User.PodUID = pick(a, "", "", "pod-1", "pod-2")
	ev.User.NodeName = pick(a, "", "one")
	if ev.Verb == "list" || ev.Verb == "watch" || ev.Verb == "deletecollection" {
		ev.Name = ""
	}
	switch a.IntN(20) {
	case 0, 1:
		ev.Code, ev.Decision = 403, "forbid"
	case 2:
		ev.Code = 404
	case 3:
		ev.SourceIPs = append([]string{"198.51.100.7"}, ev.SourceIPs...)
	case 4:
		ev.Impersonated.Username = pick(a, "bob", "dave")
	case 5, 6:
		ev.Resource, ev.Subresource, ev.Verb, ev.Name = "serviceaccounts", "token", "create", "web"
		ev.IssuedCredentialID = token
	}
	if ev.Verb == "watch" && a.IntN(2) == 0 {
		ev.Stage = audit.StageResponseStarted
	}
	ev.RequestURI = fmt.Sprintf("/%s/%s/%s", ev.Namespace, ev.Resource, ev.Name)
	return ev
}

// next returns the next request.
func (a *anything) next() *audit.Event {
	at := &a.requests[min(a.IntN(len(a.requests)), a.IntN(len(a.requests)))]
	if *at == nil || a.IntN(200) == 0 {
		*at = a.request()
	}
	step := a.Int64N(int64(2 * time.Second))
	switch a.IntN(1000) {
	case 0:
		step = a.Int64N(int64(9 * 24 * time.Hour))
	case 1, 2, 3, 4, 5:
		step = a.Int64N(int64(14 * time.Hour))
	}
	a.now += step
	ev := cloneEvent(*at)
	if a.IntN(50) > 0 {
		a.n++
	}
	ev.AuditID = fmt.Sprint(a.n)
	ev.Time = a.now - a.Int64N(2)*a.Int64N(int64(time.Minute))
	ev.StageTime = ev.Time + a.Int64N(int64(2*time.Minute))
	return ev
}

// The same for whatever a client may think of, while people forget and approve.
func TestRoutineOfAnything(t *testing.T) {
	f := func(name string, change func(*detector.Config)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := detector.DefaultConfig()
			if change != nil {
				change(&cfg)
			}
			w := newTwins(t, cfg)
			a := &anything{Rand: rand.New(rand.NewPCG(3, 4)), now: bench.Start}
			for n := range 40_000 {
				ev := a.next()
				w.judge(ev)
				if a.IntN(1000) == 0 {
					value := pick(a, "", "shop", ev.SourceIPs[0])
					approve := a.IntN(2) == 0
					for _, m := range w.memory {
						if approve {
							m.Store().Approve(ev.User.Username, value)
						} else {
							m.Store().Forget(ev.User.Username, value)
						}
					}
				}
				if n%5000 == 0 {
					w.alike()
				}
			}
			w.alike()
			t.Logf("%d of %d events were routine", w.routine, w.events)
			if w.routine < w.events/50 {
				t.Errorf("only %d of %d events were routine", w.routine, w.events)
			}
		})
	}
	f("default", nil)
	f("networks", func(cfg *detector.Config) { cfg.Networks = recordedConfig(true).Networks })
	f("little memory", func(cfg *detector.Config) { cfg.MaxPrincipals, cfg.MaxValues = 6, 2 })
	f("short window", func(cfg *detector.Config) { cfg.Window, cfg.Probation = 12*time.Hour, time.Hour })
	f("no learning", func(cfg *detector.Config) { cfg.LearningPeriod = 0 })
	f("all learning", func(cfg *detector.Config) { cfg.LearningPeriod = 3650 * 24 * time.Hour })
	f("rules off", func(cfg *detector.Config) {
		cfg.Severities = map[string]rule.Severity{}
		for _, id := range rule.IDs() {
			cfg.Severities[id] = rule.None
		}
	})
}
