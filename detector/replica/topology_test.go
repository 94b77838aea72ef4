package replica

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/test/redistest"
)

// Three members find what one finds, also while a node of a cluster is replaced.
func TestClusterThatFailsOver(t *testing.T) {
	nodes := redistest.StartCluster(t, 3, 1)
	url := "redis+cluster://" + strings.Join(nodes.Addrs(), ",")
	var members []*member
	for range 3 {
		members = append(members, newMember(t, url))
	}
	events := busy(simulated(2))
	want := alone(t, events)
	middle := len(events) / 2
	killed := false
	got := scatter(t, events, members, func(event int) {
		if event < middle || killed {
			return
		}
		killed = true
		nodes.KillMasterOf(members[0].h.l.store.keys.log())
		// One is judged with nobody to ask.
		v := members[0].look(accessAt("nobody", "192.0.2.1", kubectl, "a", "b", 0))
		require.Contains(t, []string{Degraded, "learning"}, v.History)
		nodes.WaitFailover()
		began := time.Now()
		for i, m := range members {
			if i > 0 {
				m.h.l.lookAfter()
			}
		}
		await(t, "recovery", func() bool {
			for _, m := range members {
				if !m.h.l.up.Load() || m.h.Stats().Pending > 0 {
					return false
				}
			}
			return true
		})
		t.Logf("back %s after the failover", time.Since(began).Round(time.Millisecond))
		settle(t, members...)
	})
	require.True(t, killed)
	want.equal(t, got)
}

func TestSentinelThatFailsOver(t *testing.T) {
	set := redistest.StartSentinel(t)
	url := "redis+sentinel://" + strings.Join(set.Addrs(), ",") + "/" + redistest.MasterName
	change := func(o *Options, _ *detector.Config) { o.Timeout = 200 * time.Millisecond }
	a, b := newMember(t, url, change), newMember(t, url, change)
	trained(t, a, b)
	set.KillMaster()
	v := a.look(accessAt("alice", "203.0.113.1", kubectl, "a", "b", afterwards))
	require.Equal(t, Degraded, v.History)
	set.WaitFailover()
	began := time.Now()
	b.h.l.lookAfter()
	await(t, "recovery", func() bool {
		return a.h.l.up.Load() && b.h.l.up.Load() && a.h.Stats().Pending == 0
	})
	t.Logf("back %s after the failover", time.Since(began).Round(time.Millisecond))
	settle(t, a, b)
	v = b.look(accessAt("alice", "203.0.113.1", kubectl, "a", "b", afterwards+1))
	require.Contains(t, v.Rules, "new-source-ip")
	require.False(t, v.First)
}

func TestWaysToConnect(t *testing.T) {
	secure := redistest.Start(t, redistest.TLS(), redistest.ClientCertificates(), redistest.Password("p@ss word"))
	withFile := redistest.Start(t, redistest.ACLUser("watch", "secret", "~secretwatch:*", "+@all"))
	socket := redistest.Start(t, redistest.UnixSocket())
	for name, c := range map[string]struct {
		url    string
		access Access
	}{
		"TLS, certificates, a password": {secure.URL(), Access{CAFile: secure.CAFile(), CertFile: secure.ClientCertFile(), KeyFile: secure.ClientKeyFile()}},
		"a user":                        {withFile.URL(), Access{}},
		"a socket":                      {socket.URL(), Access{}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMember(t, c.url, func(o *Options, _ *detector.Config) { o.Access = c.access })
			trained(t, m)
			require.NoError(t, m.h.l.saveOnce(t.Context(), false))
			require.Zero(t, m.log.count("warn"), fmt.Sprint(m.log.lines))
			require.NotZero(t, m.h.Stats().Sent)
		})
	}
	// A certificate nobody vouches for.
	m := newMember(t, secure.URL())
	require.Equal(t, 1, m.log.count("certificate"), fmt.Sprint(m.log.lines))
	require.False(t, m.h.l.up.Load())
}

// With a warm history hardly any chunk waits for the server.
func TestRoundTripsOfAWarmHistory(t *testing.T) {
	server := redistest.Start(t)
	m := newMember(t, server.URL())
	events := simulated(4)
	const warmDays, second = 3, int64(time.Second)
	warm := events[0].Time + warmDays*24*3600*second
	// What in_tail hands over in a second is a chunk.
	var withSecrets, before uint64
	for from := 0; from < len(events); {
		to := from + 1
		for to < len(events) && events[to].Time/second == events[from].Time/second {
			to++
		}
		if events[from].Time < warm {
			before = m.h.Stats().Asked
		} else {
			withSecrets++
		}
		m.judge(events[from:to], func(*audit.Event, detector.Result, *detector.Verdict) {})
		from = to
	}
	asked := m.h.Stats().Asked - before
	// An API server has something to log every second, secrets or not.
	seconds := uint64((events[len(events)-1].Time - warm) / second)
	t.Logf("%d seconds, %d of them with secret accesses, %d waited (%.2f %% and %.2f %%)", seconds, withSecrets, asked,
		100*float64(asked)/float64(seconds), 100*float64(asked)/float64(withSecrets))
	require.Less(t, asked*100, withSecrets)
}
