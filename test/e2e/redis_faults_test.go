package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/secretwatch/secretwatch/test/redistest"
)

// accessAt is one access to a secret as an API server logs it, at a time in seconds.
func accessAt(user, ip string, at int) string {
	when := time.Unix(1_800_000_000+int64(at), 0).UTC().Format("2006-01-02T15:04:05.000000Z")
	return fmt.Sprintf(`{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"%s-%s-%d","stage":"ResponseComplete",`+
		`"requestURI":"/api/v1/namespaces/a/secrets/b","verb":"get","user":{"username":%[1]q,"groups":["system:authenticated"]},"sourceIPs":[%[2]q],`+
		`"userAgent":"kubectl/v1.30.0 (linux/amd64) kubernetes/7c48c2b","objectRef":{"resource":"secrets","namespace":"a","name":"b","apiVersion":"v1"},`+
		`"responseStatus":{"code":200},"requestReceivedTimestamp":%[4]q,"stageTimestamp":%[4]q,"annotations":{"authorization.k8s.io/decision":"allow"}}`, user, ip, at, when)
}

// trained is after what train teaches, in seconds.
const trained = 31 * 3600

// train makes a history in which alice and bob work from one place. learning_period
// is 1d.
func train(s *sharer) {
	s.t.Helper()
	var lines []string
	for i := range 30 {
		lines = append(lines, accessAt("alice", "192.0.2.1", i*3600), accessAt("bob", "192.0.2.1", i*3600))
	}
	s.chunk(lines...)
}

// redisFaults are what goes wrong, and how it is put right. works says that the
// server goes on answering.
var redisFaults = []struct {
	name       string
	begin, end func(t *testing.T, s *redistest.Server, p *redistest.Proxy)
	works      bool
}{
	{name: "paused",
		begin: func(_ *testing.T, s *redistest.Server, _ *redistest.Proxy) { s.Freeze() },
		end:   func(_ *testing.T, s *redistest.Server, _ *redistest.Proxy) { s.Thaw() }},
	{name: "killed",
		begin: func(_ *testing.T, s *redistest.Server, _ *redistest.Proxy) { s.Kill() },
		end:   func(_ *testing.T, s *redistest.Server, _ *redistest.Proxy) { s.Restart() }},
	{name: "slow",
		begin: func(_ *testing.T, _ *redistest.Server, p *redistest.Proxy) { p.Delay(2 * time.Second) },
		end:   func(_ *testing.T, _ *redistest.Server, p *redistest.Proxy) { p.Pass() }},
	{name: "out of memory",
		begin: func(t *testing.T, s *redistest.Server, _ *redistest.Proxy) {
			order(t, s, "CONFIG", "SET", "maxmemory", 1)
		},
		end: func(t *testing.T, s *redistest.Server, _ *redistest.Proxy) {
			order(t, s, "CONFIG", "SET", "maxmemory", 0)
		}},
	{name: "flushed",
		begin: func(_ *testing.T, s *redistest.Server, _ *redistest.Proxy) { s.FlushAll() },
		end:   func(*testing.T, *redistest.Server, *redistest.Proxy) {}, works: true},
	{name: "errors",
		begin: func(_ *testing.T, _ *redistest.Server, p *redistest.Proxy) { p.ErrorReplies("ERR internal error") },
		end:   func(_ *testing.T, _ *redistest.Server, p *redistest.Proxy) { p.Pass() }},
	{name: "wrong password",
		begin: func(t *testing.T, s *redistest.Server, _ *redistest.Proxy) {
			order(t, s, "CONFIG", "SET", "requirepass", "another")
			_, _ = s.Do("CLIENT", "KILL", "TYPE", "normal") // this connection too
		},
		end: func(t *testing.T, s *redistest.Server, _ *redistest.Proxy) {
			order(t, s, "CONFIG", "SET", "requirepass", "")
		}},
}

// order runs a command, again if the connection was lost.
func order(t *testing.T, s *redistest.Server, command ...any) {
	t.Helper()
	var err error
	for range 3 {
		if _, err = s.Do(command...); err == nil {
			return
		}
	}
	t.Fatalf("%v: %v", command, err)
}

// Whatever happens to Redis, no call of the filter takes much longer than the
// timeout, all records come back unchanged but for their tags, and what was learnt
// meanwhile is known to others soon after Redis is back. The figures in the log are
// those to look at; the bounds here leave room for a machine that is busy.
func TestHostRedisFaults(t *testing.T) {
	const (
		timeout = 50 * time.Millisecond // the default
		busy    = 1500 * time.Millisecond
		chunks  = 50
		// Long enough for the hosts to look for the server as seldom as they ever do.
		outage = 5 * time.Second
	)
	for _, fault := range redisFaults {
		t.Run(fault.name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			proxy := redistest.StartProxy(t, server.Addr())
			a, b := startSharer(t, "v5", proxy.URL()), startSharer(t, "v2", proxy.URL())
			train(a)
			settle(t, server.Do, &a.member, &b.member)

			fault.begin(t, server, proxy)
			var took []time.Duration
			waits := a.must("shared_waits_total", "")
			for i := range chunks {
				// Something new between much that is not.
				lines := slices.Repeat([]string{accessAt("bob", "192.0.2.1", trained+i), `{"kind":"Event","n":1}`}, 20)
				lines = slices.Insert(lines, 20, accessAt("alice", fmt.Sprintf("203.0.113.%d", i), trained+i))
				out, d := a.chunk(lines...)
				took = append(took, d)
				records := parseRecords(t, out)
				checkLines(t, lines, records)
				v := records[20].verdict
				if !v.has("new-source-ip") || v["first"] != true || !fault.works && v["history"] != "degraded" {
					t.Errorf("chunk %d: %v", i, v)
				}
			}
			waits = a.must("shared_waits_total", "") - waits
			slices.Sort(took)
			if took[chunks-1] > timeout+busy {
				t.Errorf("a call took %v", took[chunks-1])
			}
			if !fault.works && waits > chunks/2 {
				t.Errorf("%.0f of %d chunks waited", waits, chunks)
			}

			if !fault.works {
				pause(t.Context(), outage)
			}
			fault.end(t, server, proxy)
			fixed := time.Now()
			for _, s := range []*sharer{a, b} {
				s.await("recovery", func() bool { _, calm := s.state(); return calm })
			}
			recovered := time.Since(fixed)
			if recovered > 15*time.Second {
				t.Errorf("back after %v", recovered)
			}
			settle(t, server.Do, &a.member, &b.member)
			// Who is the first to find the history gone judges once with nobody to ask.
			for n := range 2 {
				out, _ := b.chunk(accessAt("alice", fmt.Sprintf("203.0.113.%d", chunks-1-n), trained+chunks))
				if v := parseRecords(t, out)[0].verdict; !v.has("new-source-ip") || v["first"] != false || n > 0 && v["history"] != "complete" {
					t.Errorf("the other host did not learn of it: %v\n%s", v, tail([]byte(b.stderr.String())))
				}
			}
			for _, s := range []*sharer{a, b} {
				if n := s.must("shared_observations_lost_total", `reason="dropped"`); n != 0 {
					t.Errorf("%v observations were dropped", n)
				}
				s.end()
				// One of them is about the entries of settle.
				if n := s.count("[ warn]"); n > 4 {
					t.Errorf("%d warnings: %s", n, tail([]byte(s.stderr.String())))
				}
			}
			t.Logf("calls: longest %v, second %v, median %v; %.0f of %d chunks waited; back after %v", took[chunks-1].Round(10*time.Microsecond),
				took[chunks-2].Round(10*time.Microsecond), took[chunks/2].Round(10*time.Microsecond), waits, chunks, recovered.Round(time.Millisecond))
		})
	}
}
