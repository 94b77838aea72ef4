package rule_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/secretwatch/secretwatch/detector"
	. "github.com/secretwatch/secretwatch/detector/internal/bench"
)

func TestForgedForwardedFor(t *testing.T) {
	const id = "forged-forwarded-for"
	f := func(want string, change ...Change) {
		t.Helper()
		says(t, want, learnt(t, id, nil).Send(change...))
	}
	f("clean")
	f("low", From("198.18.0.1", Outside))
	f("low", From("198.18.0.1", "192.0.2.10"))
	f("low", From("198.18.0.1", "198.18.0.2", "198.18.0.3", "198.18.0.4", "198.18.0.5", Outside))
	f("medium", From("198.18.0.1", "198.18.0.2", "198.18.0.3", "198.18.0.4", "198.18.0.5", "198.18.0.6", Outside))
	f("high", From("192.0.2.10", Outside))
	f("high", From("::ffff:192.0.2.10", "198.18.0.2", Outside))
	f("low", Bob, From("192.0.2.10", Outside)) // alice's address imitates nothing of bob's
	f("medium", From("192.0.2.10", "10.1.2.3"))
	f("low", WebPod, From("10.244.9.9", "10.244.1.5")) // one source, as all of the cluster is
	f("clean", Anonymous, From("192.0.2.10", Outside))
	f("clean", From("192.0.2.10", "garbage"))
	many := append(slices.Repeat([]string{"10.0.0.1"}, 60), Outside)
	says(t, "medium", New(t, Only(id)).Send(From(many...))) // no chain of proxies is as long
	says(t, "clean", New(t, Only(id)).Send(From("192.0.2.10", Outside)))
	says(t, "low", learnt(t, id, nil).Send(From("198.18.0.1", Outside)), "peer 203.0.113.9 is no known forwarder and presented 1 address")
	says(t, "high", learnt(t, id, nil).Send(From("198.18.0.1", "192.0.2.10", Outside)),
		"peer 203.0.113.9 is no known forwarder and presented 2 addresses, among them 192.0.2.10, where alice was seen before")
}

// A dashboard forwards for others from the beginning.
func TestForgedForwardedForKnown(t *testing.T) {
	const id = "forged-forwarded-for"
	dashboard := []Change{With("dashboard/v2 (linux/amd64) kubernetes/abc"), From("192.0.2.10", "10.244.5.5")}
	usual := func(b *Bench) { b.Send(dashboard...) }
	b := learnt(t, id, usual)
	says(t, "clean", b.Send(dashboard...))
	says(t, "clean", b.Send(append([]Change{Bob}, dashboard...)...))
	// Its pods are replaced, but others of the cluster are not it.
	says(t, "clean", b.Send(append(dashboard, From("192.0.2.10", "10.244.5.77"))...))
	says(t, "medium", b.Send(append(dashboard, With(K9s), From("192.0.2.10", "10.244.5.78"))...))
	// Nor does it ever present as many.
	says(t, "medium", b.Send(append(dashboard, From("1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4", "1.1.1.5", "1.1.1.6", "10.244.5.5"))...))

	// A trusted proxy presents nothing of its own.
	b = New(t, func(cfg *detector.Config) {
		cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.244.5.0/24")}
	})
	usual(b)
	b.Now += int64(b.Cfg.LearningPeriod)
	says(t, "clean", b.Send(dashboard...))
}

func TestForgedForwardedForRepeats(t *testing.T) {
	b := learnt(t, "forged-forwarded-for", nil)
	says(t, "low", b.Send(From("198.18.0.1", Outside)))
	says(t, "low again", b.Send(From("198.18.0.9", Outside)))
	b.Now += int64(b.Cfg.Probation)
	says(t, "clean", b.Send(From("198.18.0.1", Outside)))
}
