package rule_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	. "github.com/secretwatch/secretwatch/detector/internal/bench"
)

func TestIdentitySwitch(t *testing.T) {
	const id = "identity-switch"
	f := func(want bool, after time.Duration, first, second []Change) {
		t.Helper()
		b := Cluster(t)
		b.Send(first...)
		g := b.After(after).Send(second...)
		require.Equal(t, want, g.Has(id), "%s: %s", g, g.Reason)
		if want {
			require.Equal(t, "critical", g.String())
		}
	}
	curl := []Change{From(Outside), With(Curl)}
	bob := []Change{Bob, From(Outside)}
	f(true, 0, curl, bob)
	f(true, 9*time.Minute, curl, bob)
	f(false, 11*time.Minute, curl, bob)
	f(false, -time.Minute, curl, bob)                           // before it
	f(true, 0, curl, []Change{Bob, From(Outside), Denied})      // also where it is refused
	f(true, 0, curl, []Change{Mallory})                         // somebody nobody knows
	f(true, 0, curl, []Change{WebPod, From(Outside)})           // a pod's token
	f(false, 0, curl, []Change{From(Outside)})                  // the same identity
	f(false, 0, curl, []Change{Bob})                            // from his own place
	f(false, 0, []Change{From(Outside)}, bob)                   // low is no suspicion
	f(false, 0, curl, []Change{Anonymous, From(Outside)})       // nobody's identity
	f(false, 0, curl, []Change{Unauthenticated, From(Outside)}) // nor this
	f(false, 0, []Change{With(Curl)}, []Change{From("192.0.2.10"), Unauthenticated})

	b := Cluster(t)
	b.Send(curl...)
	g := b.Send(bob...)
	require.Contains(t, g.Reason, "source 203.0.113.9 presents bob, never seen there, after suspicious access as alice")
	// The suspicion stays with who raised it.
	g = b.Send(append(curl, Bob, From(Outside))...)
	require.True(t, g.Has(id), g.Reason)
}

// Behind the address of a proxy or a dashboard somebody new turns up every day.
func TestIdentitySwitchForwarder(t *testing.T) {
	b := New(t)
	for range 4 {
		b.Usual()
		b.Send(From("192.0.2.10", Outside))
		b.After(2 * time.Hour)
	}
	b.Now = Start + int64(25*time.Hour)
	caught := b.Send(From("192.0.2.10", Outside), With(Curl))
	require.True(t, caught.Has("suspicious-user-agent"))
	g := b.Send(Bob, From("198.51.100.20", Outside))
	require.False(t, g.Has("identity-switch"), g.Reason)
}

// A token of no pod, of an account whose tokens are all of pods, comes from
// somewhere else, though in the cluster one address is as good as another.
func TestIdentitySwitchInCluster(t *testing.T) {
	b := Cluster(t)
	b.Send(FluxPod, With(Curl))
	stolen := Account("shop", "web", "")
	stolen.PodName, stolen.PodUID, stolen.NodeName, stolen.CredentialID = "", "", "", ""
	g := b.Send(WebPod, As(stolen), From("10.244.2.6"))
	require.True(t, g.Has("identity-switch"), g.Reason)
	g = b.Send(WebPod)
	require.False(t, g.Has("identity-switch"), g.Reason)
}
