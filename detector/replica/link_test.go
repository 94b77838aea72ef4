package replica

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/test/redistest"
)

// idle is a replica that is not started: it sends nothing and follows nobody.
func idle(t *testing.T, url string) (*History, *detector.Detector) {
	t.Helper()
	server, err := ParseURL(url)
	require.NoError(t, err)
	cfg := detector.DefaultConfig()
	l, err := newLink(Options{Server: server, Cluster: "test", Timeout: 500 * time.Millisecond, Save: time.Hour, Log: &journal{}}, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.close() })
	d, err := detector.NewWith(cfg, l.memory)
	require.NoError(t, err)
	return &History{l: l}, d
}

// A baseline in which somebody is refused again and again tells so now and then.
func TestTellingTheSameAgain(t *testing.T) {
	h, d := idle(t, redistest.Start(t).URL())
	var v detector.Verdict
	for i := range 3600 {
		ev := accessAt("mallory", "192.0.2.1", kubectl, "a", "b", i)
		ev.Code, ev.Decision = 403, "forbid"
		h.Tell(d, ev)
		d.Judge(ev, &v)
	}
	require.NotZero(t, h.l.outbox.len())
	require.LessOrEqual(t, h.l.outbox.len(), 3600/300+1)
}

// Threads of the host do not wait while a history that was read is brought up to
// date with what is not sent yet, which can be much.
func TestNobodyWaitsForAdoption(t *testing.T) {
	h, d := idle(t, redistest.Start(t).URL())
	l := h.l
	tell := func(user string) { h.Tell(d, accessAt(user, "192.0.2.1", kubectl, "a", "b", afterwards)) }
	tell("carol")

	h.Memory().Store().EndLearning()
	read := detector.NewMemory(l.cfg)
	shard := read.Store().Shard("carol")
	shard.Lock() // who learns of carol waits
	adopted, told := make(chan error), make(chan struct{})
	go func() { adopted <- l.adopt(read, l.head, l.at) }()
	await(t, "the adoption to begin", func() bool {
		if !l.order.TryLock() {
			return true
		}
		l.order.Unlock()
		return false
	})
	go func() {
		defer close(told)
		for until := time.Now().Add(100 * time.Millisecond); time.Now().Before(until); {
			tell("dave")
		}
	}()
	select {
	case <-told:
	case <-time.After(10 * time.Second):
		t.Error("whoever tells something waits")
	}
	shard.Unlock()
	require.NoError(t, <-adopted)
	<-told
	require.Equal(t, []string{"carol", "dave"}, h.Memory().Store().Names())
	_, learning := h.Memory().Store().Started()
	require.False(t, learning)
}

// A watch that began before a replica starts is known to have been judged when it
// began.
func TestEndOfAWatchThatBeganBefore(t *testing.T) {
	server := redistest.Start(t)
	first := newMember(t, server.URL())
	trained(t, first)
	watch := accessAt("alice", "192.0.2.1", kubectl, "a", "", afterwards)
	watch.Verb, watch.Stage, watch.RequestURI = "watch", audit.StageResponseStarted, "/api/v1/namespaces/a/secrets?watch=true"
	watch.StageTime = watch.Time
	first.look(watch)
	settle(t, first)
	require.NoError(t, first.close())

	second := newMember(t, server.URL())
	end := *watch
	end.Stage, end.StageTime = audit.StageResponseComplete, watch.Time+int64(time.Hour)
	second.judge([]*audit.Event{&end}, func(_ *audit.Event, r detector.Result, _ *detector.Verdict) {
		require.Equal(t, detector.Duplicate, r)
	})
}

// panicking is a hook with which no command comes back.
type panicking struct{}

func (panicking) DialHook(next redis.DialHook) redis.DialHook { return next }
func (panicking) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(context.Context, redis.Cmder) error { panic("in the client") }
}
func (panicking) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// A bug in what talks to the server keeps nobody from ending.
func TestCloseAfterAPanic(t *testing.T) {
	server := redistest.Start(t)
	m := newMember(t, server.URL(), func(o *Options, _ *detector.Config) { o.Timeout = 50 * time.Millisecond })
	trained(t, m)
	m.h.l.store.client.AddHook(panicking{})
	require.Equal(t, Degraded, m.look(accessAt("alice", "203.0.113.1", kubectl, "a", "b", afterwards)).History)
	await(t, "the panic to be told", func() bool { return m.log.count("internal error") > 0 })
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_ = m.close()
	}()
	select {
	case <-closed:
	case <-time.After(20 * time.Second):
		t.Fatal("it does not end")
	}
}

func TestAnswersOfAnUnknownForm(t *testing.T) {
	for _, reply := range [][]any{
		nil, {}, {"ok"}, {"more"}, {"ok", []any{}}, {"ok", "x", "1-0"}, {"ok", []any{}, "x"}, {"ok", []any{"x"}, "1-0"},
		{"ok", []any{[]any{"1-0"}}, "1-0"}, {"ok", []any{[]any{"1-0", "x"}}, "1-0"}, {"lost"}, {"lost", int64(1)}, {int64(1)}, {"x"},
	} {
		_, err := readOutcome(reply)
		require.True(t, errors.Is(err, errAnswer), "%v: %v", reply, err)
	}
	o, err := readOutcome([]any{"ok", []any{[]any{"1-0", []any{"o", "a", "e", "b", "odd"}}}, "1-0"})
	require.NoError(t, err)
	require.Equal(t, []entry{{id: "1-0", origin: "a", observed: "b"}}, o.others)
}

// What was told a moment before the end is sent, and nothing is said of a server
// that answers.
func TestCloseSendsWhatIsLeft(t *testing.T) {
	server := redistest.Start(t)
	const rounds = 30
	for i := range rounds {
		m := newMember(t, server.URL())
		// More than one batch, so that some are sent at once.
		for n := range 2*maxBatch + 1 {
			m.h.Tell(m.d, accessAt(fmt.Sprint("user", n), "192.0.2.1", kubectl, "a", "b", i))
		}
		require.NoError(t, m.close())
		require.Zero(t, m.log.count("warn"), "round %d: %q", i, m.log.lines)
	}
	length, err := server.Do("XLEN", keysOf("test").log())
	require.NoError(t, err)
	require.EqualValues(t, rounds*(2*maxBatch+1), length)
}
