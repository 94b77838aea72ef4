package e2e

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/secretwatch/secretwatch/plugin/forward/forwardtest"
)

// outputHost delivers lines through the output in the loader host.
func outputHost(t *testing.T, lines []string, args ...string) result {
	t.Helper()
	stdin := strings.Join(lines, "\n") + "\n"
	return run(t, []byte(stdin), filepath.Join(buildDir, "host-output"), append(args, outputSO)...)
}

// The output gives the verdicts that replay gives, also when every second
// delivery fails.
func TestOutputHostForward(t *testing.T) {
	rec := loadRecorded(t)
	tool := run(t, nil, replay, "replay", "--output", "json", "--learning-period", rec.learning, rec.file(t))
	want := parseRecords(t, tool.stdout)
	var mu sync.Mutex
	var got []judged
	r := &forwardtest.Receiver{Answer: func(m *forwardtest.Message) forwardtest.Answer {
		if rand.N(2) == 0 {
			return forwardtest.Refuse
		}
		records := parseEntries(t, m)
		mu.Lock()
		defer mu.Unlock()
		got = append(got, records...)
		return forwardtest.Ack
	}}
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	defer r.Kill()
	h := outputHost(t, rec.lines, "--prop", "target=forward://"+r.Address, "--prop", "learning_period="+rec.learning, "--retries", "100", "--records-per-chunk", "300")
	if h.code != 0 {
		t.Fatalf("exit status %d: %s", h.code, tail(h.stderr))
	}
	rec.checkUnchanged(t, got)
	rec.checkVerdicts(t, got)
	compareVerdicts(t, "replay", want, "the output", got)
}

// Several instances and workers, and a reload halfway: everything arrives once.
func TestOutputHostInstances(t *testing.T) {
	rec := loadRecorded(t)
	dir := t.TempDir()
	lines := make([]string, 5000)
	for n := range lines {
		lines[n] = rec.numbered(n)
	}
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	h := outputHost(t, lines, "--prop", "target=file://"+a, "--next", "--prop", "target=file://"+b, "--workers", "4", "--reload", "--records-per-chunk", "20")
	if h.code != 0 || !strings.Contains(string(h.stderr), "delivered=500 retried=0 failed=0") {
		t.Fatalf("exit status %d: %s", h.code, tail(h.stderr))
	}
	for _, path := range []string{a, b} {
		for n, times := range countNumbered(t, path, len(lines)) {
			if times != 1 {
				t.Errorf("record %d came %d times", n, times)
			}
		}
	}
	if lines := outputLines(t, string(h.stderr)); len(lines) != 8 {
		t.Errorf("log: %q", lines)
	}
}

func TestOutputHostResults(t *testing.T) {
	f := func(code int, want string, args ...string) {
		t.Helper()
		h := outputHost(t, []string{"{}"}, args...)
		if h.code != code || !strings.Contains(string(h.stderr), want) {
			t.Errorf("%q: exit status %d, want %d and %s: %s", args, h.code, code, want, h.stderr)
		}
	}
	f(3, "property target is missing")
	f(3, `property window: bad value "7y"`, "--prop", "target=stdout", "--prop", "window=7y")
	f(3, "set daemon off", "--daemon", "--prop", "target=stdout")
	f(4, "delivered=0 retried=3 failed=1", "--prop", "target=forward://127.0.0.1:"+freePort(t), "--prop", "connect_timeout=0.1s", "--retries", "2")
	f(4, "delivered=0 retried=1 failed=1", "--prop", "target=file:///nonexistent/file", "--retries", "0")
	f(0, `shared_key="***"`, "--prop", "target=forward+unix:///nonexistent", "--prop", "shared_key=hush", "--prop", "only_findings=on")

	h := outputHost(t, []string{`a "line"`}, "--prop", "target=stdout")
	if want := fmt.Sprintln(`{"log":"a \"line\""}`); h.code != 0 || string(h.stdout) != want {
		t.Errorf("exit status %d: %q", h.code, h.stdout)
	}
}
