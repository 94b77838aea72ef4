package rule_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
	. "github.com/secretwatch/secretwatch/detector/internal/bench"
)

func TestUnusualUser(t *testing.T) {
	const id = "unusual-user"
	f := func(want string, change ...Change) {
		t.Helper()
		says(t, want, learnt(t, id, nil).Send(change...))
	}
	f("clean")
	f("medium", Mallory)
	f("low", Mallory, Denied)
	f("clean", Anonymous)
	f("low", WebPod, As(Account("shop", "new", "new-1")), From("10.244.1.9"))
	f("medium", WebPod, As(Account("shop", "new", "new-1")), From(Outside))
	f("low", Node1, Named("system:node:node9"), From("10.0.0.9"))
	f("low", Named("system:kube-new"), From("10.0.0.1"))
	says(t, "clean", New(t, Only(id)).Send(Mallory)) // learning

	// Who was refused is still unknown when let in.
	b := learnt(t, id, nil)
	says(t, "low", b.Send(Mallory, Denied))
	says(t, "medium again", b.Send(Mallory), "mallory accessed no secret in 7d")
}

// Back from a holiday with the client it always had.
func TestUnusualUserReturns(t *testing.T) {
	f := func(want, reason string, change ...Change) {
		t.Helper()
		b := learnt(t, "unusual-user", func(b *Bench) { b.Send(Mallory) })
		b.After(14 * 24 * time.Hour)
		says(t, want, b.Send(append([]Change{Mallory}, change...)...), reason)
		says(t, want+" again", b.Send(append([]Change{Mallory}, change...)...))
	}
	f("low", "mallory accessed no secret in 7d and is back with a client it had before")
	f("low", "mallory accessed no secret in 7d and is back with a client it had before", From("192.0.2.77"))
	f("medium", "mallory accessed no secret in 7d", With(K9s))
}

// One more colleague, with the tools of the house.
func TestUnusualUserColleague(t *testing.T) {
	colleague := func(i int) Change {
		return func(ev *audit.Event) {
			ev.User = audit.User{Username: fmt.Sprint("dev", i), Groups: []string{"devs", "system:authenticated"}}
			ev.SourceIPs = []string{fmt.Sprintf("100.64.%d.1", i)}
		}
	}
	b := learnt(t, "unusual-user", func(b *Bench) {
		for i := range 4 {
			b.Send(colleague(i))
		}
	})
	says(t, "low", b.Send(colleague(9)))
	says(t, "medium", b.Send(colleague(10), With("k8s-dump/v1 (linux/amd64) kubernetes/abc")))
	says(t, "medium", b.Send(colleague(11), func(ev *audit.Event) { ev.User.Groups = []string{"devs", "owners"} }))
	says(t, "medium", b.Send(colleague(12), func(ev *audit.Event) { ev.User.CredentialID = "X509SHA256=signed" }))
}

// Of somebody forgotten nothing is called new.
func TestUnusualUserForgotten(t *testing.T) {
	b := learnt(t, "unusual-user", func(b *Bench) {
		b.Send(Mallory)
		for i := range 30 {
			b.Send(Named(fmt.Sprint("user", i)))
		}
	}, func(cfg *detector.Config) { cfg.MaxPrincipals = 10 })
	g := b.Send(Mallory)
	says(t, "clean", g)
	require.Equal(t, "evicted", g.History)
}
