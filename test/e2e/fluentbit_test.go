package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/secretwatch/secretwatch/plugin/config"
)

// fluentBit returns the Fluent Bit to test with, or skips.
func fluentBit(t *testing.T) string {
	t.Helper()
	return program(t, "FLUENT_BIT", "fluent-bit")
}

// program returns the path of a program that an environment variable names, or that
// is on PATH, or skips.
func program(t *testing.T, variable, name string) string {
	t.Helper()
	set := os.Getenv(variable)
	if set != "" {
		name = set
	}
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
	case set != "":
		t.Fatalf("%s: %v", variable, err)
	default:
		t.Skipf("no %s: neither is %s set nor %[1]s on PATH", name, variable)
	}
	return path
}

// engine is a running Fluent Bit with the plugin loaded.
type engine struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout lockedBuffer
	stderr lockedBuffer
	ended  chan struct{}
}

// lockedBuffer may be written while it is read.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// lines is the number of whole lines so far.
func (b *lockedBuffer) lines() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Count(b.buf.Bytes(), []byte("\n"))
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// startEngine starts Fluent Bit with a YAML configuration and the given plugins,
// or the filter if none are given.
func startEngine(t *testing.T, yaml string, plugins ...string) *engine {
	t.Helper()
	if plugins == nil {
		plugins = []string{pluginSO}
	}
	path := filepath.Join(t.TempDir(), "fluent-bit.yaml")
	if err := os.WriteFile(path, []byte(yaml), 0o644); err != nil {
		t.Fatal(err)
	}
	e := &engine{t: t, ended: make(chan struct{})}
	e.cmd = exec.Command(fluentBit(t), "-c", path)
	for _, p := range plugins {
		e.cmd.Args = append(e.cmd.Args, "-e", p)
	}
	e.run()
	return e
}

// run starts the command. It is killed at the end of the test if it still runs
// then.
func (e *engine) run() {
	e.t.Helper()
	if e.cmd.Stdout == nil {
		e.cmd.Stdout = &e.stdout
	}
	e.cmd.Stderr = &e.stderr
	if err := e.cmd.Start(); err != nil {
		e.t.Fatal(err)
	}
	go func() {
		e.cmd.Wait()
		close(e.ended)
	}()
	e.t.Cleanup(func() {
		e.cmd.Process.Kill()
		<-e.ended
	})
}

// await polls until done says so, and fails if Fluent Bit ends before or the
// deadline passes.
func (e *engine) await(what string, done func() bool) {
	e.t.Helper()
	limit := time.Now().Add(deadline)
	for !done() {
		select {
		case <-e.ended:
			if done() {
				return
			}
			e.t.Fatalf("ended before %s: %s", what, tail([]byte(e.stderr.String())))
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(limit) {
			e.t.Fatalf("no %s in %v: %s", what, deadline, tail([]byte(e.stderr.String())))
		}
	}
}

// stop is terminate for configurations that write nothing to standard output.
func (e *engine) stop() {
	e.t.Helper()
	e.terminate()
	if strings.Contains(e.stdout.String(), "secretwatch") {
		e.t.Errorf("on standard output: %s", e.stdout.String())
	}
}

// terminate ends Fluent Bit in order and fails if it does not end or by a signal.
func (e *engine) terminate() {
	e.t.Helper()
	e.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-e.ended:
	case <-time.After(deadline):
		e.t.Fatalf("does not end: %s", tail([]byte(e.stderr.String())))
	}
	if status := e.cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		e.t.Errorf("ended by %v: %s", status.Signal(), tail([]byte(e.stderr.String())))
	}
	ours(e.t, []byte(e.stderr.String()))
}

func (e *engine) count(text string) int { return strings.Count(e.stderr.String(), text) }

func countLines(path string) int {
	text, _ := os.ReadFile(path)
	return bytes.Count(text, []byte("\n"))
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// yaml fills a configuration: every {name} is replaced.
func yaml(text string, values ...string) string {
	return strings.NewReplacer(values...).Replace(text)
}

const service = `
service:
  flush: 0.2
  grace: 30
  log_level: info
  hot_reload: on
  parsers_file: {parsers}
`

const tailInput = `
    - name: tail
      tag: {tag}
      path: {log}
      read_from_head: true
      refresh_interval: 1
      buffer_chunk_size: 256k
      buffer_max_size: 2M
      skip_long_lines: on
`

const fileOutput = `
    - name: file
      match: {tag}
      file: {out}
      format: plain
`

// runRecorded sends the recorded log through Fluent Bit with a configuration and
// returns what came out of {out}.
func runRecorded(t *testing.T, rec *recording, configuration string) []judged {
	t.Helper()
	dir := t.TempDir()
	out := filepath.Join(dir, "out.jsonl")
	parsers := filepath.Join(dir, "parsers.conf")
	if err := os.WriteFile(parsers, []byte("[PARSER]\n    Name json\n    Format json\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	e := startEngine(t, yaml(configuration, "{parsers}", parsers, "{log}", rec.file(t), "{out}", out,
		"{learning}", rec.learning, "{tag}", "audit"))
	e.await("output of all records", func() bool { return countLines(out) >= len(rec.lines) })
	e.stop()
	return parseRecords(t, readFile(t, out))
}

const filterConfiguration = service + `
pipeline:
  inputs:` + tailInput + `
  filters:
    - name: secretwatch
      match: '*'
      learning_period: {learning}
  outputs:` + fileOutput

func TestFluentBitRecordedLog(t *testing.T) {
	fluentBit(t)
	rec := loadRecorded(t)
	records := runRecorded(t, rec, filterConfiguration)
	rec.checkUnchanged(t, records)
	rec.checkVerdicts(t, records)
}

func TestFluentBitStructured(t *testing.T) {
	fluentBit(t)
	rec := loadRecorded(t)
	records := runRecorded(t, rec, strings.Replace(filterConfiguration, "tag: {tag}", "tag: {tag}\n      parser: json", 1))
	rec.checkUnchanged(t, records)
	rec.checkVerdicts(t, records)
}

func TestFluentBitProcessor(t *testing.T) {
	fluentBit(t)
	rec := loadRecorded(t)
	records := runRecorded(t, rec, service+`
pipeline:
  inputs:`+tailInput+`
      threaded: true
      processors:
        logs:
          - name: secretwatch
            learning_period: {learning}
  outputs:`+fileOutput)
	rec.checkUnchanged(t, records)
	rec.checkVerdicts(t, records)
}

// Two instances, each on a stream of its own, judge as one does.
func TestFluentBitTwoInstances(t *testing.T) {
	fluentBit(t)
	rec := loadRecorded(t)
	second := filepath.Join(t.TempDir(), "second.jsonl")
	tagged := func(text, tag string) string { return strings.ReplaceAll(text, "{tag}", tag) }
	first := runRecorded(t, rec, service+`
pipeline:
  inputs:`+tagged(tailInput, "a")+tagged(tailInput, "b")+`
  filters:
    - name: secretwatch
      match: a
      learning_period: {learning}
    - name: secretwatch
      match: b
      alias: other
      learning_period: {learning}
  outputs:`+tagged(fileOutput, "a")+tagged(strings.ReplaceAll(fileOutput, "{out}", second), "b"))
	rec.checkUnchanged(t, first)
	rec.checkVerdicts(t, first)
	records := parseRecords(t, readFile(t, second))
	rec.checkUnchanged(t, records)
	compareVerdicts(t, "the first instance", first, "the second instance", records)
}

func TestFluentBitHelp(t *testing.T) {
	r := run(t, nil, fluentBit(t), "-e", pluginSO, "-F", "secretwatch", "-h")
	for _, p := range config.Properties {
		if !regexp.MustCompile(`(?m)^(\x1b\[\d*m)*` + p.Name + ` `).Match(r.stdout) {
			t.Errorf("help lacks %s", p.Name)
		}
		// Help is wrapped at blanks.
		words := strings.Join(strings.Fields(string(r.stdout)), " ")
		if help := strings.Join(strings.Fields(p.Help), " "); !strings.Contains(words, help) {
			t.Errorf("help of %s lacks %q", p.Name, help)
		}
	}
}

func TestFluentBitRefusesConfiguration(t *testing.T) {
	binary := fluentBit(t)
	f := func(name, value, want string) {
		t.Helper()
		r := run(t, nil, binary, "-e", pluginSO, "-i", "dummy", "-F", "secretwatch", "-m", "*", "-p", name+"="+value, "-o", "null", "-m", "*")
		if r.code == 0 {
			t.Errorf("%s=%s: exit status 0", name, value)
		}
		var lines []string
		for _, line := range strings.Split(string(r.stderr), "\n") {
			if strings.Contains(line, want) {
				lines = append(lines, line)
			}
		}
		if len(lines) != 1 || len(ours(t, r.stderr)) > 1 {
			t.Errorf("%s=%s: want one line with %q:\n%s", name, value, want, tail(r.stderr))
		}
	}
	f("windo", "7d", "unknown configuration property 'windo'")
	f("window", "7y", `property window: bad value "7y"`)
	f("min_severity", "loud", `accepted: low, medium, high, critical`)
}

func TestFluentBitDaemonRefused(t *testing.T) {
	// The message comes from the child, which inherits standard error; run
	// returns when both have closed it.
	r := run(t, nil, fluentBit(t), "-d", "-e", pluginSO, "-i", "dummy", "-F", "secretwatch", "-m", "*", "-o", "null", "-m", "*")
	if !strings.Contains(string(r.stderr), "set daemon off") {
		t.Errorf("not refused: %s", tail(r.stderr))
	}
}
