package rule_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/detector/audit"
	. "github.com/secretwatch/secretwatch/detector/internal/bench"
)

const reuse = "credential-reuse"

func token(jti string) Change {
	return func(ev *audit.Event) { ev.User.CredentialID = "JTI=" + jti }
}

// The token of a pod away from that pod.
func TestCredentialReusePod(t *testing.T) {
	f := func(want string, change ...Change) {
		t.Helper()
		says(t, want, learnt(t, reuse, nil).Send(append([]Change{WebPod}, change...)...))
	}
	f("clean")
	f("clean", token("rotated")) // a token lives for an hour
	f("critical", From(Outside))
	f("critical", From(Outside), token("another"))
	f("critical", From("10.244.2.6"))                                   // the address of another pod
	f("high", From("10.244.2.6"), token("another"))                     // not a token seen at home
	f("critical", From(Outside), As(Account("shop", "new", "new-1")))   // a pod nobody has seen
	f("clean", From("fd00::5"))                                         // dual-stack
	f("clean", From("10.0.0.1"))                                        // masqueraded behind its own node
	f("critical", From("10.0.0.2"))                                     // but behind no other
	f("clean", As(Account("shop", "web", "web-2")), From("10.244.9.9")) // another pod
	says(t, "clean", New(t, Only(reuse)).Send(WebPod, From(Outside)))
	says(t, "critical", learnt(t, reuse, nil).Send(WebPod, From(Outside)), "token bound to pod web-1 used from 203.0.113.9, away from its pod at 10.244.1.5")
	says(t, "critical", learnt(t, reuse, nil).Send(WebPod, As(Account("shop", "new", "new-1")), From(Outside)),
		"token bound to pod new-1 used from 203.0.113.9, away from the cluster")
}

// A sandbox made anew has a new address on the same node; a thief beside it is
// found out when the pod is heard of again.
func TestCredentialReuseRestart(t *testing.T) {
	b := learnt(t, reuse, nil)
	b.Send(WebPod)
	says(t, "clean", b.After(time.Minute).Send(WebPod, From("10.244.1.77")))
	says(t, "clean", b.Send(WebPod, From("10.244.1.77")))
	says(t, "critical", b.Send(WebPod), "token bound to pod web-1 used from 10.244.1.5 (cluster), away from its pod at 10.244.1.77")
	// Sooner than a pod can restart there are two.
	b = learnt(t, reuse, nil)
	b.Send(WebPod)
	says(t, "critical", b.Send(WebPod, From("10.244.1.77")))
}

// What is refused moves no pod.
func TestCredentialReuseRefused(t *testing.T) {
	b := learnt(t, reuse, nil)
	b.Send(WebPod)
	for _, addr := range []string{"fd00::5", "10.244.1.77", "10.0.0.1"} {
		b.After(time.Minute).Send(WebPod, From(addr), Denied)
	}
	says(t, "clean", b.Send(WebPod))
	says(t, "critical", b.Send(WebPod, From("10.244.2.6")), "token bound to pod web-1 used from 10.244.2.6 (cluster), away from its pod at 10.244.1.5")
}

// Clusters that reach their API server over its public end.
func TestCredentialReuseEgress(t *testing.T) {
	b := learnt(t, reuse, func(b *Bench) {
		b.Send(WebPod, From("198.18.0.1"), As(Account("shop", "a", "a-1")))
		b.Send(WebPod, From("198.18.0.1"), As(Account("shop", "b", "b-1")))
	})
	says(t, "clean", b.Send(WebPod, From("198.18.0.1"), As(Account("shop", "a", "a-2"))))
	says(t, "clean", b.Send(WebPod, From("198.18.0.1"), As(Account("shop", "new", "new-1"))))
	says(t, "critical", b.Send(WebPod, From(Outside), As(Account("shop", "new", "new-2"))))
}

// A certificate lives on one machine.
func TestCredentialReuseCertificate(t *testing.T) {
	b := learnt(t, reuse, nil)
	says(t, "clean", b.Send(Node1))
	says(t, "high", b.Send(Node1, From(Outside)), "certificate of system:node:node1 used from 203.0.113.9 while it lives at 10.0.0.1")
	says(t, "clean", b.Send(Node1, From("fd00::1")))
	// Two machines in turns.
	says(t, "clean", b.Send(Node1, From("10.0.0.66")))
	says(t, "clean", b.Send(Node1))
	says(t, "medium", b.Send(Node1, From("10.0.0.66")))

	// A machine that moved does not come back.
	b = learnt(t, reuse, nil)
	b.Send(Node1)
	says(t, "clean", b.After(time.Hour).Send(Node1, From("10.0.0.66")))
	for range 5 {
		says(t, "clean", b.After(time.Hour).Send(Node1, From("10.0.0.66")))
	}
	// A renewed certificate is another one.
	says(t, "clean", b.Send(Node1, func(ev *audit.Event) { ev.User.CredentialID = "X509SHA256=renewed" }, From("10.0.0.66")))
}

// A minted token away from its minter and the cluster.
func TestCredentialReuseMinted(t *testing.T) {
	minted := func(ev *audit.Event) {
		WebPod(ev)
		ev.User.PodName, ev.User.PodUID, ev.User.CredentialID = "", "", "JTI=minted"
	}
	b := learnt(t, reuse, nil)
	b.Send(Minting("shop", "web", "JTI=minted"))
	says(t, "clean", b.Send(minted, From("192.0.2.10"))) // the minter
	says(t, "clean", b.Send(minted))                     // the cluster
	says(t, "high", b.Send(minted, From(Outside)), "token minted by alice from 192.0.2.10 used from 203.0.113.9, away from its minter and the cluster")
	says(t, "clean", b.Send(minted, token("of unknown origin"), From(Outside)))
}

// A laptop that merely moves is only a new source; one credential in two places
// at once is more.
func TestCredentialReuseInTurns(t *testing.T) {
	only := func(t *testing.T) *Bench { return Cluster(t, Only(reuse, "new-source-ip")) }
	says(t, "low", only(t).Send(From(Outside)))
	b := only(t)
	b.Send(From(Outside))
	for range 5 {
		g := b.After(time.Minute).Send(From(Outside))
		require.False(t, g.Has(reuse), g.Reason)
	}
	b.Send()
	g := b.After(14 * time.Minute).Send(From(Outside))
	require.True(t, g.Has(reuse), g.Reason)
	require.Contains(t, g.Reason, "alice goes on working from 192.0.2.10 while its credential is used from 203.0.113.9 too")

	// Not so close together: travelling to and fro.
	b = only(t)
	b.Send(From(Outside))
	b.Send()
	g = b.After(20 * time.Minute).Send(From(Outside))
	require.False(t, g.Has(reuse), g.Reason)

	// Nobody works alone around the clock.
	b = only(t)
	found := false
	for range 23 {
		g = b.After(time.Hour).Send(From(Outside))
		found = found || g.Has(reuse)
	}
	require.True(t, found)

	// Who works in two places at once all along.
	b = New(t, Only(reuse, "new-source-ip"))
	for i := range 10 {
		b.After(time.Minute).Send(From("192.0.2." + strconv.Itoa(10+i%2)))
		b.After(time.Minute).Send(From("100.64." + strconv.Itoa(i%2) + ".1"))
	}
	b.Now = Start + int64(25*time.Hour)
	b.Send(From("192.0.2.10"))
	b.Send(From(Outside))
	b.Send(From("192.0.2.10"))
	g = b.Send(From(Outside))
	require.False(t, g.Has(reuse), g.Reason)
}
