package replica

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/test/redistest"
)

// lengths counts what an Observer is told.
type lengths struct {
	mu sync.Mutex
	n  uint64
}

func (l *lengths) Observe(float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
}

func (l *lengths) count() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n
}

func TestStats(t *testing.T) {
	server := redistest.Start(t)
	m := newMember(t, server.URL())
	var exchanges, saves lengths
	before := m.h.Stats().Exchanges
	m.h.Observe(&exchanges, &saves)
	trained(t, m)
	require.NoError(t, m.h.l.saveOnce(t.Context(), false))
	s := m.h.Stats()
	require.True(t, s.Up)
	require.Equal(t, s.Exchanges-before, exchanges.count())
	require.Equal(t, uint64(1), s.Saves)
	require.Equal(t, uint64(1), saves.count())
	require.WithinDuration(t, time.Now(), s.Current, time.Minute)
	require.Zero(t, s.Pending)
	require.Zero(t, s.Degraded)
	m.h.l.stats.forget(m.h)
	settle(t, m)
	require.Equal(t, s.Exchanges-before, exchanges.count())
}

// What is on its way is not sent yet.
func TestPendingUntilAnswered(t *testing.T) {
	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server.Addr())
	m := newMember(t, proxy.URL(), func(o *Options, _ *detector.Config) { o.Timeout = 5 * time.Second })
	trained(t, m)
	proxy.Drop()
	requests := proxy.Requests()
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.look(accessAt("alice", "203.0.113.1", kubectl, "a", "b", afterwards))
	}()
	await(t, "the question", func() bool { return m.h.Stats().Pending == 1 && proxy.Requests() > requests })
	require.Equal(t, 1, m.h.Stats().Pending)
	proxy.Pass()
	<-done
	await(t, "recovery", func() bool { s := m.h.Stats(); return s.Up && s.Pending == 0 })
}

func TestOutboxCountsWhatIsTaken(t *testing.T) {
	var o outbox
	entry := func(s string) []byte { return []byte(s) }
	o.put(entry("a"))
	o.put(entry("b"))
	batch := o.take(1)
	require.Equal(t, 1, o.len())
	require.Equal(t, 1, o.flying)
	o.back(batch)
	require.Equal(t, [2]int{2, 0}, [2]int{o.len(), o.flying})
	o.done(o.take(2), "5-0")
	require.Equal(t, [2]int{0, 0}, [2]int{o.len(), o.flying})
	// A server that took over lacks the last two, while another one is on its way.
	o.put(entry("c"))
	batch = o.take(1)
	o.again("4-0")
	require.Equal(t, [2]int{2, 1}, [2]int{o.len(), o.flying})
	o.back(batch)
	require.Equal(t, [][]byte{entry("c"), entry("a"), entry("b")}, o.entries)
}
