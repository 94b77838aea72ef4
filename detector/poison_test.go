package detector_test

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/detector/history"
	. "github.com/secretwatch/secretwatch/detector/internal/bench"
	"github.com/secretwatch/secretwatch/detector/rule"
)

// What is refused, or nobody's, teaches nothing, however often it comes.
func TestTeachesNothing(t *testing.T) {
	code := func(code int, decision string) Change {
		return func(ev *audit.Event) { ev.Code, ev.Decision = code, decision }
	}
	for name, fail := range map[string]Change{
		"denied":            Denied,
		"unauthenticated":   Unauthenticated,
		"anonymous":         Anonymous,
		"conflict":          code(409, "allow"),
		"broken":            code(500, "allow"),
		"admission refused": code(403, "allow"),
		"too many requests": code(429, ""),
		"panic":             func(ev *audit.Event) { ev.Stage = audit.StagePanic },
	} {
		for _, learning := range []bool{true, false} {
			t.Run(name+" learning "+strconv.FormatBool(learning), func(t *testing.T) {
				b := New(t)
				strange := []Change{From(Outside), With(K9s), On("pay", "card")}
				b.Day()
				if learning {
					for range 100 {
						b.Send(append(strange, fail)...)
					}
				}
				b.Now = Start + int64(25*time.Hour)
				if !learning {
					for range 100 {
						b.Send(append(strange, fail)...)
					}
					b.After(25 * time.Hour)
				}
				caught(t, b.Send(strange...), rule.Medium, "new-source-ip", "unusual-user-agent", "new-namespace")
				b.Quiet()
			})
		}
	}
}

// What is judged high or critical stays so: every hour for a month.
func TestHighNeverBecomesKnown(t *testing.T) {
	f := func(least rule.Severity, change ...Change) {
		t.Helper()
		b := Cluster(t)
		firsts := 0
		for range 30 {
			for range 24 {
				g := b.After(time.Hour).Send(change...)
				caught(t, g, least)
				if g.First {
					firsts++
				}
			}
			b.Quiet()
		}
		require.Less(t, firsts, 35, "first about once a probation")
		require.Greater(t, firsts, 25)
	}
	f(rule.High, With(Curl))
	f(rule.High, From(Outside), List(""))
	f(rule.Critical, WebPod, From(Outside))
	f(rule.Critical, Anonymous)
	f(rule.High, Acting("system:admin"))
}

// A thief with patience takes one secret an hour, with the owner's own client
// and from one place. Every use is tagged for the whole probation, and once it
// has gone on for some hours beside the owner's own work it is more than a new
// address.
func TestPatientTheft(t *testing.T) {
	b := Cluster(t)
	worst := rule.None
	g := b.Send(From(Outside))
	require.True(t, g.First)
	from := b.Now
	for i := range 23 {
		b.After(30 * time.Minute).Quiet()
		g := b.After(29*time.Minute).Send(From(Outside), On("shop", "s"+strconv.Itoa(i)))
		require.True(t, g.Has("new-source-ip"), "after %v: %s", time.Duration(b.Now-from), g)
		require.Contains(t, g.Reason, "(again)")
		worst = max(worst, g.Severity)
	}
	require.GreaterOrEqual(t, worst, rule.Medium)
	b.Now = from + int64(b.Cfg.Probation)
	require.NotContains(t, b.Send(From(Outside)).Rules, "new-source-ip")
}

// habit is what TestAgainstUnboundedReference remembers of one value.
type habit struct {
	last, flagged int64
}

// A detector with room for all answers about sources and clients as a reference
// without bounds does; one without room answers so too, or says that it had to
// forget. Events come in random order.
func TestAgainstUnboundedReference(t *testing.T) {
	const (
		window    = int64(7 * 24 * time.Hour)
		probation = int64(24 * time.Hour)
	)
	f := func(seed uint64, values, maxValues int, disorder time.Duration) (evicted int) {
		t.Helper()
		// The two rules alone, and an identity that shares no habit with others.
		b := New(t, Only("unusual-user-agent", "new-source-ip"), func(cfg *detector.Config) { cfg.MaxValues = maxValues })
		rng := rand.New(rand.NewPCG(seed, uint64(maxValues)))
		type who struct {
			last int64
			dims [2]map[int]*habit
		}
		people := map[int]*who{}
		now := Start
		start := int64(math.MaxInt64)
		for range 3000 {
			now += rng.Int64N(int64(4 * time.Hour))
			at := now - rng.Int64N(int64(disorder)+1)
			start = min(start, at)
			learning := at-start < int64(b.Cfg.LearningPeriod)
			n := rng.IntN(3)
			value := [2]int{rng.IntN(values), rng.IntN(values)}
			g := b.Send(Named("system:x"+strconv.Itoa(n)), From("198.51."+strconv.Itoa(100+value[0])+".7"),
				With("agent"+strconv.Itoa(value[1])+"/v1 (linux/amd64) kubernetes/abc"), func(ev *audit.Event) { ev.Time = at })
			if learning {
				require.Equal(t, "learning", g.History)
			}

			p := people[n]
			if p == nil {
				p = &who{dims: [2]map[int]*habit{{}, {}}}
				people[n] = p
			}
			first := p.last == 0 || p.last < at-window
			for dim, id := range []string{"new-source-ip", "unusual-user-agent"} {
				v := p.dims[dim][value[dim]]
				fresh := v == nil || v.last < at-window
				repeat := !fresh && v.flagged != 0 && at <= v.flagged+probation
				want := !learning && !first && (fresh || repeat)
				got := g.Has(id)
				switch {
				case got == want:
				case g.History == "evicted" && !got:
					evicted++
				case got && v != nil && v.flagged != 0 && values > min(maxValues, 16):
					// Pushed out by other values on probation: called new again.
				default:
					t.Fatalf("seed %d, %d values in %d: %s %v, want %v: history %s, %s", seed, values, maxValues, id, got, want, g.History, g.Reason)
				}
				if v == nil {
					v = new(habit)
					p.dims[dim][value[dim]] = v
				}
				again := strings.Contains(saidBy(g, id), "(again)")
				switch {
				case got && !again:
					v.flagged = at
				case got != want || !repeat:
					v.flagged = 0
				}
				v.last = max(v.last, at)
			}
			p.last = max(p.last, at)
		}
		return evicted
	}
	for seed := range uint64(12) {
		for _, disorder := range []time.Duration{0, time.Minute, 6 * time.Hour} {
			require.Zero(t, f(seed, 14, 64, disorder), "room for all")
			require.Positive(t, f(seed, 40, 4, disorder), "room for few")
		}
	}
}

// saidBy is the part of the reason that one of the two rules said.
func saidBy(g Got, id string) string {
	for _, part := range strings.Split(g.Reason, "; ") {
		if strings.HasPrefix(part, "source ") == (id == "new-source-ip") {
			return part
		}
	}
	return ""
}

// Times at the ends of the calendar are judged or skipped, and keep nobody else
// from being judged.
func TestOutliersInTime(t *testing.T) {
	at := func(t int64) Change { return func(ev *audit.Event) { ev.Time, ev.StageTime = t, t } }
	for _, outlier := range []int64{math.MinInt64, -1, 0, math.MaxInt64, math.MaxInt64 - 1, Start + int64(365*24*time.Hour)} {
		for _, early := range []bool{true, false} {
			b := New(t)
			if early {
				b.Send(Bob, at(outlier))
				b.Send(Node1, at(outlier))
				b.Send(Mallory, at(outlier))
			}
			b.Day()
			b.Now = Start + int64(25*time.Hour)
			b.Quiet()
			if !early {
				for _, who := range []Change{Bob, Node1, WebPod, Mallory} {
					b.Send(who, at(outlier))
					b.Send(who, at(outlier), With(Curl), List(""))
					b.Send(who, at(outlier), From(Outside))
				}
			}
			require.Equal(t, "clean", b.Send().String(), outlier)
			require.Equal(t, "complete", b.Send().History, outlier)
			caught(t, b.Send(With(K9s)), rule.Medium, "unusual-user-agent")
			caught(t, b.Send(From(Outside), List("")), rule.High)
			caught(t, b.Send(As(audit.User{Username: "eve"})), rule.Low, "unusual-user")
		}
	}
}

// Time going backwards step by step ends in no panic, and in no finding about
// what was done at a later time.
func TestTimeGoingBackwards(t *testing.T) {
	b := Cluster(t)
	for range 1000 {
		b.After(-time.Minute)
		require.Empty(t, b.Send().Rules)
	}
}

// Events of any content end in a verdict.
func TestOddEvents(t *testing.T) {
	b := Cluster(t)
	rng := rand.New(rand.NewPCG(1, 2))
	texts := []string{"", " ", "/", "\x00", "secrets", "system:", "system:node:", "system:serviceaccount:", "system:serviceaccount:a:b", "system:anonymous", "system:masters",
		"alice", "kubectl", Kubectl, Curl, "((((", "))", "(/)", "a (b/c", "X509", "JTI=", "192.0.2.10", "::", "?", "?&=&fieldSelector==", "fieldSelector=%", "\xff\xfe", padding + padding,
		`cannot impersonate resource`, `"cannot impersonate resource`, "sh.helm.release.v1.", "sh.helm.release.v1..v", "sh.helm.release.v1.x.v1"}
	text := func() string { return texts[rng.IntN(len(texts))] }
	list := func() []string {
		l := make([]string, rng.IntN(4))
		for i := range l {
			l[i] = text()
		}
		return l
	}
	user := func() audit.User {
		return audit.User{Username: text(), UID: text(), Groups: list(), CredentialID: text(), PodName: text(), PodUID: text(), NodeName: text(), NodeUID: text()}
	}
	times := []int64{0, 1, -1, b.Now, b.Now + 1, math.MaxInt64, math.MinInt64}
	verbs := []string{"", "get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "x"}
	var v detector.Verdict
	for range 50_000 {
		ev := &audit.Event{
			AuditID: text(), Stage: audit.Stage(rng.IntN(6)), Verb: verbs[rng.IntN(len(verbs))], RequestURI: text(), UserAgent: text(), User: user(), SourceIPs: list(),
			Resource: "secrets", Namespace: text(), Name: text(), Code: []int{0, 200, 401, 403, 404, 500, 999}[rng.IntN(7)], StatusMessage: text(), Decision: []string{"", "allow", "forbid", "x"}[rng.IntN(4)],
			IssuedCredentialID: text(), LegacyToken: text(), Time: times[rng.IntN(len(times))], StageTime: times[rng.IntN(len(times))],
		}
		if rng.IntN(4) == 0 {
			ev.Impersonated = user()
		}
		if rng.IntN(4) == 0 {
			ev.Resource, ev.Subresource, ev.Verb = "serviceaccounts", "token", "create"
		} else if rng.IntN(8) == 0 {
			ev.Subresource = text()
		}
		switch r := b.D.Judge(ev, &v); {
		case r == detector.Found && (v.Severity < rule.Low || v.Reason == "" || v.Title == "" || len(v.Rules) == 0):
			t.Fatalf("%+v: %+v", ev, v)
		case r == detector.Clean && v.Severity != rule.None:
			t.Fatalf("%+v: %+v", ev, v)
		case len(v.UserAgent) > 256 || len(v.Reason) > 4096:
			t.Fatalf("%d bytes of reason, %d of user agent", len(v.Reason), len(v.UserAgent))
		}
	}
	require.Equal(t, detector.Skipped, b.D.Judge(&audit.Event{}, &v))
	require.Equal(t, detector.Skipped, b.D.Judge(&audit.Event{Resource: "secrets"}, &v), "no time")
	require.NotEqual(t, detector.Skipped, b.D.Judge(&audit.Event{Resource: "secrets", Time: b.Now}, &v))
}

// Several goroutines judge with one detector, and one looks on. To be run with
// the race detector.
func TestConcurrent(t *testing.T) {
	b := Cluster(t, func(cfg *detector.Config) { cfg.MaxPrincipals = 2000 })
	b.D.Store().Track()
	var workers, watcher sync.WaitGroup
	done := make(chan struct{})
	watcher.Add(1)
	go func() {
		defer watcher.Done()
		for {
			select {
			case <-done:
				return
			default:
				b.D.Store().Len()
				b.D.Store().Changes(false, func(history.Table, string, []byte) {})
			}
		}
	}()
	for w := range 6 {
		workers.Add(1)
		go func() {
			defer workers.Done()
			// Each has a bench of its own on the same detector.
			own := &Bench{T: t, D: b.D, Cfg: b.Cfg, Now: b.Now + int64(w)}
			rng := rand.New(rand.NewPCG(uint64(w), 0))
			ids := rule.IDs()
			for i := range 300 {
				own.Usual()
				own.Send(Named("user-"+strconv.Itoa(rng.IntN(500))), From(address(i)))
				own.Send(WebPod, As(Account("shop", "web", "web-"+strconv.Itoa(i%20))), From(Outside))
				own.Send(From("10.1.2.3", Outside), Acting("bob"))
				if i%10 == 0 {
					Scenes[ids[rng.IntN(len(ids))]](own)
				}
			}
		}()
	}
	workers.Wait()
	close(done)
	watcher.Wait()
	known, fresh := b.D.Store().Len()
	require.Positive(t, known+fresh)
}
