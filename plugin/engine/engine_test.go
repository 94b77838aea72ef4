package engine

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/plugin/config"
	"github.com/secretwatch/secretwatch/test/redistest"
)

// journal keeps log lines.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(format string, args []any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}
func (j *journal) Errorf(format string, args ...any) { j.add(format, args) }
func (j *journal) Warnf(format string, args ...any)  { j.add(format, args) }
func (j *journal) Infof(format string, args ...any)  { j.add(format, args) }
func (j *journal) Debugf(format string, args ...any) { j.add(format, args) }

func (j *journal) has(t *testing.T, want string) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	if text := strings.Join(j.lines, "\n"); !strings.Contains(text, want) {
		t.Errorf("log lacks %q:\n%s", want, text)
	}
}

// access is one line of a log, in minute i of a day.
func access(user string, i int) string {
	return fmt.Sprintf(`{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"%s-%d","stage":"ResponseComplete",`+
		`"requestURI":"/api/v1/namespaces/a/secrets/b","verb":"get","user":{"username":"%s"},"sourceIPs":["203.0.113.9"],"userAgent":"kubectl/v1.30.0",`+
		`"objectRef":{"resource":"secrets","namespace":"a","name":"b","apiVersion":"v1"},"responseStatus":{"code":200},`+
		`"requestReceivedTimestamp":"2026-11-23T%02d:%02d:00.000000Z"}`, user, i, user, i/60, i%60)
}

func TestBaselineOfManyLogs(t *testing.T) {
	dir := t.TempDir()
	// More logs than are open at a time, one after the other, as rotation leaves them.
	for f := range 3 * maxOpen {
		var lines []string
		for i := range 5 {
			lines = append(lines, access(fmt.Sprint("user", i), f*5+i))
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d.log", f)), []byte(strings.Join(lines, "\n")), 0o600))
	}
	cfg := config.Default()
	cfg.Baseline = []string{filepath.Join(dir, "*.log"), filepath.Join(dir, "00*"), filepath.Join(dir, "none")}
	j := &journal{}
	e, err := Open(cfg, j)
	require.NoError(t, err)
	j.has(t, "reading 192 files")
	j.has(t, "960 secret accesses of 5 identities")
	j.has(t, "from 2026-11-23T00:00:00Z to 2026-11-23T15:59:00Z")
	j.has(t, "learning is over")
	j.has(t, "no file matches")
	require.NoError(t, e.Close())
	require.NoError(t, e.Close())
}

func TestBaselineTimeout(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	var lines []string
	for i := range 1000 {
		lines = append(lines, access("alice", i))
	}
	require.NoError(t, os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600))
	cfg := config.Default()
	cfg.Baseline = []string{path}
	j := &journal{}
	m := detector.NewMemory(cfg.Detector)
	b := Baseline{Config: cfg, Memory: m, Log: j, Until: time.Now().Add(-time.Second)}
	require.False(t, b.Load())
	j.has(t, "not all was read")
	j.has(t, "learning goes on")
}

func TestNothingToLearn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	require.NoError(t, os.WriteFile(path, []byte("no audit log\n"), 0o600))
	cfg := config.Default()
	cfg.Baseline = []string{path}
	j := &journal{}
	_, err := Open(cfg, j)
	require.NoError(t, err)
	j.has(t, "no secret access found")
}

func TestOnlyTheFirstStartReadsTheBaseline(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "audit.log")
	require.NoError(t, os.WriteFile(path, []byte(access("alice", 0)+"\n"), 0o600))
	cfg := config.Default()
	cfg.Baseline, cfg.StatePath = []string{path}, filepath.Join(dir, "state.db")
	for _, want := range []string{"learning is over", "history of 1 identities read"} {
		j := &journal{}
		e, err := Open(cfg, j)
		require.NoError(t, err)
		require.NoError(t, e.Close())
		j.has(t, want)
		require.Len(t, j.lines, map[bool]int{true: 3, false: 1}[want == "learning is over"])
	}
}

// Logs are opened one after the other to see when their turn is. What reading them
// took is not held until then.
func TestLogsThatWaitHoldLittle(t *testing.T) {
	dir := t.TempDir()
	const files, long = 200, 512 << 10
	for i := range files {
		text := strings.Repeat("x", long) + "\n" + access("alice", i) + "\n"
		require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d.log", i)), []byte(text), 0o600))
	}
	b := &Baseline{Config: config.Default(), Log: &journal{}}
	waiting := make([]*log, files)
	held := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := held()
	for i := range waiting {
		l := &log{b: b, name: filepath.Join(dir, fmt.Sprintf("%03d.log", i))}
		require.True(t, l.open() && l.next())
		l.close()
		waiting[i] = l
	}
	require.Less(t, held(), before+files*long/8)
	for i, l := range waiting {
		require.Equal(t, fmt.Sprint("alice-", i), l.events[0].AuditID)
	}
}

// A baseline can hold more than waits to be sent: it is sent while it is read.
func TestOthersHearOfTheWholeBaseline(t *testing.T) {
	server := redistest.Start(t)
	path := filepath.Join(t.TempDir(), "audit.log")
	const secrets = 70_000 // more than 65,536
	f, err := os.Create(path)
	require.NoError(t, err)
	w := bufio.NewWriter(f)
	for i := range secrets {
		line := access(fmt.Sprint("user", i%50), i/100)
		line = strings.ReplaceAll(line, `"auditID":"`, fmt.Sprintf(`"auditID":"%d-`, i))
		fmt.Fprintln(w, strings.ReplaceAll(line, `"name":"b"`, fmt.Sprintf(`"name":"b%d"`, i)))
	}
	require.NoError(t, errors.Join(w.Flush(), f.Close()))
	cfg := config.Default()
	require.NoError(t, cfg.Set("redis_url", server.URL()))
	cfg.RedisTimeout = 5 * time.Second // tests share processors
	cfg.Baseline = []string{path}
	j := &journal{}
	e, err := Open(cfg, j)
	require.NoError(t, err)
	j.has(t, "70000 secret accesses of 50 identities")
	shared := e.Stats().Shared
	require.NoError(t, e.Close())
	require.Zero(t, shared.Dropped)
	require.EqualValues(t, secrets, e.Stats().Shared.Sent)
}
