package e2e

import (
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// stateConfiguration keeps history and takes records by HTTP, so that no input
// brings them again after a reload.
const stateConfiguration = withoutParsers + `
pipeline:
  inputs:` + httpInput + `
      buffer_max_size: 16M
  filters:
    - name: secretwatch
      match: '*'
      learning_period: {learning}
      state_path: {state}
      baseline: {baseline}
      baseline_timeout: 5m
  outputs:` + fileOutput

// stateful starts a Fluent Bit with stateConfiguration.
func stateful(t *testing.T, rec *recording, port, state, baseline, out string) *engine {
	t.Helper()
	configuration := stateConfiguration
	if baseline == "" {
		configuration = lineOf("baseline").ReplaceAllString(lineOf("baseline_timeout").ReplaceAllString(configuration, ""), "")
	}
	return startEngine(t, yaml(configuration, "{port}", port, "{learning}", rec.learning, "{state}", state,
		"{baseline}", baseline, "{out}", out, "{tag}", "audit"))
}

// postLines posts events in order, some at a time, and waits until all that were
// ever posted have come out.
func (e *engine) postLines(port, out string, lines []string, total int) {
	e.t.Helper()
	const some = 200
	for len(lines) > 0 {
		n := min(some, len(lines))
		body := "[" + strings.Join(lines[:n], ",") + "]"
		e.await("to take records", func() bool { return post("http://127.0.0.1:"+port+"/", body) })
		lines = lines[n:]
	}
	e.await("output of all records", func() bool { return countLines(out) >= total })
}

// The recorded log in halves, with a restart of Fluent Bit between them, or a hot
// reload, gives the verdicts of one run.
func TestFluentBitStateSurvives(t *testing.T) {
	fluentBit(t)
	rec := loadRecorded(t)
	one := run(t, nil, hostBinary("v5"), "--structured", "--prop", "learning_period="+rec.learning, pluginSO, rec.file(t))
	want := parseRecords(t, one.stdout)
	rec.checkVerdicts(t, want)
	half := len(rec.lines) / 2
	f := func(name string, between func(e *engine, start func() *engine) *engine) {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			port, out := freePort(t), filepath.Join(dir, "out.jsonl")
			start := func() *engine { return stateful(t, rec, port, filepath.Join(dir, "history.db"), "", out) }
			e := start()
			e.postLines(port, out, rec.lines[:half], half)
			e = between(e, start)
			e.postLines(port, out, rec.lines[half:], len(rec.lines))
			e.stop()
			if log := e.stderr.String(); !strings.Contains(log, "history.db: history of ") || strings.Contains(log, "history.db: no") {
				t.Errorf("history was not read: %s", tail([]byte(log)))
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

// Old logs are read before the first record, once: what is in them is no news,
// and a restart goes by the history kept instead.
func TestFluentBitBaseline(t *testing.T) {
	fluentBit(t)
	rec := loadRecorded(t)
	dir := t.TempDir()
	half := len(rec.lines) / 2
	log, err := os.Create(filepath.Join(dir, "audit-1.log.gz"))
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(log)
	fmt.Fprintln(z, strings.Join(rec.lines[:half], "\n"))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	baseline := filepath.Join(dir, "audit-*.log*")
	rest := rec.lines[half:]
	one := run(t, []byte(strings.Join(rest, "\n")+"\n"), hostBinary("v5"), "--structured", "--prop", "baseline="+baseline, pluginSO)
	want := parseRecords(t, one.stdout)

	port, out := freePort(t), filepath.Join(dir, "out.jsonl")
	part := len(rest) / 2
	e := stateful(t, rec, port, filepath.Join(dir, "history.db"), baseline, out)
	e.postLines(port, out, rest[:part], part)
	e.stop()
	if e.count("baseline: reading 1 files") != 1 || e.count("learning is over") != 1 {
		t.Errorf("the baseline was not read: %s", tail([]byte(e.stderr.String())))
	}
	e = stateful(t, rec, port, filepath.Join(dir, "history.db"), baseline, out)
	e.postLines(port, out, rest[part:], len(rest))
	e.stop()
	if e.count("baseline: ") != 0 {
		t.Errorf("the baseline was read again: %s", tail([]byte(e.stderr.String())))
	}
	got := parseRecords(t, readFile(t, out))
	checkLines(t, rec.redacted[half:], got)
	compareVerdicts(t, "the loader host", want, "Fluent Bit", got)
	for _, j := range got {
		if j.verdict != nil && j.verdict["history"] == "learning" {
			t.Errorf("still learning: %v", j.verdict)
		}
	}
}
