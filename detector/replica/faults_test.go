package replica

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/test/redistest"
)

const kubectl = "kubectl/v1.30.0 (linux/amd64) kubernetes/7c48c2b"

// trained makes members that know alice and bob from one place.
func trained(t testing.TB, members ...*member) {
	t.Helper()
	for i := range 30 {
		for _, user := range [...]string{"alice", "bob"} {
			members[i%len(members)].look(accessAt(user, "192.0.2.1", kubectl, "a", "b", i*3600))
		}
		settle(t, members...)
	}
}

// look judges one access and returns a copy of what was said of it.
func (m *member) look(ev *audit.Event) (said detector.Verdict) {
	m.judge([]*audit.Event{ev}, func(_ *audit.Event, _ detector.Result, v *detector.Verdict) { said = *v })
	return said
}

// afterwards is after all that trained has taught, in seconds.
const afterwards = 31 * 3600

// What goes wrong, and how it is put right.
var faults = []struct {
	name  string
	begin func(t *testing.T, s *redistest.Server, p *redistest.Proxy)
	end   func(t *testing.T, s *redistest.Server, p *redistest.Proxy)
	// works: the server goes on answering, so that nobody has to notice.
	works bool
}{
	{name: "paused",
		begin: func(_ *testing.T, s *redistest.Server, _ *redistest.Proxy) { s.Freeze() },
		end:   func(_ *testing.T, s *redistest.Server, _ *redistest.Proxy) { s.Thaw() }},
	{name: "killed",
		begin: func(_ *testing.T, s *redistest.Server, _ *redistest.Proxy) { s.Kill() },
		end:   func(_ *testing.T, s *redistest.Server, _ *redistest.Proxy) { s.Restart() }},
	{name: "slow",
		begin: func(_ *testing.T, _ *redistest.Server, p *redistest.Proxy) { p.Delay(2 * time.Second) },
		end:   passAgain},
	{name: "a little slow",
		begin: func(_ *testing.T, _ *redistest.Server, p *redistest.Proxy) { p.Delay(200 * time.Millisecond) },
		end:   passAgain},
	{name: "silent",
		begin: func(_ *testing.T, _ *redistest.Server, p *redistest.Proxy) { p.Drop() },
		end:   passAgain},
	{name: "answers lost",
		begin: func(_ *testing.T, _ *redistest.Server, p *redistest.Proxy) { p.LoseAnswers() },
		end:   passAgain},
	{name: "refusing",
		begin: func(_ *testing.T, _ *redistest.Server, p *redistest.Proxy) { p.Refuse() },
		end:   passAgain},
	{name: "talking nonsense",
		begin: func(_ *testing.T, _ *redistest.Server, p *redistest.Proxy) { p.Garbage() },
		end:   passAgain},
	{name: "loading",
		begin: func(_ *testing.T, _ *redistest.Server, p *redistest.Proxy) {
			p.ErrorReplies("LOADING Redis is loading the dataset in memory")
		},
		end: passAgain},
	{name: "read-only",
		begin: func(_ *testing.T, _ *redistest.Server, p *redistest.Proxy) {
			p.ErrorReplies("READONLY You can't write against a read only replica.")
		},
		end: passAgain},
	{name: "out of memory",
		begin: func(t *testing.T, s *redistest.Server, _ *redistest.Proxy) {
			do(t, s, "CONFIG", "SET", "maxmemory", "1")
		},
		end: func(t *testing.T, s *redistest.Server, _ *redistest.Proxy) {
			do(t, s, "CONFIG", "SET", "maxmemory", "0")
		}},
	{name: "another password",
		begin: func(t *testing.T, s *redistest.Server, _ *redistest.Proxy) {
			do(t, s, "CONFIG", "SET", "requirepass", "another")
			_, _ = s.Do("CLIENT", "KILL", "TYPE", "normal")
		},
		end: func(t *testing.T, s *redistest.Server, _ *redistest.Proxy) {
			do(t, s, "CONFIG", "SET", "requirepass", "")
		}},
	{name: "flushed",
		begin: func(_ *testing.T, s *redistest.Server, _ *redistest.Proxy) { s.FlushAll() },
		end:   func(*testing.T, *redistest.Server, *redistest.Proxy) {}, works: true},
}

func passAgain(_ *testing.T, _ *redistest.Server, p *redistest.Proxy) { p.Pass() }

func do(t testing.TB, s *redistest.Server, command ...any) {
	t.Helper()
	await(t, fmt.Sprint(command...), func() bool {
		_, err := s.Do(command...)
		return err == nil
	})
}

func TestFaults(t *testing.T) {
	for _, fault := range faults {
		t.Run(fault.name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			proxy := redistest.StartProxy(t, server.Addr())
			const timeout = 50 * time.Millisecond
			change := func(o *Options, _ *detector.Config) { o.Timeout = timeout }
			a, b := newMember(t, proxy.URL(), change), newMember(t, proxy.URL(), change)
			await(t, "both to be up", func() bool { return a.h.l.up.Load() && b.h.l.up.Load() })
			trained(t, a, b)

			fault.begin(t, server, proxy)
			asked := a.h.Stats().Asked
			longest := time.Duration(0)
			const chunks = 50
			for i := range chunks {
				began := time.Now()
				v := a.look(accessAt("alice", fmt.Sprintf("203.0.113.%d", i), kubectl, "a", "b", afterwards+i))
				longest = max(longest, time.Since(began))
				require.Contains(t, v.Rules, "new-source-ip")
				require.True(t, v.First)
				if !fault.works {
					require.Equal(t, Degraded, v.History, "chunk %d", i)
				}
			}
			// What is familiar is judged as ever.
			require.Equal(t, "complete", a.look(accessAt("bob", "192.0.2.1", kubectl, "a", "b", afterwards+chunks)).History)
			waits := a.h.Stats().Asked - asked
			t.Logf("longest call %s, %d of %d waited", longest.Round(100*time.Microsecond), waits, chunks)
			if !fault.works {
				// Once for the first that did not answer. A probe that comes through is
				// another chance.
				require.LessOrEqual(t, waits, uint64(2))
			}

			fault.end(t, server, proxy)
			fixed := time.Now()
			await(t, "recovery", func() bool { return a.h.l.up.Load() && b.h.l.up.Load() && a.h.Stats().Pending == 0 })
			took := time.Since(fixed)
			t.Logf("back after %s", took.Round(time.Millisecond))
			require.Less(t, took, 5*time.Second)
			settle(t, a, b)

			// What was learnt meanwhile has come to the other one: all sources that were
			// flagged last, as many as are remembered.
			v := b.look(accessAt("alice", fmt.Sprintf("203.0.113.%d", chunks-1), kubectl, "a", "b", afterwards+chunks+1))
			require.Contains(t, v.Rules, "new-source-ip")
			require.False(t, v.First, v.Reason)
			require.Equal(t, "complete", v.History)
			if !fault.works {
				require.Equal(t, 1, a.log.count("answers again"))
				require.LessOrEqual(t, a.log.count("warn"), 2)
			}
		})
	}
}

func TestStartWithoutServer(t *testing.T) {
	server := redistest.Start(t, redistest.Persist())
	first := newMember(t, server.URL())
	trained(t, first)
	require.NoError(t, first.h.l.saveOnce(t.Context(), false))
	require.NoError(t, first.close())
	server.Kill()

	// It knows nobody, and says so.
	late := newMember(t, server.URL(), func(_ *Options, cfg *detector.Config) { cfg.LearningPeriod = 0 })
	require.Equal(t, 1, late.log.count("warn"))
	v := late.look(accessAt("alice", "203.0.113.1", kubectl, "a", "b", afterwards))
	require.Equal(t, Degraded, v.History)
	require.Contains(t, v.Rules, "unusual-user")

	// Once the server is there, it knows alice, and what was learnt meanwhile counts.
	server.Restart()
	await(t, "recovery", func() bool { return late.h.l.up.Load() && late.h.Stats().Pending == 0 })
	v = late.look(accessAt("alice", "203.0.113.2", kubectl, "a", "b", afterwards+1))
	require.Contains(t, v.Rules, "new-source-ip")
	require.NotContains(t, v.Rules, "unusual-user")
	require.Contains(t, v.Reason, "192.0.2.1")
	v = late.look(accessAt("alice", "203.0.113.1", kubectl, "a", "b", afterwards+2))
	require.False(t, v.First)
}

// Servers that take connections and say nothing do not hold up a start for long,
// and what is said of them is one line.
func TestStartWithSilentServers(t *testing.T) {
	var addrs []string
	for range 3 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { l.Close() })
		addrs = append(addrs, l.Addr().String()) // the system takes them
	}
	all := strings.Join(addrs, ",")
	for _, url := range []string{"rediss://" + addrs[0], "redis+cluster://" + all, "redis+sentinel://" + all + "/master"} {
		t.Run(url[:strings.Index(url, ":")], func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			m := newMember(t, url)
			require.Less(t, time.Since(began), connectTimeout+time.Second)
			require.False(t, m.h.l.up.Load())
			require.Len(t, m.log.lines, 1)
			require.NotContains(t, m.log.lines[0], "\n")
			began = time.Now()
			require.NoError(t, m.close())
			require.Less(t, time.Since(began), endTimeout+connectTimeout+time.Second)
		})
	}
}

func TestCloseDoesNotWaitForAServerThatDoesNotAnswer(t *testing.T) {
	server := redistest.Start(t)
	m := newMember(t, server.URL(), func(o *Options, _ *detector.Config) { o.Timeout = 50 * time.Millisecond })
	trained(t, m)
	server.Freeze()
	m.look(accessAt("alice", "203.0.113.1", kubectl, "a", "b", afterwards))
	began := time.Now()
	require.ErrorContains(t, m.close(), "1 observations were not sent")
	require.Less(t, time.Since(began), 5*time.Second)
	server.Thaw()
}

func TestCloseDoesNotWaitForRecordsThatCannotBeWritten(t *testing.T) {
	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server.Addr())
	m := newMember(t, proxy.URL(), func(o *Options, _ *detector.Config) { o.Save = 10 * time.Millisecond })
	trained(t, m)
	await(t, "the first records", func() bool { return m.h.Stats().Saves > 0 })
	proxy.Drop()
	requests := proxy.Requests()
	// One waits for news already; of the next two, one is about records.
	await(t, "the next", func() bool { return proxy.Requests() >= requests+2 })
	began := time.Now()
	_ = m.close()
	took := time.Since(began)
	t.Logf("closed after %s", took.Round(time.Millisecond))
	require.Less(t, took, endTimeout+closeTimeout+time.Second)
}

// A connection that was closed while it was idle keeps nobody from asking, also
// where that shows only once it is used, as behind a proxy.
func TestConnectionClosedMeanwhile(t *testing.T) {
	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server.Addr())
	a, b := newMember(t, proxy.URL()), newMember(t, proxy.URL())
	trained(t, a, b)
	for i := range 5 {
		_, _ = server.Do("CLIENT", "KILL", "TYPE", "normal") // this connection too
		for _, m := range []*member{a, b} {
			v := m.look(accessAt("alice", fmt.Sprintf("203.0.113.%d", i), kubectl, "a", "b", afterwards+i))
			require.Contains(t, v.Rules, "new-source-ip")
			require.Equal(t, "complete", v.History)
			require.Equal(t, m == a, v.First)
		}
	}
	require.Zero(t, a.log.count("warn")+b.log.count("warn"))
}
