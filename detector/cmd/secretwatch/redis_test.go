package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/detector/history"
	"github.com/secretwatch/secretwatch/detector/replica"
	"github.com/secretwatch/secretwatch/test/redistest"
)

const password = "correct-horse"

// in returns the flags of a history on a server.
func in(url string, more ...string) []string {
	return append([]string{"--redis-url", url, "--cluster", "prod"}, more...)
}

// with returns the arguments of the command history.
func with(place []string, args ...string) []string {
	return append(append([]string{"history"}, args...), place...)
}

func TestHistoryRedisIsAsAFile(t *testing.T) {
	path := flagged(t)
	file := []string{"--state", path}
	lines := ok(t, with(file, "export")...)
	f := func(t *testing.T, place []string) {
		if _, stderr, code := secretwatch(t, lines, with(place, "import")...); code != exitOK || !strings.Contains(stderr, "records in redis") && !strings.Contains(stderr, "records in unix") {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
		for _, args := range [][]string{{"export"}, {"show"}, {"show", "alice"}, {"show", "--output", "json"}, {"show", "alice", "--output", "json"}} {
			if got, want := ok(t, with(place, args...)...), ok(t, with(file, args...)...); got != want {
				t.Errorf("%q: got\n%s\nof a file\n%s", args, got, want)
			}
		}
		back := []string{"--state", filepath.Join(t.TempDir(), "back.db")}
		ok(t, with(back, "import", write(t, "lines", []byte(ok(t, with(place, "export")...))))...)
		if got := ok(t, with(back, "export")...); got != lines {
			t.Errorf("back in a file\n%s\nat first\n%s", got, lines)
		}
		if _, stderr, code := secretwatch(t, lines, with(place, "import")...); code != exitInput || !strings.Contains(stderr, "already") {
			t.Errorf("imported twice: exit code %d: %s", code, stderr)
		}
	}
	t.Run("single", func(t *testing.T) { f(t, in(redistest.Start(t).URL())) })
	t.Run("password in a file", func(t *testing.T) {
		server := redistest.Start(t, redistest.Password(password))
		f(t, in("redis://"+server.Addr(), "--redis-password-file", write(t, "password", []byte(password+"\n"))))
	})
	t.Run("certificates", func(t *testing.T) {
		server := redistest.Start(t, redistest.ClientCertificates())
		f(t, in(server.URL(), "--redis-ca-file", server.CAFile(), "--redis-cert-file", server.ClientCertFile(), "--redis-key-file", server.ClientKeyFile()))
	})
	t.Run("socket", func(t *testing.T) { f(t, in(redistest.Start(t, redistest.UnixSocket()).URL())) })
	t.Run("cluster", func(t *testing.T) {
		f(t, in("redis+cluster://"+strings.Join(redistest.StartCluster(t, 3, 0).Addrs(), ",")))
	})
	t.Run("sentinel", func(t *testing.T) {
		f(t, in("redis+sentinel://"+strings.Join(redistest.StartSentinel(t).Addrs(), ",")+"/"+redistest.MasterName))
	})
}

func TestBaselineRedis(t *testing.T) {
	place := in(redistest.Start(t).URL())
	log := write(t, "audit.log", []byte(event("alice", "a")+"\n"+event("bob", "b")+"\n"))
	file := []string{"--state", filepath.Join(t.TempDir(), "state.db")}
	for _, p := range [][]string{place, file} {
		ok(t, append(append([]string{"baseline"}, p...), log)...)
	}
	if got, want := ok(t, with(place, "export")...), ok(t, with(file, "export")...); got != want {
		t.Errorf("got\n%s\nin a file\n%s", got, want)
	}
	if _, stderr, code := secretwatch(t, "", append(append([]string{"baseline"}, place...), log)...); code != exitInput || !strings.Contains(stderr, "already") {
		t.Errorf("made twice: exit code %d: %s", code, stderr)
	}
	// An instance that starts has nothing to learn.
	h := opened(t, place)
	if h.Fresh() || h.Memory().Store().Empty() {
		t.Error("an instance would learn from a baseline")
	}
}

// quiet is a log that nobody reads.
type quiet struct{}

func (quiet) Warnf(string, ...any) {}
func (quiet) Infof(string, ...any) {}

// opened is what an instance with flags of in holds, started, until the end of
// the test. Its records are not written.
func opened(t *testing.T, place []string) *replica.History {
	t.Helper()
	server, err := replica.ParseURL(place[1])
	if err != nil {
		t.Fatal(err)
	}
	h, err := replica.Open(replica.Options{Server: server, Cluster: place[3], Timeout: 2 * time.Second, Save: time.Hour, Log: quiet{}}, detector.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	h.Start()
	return h
}

// valueOf says whether an instance holds a value of alice to be established or on
// probation, or not at all.
func valueOf(h *replica.History, text string) (is string) {
	h.Memory().Store().View("alice", func(p *history.Principal) {
		for d := range p.Sets {
			p.Sets[d].Each(func(v *history.Value) {
				if v.Text == text && v.Flagged != 0 {
					is = "on probation"
				} else if v.Text == text {
					is = "established"
				}
			})
		}
	})
	return is
}

// await polls for what an instance does by itself.
func await(t *testing.T, what string, ready func() bool) {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); !ready(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func TestHistoryRedisEditsRunningInstances(t *testing.T) {
	f := func(t *testing.T, url string) {
		place := in(url)
		ok(t, with(place, "import", write(t, "lines", []byte(ok(t, "history", "export", "--state", flagged(t)))))...)
		h := opened(t, place)
		const source = "203.0.113.9"
		if is := valueOf(h, source); is != "on probation" {
			t.Fatalf("%s is %q", source, is)
		}
		_, stderr, code := secretwatch(t, "", with(place, "approve", "alice", "--value", source)...)
		if code != exitOK || stderr != "approved alice: "+source+"\ninstances that run follow within moments, others when they start\n" {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
		await(t, "approved", func() bool { return valueOf(h, source) == "established" })
		ok(t, with(place, "forget", "alice", "--value", source)...)
		await(t, "value forgotten", func() bool { return valueOf(h, source) == "" })
		if !h.Memory().Store().View("alice", func(*history.Principal) {}) {
			t.Error("all of her is forgotten")
		}
		if got := ok(t, with(place, "show", "alice")...); strings.Contains(got, source) || !strings.Contains(got, "198.51.100.7") {
			t.Errorf("shown:\n%s", got)
		}
		if got := ok(t, with(place, "export")...); strings.Contains(got, `"`+source+`"`) || !strings.Contains(got, "alice") {
			t.Errorf("exported:\n%s", got)
		}
		ok(t, with(place, "forget", "alice")...)
		await(t, "principal forgotten", func() bool { return !h.Memory().Store().View("alice", func(*history.Principal) {}) })
		for _, args := range [][]string{{"show", "alice"}, {"forget", "alice"}, {"approve", "alice"}} {
			if _, stderr, code := secretwatch(t, "", with(place, args...)...); code != exitInput || !strings.Contains(stderr, `no principal "alice"`) {
				t.Errorf("%q: exit code %d: %s", args, code, stderr)
			}
		}
		if got := ok(t, with(place, "export")...); strings.Contains(got, "alice") {
			t.Errorf("exported:\n%s", got)
		}
	}
	t.Run("single", func(t *testing.T) { f(t, redistest.Start(t).URL()) })
	t.Run("cluster", func(t *testing.T) {
		f(t, "redis+cluster://"+strings.Join(redistest.StartCluster(t, 3, 0).Addrs(), ","))
	})
}

// What nobody ran to hear is heard by who starts later.
func TestHistoryRedisEditsLaterInstances(t *testing.T) {
	place := in(redistest.Start(t).URL())
	ok(t, with(place, "import", write(t, "lines", []byte(ok(t, "history", "export", "--state", flagged(t)))))...)
	ok(t, with(place, "approve", "alice", "--value", "203.0.113.9")...)
	if is := valueOf(opened(t, place), "203.0.113.9"); is != "established" {
		t.Errorf("it is %q", is)
	}
}

// What instances observed is shown before it is among the records, judged with
// the networks that are given.
func TestHistoryRedisShowsWhatWasJustObserved(t *testing.T) {
	place := in(redistest.Start(t).URL())
	h := opened(t, place)
	d, err := detector.NewWith(detector.DefaultConfig(), h.Memory())
	if err != nil {
		t.Fatal(err)
	}
	ev := &audit.Event{
		AuditID: "1", Stage: audit.StageResponseComplete, Verb: "get", RequestURI: "/api/v1/namespaces/prod/secrets/db",
		UserAgent: "kubectl/v1.30.0 (linux/amd64) kubernetes/abc", User: audit.User{Username: "alice"}, SourceIPs: []string{"198.51.100.7"},
		Resource: "secrets", Namespace: "prod", Name: "db", Code: 200, Decision: "allow", Time: time.Now().UnixNano(),
	}
	s := h.Session(d)
	s.See(ev)
	s.Ask()
	var v detector.Verdict
	s.Judge(ev, &v)
	s.End()
	if got := ok(t, with(place, "show", "alice")...); !strings.Contains(got, "198.51.100.7") {
		t.Errorf("shown:\n%s", got)
	}
	if got := ok(t, with(place, "show", "alice", "--networks", "office=198.51.100.0/24")...); !strings.Contains(got, "office") {
		t.Errorf("shown with networks:\n%s", got)
	}
	// It is all there is, and enough for another server.
	other := in(redistest.Start(t).URL())
	lines := ok(t, with(place, "export")...)
	ok(t, with(other, "import", write(t, "lines", []byte(lines)))...)
	if got := ok(t, with(other, "export")...); got != lines || !strings.Contains(lines, "alice") {
		t.Errorf("exported\n%s\nfrom the other server\n%s", lines, got)
	}
}

func TestHistoryRedisErrors(t *testing.T) {
	path := flagged(t)
	lines := ok(t, "history", "export", "--state", path)
	server := redistest.Start(t, redistest.Password(password))
	url := server.URL()
	f := func(wantCode int, want string, place []string, args ...string) {
		t.Helper()
		stdout, stderr, code := secretwatch(t, lines, with(place, args...)...)
		if code != wantCode || !strings.Contains(stderr, want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q: exit code %d: %s", args, code, stderr)
		}
		if strings.Contains(stdout+stderr, password) || strings.Contains(stderr, "guess") {
			t.Errorf("%q: a password is shown: %s%s", args, stdout, stderr)
		}
	}
	every := [][]string{{"show"}, {"show", "alice"}, {"forget", "alice"}, {"approve", "alice", "--value", "x"}, {"export"}}
	for _, args := range every {
		f(exitInput, `cluster "prod": there is no such history; accepted: `, in(url), args...)
	}
	for _, args := range append(slices.Clone(every), []string{"import"}) {
		f(exitInput, "WRONGPASS", in(strings.Replace(url, password, "guess", 1)), args...)
		f(exitInput, "NOAUTH", in("redis://"+server.Addr()), args...)
		f(exitInput, "redis_password_file", in(url, "--redis-password-file", path+"x"), args...)
		f(exitInput, "redis_ca_file", in("rediss://:"+password+"@"+server.Addr(), "--redis-ca-file", path+"x"), args...)
		f(exitUsage, "accepted: one of the two", in(url, "--state", path), args...)
		f(exitUsage, "accepted: redis://", in("http://:"+password+"@redis"), args...)
	}
	f(exitUsage, "accepted: --state FILE, or --redis-url URL", nil, "show")

	ok(t, with(in(url), "import", write(t, "lines", []byte(lines)))...)
	f(exitInput, `no principal "bob"; "secretwatch history show --redis-url redis://`+server.Addr()+` --cluster prod" lists them`, in(url), "show", "bob")
	f(exitInput, `no principal "bob"`, in(url), "approve", "bob")
	f(exitInput, "no value on probation", in(url), "approve", "alice", "--value", "x")
	f(exitInput, "already", in(url), "import")
	if n, err := server.Do("EXISTS", "secretwatch:{prod}:log"); err != nil || n != int64(0) {
		t.Errorf("what failed was told to instances: %v, %v", n, err)
	}

	// What cannot be read leaves nothing.
	server.FlushAll()
	stdout, stderr, code := secretwatch(t, lines+"not JSON\n", with(in(url), "import")...)
	if n, err := server.Do("DBSIZE"); code != exitInput || !strings.Contains(stderr, "standard input: line ") || err != nil || n != int64(0) {
		t.Errorf("exit code %d, %v keys, %v: %s%s", code, n, err, stdout, stderr)
	}
	stdout, stderr, code = secretwatch(t, "", with(in(url), "import")...)
	if n, err := server.Do("DBSIZE"); code != exitInput || !strings.Contains(stderr, "no records") || err != nil || n != int64(0) {
		t.Errorf("exit code %d, %v keys, %v: %s%s", code, n, err, stdout, stderr)
	}
}

func TestHistoryRedisAway(t *testing.T) {
	lines := ok(t, "history", "export", "--state", flagged(t))
	server := redistest.Start(t, redistest.Password(password))
	f := func(want string, place []string) {
		t.Helper()
		var all sync.WaitGroup
		defer all.Wait()
		for _, args := range [][]string{{"show"}, {"forget", "alice"}, {"export"}, {"import"}} {
			all.Add(1)
			go func() {
				defer all.Done()
				began := time.Now()
				stdout, stderr, code := secretwatch(t, lines, with(place, args...)...)
				if took := time.Since(began); took > 20*time.Second {
					t.Errorf("%q: gave up after %s", args, took)
				}
				if code != exitInput || !strings.Contains(stderr, want) || strings.Count(stderr, "\n") != 1 || strings.Contains(stdout+stderr, password) {
					t.Errorf("%q: exit code %d: %s%s", args, code, stdout, stderr)
				}
			}()
		}
	}
	ok(t, with(in(server.URL()), "import", write(t, "lines", []byte(lines)))...)
	server.Freeze()
	f("no answer in time", in(server.URL()))
	server.Thaw()
	server.Kill()
	f("connection refused", in(server.URL()))
	f("connection refused", in(fmt.Sprintf("redis+cluster://:%s@%s", password, server.Addr())))
}
