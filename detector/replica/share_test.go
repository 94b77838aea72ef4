package replica

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/detector/history"
	"github.com/secretwatch/secretwatch/test/redistest"
)

// Whoever comes first says so, and nobody else, however many look at once.
func TestExactlyOneIsFirst(t *testing.T) {
	server := redistest.Start(t)
	const replicas, threads, values = 4, 2, 200
	var members []*member
	for range replicas {
		members = append(members, newMember(t, server.URL()))
	}
	// Few enough for each identity that none makes room for another.
	user := func(n int) string { return fmt.Sprintf("user-%d", n/8) }
	for i := range 2 * 24 {
		for n := 0; n < values; n += 8 {
			members[0].look(accessAt(user(n), "192.0.2.1", kubectl, "a", "b", i*1800))
		}
	}
	settle(t, members...)
	var mu sync.Mutex
	first := map[string]int{}
	var all sync.WaitGroup
	for i, m := range members {
		for thread := range threads {
			all.Add(1)
			go func() {
				defer all.Done()
				for n := range values {
					ev := accessAt(user(n), fmt.Sprintf("203.0.%d.%d", 1+n/100, n%100), kubectl, "a", "b", afterwards+n)
					ev.AuditID += fmt.Sprint(i, thread)
					m.judge([]*audit.Event{ev}, func(_ *audit.Event, r detector.Result, v *detector.Verdict) {
						if r == detector.Found && v.First && slices.Equal(v.Rules, []string{"new-source-ip"}) {
							mu.Lock()
							first[v.SourceIP]++
							mu.Unlock()
						}
						if v.History == Degraded {
							t.Errorf("degraded")
						}
					})
				}
			}()
		}
	}
	all.Wait()
	require.Len(t, first, values)
	for ip, n := range first {
		require.Equal(t, 1, n, ip)
	}
}

// records of a memory as text, in order.
func records(t testing.TB, m *detector.Memory) string {
	t.Helper()
	var lines []string
	m.Changes(true, func(table history.Table, key string, value []byte) {
		if !history.Exported(table) {
			return
		}
		line, err := history.AppendJSON(nil, table, key, value)
		require.NoError(t, err)
		lines = append(lines, string(line))
	})
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestWhoComesLaterKnowsAll(t *testing.T) {
	for _, saved := range []bool{false, true} {
		t.Run(fmt.Sprint("saved ", saved), func(t *testing.T) {
			server := redistest.Start(t)
			a := newMember(t, server.URL())
			trained(t, a)
			if saved {
				require.NoError(t, a.h.l.saveOnce(t.Context(), false))
			}
			v := a.look(accessAt("alice", "203.0.113.1", kubectl, "a", "b", afterwards))
			require.True(t, v.First)
			settle(t, a)
			late := newMember(t, server.URL())
			require.Equal(t, 1, late.log.count("history of 2 identities read"))
			v = late.look(accessAt("alice", "203.0.113.1", kubectl, "a", "b", afterwards+1))
			require.Contains(t, v.Rules, "new-source-ip")
			require.False(t, v.First)
		})
	}
}

// Records are taken over by another replica, and stay whole.
func TestRecordsGoFromHandToHand(t *testing.T) {
	server := redistest.Start(t)
	a, b := newMember(t, server.URL()), newMember(t, server.URL())
	trained(t, a, b)
	require.NoError(t, a.h.l.saveOnce(t.Context(), false))
	require.NoError(t, b.h.l.saveOnce(t.Context(), false))
	require.EqualValues(t, 1, a.h.Stats().Saves)
	require.EqualValues(t, 0, b.h.Stats().Saves)
	a.look(accessAt("carol", "192.0.2.1", kubectl, "a", "b", 3600))
	require.NoError(t, a.h.l.saveOnce(t.Context(), false))
	require.EqualValues(t, 2, a.h.Stats().Saves)
	require.NoError(t, a.close())

	settle(t, b)
	b.look(accessAt("dave", "192.0.2.1", kubectl, "a", "b", 3600))
	require.NoError(t, b.h.l.saveOnce(t.Context(), false))
	require.EqualValues(t, 1, b.h.Stats().Saves)
	settle(t, b)
	late := newMember(t, server.URL())
	require.Equal(t, records(t, b.h.Memory()), records(t, late.h.Memory()))
	require.Equal(t, []string{"alice", "bob", "carol", "dave"}, late.h.Memory().Store().Names())
	keys, err := server.Do("KEYS", "*state*principals")
	require.NoError(t, err)
	require.Len(t, keys, 1, "the records before are gone")
}

// After a flush a replica that knows nothing does not make that what counts.
func TestFlushWhileAReplicaStarts(t *testing.T) {
	server := redistest.Start(t)
	a := newMember(t, server.URL())
	trained(t, a)
	require.NoError(t, a.h.l.saveOnce(t.Context(), false))
	server.FlushAll()
	idle := newMember(t, server.URL()) // sees nothing at all
	require.NoError(t, idle.h.l.saveOnce(t.Context(), false))
	late := newMember(t, server.URL())
	late.look(accessAt("eve", "192.0.2.1", kubectl, "a", "b", afterwards))
	require.NoError(t, late.h.l.saveOnce(t.Context(), false))
	require.EqualValues(t, 1, late.h.Stats().Saves)

	settle(t, a) // finds out
	require.Equal(t, 1, a.log.count("was removed"))
	require.NoError(t, a.h.l.saveOnce(t.Context(), false))
	require.EqualValues(t, 2, a.h.Stats().Saves)
	require.NoError(t, late.h.l.saveOnce(t.Context(), false))
	await(t, "the newcomer to know", func() bool { return len(late.h.Memory().Store().Names()) == 3 })
	require.Equal(t, []string{"alice", "bob", "eve"}, late.h.Memory().Store().Names())
	require.Equal(t, []string{"alice", "bob", "eve"}, a.h.Memory().Store().Names())
}

// A replica that was away for so long that the log has gone on reads the records.
func TestLogThatWentOn(t *testing.T) {
	server := redistest.Start(t)
	a, b := newMember(t, server.URL()), newMember(t, server.URL())
	trained(t, a, b)
	a.look(accessAt("carol", "192.0.2.1", kubectl, "a", "b", 3600))
	settle(t, a)
	require.NoError(t, a.h.l.saveOnce(t.Context(), false))
	b.h.l.order.Lock() // b does not follow meanwhile
	_, err := server.Do("XTRIM", b.h.l.store.keys.log(), "MAXLEN", 0)
	b.h.l.order.Unlock()
	require.NoError(t, err)
	_, err = server.Do("XADD", b.h.l.store.keys.log(), "*", "o", "x", "forget", "nobody", "v", "")
	require.NoError(t, err)
	v := b.look(accessAt("carol", "192.0.2.1", kubectl, "a", "b", afterwards))
	require.NotContains(t, v.Rules, "unusual-user")
	settle(t, b)
	require.Contains(t, b.h.Memory().Store().Names(), "carol")
}

// A server that took over lacks the last entries: whoever observed them sends them
// again.
func TestEntriesThatWereLost(t *testing.T) {
	server := redistest.Start(t)
	a, b := newMember(t, server.URL()), newMember(t, server.URL())
	trained(t, a, b)
	log := a.h.l.store.keys.log()
	before, err := server.Do("XLEN", log)
	require.NoError(t, err)
	a.look(accessAt("carol", "192.0.2.1", kubectl, "a", "b", 3600))
	last, err := server.Do("XREVRANGE", log, "+", "-", "COUNT", 1)
	require.NoError(t, err)
	id := last.([]any)[0].([]any)[0]
	_, err = server.Do("XDEL", log, id)
	require.NoError(t, err)
	settle(t, a)
	after, err := server.Do("XLEN", log)
	require.NoError(t, err)
	require.Equal(t, before.(int64)+1, after)
	settle(t, b)
	require.Contains(t, b.h.Memory().Store().Names(), "carol")
}

func TestWishes(t *testing.T) {
	server := redistest.Start(t)
	a, b := newMember(t, server.URL()), newMember(t, server.URL())
	trained(t, a, b)
	o := Options{Server: a.h.l.o.Server, Cluster: "test"}
	client, err := Connect(o, detector.DefaultConfig())
	require.NoError(t, err)
	defer client.Close()
	a.look(accessAt("alice", "203.0.113.1", kubectl, "a", "b", afterwards))
	of, err := client.Load(t.Context())
	require.NoError(t, err)
	require.NoError(t, client.Approve(t.Context(), of, "alice", "203.0.113.1"))
	settle(t, a, b)
	v := b.look(accessAt("alice", "203.0.113.1", kubectl, "a", "b", afterwards+1))
	require.Empty(t, v.Rules)
	require.NoError(t, client.Forget(t.Context(), of, "alice", "192.0.2.1"))
	settle(t, a, b)
	v = a.look(accessAt("alice", "192.0.2.1", kubectl, "a", "b", afterwards+2))
	require.Contains(t, v.Rules, "new-source-ip")
	of, err = client.Load(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"alice", "bob"}, of.Memory.Store().Names())
}

func TestBaselineIsTold(t *testing.T) {
	server := redistest.Start(t)
	a, b := newMember(t, server.URL()), newMember(t, server.URL())
	require.True(t, a.h.Fresh() || a.h.l.age < starting)
	cfg := detector.DefaultConfig()
	cfg.LearningPeriod = 1<<63 - 1
	teacher, err := detector.NewWith(cfg, a.h.Memory())
	require.NoError(t, err)
	var v detector.Verdict
	for i := range 20 {
		ev := accessAt("alice", "192.0.2.1", kubectl, "a", "b", i*3600)
		a.h.Tell(teacher, ev)
		teacher.Judge(ev, &v)
	}
	a.h.Memory().Store().EndLearning()
	settle(t, a, b)
	b.h.Memory().Store().EndLearning()
	said := b.look(accessAt("alice", "192.0.2.1", kubectl, "a", "b", afterwards))
	require.Empty(t, said.Rules)
}

func TestEverybodyInAProcessSharesOneLink(t *testing.T) {
	server := redistest.Start(t)
	parsed, err := ParseURL(server.URL())
	require.NoError(t, err)
	log := &journal{}
	o := Options{Server: parsed, Timeout: time.Second, Save: time.Hour, Log: log}
	a, err := Open(o, detector.DefaultConfig())
	require.NoError(t, err)
	require.Zero(t, log.count("another instance"))
	o.Timeout = time.Minute
	b, err := Open(o, detector.DefaultConfig())
	require.NoError(t, err)
	require.Equal(t, 1, log.count("another instance shares it with redis_timeout 1s and state_flush 1h0m0s, which hold here too"))
	o.Cluster = "another"
	c, err := Open(o, detector.DefaultConfig())
	require.NoError(t, err)
	require.Same(t, a.Memory(), b.Memory())
	require.NotSame(t, a.Memory(), c.Memory())
	for _, h := range []*History{a, b, c} {
		h.Start()
	}
	require.NoError(t, a.Close())
	require.NoError(t, a.Close())
	require.Len(t, open.links, 2)
	require.NoError(t, b.Close())
	require.NoError(t, c.Close())
	require.Empty(t, open.links)
}

// What is sent again because its answer got lost counts once.
func TestSentTwiceCountsOnce(t *testing.T) {
	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server.Addr())
	a := newMember(t, proxy.URL(), func(o *Options, _ *detector.Config) { o.Timeout = 100 * time.Millisecond })
	b := newMember(t, server.URL())
	await(t, "both to be up", func() bool { return a.h.l.up.Load() && b.h.l.up.Load() })
	trained(t, a, b)
	length := func() int64 {
		n, err := server.Do("XLEN", a.h.l.store.keys.log())
		require.NoError(t, err)
		return n.(int64)
	}
	before := length()
	proxy.LoseAnswers()
	a.look(accessAt("alice", "203.0.113.1", kubectl, "a", "b", afterwards))
	proxy.Pass()
	await(t, "recovery", func() bool { return a.h.l.up.Load() && a.h.Stats().Pending == 0 })
	settle(t, a, b)
	require.Greater(t, length(), before+1, "it was not sent twice")
	b.h.Memory().Store().View("alice", func(p *history.Principal) {
		p.Sets[history.DimSource].Each(func(v *history.Value) {
			if v.Text == "203.0.113.1" {
				require.EqualValues(t, 1, v.Count)
			}
		})
	})
}
