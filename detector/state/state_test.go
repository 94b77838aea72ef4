package state

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/detector/history"
)

// journal keeps log lines.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(level, format string, args []any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, level+" "+fmt.Sprintf(format, args...))
}
func (j *journal) Warnf(format string, args ...any) { j.add("warn", format, args) }
func (j *journal) Infof(format string, args ...any) { j.add("info", format, args) }

// warnings returns the warnings and forgets all lines.
func (j *journal) warnings() (w []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, l := range j.lines {
		if strings.HasPrefix(l, "warn ") {
			w = append(w, l)
		}
	}
	j.lines = nil
	return w
}

func testConfig() detector.Config {
	cfg := detector.DefaultConfig()
	cfg.LearningPeriod = 0
	return cfg
}

// start opens a path that is only written by Flush and Close.
func start(t testing.TB, path string) (*History, *journal) {
	t.Helper()
	j := &journal{}
	h := Open(Options{Path: path, Flush: time.Hour, Log: j}, testConfig())
	t.Cleanup(func() { h.Close() })
	h.Start()
	return h, j
}

// read1 is an access by a user to a secret; first says whether it was judged as
// a finding made for the first time.
func read1(t testing.TB, h *History, user, secret string, at int64) (first bool) {
	t.Helper()
	d, err := detector.NewWith(testConfig(), h.Memory())
	require.NoError(t, err)
	var v detector.Verdict
	ev := audit.Event{
		AuditID: fmt.Sprint(user, secret, at), Stage: audit.StageResponseComplete, Verb: "get",
		User:      audit.User{Username: user, Groups: []string{"system:authenticated"}},
		SourceIPs: []string{"203.0.113.9"}, UserAgent: "kubectl/v1.30.0 (linux/amd64) kubernetes/abc",
		Resource: "secrets", Namespace: "prod", Name: secret, Code: 200, Time: at,
		RequestURI: "/api/v1/namespaces/prod/secrets/" + secret,
	}
	r := d.Judge(&ev, &v)
	require.Contains(t, []detector.Result{detector.Clean, detector.Found}, r)
	return r == detector.Found && v.First
}

const now = int64(1_790_000_000_000_000_000)

// sample makes a state file with some users, written in several transactions.
func sample(t testing.TB, path string, users int) {
	t.Helper()
	h, j := start(t, path)
	for i := range users {
		read1(t, h, fmt.Sprint("user", i), "db", now)
		if i%(users/4+1) == 0 {
			require.NoError(t, h.Flush())
		}
	}
	require.NoError(t, h.Close())
	require.Empty(t, j.warnings())
}

func TestSurvivesRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	h, j := start(t, path)
	require.True(t, h.Fresh())
	require.True(t, read1(t, h, "alice", "db", now))
	require.False(t, read1(t, h, "alice", "db", now+1))
	require.NoError(t, h.Close())
	require.NoError(t, h.Close())
	require.Empty(t, j.warnings())

	h, j = start(t, path)
	require.False(t, h.Fresh())
	require.False(t, read1(t, h, "alice", "db", now+2))
	require.True(t, read1(t, h, "bob", "db", now+2))
	require.Empty(t, j.warnings())
}

func TestShared(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link.db")
	require.NoError(t, os.Symlink("state.db", link))
	a, _ := start(t, filepath.Join(dir, "state.db"))
	b, _ := start(t, link)
	require.Same(t, a.Memory(), b.Memory())
	require.False(t, b.Fresh() && a.Fresh())
	require.True(t, read1(t, a, "alice", "db", now))
	require.False(t, read1(t, b, "alice", "db", now+1))
	require.NoError(t, a.Close())
	require.False(t, read1(t, b, "alice", "db", now+2))
	require.NoError(t, b.Close())
	require.Empty(t, open.keepers)

	j := &journal{}
	other := testConfig()
	other.Window /= 2
	c, _ := start(t, link)
	d := Open(Options{Path: link, Flush: time.Hour, Log: j}, other)
	require.Len(t, j.warnings(), 1)
	require.NoError(t, d.Close())
	require.NoError(t, c.Close())
}

// Links that lead to a file which is not there yet are names of it already.
func TestSharedBeforeItIsThere(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "data"), 0o700))
	require.NoError(t, os.Symlink("data", filepath.Join(dir, "here")))
	require.NoError(t, os.Symlink(filepath.Join(dir, "here", "far.db"), filepath.Join(dir, "near.db")))
	require.NoError(t, os.Symlink("../data/state.db", filepath.Join(dir, "data", "far.db")))
	a, aj := start(t, filepath.Join(dir, "near.db"))
	b, bj := start(t, filepath.Join(dir, "data", "state.db"))
	c, cj := start(t, filepath.Join(dir, "here", "far.db"))
	require.Same(t, a.Memory(), b.Memory())
	require.Same(t, a.Memory(), c.Memory())
	require.Empty(t, append(append(aj.warnings(), bj.warnings()...), cj.warnings()...))
	for _, h := range []*History{a, b, c} {
		require.NoError(t, h.Close())
	}
	require.FileExists(t, filepath.Join(dir, "data", "state.db"))

	// Links that lead nowhere are an error of the file system, not an endless walk.
	loop := filepath.Join(dir, "loop.db")
	require.NoError(t, os.Symlink("loop.db", loop))
	d, j := start(t, loop)
	require.NotEmpty(t, j.warnings())
	require.ErrorContains(t, d.Close(), "symbolic links")
}

func TestNoGoroutineIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	path := filepath.Join(t.TempDir(), "state.db")
	for i := range 20 {
		h := Open(Options{Path: path, Flush: time.Millisecond, Log: &journal{}}, testConfig())
		h.Start()
		read1(t, h, "alice", "db", now+int64(i))
		require.NoError(t, h.Close())
	}
	require.LessOrEqual(t, runtime.NumGoroutine(), before)
}

// What is written in the background is there without Close.
func TestWrittenInTheBackground(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	h := Open(Options{Path: path, Flush: time.Millisecond, Log: &journal{}}, testConfig())
	defer h.Close()
	h.Start()
	read1(t, h, "alice", "db", now)
	deadline := time.After(20 * time.Second)
	for !holds(path, "alice") {
		select {
		case <-deadline:
			t.Fatal("not written")
		default:
			runtime.Gosched()
		}
	}
}

// holds says whether a sound file has a record of a principal.
func holds(path, name string) (found bool) {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return false
	}
	_, err = read(f, info.Size(), func(table history.Table, key string, _ []byte) error {
		found = found || table == history.Principals && key == name
		return nil
	})
	return err == nil && found
}

// A principal that had to make room leaves the file too.
func TestForgottenInTheFileToo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	cfg := testConfig()
	cfg.MaxPrincipals = 4
	h := Open(Options{Path: path, Flush: time.Hour, Log: &journal{}}, cfg)
	for i := range 500 {
		read1(t, h, fmt.Sprint("user", i), "db", now)
		if i%7 == 0 {
			require.NoError(t, h.Flush())
		}
	}
	known, fresh := h.Memory().Store().Len()
	require.NoError(t, h.Close())
	n := 0
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	info, _ := f.Stat()
	_, err = read(f, info.Size(), func(table history.Table, _ string, _ []byte) error {
		if table == history.Principals {
			n++
		}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, known+fresh, n)
}

// asides returns the files set aside beside path.
func asides(path string) []string {
	found, _ := filepath.Glob(path + ".damaged-*")
	return found
}

// checkDamaged opens a file that may be damaged: it is either read, or set aside
// with one warning and replaced.
func checkDamaged(t *testing.T, path, what string) (setAside bool) {
	t.Helper()
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	h, j := start(t, path)
	defer h.Close()
	w := j.warnings()
	set := asides(path)
	if len(set) > 0 {
		require.Len(t, w, 1, what)
		after, err := os.ReadFile(set[0])
		require.NoError(t, err)
		require.True(t, bytes.Equal(before, after), "%s: the damaged file was changed", what)
		require.True(t, h.Fresh(), what)
		require.NoError(t, os.Remove(set[0]))
	} else {
		require.Empty(t, w, what)
	}
	// Either way it goes on, and what is learnt now lasts.
	read1(t, h, "somebody new", "db", now)
	require.NoError(t, h.Close())
	require.Empty(t, j.warnings(), what)
	require.True(t, holds(path, "somebody new"), what)
	return len(set) > 0
}

func TestDamagedPages(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state.db")
	sample(t, path, 300)
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	size := os.Getpagesize()
	set := 0
	for page := 0; page*size < len(good); page++ {
		bad := bytes.Clone(good)
		for i := page * size; i < (page+1)*size; i++ {
			bad[i] ^= 0xff
		}
		require.NoError(t, os.WriteFile(path, bad, 0o600))
		if checkDamaged(t, path, fmt.Sprint("page ", page)) {
			set++
		}
	}
	t.Logf("%d of %d pages were in use: set aside", set, len(good)/size)
	require.Greater(t, set, len(good)/size/4)
}

// Single bytes of pages in use, also of their headers, are noticed.
func TestDamagedBytes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	sample(t, path, 40)
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	want := records(t, good)
	for at := range good {
		if at%4096 > 200 && at%37 != 0 {
			continue // headers and elements in full, content now and then
		}
		for _, x := range []byte{0x01, 0x80, 0xff} {
			bad := bytes.Clone(good)
			bad[at] ^= x
			got := map[string]string{}
			_, err := read(bytes.NewReader(bad), int64(len(bad)), collect(got))
			if err != nil {
				require.True(t, errors.Is(err, errDamaged) || errors.Is(err, errForeign), "byte %d: %v", at, err)
				continue
			}
			// Either the byte means nothing, or the other meta page holds now.
			if len(got) != len(want) && at >= 2*4096 {
				t.Fatalf("byte %d ^ %x: %d records of %d", at, x, len(got), len(want))
			}
		}
	}
}

func collect(into map[string]string) add {
	return func(table history.Table, key string, value []byte) error {
		into[string(table)+" "+key] = string(value)
		return nil
	}
}

func records(t *testing.T, file []byte) map[string]string {
	t.Helper()
	m := map[string]string{}
	_, err := read(bytes.NewReader(file), int64(len(file)), collect(m))
	require.NoError(t, err)
	return m
}

func TestTruncated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	sample(t, path, 300)
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	for i := range 50 {
		at := len(good) * i / 50
		if i%2 == 1 {
			at = at / 4096 * 4096 // at the end of a page
		}
		require.NoError(t, os.WriteFile(path, good[:at], 0o600))
		checkDamaged(t, path, fmt.Sprint("cut at ", at))
	}
}

// A foreign file is left as it is.
func TestForeign(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	f := func(want string, content []byte) {
		t.Helper()
		require.NoError(t, os.WriteFile(path, content, 0o600))
		h, j := start(t, path)
		w := j.warnings()
		require.Len(t, w, 1)
		require.Contains(t, w[0], want)
		require.True(t, read1(t, h, "alice", "db", now))
		require.Error(t, h.Flush())
		h.Close()
		require.Empty(t, j.warnings())
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.True(t, bytes.Equal(content, after))
		require.Empty(t, asides(path))
	}
	f("not a history of secretwatch", []byte("kind: Secret\n"))
	f("not a history of secretwatch", bytes.Repeat([]byte("\x7fELF"), 10000))
	f("not a history of secretwatch", make([]byte, 20000))

	other := filepath.Join(t.TempDir(), "other.db")
	write := func(do func(tx *bolt.Tx) error) []byte {
		t.Helper()
		require.NoError(t, os.RemoveAll(other))
		db, err := bolt.Open(other, 0o600, nil)
		require.NoError(t, err)
		require.NoError(t, db.Update(do))
		require.NoError(t, db.Close())
		b, err := os.ReadFile(other)
		require.NoError(t, err)
		return b
	}
	f("some other bbolt database", write(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucket([]byte("tail_files"))
		return err
	}))
	f("its schema is 2", write(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucket([]byte(aboutBucket))
		if err != nil {
			return err
		}
		return b.Put([]byte(keySchema), sealed(aboutBucket, keySchema, []byte{2}))
	}))
}

func TestDirectoryAsFile(t *testing.T) {
	h, j := start(t, t.TempDir())
	require.Len(t, j.warnings(), 1)
	require.True(t, read1(t, h, "alice", "db", now))
	require.Error(t, h.Close())
}

// Without its directory nothing can be kept, until there is one.
func TestDirectoryComesLater(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sub")
	path := filepath.Join(dir, "state.db")
	h, j := start(t, path)
	require.Len(t, j.warnings(), 1)
	read1(t, h, "alice", "db", now)
	require.Error(t, h.Flush())
	require.Empty(t, j.warnings(), "the same failure is told once")
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, h.Flush())
	require.True(t, holds(path, "alice"))
	require.NoError(t, h.Close())
	h, _ = start(t, path)
	require.False(t, read1(t, h, "alice", "db", now+1))
}

func TestRemovedAndReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	h, j := start(t, path)
	read1(t, h, "alice", "db", now)
	require.NoError(t, h.Flush())
	require.NoError(t, os.Remove(path))
	require.NoError(t, h.Flush())
	require.Len(t, j.warnings(), 1)
	require.True(t, holds(path, "alice"))

	// Cut under our feet.
	require.NoError(t, os.Truncate(path, 5000))
	require.NoError(t, h.Flush())
	require.NotEmpty(t, j.warnings())
	require.True(t, holds(path, "alice"))

	// Replaced by somebody else's.
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.WriteFile(path, []byte("mine"), 0o600))
	require.Error(t, h.Flush())
	require.NotEmpty(t, j.warnings())
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "mine", string(b))
}

// TestMain lets the test binary play the second process.
func TestMain(m *testing.M) {
	if path := os.Getenv("STATE_TEST_HOLD"); path != "" {
		h := Open(Options{Path: path, Flush: time.Hour, Log: &journal{}}, testConfig())
		fmt.Println("open")
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = h.Close()
		return
	}
	os.Exit(m.Run())
}

func TestSecondProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	sample(t, path, 5)
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "STATE_TEST_HOLD="+path)
	stdin, err := c.StdinPipe()
	require.NoError(t, err)
	stdout, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	b := make([]byte, 5)
	_, err = io.ReadFull(stdout, b)
	require.NoError(t, err)

	began := time.Now()
	h, j := start(t, path)
	require.Less(t, time.Since(began), 10*time.Second)
	w := j.warnings()
	require.Len(t, w, 1)
	require.Contains(t, w[0], "in use by another process")
	require.True(t, read1(t, h, "user3", "db", now+1))
	h.Close()
	require.NoError(t, stdin.Close())
	require.NoError(t, c.Wait())

	h, j = start(t, path)
	require.Empty(t, j.warnings())
	require.False(t, read1(t, h, "user3", "db", now+1))
}

// Whatever bytes are read: an error or records, no panic.
func FuzzRead(f *testing.F) {
	path := filepath.Join(f.TempDir(), "state.db")
	sample(f, path, 3)
	good, err := os.ReadFile(path)
	require.NoError(f, err)
	f.Add([]byte{0, 0x20, 9, 1, 0, 0, 1})
	f.Add([]byte{0, 0x30, 16, 0, 0, 0, 1, 0, 0x30, 24, 0, 0xff, 0, 0})
	bad := make([]byte, len(good))
	f.Fuzz(func(t *testing.T, edits []byte) {
		copy(bad, good)
		// An edit is an offset and four bytes to change it by.
		for ; len(edits) >= 7; edits = edits[7:] {
			at := (int(edits[0])<<16 | int(edits[1])<<8 | int(edits[2])) % (len(bad) - 3)
			order.PutUint32(bad[at:], order.Uint32(bad[at:])^order.Uint32(edits[3:]))
		}
		// Else hardly an edit of a meta page would be looked at.
		for page := range 2 {
			meta := bad[page*os.Getpagesize()+pageHeader:]
			h := fnv.New64a()
			_, _ = h.Write(meta[:56])
			order.PutUint64(meta[56:], h.Sum64())
		}
		_, _ = read(bytes.NewReader(bad), int64(len(bad)), func(history.Table, string, []byte) error { return nil })
	})
}
