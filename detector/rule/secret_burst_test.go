package rule_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/access"
	"github.com/secretwatch/secretwatch/detector/audit"
	. "github.com/secretwatch/secretwatch/detector/internal/bench"
)

const burst = "secret-burst"

// sweep reads n objects, a second apart, and returns the last answer.
func sweep(b *Bench, n int, change ...Change) (g Got) {
	for i := range n {
		g = b.Send(append([]Change{On("shop", "s"+strconv.Itoa(i))}, change...)...)
	}
	return g
}

func TestSecretBurst(t *testing.T) {
	f := func(want string, n int, change ...Change) Got {
		t.Helper()
		g := sweep(learnt(t, burst, nil), n, change...)
		says(t, want, g)
		return g
	}
	f("clean", 9)
	says(t, "medium", f("medium", 10), "alice read 10 objects new to it within 5m (habit: 4)")
	f("medium again", 19)
	f("high again", 20)
	f("medium", 10, Missing) // guessed names
	f("medium", 10, Verb("patch"))
	f("medium", 10, Verb("update"))
	f("medium", 10, Verb("delete"))
	f("medium", 10, WebPod, func(ev *audit.Event) { ev.Namespace = "shop" }, named())
	f("clean", 100, Denied)
	f("clean", 100, Verb("create"))
	f("clean", 100, Anonymous)
	f("clean", 100, FluxPod, named())                               // reads the whole cluster
	f("clean", 100, func(ev *audit.Event) { ev.Name = "the same" }) // one object, read often
	says(t, "clean", sweep(New(t, Only(burst)), 100))               // learning

	// One namespace after another, by lists: three of them are a sweep of the
	// cluster.
	b := learnt(t, burst, nil)
	var g Got
	for i := range 10 {
		g = b.Send(List("ns" + strconv.Itoa(i)))
	}
	says(t, "high", g, "alice read 10 objects new to it within 5m in 4 or more namespaces (habit: 4)")

	// Slower than the window it is none.
	b = learnt(t, burst, nil)
	for i := range 60 {
		says(t, "clean", b.After(time.Minute).Send(On("shop", "s"+strconv.Itoa(i))))
	}
}

// named gives each object the name it had before the user was set.
func named() Change {
	n := 0
	return func(ev *audit.Event) {
		n++
		ev.Name = "s" + strconv.Itoa(n)
	}
}

// Together with any other novelty it is more.
func TestSecretBurstWithNovelty(t *testing.T) {
	b := Cluster(t)
	b.Send(From(Outside))
	g := sweep(b, 10, From(Outside))
	require.True(t, g.Has(burst))
	require.GreaterOrEqual(t, g.RiskScore, 73)
}

func TestSecretBurstHabit(t *testing.T) {
	// Who reads 30 at once every day may read 60.
	b := learnt(t, burst, func(b *Bench) { sweep(b, 29) }) // and shop/db
	f := func(want string, n int) {
		t.Helper()
		var g Got
		for i := range n {
			g = b.Send(On("shop", "other"+strconv.Itoa(n*1000+i)))
		}
		says(t, want, g)
		b.After(time.Hour)
	}
	f("clean", 60)
	f("medium", 61)
	// Patience does not double it again and again.
	b = learnt(t, burst, nil)
	for range 7 {
		f("clean", 9)
		f("clean", 9)
		b.After(22 * time.Hour)
	}
	f("medium", 10)
}

// An application's first day, and what it made itself.
func TestSecretBurstOwn(t *testing.T) {
	app := []Change{WebPod, As(Account("shop", "new", "new-1")), named()}
	b := learnt(t, burst, nil, func(cfg *detector.Config) { delete(cfg.Severities, "unusual-user") })
	g := b.Send(app...)
	require.True(t, g.Has("unusual-user"))
	for range 9 {
		g = b.Send(app...)
	}
	require.True(t, g.Has(burst), g.Reason)
	require.Less(t, g.RiskScore, 47)

	b = learnt(t, burst, nil)
	for i := range 30 {
		b.Send(Verb("create"), On("shop", "mine"+strconv.Itoa(i)))
		says(t, "clean", b.Send(On("shop", "mine"+strconv.Itoa(i))))
	}
	for i := range 30 {
		says(t, "clean", b.Send(Verb("delete"), On("shop", "mine"+strconv.Itoa(i))))
	}
}

func TestSecretBurstWipe(t *testing.T) {
	wipe := []Change{List("shop"), Verb("deletecollection")}
	b := learnt(t, burst, nil)
	says(t, "medium", b.Send(wipe...), "alice deleted all secrets in shop with one request, which it did not do in 7d")
	says(t, "medium again", b.Send(wipe...))
	says(t, "clean", learnt(t, burst, func(b *Bench) { b.Send(wipe...) }).Send(wipe...))
	// The namespace controller cleans up.
	gc := As(Account("kube-system", "namespace-controller", "kcm-1"))
	says(t, "low", learnt(t, burst, nil).Send(append([]Change{WebPod, gc}, wipe...)...))
	says(t, "clean", learnt(t, burst, nil).Send(append(wipe, Denied)...))
	g := Cluster(t).Send(append(wipe, From(Outside))...)
	require.GreaterOrEqual(t, g.RiskScore, 73)
}

// A thief with patience stays below every rate, but not below a sum.
func TestSecretBurstPatient(t *testing.T) {
	b := Cluster(t, Only(burst, "new-source-ip"))
	b.Send(From(Outside))
	for i := range 19 {
		g := b.After(10*time.Minute).Send(From(Outside), On("shop", "s"+strconv.Itoa(i)))
		require.False(t, g.Has(burst), g.Reason)
	}
	g := b.After(10*time.Minute).Send(From(Outside), On("shop", "s99"))
	require.True(t, g.Has(burst), g.Reason)
	require.Contains(t, g.Reason, "alice read 20 objects new to it through a source or client on probation")
}

// All revisions of a Helm release are one object, and only those.
func TestHelmReleases(t *testing.T) {
	key := func(name string) uint64 { return access.ObjectKey("shop", name) }
	require.Equal(t, key("sh.helm.release.v1.web.v1"), key("sh.helm.release.v1.web.v1234567"))
	require.NotEqual(t, key("sh.helm.release.v1.web.v1"), key("sh.helm.release.v1.api.v1"))
	require.NotEqual(t, key("sh.helm.release.v1.web.v1"), key("sh.helm.release.v1.web.vx"))
	require.NotEqual(t, key("web.v1"), key("web.v2"))
	require.NotEqual(t, access.ObjectKey("a", "b"), access.ObjectKey("a\x00b", ""))
}
