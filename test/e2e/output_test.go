package e2e

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/secretwatch/secretwatch/plugin/forward/forwardtest"
)

// freePort returns a port of 127.0.0.1 on which nobody listens.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// outputLines returns the output's lines in a log, without those that Fluent Bit
// writes in its name, and fails if one lacks the form.
func outputLines(t *testing.T, log string) []string {
	t.Helper()
	form := regexp.MustCompile(`^\[\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(\.\d+)?\] \[(error| warn| info|debug)\] \[output:secretwatch:[^\]]+\] .+$`)
	var found []string
	for _, line := range strings.Split(log, "\n") {
		if strings.Contains(line, "output:secretwatch:") && !strings.Contains(line, "worker #") {
			found = append(found, line)
			if !form.MatchString(line) {
				t.Errorf("not the form of a log line: %q", line)
			}
		}
	}
	return found
}

const withoutParsers = `
service:
  flush: 0.2
  grace: 30
  log_level: info
  hot_reload: on
  scheduler.base: 1
  scheduler.cap: 2
`

const httpInput = `
    - name: http
      listen: 127.0.0.1
      port: {port}
      tag: audit
`

const receiverConfiguration = withoutParsers + `
pipeline:
  inputs:
    - name: forward
      listen: 127.0.0.1
      port: {to}
  outputs:
    - name: file
      match: '*'
      file: {out}
      format: plain
`

// The recorded log through the output of one Fluent Bit into in_forward of
// another: the same verdicts as from the filter, every record once.
func TestFluentBitOutputForward(t *testing.T) {
	fluentBit(t)
	rec := loadRecorded(t)
	out, port := filepath.Join(t.TempDir(), "out.jsonl"), freePort(t)
	receiver := startEngine(t, yaml(receiverConfiguration, "{to}", port, "{out}", out))
	sender := startEngine(t, yaml(withoutParsers+`
pipeline:
  inputs:`+tailInput+`
  outputs:
    - name: secretwatch
      match: '*'
      target: forward://127.0.0.1:{to}
      learning_period: {learning}
      workers: 1
      retry_limit: no_limits
`, "{log}", rec.file(t), "{tag}", "audit", "{to}", port, "{learning}", rec.learning), outputSO)
	sender.await("output of all records", func() bool { return countLines(out) >= len(rec.lines) })
	sender.stop()
	receiver.stop()
	records := parseRecords(t, readFile(t, out))
	rec.checkUnchanged(t, records)
	rec.checkVerdicts(t, records)
	log := outputLines(t, sender.stderr.String())
	if len(log) == 0 || !strings.Contains(log[0], `target="forward://127.0.0.1:`+port+`" only_findings="off"`) {
		t.Errorf("log: %q", log)
	}
	// Fluent Bit 2.2 at times ends before it has written its last lines.
	if len(log) > 1 && !strings.Contains(log[1], fmt.Sprintf("%d records delivered; ", len(rec.lines))) {
		t.Errorf("log: %q", log)
	}
}

// Filter and output from the one file, loaded in either order, and two outputs of
// several workers: the findings to a receiver, everything to a file.
func TestFluentBitFilterAndOutputs(t *testing.T) {
	fluentBit(t)
	rec := loadRecorded(t)
	f := func(plugins ...string) {
		dir := t.TempDir()
		var mu sync.Mutex
		var found []judged
		r := &forwardtest.Receiver{Answer: func(m *forwardtest.Message) forwardtest.Answer {
			mu.Lock()
			defer mu.Unlock()
			found = append(found, parseEntries(t, m)...)
			return forwardtest.Ack
		}}
		if err := r.Start(); err != nil {
			t.Fatal(err)
		}
		defer r.Kill()
		filtered, out := filepath.Join(dir, "filtered.jsonl"), filepath.Join(dir, "out.jsonl")
		e := startEngine(t, yaml(withoutParsers+`
pipeline:
  inputs:`+strings.ReplaceAll(tailInput, "{tag}", "plain")+strings.ReplaceAll(tailInput, "{tag}", "filtered")+`
  filters:
    - name: secretwatch
      match: filtered
      learning_period: {learning}
  outputs:
    - name: file
      match: filtered
      file: {filtered}
      format: plain
    - name: secretwatch
      alias: secretwatch-findings
      match: plain
      target: forward://{to}
      only_findings: on
      learning_period: {learning}
      workers: 1
    - name: secretwatch
      match: plain
      target: file://{out}
      learning_period: {learning}
      workers: 3
`, "{log}", rec.file(t), "{filtered}", filtered, "{out}", out, "{to}", r.Address, "{learning}", rec.learning), plugins...)
		e.await("output of all records", func() bool {
			return countLines(filtered) >= len(rec.lines) && countLines(out) >= len(rec.lines)
		})
		e.stop()
		want := parseRecords(t, readFile(t, filtered))
		rec.checkUnchanged(t, want)
		rec.checkVerdicts(t, want)
		mu.Lock()
		defer mu.Unlock()
		for _, j := range found {
			if j.verdict == nil {
				t.Errorf("only_findings: %s has none", j.key())
			}
		}
		compareVerdicts(t, "the filter", want, "the output", found)
		// With several workers chunks overtake each other, and so do verdicts.
		if records := parseRecords(t, readFile(t, out)); len(records) != len(rec.lines) {
			t.Errorf("%d records in the file, %d in the log", len(records), len(rec.lines))
		}
		for _, line := range outputLines(t, e.stderr.String()) {
			if !strings.Contains(line, "[ info]") {
				t.Errorf("log: %s", line)
			}
		}
	}
	f(pluginSO, outputSO)
	f(outputSO, pluginSO)
}

// parseEntries returns the records of a message.
func parseEntries(t *testing.T, m *forwardtest.Message) []judged {
	return parseRecords(t, entryLines(m))
}

// entryLines returns the records of a message as JSON lines.
func entryLines(m *forwardtest.Message) (lines []byte) {
	for _, e := range m.Entries {
		lines = append(append(lines, e.JSON()...), '\n')
	}
	return lines
}

// A receiver that is not there at the start, and comes later, gets everything
// once; what Fluent Bit has taken when it is told to end arrives before it does.
func TestFluentBitOutputRetries(t *testing.T) {
	fluentBit(t)
	rec := loadRecorded(t)
	dir := t.TempDir()
	out, port, to := filepath.Join(dir, "out.jsonl"), freePort(t), freePort(t)
	sender := startEngine(t, yaml(withoutParsers+`
pipeline:
  inputs:`+httpInput+`
  outputs:
    - name: secretwatch
      match: '*'
      target: forward://127.0.0.1:{to}
      connect_timeout: 1s
      learning_period: {learning}
      workers: 2
      retry_limit: no_limits
`, "{port}", port, "{to}", to, "{learning}", rec.learning), outputSO)
	total := 0
	postSome := func() {
		t.Helper()
		var body bytes.Buffer
		for i := range 50 {
			body.WriteByte("[,"[min(i, 1)])
			body.WriteString(rec.numbered(total + i))
		}
		body.WriteByte(']')
		sender.await("to take records", func() bool { return post("http://127.0.0.1:"+port+"/", body.String()) })
		total += 50
	}
	for range 3 {
		postSome()
		failed := sender.count("failed to flush chunk")
		sender.await("retry", func() bool { return sender.count("failed to flush chunk") > failed })
	}
	receiver := startEngine(t, yaml(receiverConfiguration, "{to}", to, "{out}", out))
	sender.await("delivery after retries", func() bool { return countLines(out) >= total })
	postSome()
	sender.stop()
	receiver.await("output of all records", func() bool { return countLines(out) >= total })
	receiver.stop()
	for n, times := range countNumbered(t, out, total) {
		if times != 1 {
			t.Errorf("record %d came %d times", n, times)
		}
	}
	log := strings.Join(outputLines(t, sender.stderr.String()), "\n")
	for _, want := range []string{"not delivered, to be tried again", "connection refused", "delivering again, after"} {
		if !strings.Contains(log, want) {
			t.Errorf("log lacks %q: %s", want, log)
		}
	}
}

// Every chunk is refused at first: what Fluent Bit brings again has the verdicts
// of the first time, also those that are only given once.
func TestFluentBitOutputRetriedVerdicts(t *testing.T) {
	fluentBit(t)
	rec := loadRecorded(t)
	var mu sync.Mutex
	var got []judged
	refused := map[string]bool{}
	r := &forwardtest.Receiver{Answer: func(m *forwardtest.Message) forwardtest.Answer {
		mu.Lock()
		defer mu.Unlock()
		if !refused[m.ID] {
			refused[m.ID] = true
			return forwardtest.Refuse
		}
		got = append(got, parseEntries(t, m)...)
		return forwardtest.Ack
	}}
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	defer r.Kill()
	e := startEngine(t, yaml(withoutParsers+`
pipeline:
  inputs:`+tailInput+`
  outputs:
    - name: secretwatch
      match: '*'
      target: forward://{to}
      learning_period: {learning}
      workers: 1
      retry_limit: no_limits
`, "{log}", rec.file(t), "{tag}", "audit", "{to}", r.Address, "{learning}", rec.learning), outputSO)
	e.await("all records", func() bool { mu.Lock(); defer mu.Unlock(); return len(got) >= len(rec.lines) })
	// Fluent Bit 2.2, told to end before it has noted a success, brings the chunk
	// again.
	e.await("to note all successes", func() bool { return e.count("succeeded at retry") >= len(refused) })
	e.stop()
	if len(got) != len(rec.lines) || len(refused) == 0 {
		t.Errorf("%d records of %d, %d chunks refused", len(got), len(rec.lines), len(refused))
	}
	one := run(t, nil, hostBinary("v5"), "--prop", "learning_period="+rec.learning, pluginSO, rec.file(t))
	compareVerdicts(t, "the filter", parseRecords(t, one.stdout), "the output", got)
}

// Over a Unix socket into in_forward of another Fluent Bit.
func TestFluentBitOutputUnix(t *testing.T) {
	fluentBit(t)
	dir := t.TempDir()
	out, socket := filepath.Join(dir, "out.jsonl"), filepath.Join(dir, "socket")
	receiver := startEngine(t, yaml(strings.Replace(receiverConfiguration, "listen: 127.0.0.1\n      port: {to}", "unix_path: {socket}", 1), "{socket}", socket, "{out}", out))
	sender := startEngine(t, yaml(withoutParsers+`
pipeline:
  inputs:
    - name: dummy
      dummy: '{"n":1}'
      samples: 5
  outputs:
    - name: secretwatch
      match: '*'
      target: forward+unix://{socket}
      workers: 1
      retry_limit: no_limits
`, "{socket}", socket), outputSO)
	sender.await("records", func() bool { return countLines(out) >= 5 })
	sender.stop()
	receiver.stop()
	if text := string(readFile(t, out)); text != strings.Repeat("{\"n\":1}\n", 5) {
		t.Errorf("%q", text)
	}
}

// A file target that is rotated while it is written to, over hot reloads.
func TestFluentBitOutputFile(t *testing.T) {
	fluentBit(t)
	rec := loadRecorded(t)
	dir := t.TempDir()
	out, port := filepath.Join(dir, "out.jsonl"), freePort(t)
	e := startEngine(t, yaml(withoutParsers+`
pipeline:
  inputs:`+httpInput+`
  outputs:
    - name: secretwatch
      match: '*'
      target: file://{out}
      workers: 2
`, "{port}", port, "{out}", out), outputSO)
	const rounds, each = 6, 20
	total := 0
	for round := range rounds {
		before := countLines(out)
		for i := range each {
			e.await("to take records", func() bool { return post("http://127.0.0.1:"+port+"/", rec.numbered(total)) })
			total++
			if i == each/2 {
				if err := os.Rename(out, fmt.Sprint(out, ".", round)); err != nil && round > 0 {
					t.Error(err)
				}
				before = 0
			}
		}
		e.await("records in the file", func() bool { return countLines(out) > before })
		if round == rounds/2 {
			// Everything that was taken is written first: Fluent Bit 2.2 drops it
			// otherwise.
			e.await("all records", func() bool { return countAll(out) >= total })
			e.cmd.Process.Signal(syscall.SIGHUP)
			e.await("reload", func() bool { return e.count("] version ") == 2 })
		}
	}
	e.stop()
	parts, _ := filepath.Glob(out + "*")
	var all []byte
	for _, p := range parts {
		all = append(all, readFile(t, p)...)
	}
	merged := filepath.Join(dir, "merged")
	if err := os.WriteFile(merged, all, 0o600); err != nil {
		t.Fatal(err)
	}
	for n, times := range countNumbered(t, merged, total) {
		if times != 1 {
			t.Errorf("record %d came %d times", n, times)
		}
	}
	if len(parts) < rounds {
		t.Errorf("only %d files", len(parts))
	}
}

// countAll counts the lines of a file and of those it was renamed to.
func countAll(path string) (n int) {
	parts, _ := filepath.Glob(path + "*")
	for _, p := range parts {
		n += countLines(p)
	}
	return n
}

// TLS with certificates on both sides and a shared key, into a Fluent Bit that
// knows all of it.
func TestFluentBitOutputSecure(t *testing.T) {
	binary := fluentBit(t)
	help := run(t, nil, binary, "-i", "forward", "-h")
	for _, needed := range []string{"shared_key", "tls.verify_client_cert"} {
		if !strings.Contains(string(help.stdout), needed) {
			t.Skipf("in_forward of this Fluent Bit has no %s", needed)
		}
	}
	pki := forwardtest.NewPKI(t)
	out, port := filepath.Join(t.TempDir(), "out.jsonl"), freePort(t)
	receiver := startEngine(t, yaml(strings.Replace(receiverConfiguration, "port: {to}\n", `port: {to}
      shared_key: hush
      self_hostname: receiver.example
      tls: on
      tls.verify: on
      tls.verify_client_cert: on
      tls.ca_file: {ca}
      tls.crt_file: {cert}
      tls.key_file: {key}
`, 1), "{to}", port, "{out}", out, "{ca}", pki.CA, "{cert}", pki.Cert, "{key}", pki.Key))
	sender := startEngine(t, yaml(withoutParsers+`
pipeline:
  inputs:
    - name: dummy
      dummy: '{"n":1}'
      samples: 5
  outputs:
    - name: secretwatch
      match: '*'
      target: forward+tls://127.0.0.1:{to}
      tls_ca_file: {ca}
      tls_cert_file: {cert}
      tls_key_file: {key}
      shared_key: hush
      workers: 1
      retry_limit: no_limits
`, "{to}", port, "{ca}", pki.CA, "{cert}", pki.Cert, "{key}", pki.Key), outputSO)
	sender.await("records", func() bool { return countLines(out) >= 5 })
	sender.stop()
	receiver.stop()
	if log := sender.stderr.String(); strings.Contains(log, "hush") || !strings.Contains(log, `shared_key="***"`) {
		t.Errorf("the shared key is not masked: %s", tail([]byte(log)))
	}
}

func TestFluentBitOutputRefuses(t *testing.T) {
	binary := fluentBit(t)
	f := func(want string, properties ...string) {
		t.Helper()
		args := []string{"-e", outputSO, "-i", "dummy", "-o", "secretwatch", "-m", "*"}
		for _, p := range properties {
			args = append(args, "-p", p)
		}
		r := run(t, nil, binary, args...)
		lines := outputLines(t, string(r.stderr))
		if r.code == 0 || len(lines) != 1 || !strings.Contains(lines[0], want) {
			t.Errorf("%q: exit status %d, want one line with %q: %q", properties, r.code, want, lines)
		}
	}
	f("property target is missing; accepted: forward://host:port")
	f(`property target: bad value "udp://c": no such scheme`, "target=udp://c")
	f(`property window: bad value "7y"`, "target=stdout", "window=7y")
	f("shared key: open /nonexistent", "target=forward://c", "shared_key_file=/nonexistent")

	r := run(t, nil, binary, "-d", "-e", outputSO, "-i", "dummy", "-o", "secretwatch", "-m", "*", "-p", "target=stdout")
	if !strings.Contains(string(r.stderr), "[output:secretwatch:secretwatch.0]") || !strings.Contains(string(r.stderr), "set daemon off") {
		t.Errorf("daemon is not refused: %s", tail(r.stderr))
	}
}

// Standard output, on Fluent Bit's own thread.
func TestFluentBitOutputStdout(t *testing.T) {
	fluentBit(t)
	e := startEngine(t, `
service:
  flush: 0.2
pipeline:
  inputs:
    - name: dummy
      dummy: '{"a":[1,"x"]}'
      samples: 3
  outputs:
    - name: secretwatch
      match: '*'
      target: stdout
`, outputSO)
	e.await("lines", func() bool { return strings.Count(e.stdout.String(), "{\"a\":[1,\"x\"]}\n") == 3 })
	e.terminate()
	if e.count("set workers to 1 or more") != 0 {
		t.Error("warns of a target that does not wait")
	}
}

// Without workers the output waits on the thread that does everything: it says
// so, and does not wait for a receiver that is not there.
func TestFluentBitOutputWithoutWorkers(t *testing.T) {
	fluentBit(t)
	port := freePort(t)
	e := startEngine(t, yaml(withoutParsers+`
pipeline:
  inputs:`+httpInput+`
  outputs:
    - name: secretwatch
      match: '*'
      target: forward://127.0.0.1:{to}
      connect_timeout: 60s
      retry_limit: 1
`, "{port}", port, "{to}", freePort(t)), outputSO)
	e.await("to take a record", func() bool { return post("http://127.0.0.1:"+port+"/", "{}") })
	e.await("retry", func() bool { return e.count("failed to flush chunk") > 0 })
	r, err := http.Get("http://127.0.0.1:" + port + "/")
	if err != nil {
		t.Errorf("the engine is blocked: %v", err)
	} else {
		r.Body.Close()
	}
	e.stop()
	if e.count("set workers to 1 or more") != 1 {
		t.Error("no warning")
	}
}
