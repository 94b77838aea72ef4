package rule_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
	. "github.com/secretwatch/secretwatch/detector/internal/bench"
	"github.com/secretwatch/secretwatch/detector/rule"
)

const informer = "limit=500&resourceVersion=0"

func TestSecretEnumeration(t *testing.T) {
	const id = "secret-enumeration"
	f := func(want string, change ...Change) {
		t.Helper()
		says(t, want, learnt(t, id, nil).Send(change...))
	}
	operator := []Change{WebPod, As(Account("ops", "operator", "operator-1"))}
	f("clean")
	f("clean", List("shop"))
	f("clean", FluxPod, List(""))
	f("clean", List(""), Denied)
	f("clean", List(""), Anonymous)
	f("medium", List("")) // with what alice always has, from where she always is
	f("medium", Watch(""))
	f("high", List(""), From(Outside))
	f("high", List(""), With(K9s))
	f("high", Mallory, List(""))
	f("high", WebPod, List(""), With(Curl))
	// A controller that starts for the first time fills its cache; a tool does not.
	f("low", append(operator, List(""), Query(informer))...)
	f("low", append(operator, Watch(""), Query("sendInitialEvents=true&watch=true"))...)
	f("medium", append(operator, List(""))...)
	f("medium", append(operator, List(""), Query(informer), With(Kubectl))...)
	f("medium", append(operator, List(""), Query(informer), With(Curl))...)
	f("high", append(operator, List(""), Query(informer), From(Outside))...)
	says(t, "clean", New(t, Only(id)).Send(List("")))
	says(t, "high", learnt(t, id, nil).Send(List(""), From(Outside)), "alice lists secrets of all namespaces, which it did not in 7d")
	says(t, "high", learnt(t, id, nil).Send(Watch(""), From(Outside)), "alice watches secrets of all namespaces, which it did not in 7d")
	says(t, "high", learnt(t, id, nil).Send(List(""), Query("labelSelector=a%3Db"), From(Outside)),
		"alice lists secrets of all namespaces labelled a=b, which it did not in 7d")
}

// A backup that runs once a fortnight.
func TestSecretEnumerationAgain(t *testing.T) {
	b := learnt(t, "secret-enumeration", func(b *Bench) { b.Send(List("")) })
	for range 14 {
		b.After(24 * time.Hour).Send()
		b.Send(FluxPod)
	}
	says(t, "medium", b.Send(List("")))
	says(t, "low", b.Send(FluxPod, List("")))
}

// What the administrators of a group do all day is no news of one more.
func TestSecretEnumerationOfPeers(t *testing.T) {
	admin := func(i int) Change {
		return func(ev *audit.Event) {
			ev.User = audit.User{Username: fmt.Sprint("admin", i), Groups: []string{"admins", "system:authenticated"}}
			ev.SourceIPs = []string{fmt.Sprintf("100.64.%d.1", i)}
		}
	}
	b := learnt(t, "secret-enumeration", func(b *Bench) {
		for i := range 3 {
			b.Send(admin(i))
			b.Send(admin(i), List(""))
		}
		b.Send(admin(9))
	})
	says(t, "low", b.Send(admin(9), List("")))
	says(t, "high again", b.Send(admin(9), List(""), With("dump/v1 (linux/amd64) kubernetes/abc")))
	says(t, "medium", b.Send(List("")))
}

// Switched off, it goes on teaching the others who reads the whole cluster.
func TestSecretEnumerationOff(t *testing.T) {
	b := Cluster(t, func(cfg *detector.Config) {
		cfg.Severities = map[string]rule.Severity{"secret-enumeration": rule.None}
	})
	for i := range 50 {
		g := b.Send(FluxPod, On(fmt.Sprint("ns", i), "s"))
		require.Equal(t, detector.Clean, g.Result, g.Reason)
	}
}
