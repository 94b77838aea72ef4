package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/secretwatch/secretwatch/test/redistest"
)

// redisFilter shares its history.
const redisFilter = `
    - name: secretwatch
      match: '*'
      learning_period: {learning}
      cluster: prod
      redis_url: {redis}
      redis_timeout: {timeout}
      state_flush: 1s
      metrics_listen: 127.0.0.1:{port}
`

const redisTail = withoutParsers + `
pipeline:
  inputs:` + tailInput + `
  filters:` + redisFilter + `
  outputs:` + fileOutput

const redisHTTP = withoutParsers + `
pipeline:
  inputs:` + httpInput + `
      buffer_max_size: 16M
  filters:` + redisFilter + `
  outputs:` + fileOutput

// wantAlone is what one host with the same configuration says of the whole
// recorded log.
func wantAlone(t *testing.T, rec *recording) []judged {
	t.Helper()
	one := run(t, nil, hostBinary("v5"), "--prop", "learning_period="+rec.learning, "--prop", "cluster="+sharedCluster, pluginSO, rec.file(t))
	return parseRecords(t, one.stdout)
}

// Three Fluent Bits tail a log each, as on three control plane nodes, and find
// together what one finds in all.
func TestFluentBitsOnOneRedis(t *testing.T) {
	fluentBit(t)
	rec := loadRecorded(t)
	server := redistest.Start(t)
	dir := t.TempDir()
	type node struct {
		*engine
		log     *os.File
		out     string
		written int
	}
	var nodes []*node
	var members []*member
	for i := range 3 {
		file := func(name string) string { return filepath.Join(dir, fmt.Sprintf("%s-%d", name, i)) }
		log, err := os.Create(file("audit.log"))
		if err != nil {
			t.Fatal(err)
		}
		defer log.Close()
		port := freePort(t)
		e := startEngine(t, yaml(redisTail, "{log}", log.Name(), "{out}", file("out"), "{tag}", "audit", "{learning}", rec.learning,
			"{redis}", server.URL(), "{timeout}", "5s", "{port}", port))
		nodes, members = append(nodes, &node{engine: e, log: log, out: file("out")}), append(members, &member{e, port})
	}
	settle(t, server.Do, members...)
	random := rand.New(rand.NewPCG(5, 5))
	for from := 0; from < len(rec.lines); {
		to := min(from+1+random.IntN(300), len(rec.lines))
		n := nodes[random.IntN(len(nodes))]
		if _, err := n.log.WriteString(strings.Join(rec.lines[from:to], "\n") + "\n"); err != nil {
			t.Fatal(err)
		}
		n.written += to - from
		n.await("records", func() bool { return countLines(n.out) >= n.written })
		settle(t, server.Do, members...)
		from = to
	}
	want, got := firsts{}, firsts{}
	want.add(wantAlone(t, rec))
	for _, n := range nodes {
		n.stop()
		records := parseRecords(t, readFile(t, n.out))
		if len(records) != n.written {
			t.Errorf("%d records of %d", len(records), n.written)
		}
		got.add(records)
	}
	want.check(t, got)
}

// The recorded log in halves, with a restart of Fluent Bit between them, or a hot
// reload, gives the verdicts of one run.
func TestFluentBitRedisSurvives(t *testing.T) {
	fluentBit(t)
	rec := loadRecorded(t)
	want := wantAlone(t, rec)
	half := len(rec.lines) / 2
	f := func(name string, between func(e *engine, start func() *engine) *engine) {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t)
			port, out := freePort(t), filepath.Join(t.TempDir(), "out.jsonl")
			start := func() *engine {
				return startEngine(t, yaml(strings.Replace(redisHTTP, "127.0.0.1:{port}", "127.0.0.1:"+freePort(t), 1), "{port}", port, "{out}", out, "{tag}", "audit",
					"{learning}", rec.learning, "{redis}", server.URL(), "{timeout}", "5s"))
			}
			e := start()
			e.postLines(port, out, rec.lines[:half], half)
			e = between(e, start)
			e.postLines(port, out, rec.lines[half:], len(rec.lines))
			e.stop()
			if log := e.stderr.String(); !strings.Contains(log, "history of ") || strings.Contains(log, "[ warn] [filter:secretwatch") {
				t.Errorf("history was not read, or there is a warning: %s", tail([]byte(log)))
			}
			got := parseRecords(t, readFile(t, out))
			rec.checkUnchanged(t, got)
			compareVerdicts(t, "one run", want, name, got)
		})
	}
	f("restart", func(e *engine, start func() *engine) *engine {
		e.stop()
		return start()
	})
	f("reload", func(e *engine, _ func() *engine) *engine {
		e.cmd.Process.Signal(syscall.SIGHUP)
		e.await("reload", func() bool { return e.count("] version ") == 2 })
		return e
	})
}

// Fluent Bit starts without Redis, and shares its history once Redis is there. It
// ends in time also when Redis does not answer. The password is nowhere in the
// log, neither when it is right nor when it is wrong.
func TestFluentBitRedisAway(t *testing.T) {
	fluentBit(t)
	rec := loadRecorded(t)
	const password = "hush-hush"
	server := redistest.Start(t, redistest.Password(password))
	server.Kill()
	for _, right := range []bool{true, false} {
		t.Run(fmt.Sprintf("password %v", right), func(t *testing.T) {
			out, port, in := filepath.Join(t.TempDir(), "out.jsonl"), freePort(t), freePort(t)
			given := password
			if !right {
				given = "not-" + password
			}
			e := startEngine(t, yaml(strings.Replace(redisHTTP, "127.0.0.1:{port}", "127.0.0.1:"+port, 1), "{port}", in, "{out}", out, "{tag}", "audit",
				"{learning}", rec.learning, "{redis}", "redis://user:"+given+"@"+server.Addr(), "{timeout}", "50ms", "log_level: info", "log_level: debug"))
			m := member{e, port}
			half := len(rec.lines) / 2
			e.postLines(in, out, rec.lines[:half], half)
			if right {
				server.Restart()
				order(t, server, "ACL", "SETUSER", "user", "on", ">"+password, "~secretwatch:*", "+@all")
				e.await("recovery", func() bool { _, calm := m.state(); return calm })
			}
			e.postLines(in, out, rec.lines[half:], len(rec.lines))
			records := parseRecords(t, readFile(t, out))
			rec.checkUnchanged(t, records)
			rec.checkVerdicts(t, records)
			if right {
				server.Freeze()
				defer server.Thaw()
			}
			began := time.Now()
			e.stop()
			took := time.Since(began)
			t.Logf("it ended after %v", took.Round(time.Millisecond))
			if took > 15*time.Second {
				t.Errorf("it took %v to end", took)
			}
			log := e.stderr.String() + e.stdout.String()
			if strings.Contains(log, given) {
				t.Error("the password is in the log")
			}
			if warned := e.count("; the history at hand decides until it answers"); warned == 0 || warned > 4 || right != strings.Contains(log, "it answers again") {
				t.Errorf("%d warnings: %s", warned, tail([]byte(log)))
			}
		})
	}
}

// Loads and exits over and over leave nothing behind: no file descriptor, no
// thread, no goroutine, no connection.
func TestHostRedisLeavesNothing(t *testing.T) {
	for _, generation := range generations {
		t.Run(generation, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			host := startSharer(t, generation, server.URL(), "--reload-every=1")
			type sizes struct{ files, threads, goroutines, connections int }
			size := func() (s sizes) {
				proc := fmt.Sprintf("/proc/%d/", host.cmd.Process.Pid)
				count := func(dir string) int {
					entries, err := os.ReadDir(proc + dir)
					if err != nil {
						t.Skipf("no such thing here: %v", err)
					}
					return len(entries)
				}
				s.files, s.threads = count("fd"), count("task")
				s.goroutines = int(scrape(t, host.port)["go_goroutines{}"])
				clients, err := server.Do("CLIENT", "LIST", "TYPE", "normal")
				if err != nil {
					t.Fatal(err)
				}
				s.connections = strings.Count(fmt.Sprint(clients), "addr=")
				return s
			}
			var first, last sizes
			const loads = 50
			for i := range loads {
				host.chunk(accessAt("alice", "192.0.2.1", i))
				if i == 9 {
					first = size()
				}
			}
			host.await("as few as in the beginning", func() bool {
				last = size()
				return last.files <= first.files+1 && last.goroutines <= first.goroutines+3 && last.connections <= first.connections+1
			})
			t.Logf("after 10 loads %+v, after %d %+v", first, loads, last)
			if last.threads > first.threads+4 {
				t.Errorf("%d threads, %d before", last.threads, first.threads)
			}
			host.end()
			if n := host.count("] version "); n != loads {
				t.Errorf("%d loads", n)
			}
		})
	}
}
