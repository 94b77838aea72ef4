package replica

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/detector/history"
	"github.com/secretwatch/secretwatch/test/redistest"
)

func newClient(t testing.TB, url string) *Client {
	t.Helper()
	server, err := ParseURL(url)
	require.NoError(t, err)
	c, err := Connect(Options{Server: server, Cluster: "test"}, detector.DefaultConfig())
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// learnt emits the records of a history that knows some users.
func learnt(t testing.TB, users ...string) func(emit history.Emit) error {
	t.Helper()
	m := detector.NewMemory(detector.DefaultConfig())
	d, err := detector.NewWith(detector.DefaultConfig(), m)
	require.NoError(t, err)
	m.Track()
	var v detector.Verdict
	for i, user := range users {
		d.Judge(accessAt(user, "198.51.100.7", "kubectl/v1.30.0", "prod", "db", i), &v)
	}
	return func(emit history.Emit) error {
		m.Changes(true, emit)
		return nil
	}
}

func holds(m *detector.Memory, user string) bool {
	return m.Store().View(user, func(*history.Principal) {})
}

// size is how many keys there are.
func size(t testing.TB, server *redistest.Server) any {
	t.Helper()
	n, err := server.Do("DBSIZE")
	require.NoError(t, err)
	return n
}

func TestCreate(t *testing.T) {
	ctx := context.Background()
	server := redistest.Start(t)
	c := newClient(t, server.URL())
	_, err := c.Load(ctx)
	require.ErrorIs(t, err, ErrNone)
	require.EqualValues(t, 0, size(t, server), "reading made something")

	require.NoError(t, c.Create(ctx, learnt(t, "alice", "bob")))
	before := size(t, server)
	require.ErrorIs(t, c.Create(ctx, learnt(t, "carol")), ErrExists)
	require.Equal(t, before, size(t, server))
	keys, err := server.Do("KEYS", "*")
	require.NoError(t, err)
	for _, key := range keys.([]any) {
		left, err := server.Do("PTTL", key)
		require.NoError(t, err)
		require.Positive(t, left, "%s stays for ever", key)
	}

	m := newMember(t, server.URL())
	require.True(t, holds(m.h.Memory(), "alice") && holds(m.h.Memory(), "bob"))
	require.Greater(t, m.h.l.age, starting, "an instance would read a baseline")
}

// Whoever begins a history while records are written keeps it.
func TestCreateWhileAReplicaStarts(t *testing.T) {
	server := redistest.Start(t)
	c := newClient(t, server.URL())
	write := learnt(t, "alice")
	err := c.Create(context.Background(), func(emit history.Emit) error {
		newMember(t, server.URL())
		return write(emit)
	})
	require.ErrorIs(t, err, ErrExists)
	require.EqualValues(t, 1, size(t, server)) // meta
}

// Whoever did not hear whether a history began does not take its records away,
// and one whose records were taken away does not begin.
func TestCreateOrAbandon(t *testing.T) {
	ctx := context.Background()
	server := redistest.Start(t)
	c := newClient(t, server.URL())
	fill := func(generation string) int64 {
		start, err := c.fill(ctx, generation, learnt(t, "alice"))
		require.NoError(t, err)
		return start
	}
	start := fill("a")
	done, err := c.store.abandon(ctx, "a")
	require.NoError(t, err)
	require.True(t, done)
	require.EqualValues(t, 0, size(t, server))
	done, err = c.store.create(ctx, "a", start)
	require.NoError(t, err)
	require.False(t, done)

	done, err = c.store.create(ctx, "b", fill("b"))
	require.NoError(t, err)
	require.True(t, done)
	done, err = c.store.abandon(ctx, "b")
	require.NoError(t, err)
	require.False(t, done)
	of, err := c.Load(ctx)
	require.NoError(t, err)
	require.True(t, holds(of.Memory, "alice"))
}

func TestCreateFails(t *testing.T) {
	ctx := context.Background()
	server := redistest.Start(t)
	c := newClient(t, server.URL())
	wrong := errors.New("wrong")
	write := learnt(t, "alice")
	require.ErrorIs(t, c.Create(ctx, func(emit history.Emit) error {
		_ = write(emit)
		return wrong
	}), wrong)
	require.ErrorContains(t, c.Create(ctx, func(emit history.Emit) error {
		emit(history.Principals, "alice", []byte("no record"))
		return write(emit)
	}), "alice")
	require.ErrorContains(t, c.Create(ctx, func(history.Emit) error { return nil }), "no records")
	require.EqualValues(t, 0, size(t, server))
}

// All replicas carry out what is wished, and it stays that way.
func TestWishesOfRunningReplicas(t *testing.T) {
	ctx := context.Background()
	server := redistest.Start(t)
	c := newClient(t, server.URL())
	require.NoError(t, c.Create(ctx, learnt(t, "alice", "bob")))
	members := []*member{newMember(t, server.URL()), newMember(t, server.URL())}
	of, err := c.Load(ctx)
	require.NoError(t, err)

	// Among what it does all the time, one value is forgotten.
	alice := func(at int) []*audit.Event {
		return []*audit.Event{accessAt("alice", "198.51.100.7", "kubectl/v1.30.0", "prod", "db", 2*24*3600+at)}
	}
	firsts := func(m *member, events []*audit.Event) (found bool, history string) {
		m.judge(events, func(_ *audit.Event, r detector.Result, v *detector.Verdict) {
			found, history = r == detector.Found && v.First, v.History
		})
		return found, history
	}
	for i, m := range members {
		found, _ := firsts(m, alice(i))
		require.False(t, found)
	}
	require.NoError(t, c.Forget(ctx, of, "alice", "198.51.100.7"))
	for _, m := range members {
		await(t, "forgetting", func() bool {
			known := false
			m.h.Memory().Store().View("alice", func(p *history.Principal) {
				p.Sets[history.DimSource].Each(func(v *history.Value) { known = known || v.Text == "198.51.100.7" })
			})
			return !known
		})
	}
	// New again when it is next seen, to the first one only.
	found, _ := firsts(members[1], alice(10))
	require.True(t, found)
	settle(t, members...)
	found, _ = firsts(members[0], alice(11))
	require.False(t, found)

	// So is a principal.
	require.NoError(t, c.Forget(ctx, of, "bob", ""))
	for _, m := range members {
		await(t, "forgetting", func() bool { return !holds(m.h.Memory(), "bob") })
	}
	// And who writes records does not bring it back.
	require.NoError(t, members[0].h.l.saveOnce(ctx, false))
	again, err := c.Load(ctx)
	require.NoError(t, err)
	require.True(t, holds(again.Memory, "alice"))
	require.False(t, holds(again.Memory, "bob"))

	server.FlushAll()
	require.ErrorIs(t, c.Approve(ctx, of, "alice", ""), ErrReplaced)
}

// Whoever reads the history again does not bring back what was forgotten, nor
// count twice what it sent itself.
func TestReadingAgainAddsNothing(t *testing.T) {
	server := redistest.Start(t)
	a, b := newMember(t, server.URL()), newMember(t, server.URL())
	trained(t, a, b)
	a.look(accessAt("alice", "203.0.113.1", kubectl, "a", "b", afterwards))
	settle(t, a, b)
	c := newClient(t, server.URL())
	of, err := c.Load(t.Context())
	require.NoError(t, err)
	require.NoError(t, c.Forget(t.Context(), of, "alice", "203.0.113.1"))
	settle(t, a, b)
	require.NotContains(t, counts(a.h.Memory(), "alice"), "203.0.113.1")
	require.NoError(t, a.h.l.join(t.Context()))
	require.NotContains(t, counts(a.h.Memory(), "alice"), "203.0.113.1")
	require.Equal(t, counts(a.h.Memory(), "bob"), counts(b.h.Memory(), "bob"))
}

// counts are how often the values of a user were seen.
func counts(m *detector.Memory, user string) map[string]uint32 {
	all := map[string]uint32{}
	m.Store().View(user, func(p *history.Principal) {
		for d := range p.Sets {
			p.Sets[d].Each(func(v *history.Value) { all[v.Text] = v.Count })
		}
	})
	return all
}

func TestWishWhoseAnswerIsLost(t *testing.T) {
	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server.Addr())
	c := newClient(t, proxy.URL())
	require.NoError(t, c.Create(t.Context(), learnt(t, "alice")))
	of, err := c.Load(t.Context())
	require.NoError(t, err)
	// The script is there, and so is a connection.
	require.NoError(t, c.Approve(t.Context(), of, "alice", ""))
	proxy.LoseAnswers()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	require.ErrorContains(t, c.Forget(ctx, of, "alice", ""), "no answer in time (")
	proxy.Pass()
	of, err = c.Load(t.Context())
	require.NoError(t, err)
	require.False(t, holds(of.Memory, "alice"))
}

// A client does not bring the end of a history forward.
func TestWishOfAShorterWindow(t *testing.T) {
	ctx := context.Background()
	server := redistest.Start(t)
	long := newClient(t, server.URL())
	long.store.keep = 1000 * time.Hour
	require.NoError(t, long.Create(ctx, learnt(t, "alice")))
	c := newClient(t, server.URL())
	of, err := c.Load(ctx)
	require.NoError(t, err)
	require.NoError(t, c.Forget(ctx, of, "alice", ""))
	left, err := server.Do("PTTL", c.store.keys.meta())
	require.NoError(t, err)
	require.Greater(t, left, (999 * time.Hour).Milliseconds())
	left, err = server.Do("PTTL", c.store.keys.log())
	require.NoError(t, err)
	require.Positive(t, left)
}

// What is there is also read from a server that takes nothing more.
func TestLoadFromAFullServer(t *testing.T) {
	ctx := context.Background()
	server := redistest.Start(t)
	c := newClient(t, server.URL())
	require.NoError(t, c.Create(ctx, learnt(t, "alice")))
	_, err := server.Do("CONFIG", "SET", "maxmemory", "1000")
	require.NoError(t, err)
	of, err := c.Load(ctx)
	require.NoError(t, err)
	require.True(t, holds(of.Memory, "alice"))
	require.ErrorContains(t, c.Forget(ctx, of, "alice", ""), "OOM")
	m := newMember(t, server.URL())
	require.True(t, holds(m.h.Memory(), "alice"))
}
