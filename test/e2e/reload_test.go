package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// reloads of a running Fluent Bit in one test.
const reloads = 20

// numbered returns the n-th event of an endless stream: a recorded event with
// its number in front, in a field that nobody reads.
func (r *recording) numbered(n int) string {
	return fmt.Sprintf(`{"n":%d,%s`, n, r.lines[n%len(r.lines)][1:])
}

var numberOf = regexp.MustCompile(`^(?:\{"log":")?\{\\?"n\\?":(\d+),`)

// count returns how often each number below total came out.
func countNumbered(t *testing.T, out string, total int) []int {
	t.Helper()
	seen := make([]int, total)
	for _, line := range bytes.Split(bytes.TrimSpace(readFile(t, out)), []byte("\n")) {
		m := numberOf.FindSubmatch(line)
		if m == nil {
			t.Fatalf("a record that was not sent: %.300s", line)
		}
		n := 0
		fmt.Sscan(string(m[1]), &n)
		if n >= total {
			t.Fatalf("record %d of %d", n, total)
		}
		seen[n]++
	}
	return seen
}

// reload hangs up reloads times, each after further records have come out.
func (e *engine) reload(out string) {
	e.t.Helper()
	const started = "] version " // the plugin's first line
	for i := 1; i <= reloads; i++ {
		before := countLines(out)
		e.await("records", func() bool { return countLines(out) > before })
		e.cmd.Process.Signal(syscall.SIGHUP)
		e.await("reload", func() bool { return e.count(started) == 1+i })
	}
	if n := e.count("internal error"); n > 0 {
		e.t.Errorf("%d internal errors", n)
	}
}

// Reloads while a tailed log is being written, with the offsets in a database so
// that Fluent Bit neither skips nor repeats: every line comes out once.
func TestFluentBitReloadsTail(t *testing.T) {
	binary := fluentBit(t)
	if help := run(t, nil, binary, "-i", "tail", "-h"); !regexp.MustCompile(`(?m)^(\x1b\[\d*m)*db `).Match(help.stdout) {
		t.Skip("this Fluent Bit was built without the database for tail")
	}
	rec := loadRecorded(t)
	dir := t.TempDir()
	log, out := filepath.Join(dir, "audit.log"), filepath.Join(dir, "out.jsonl")
	w, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	configuration := strings.Replace(filterConfiguration, "tag: {tag}", "tag: {tag}\n      db: {db}", 1)
	e := startEngine(t, yaml(configuration, "  parsers_file: {parsers}\n", "", "{log}", log, "{out}", out,
		"{db}", filepath.Join(dir, "offsets.db"), "{learning}", rec.learning, "{tag}", "audit"))

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	written := make(chan int, 1)
	go func() {
		n := 0
		defer func() { written <- n }()
		for ctx.Err() == nil {
			fmt.Fprintln(w, rec.numbered(n))
			if n++; n%50 == 0 {
				pause(ctx, 10*time.Millisecond) // up to 5000 lines a second
			}
		}
	}()
	e.reload(out)
	cancel()
	total := <-written
	e.await("all records", func() bool { return countLines(out) >= total })
	e.stop()
	lost, repeated := 0, 0
	for _, n := range countNumbered(t, out, total) {
		if n == 0 {
			lost++
		} else if n > 1 {
			repeated++
		}
	}
	if lost > 0 || repeated > 0 {
		t.Errorf("of %d records %d were lost and %d repeated over %d reloads", total, lost, repeated, reloads)
	}
	t.Logf("%d records over %d reloads", total, reloads)
}

// Reloads while records arrive over HTTP. Whatever goes into the filter comes out
// of it, and whatever was acknowledged reaches the output; a batch whose
// acknowledgement was lost is sent again and may come out twice.
func TestFluentBitReloadsHTTP(t *testing.T) {
	binary := fluentBit(t)
	rec := loadRecorded(t)
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	// Lua filters on both sides note the numbers that pass.
	for _, side := range []string{"before", "after"} {
		script := fmt.Sprintf(`local file = io.open(%q, "a")
function note(tag, time, record)
    file:write(string.format("{\"n\":%%d,\n", record["n"]))
    file:flush()
    return 0
end
`, file(side))
		if err := os.WriteFile(file(side+".lua"), []byte(script), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out := file("out.jsonl")
	port := freePort(t)
	e := startEngine(t, yaml(strings.Replace(service, "  parsers_file: {parsers}\n", "", 1)+`
pipeline:
  inputs:
    - name: http
      listen: 127.0.0.1
      port: {port}
      tag: audit
  filters:
    - name: lua
      match: '*'
      script: {before}
      call: note
    - name: secretwatch
      match: '*'
      learning_period: {learning}
    - name: lua
      match: '*'
      script: {after}
      call: note
  outputs:`+fileOutput, "{port}", port, "{out}", out, "{before}", file("before.lua"), "{after}", file("after.lua"),
		"{learning}", rec.learning, "{tag}", "audit"))

	const batch = 50
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	type sent struct{ records, failures int }
	done := make(chan sent, 1)
	go func() {
		var s sent
		defer func() { done <- s }()
		for ctx.Err() == nil {
			var body strings.Builder
			for i := range batch {
				body.WriteByte("[,"[min(i, 1)])
				body.WriteString(rec.numbered(s.records + i))
			}
			body.WriteByte(']')
			for limit := time.Now().Add(deadline); !post("http://127.0.0.1:"+port+"/", body.String()); s.failures++ {
				if time.Now().After(limit) {
					return
				}
				pause(context.Background(), 5*time.Millisecond)
			}
			s.records += batch
			pause(ctx, 10*time.Millisecond) // up to 5000 records a second
		}
	}()
	e.await("start", func() bool { return e.count("] version ") == 1 })
	e.reload(out)
	cancel()
	s := <-done
	e.stop() // flushes what is left

	before, after := countNumbered(t, file("before"), s.records), countNumbered(t, file("after"), s.records)
	passed := 0
	for n := range before {
		passed += before[n]
		if before[n] != after[n] {
			t.Fatalf("record %d went into the filter %d times and came out %d times", n, before[n], after[n])
		}
	}
	lost := 0
	for _, n := range countNumbered(t, out, s.records) {
		if n == 0 {
			lost++
		}
	}
	t.Logf("%d records acknowledged over %d reloads, %d attempts refused; %d went through the filter, %d of the acknowledged did not reach the output",
		s.records, reloads, s.failures, passed, lost)
	// Fluent Bit 2.2 drops what it has not begun to flush when it reloads, with
	// and without filters.
	version := run(t, nil, binary, "--version")
	if lost > 0 && !bytes.Contains(version.stdout, []byte("Fluent Bit v2.")) {
		t.Errorf("%d acknowledged records were lost", lost)
	}
}

// post reports whether the server took the body.
func post(url, body string) bool {
	c := http.Client{Timeout: 10 * time.Second}
	r, err := c.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		return false
	}
	io.Copy(io.Discard, r.Body)
	r.Body.Close()
	return r.StatusCode/100 == 2
}

// pause limits the rate of a generator.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
