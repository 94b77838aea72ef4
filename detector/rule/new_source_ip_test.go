package rule_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
	. "github.com/secretwatch/secretwatch/detector/internal/bench"
)

func TestNewSourceIP(t *testing.T) {
	const id = "new-source-ip"
	f := func(want string, change ...Change) {
		t.Helper()
		says(t, want, learnt(t, id, nil).Send(change...))
	}
	f("clean")
	f("low", From(Outside))
	f("low", From("192.0.2.11"))
	f("low", From())
	f("clean", Mallory) // unusual-user says so
	f("clean", Anonymous, From(Outside))
	f("medium", WebPod, From(Outside)) // workloads do not travel
	f("clean", WebPod, From("10.244.77.7"))
	f("clean", Node1, From("10.0.0.77"))
	says(t, "clean", New(t, Only(id)).Send(From(Outside)))
	says(t, "low", learnt(t, id, nil).Send(From(Outside), Denied), "source 203.0.113.9 not seen for alice in 7d (known: 192.0.2.10)")
}

func TestNewSourceIPPrefixes(t *testing.T) {
	b := learnt(t, "new-source-ip", func(b *Bench) { b.Send(From("2001:db8:1:2::3")) })
	says(t, "clean", b.Send(From("2001:db8:1:2:ffff::1")))
	says(t, "low", b.Send(From("2001:db8:1:3::3")))

	b = learnt(t, "new-source-ip", nil, func(cfg *detector.Config) { cfg.IPv4Prefix = 24 })
	says(t, "clean", b.Send(From("192.0.2.200")))
	says(t, "low", b.Send(From("192.0.3.10")))
}

// An address in a named network counts as that network.
func TestNewSourceIPNetworks(t *testing.T) {
	b := learnt(t, "new-source-ip", nil, func(cfg *detector.Config) {
		for _, n := range [][2]string{{"office", "192.0.2.0/24"}, {"vpn", "172.16.0.0/12"}, {"pods", "10.244.0.0/16"}} {
			cfg.Networks = append(cfg.Networks, detector.Network{Name: n[0], Prefix: netip.MustParsePrefix(n[1])})
		}
	})
	says(t, "clean", b.Send(From("192.0.2.77")))
	says(t, "low", b.Send(From("172.16.5.5")), "source 172.16.5.5 (vpn) not seen for alice in 7d (known: office)")
	says(t, "clean", b.Send(WebPod, From("10.244.9.9")))
	says(t, "medium", b.Send(WebPod, From("10.9.9.9")))
}

// A service account used by pipelines on hosted machines travels.
func TestNewSourceIPRoams(t *testing.T) {
	runner := func(i int) []Change {
		return []Change{WebPod, Named("system:serviceaccount:ci:deploy"), From(fmt.Sprintf("198.18.%d.5", i)),
			func(ev *audit.Event) { ev.User.PodUID, ev.User.PodName = "", "" }}
	}
	b := learnt(t, "new-source-ip", func(b *Bench) {
		for i := range 3 {
			b.Send(runner(i)...)
		}
	})
	says(t, "low", b.Send(runner(9)...))
	b = learnt(t, "new-source-ip", func(b *Bench) { b.Send(runner(0)...) })
	says(t, "medium", b.Send(runner(9)...))
}

// An address it had before, but not lately.
func TestNewSourceIPAgain(t *testing.T) {
	b := learnt(t, "new-source-ip", func(b *Bench) { b.Send(WebPod, From(Outside)) })
	for range 9 {
		b.After(24 * time.Hour).Send(WebPod)
	}
	says(t, "low", b.Send(WebPod, From(Outside)))
}
