package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/secretwatch/secretwatch/plugin/forward/forwardtest"
	"github.com/secretwatch/secretwatch/plugin/metrics/metricstest"
	"github.com/secretwatch/secretwatch/test/redistest"
)

// startHost runs the filter in a loader host that prints each chunk at once. Lines
// for it go into in; it ends when that is closed.
func startHost(t *testing.T, generation string, args ...string) (host *engine, in io.WriteCloser) {
	t.Helper()
	host = &engine{t: t, ended: make(chan struct{})}
	host.cmd = exec.Command(hostBinary(generation), append(append([]string{"--flush"}, args...), pluginSO)...)
	in, err := host.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	host.run()
	return host, in
}

// scrape returns all series served at a port of 127.0.0.1, see metricstest.Scrape.
func scrape(t *testing.T, port string) map[string]float64 {
	t.Helper()
	all, err := metricstest.Scrape("127.0.0.1:" + port)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// counted adds up what the records that came out of an instance say about its
// counters, given that it tags all that is judged. labels are the instance's.
func counted(t *testing.T, out []byte, labels string) map[string]float64 {
	t.Helper()
	want := map[string]float64{}
	add := func(name, more string) {
		all := strings.Split(labels, ",")
		if more != "" {
			all = append(all, strings.Split(more, ",")...)
		}
		slices.Sort(all)
		want["secretwatch_"+name+"{"+strings.Join(all, ",")+"}"]++
	}
	users := map[string]bool{}
	for _, j := range parseRecords(t, out) {
		add("records_total", "")
		if j.verdict == nil {
			continue
		}
		add("events_judged_total", "")
		users[fmt.Sprint(j.verdict["user"])] = true
		rules := j.verdict.rules()
		if len(rules) == 0 {
			continue
		}
		add("findings_total", fmt.Sprintf("rule=%q,severity=%q,first=\"%v\"", rules[0], j.verdict["severity"], j.verdict["first"]))
		for _, r := range rules {
			add("rule_matches_total", fmt.Sprintf("rule=%q", r))
		}
	}
	for range bytes.Count(out, []byte(`"redacted":true`)) {
		add("redacted_records_total", "")
	}
	if len(want) < 30 || len(users) < 10 {
		t.Errorf("the records say little: %v", want)
	}
	return want
}

// checkCounted compares a scrape with what counted says, for all series of the
// metrics in question: what is not in want has to be 0.
func checkCounted(t *testing.T, got, want map[string]float64) {
	t.Helper()
	families := map[string]bool{}
	for series := range want {
		families[series[:strings.IndexByte(series, '{')]] = true
	}
	for series, v := range got {
		if families[series[:strings.IndexByte(series, '{')]] && v != want[series] {
			t.Errorf("%s is %v, the records say %v", series, v, want[series])
		}
	}
	for series := range want {
		if _, ok := got[series]; !ok {
			t.Errorf("no %s", series)
		}
	}
}

// total is the sum of a metric's series.
func total(all map[string]float64, name string) (sum float64) {
	for series, v := range all {
		if strings.HasPrefix(series, name+"{") {
			sum += v
		}
	}
	return sum
}

// Every count in a scrape is what the verdicts of the run say.
func TestHostMetrics(t *testing.T) {
	rec := loadRecorded(t)
	lines := rec.lines[:len(rec.lines)/100*100] // whole chunks
	for _, generation := range generations {
		t.Run(generation, func(t *testing.T) {
			t.Parallel()
			port := freePort(t)
			host, in := startHost(t, generation, "--prop", "metrics_listen=127.0.0.1:"+port, "--prop", "learning_period="+rec.learning,
				"--prop", "tag_all=on", "--prop", "cluster=prod", "--prop", "state_flush=0.1s",
				"--prop", "state_path="+filepath.Join(t.TempDir(), "history.db"))
			io.WriteString(in, strings.Join(lines, "\n")+"\n")
			host.await("all records", func() bool { return host.stdout.lines() == len(lines) })

			const labels = `cluster="prod",name="secretwatch.0",plugin="filter"`
			series := func(name, more string) string {
				all := append(strings.Split(labels, ","), strings.FieldsFunc(more, func(r rune) bool { return r == ',' })...)
				slices.Sort(all)
				return "secretwatch_" + name + "{" + strings.Join(all, ",") + "}"
			}
			store := func(name string) string { return series(name, `store="file"`) }
			var got map[string]float64
			host.await("the history in its file", func() bool {
				got = scrape(t, port)
				return got[store("store_pending")] == 0 && got[series("store_operation_duration_seconds", `operation="write",store="file"`)] > 0
			})
			out := []byte(host.stdout.String())
			checkCounted(t, got, counted(t, out, labels))
			users := map[string]bool{}
			for _, j := range parseRecords(t, out) {
				if j.verdict != nil {
					users[fmt.Sprint(j.verdict["user"])] = true
				}
			}
			for name, want := range map[string]float64{
				series("chunks_total", ""):                                       float64(len(lines) / 100),
				series("chunk_duration_seconds", ""):                             float64(len(lines) / 100),
				series("parse_failures_total", `kind="json"`):                    0,
				series("parse_failures_total", `kind="msgpack"`):                 0,
				series("unjudged_chunks_total", `reason="panic"`):                0,
				series("history_principals_limit", ""):                           10000,
				series("history_evictions_total", `kind="principal"`):            0,
				store("store_available"):                                         1,
				series("store_failures_total", `operation="write",store="file"`): 0,
			} {
				if v, ok := got[name]; !ok || v != want {
					t.Errorf("%s is %v, %v; want %v", name, v, ok, want)
				}
			}
			if n := total(got, "secretwatch_history_principals"); n != float64(len(users)) {
				t.Errorf("%v identities remembered, %d were judged", n, len(users))
			}
			if ends := got[series("learning_end_timestamp_seconds", "")]; ends < float64(rec.scenarios.Unix())-1 || ends > float64(rec.scenarios.Unix())+1 {
				t.Errorf("learning ends at %v, want %v", ends, rec.scenarios.Unix())
			}
			if n := got[series("decision_duration_seconds", "")]; n < got[series("events_judged_total", "")]/64 {
				t.Errorf("%v decisions were timed", n)
			}
			if got[store("store_size_bytes")] <= 0 || got[store("store_last_success_timestamp_seconds")] < float64(time.Now().Add(-deadline).Unix()) {
				t.Error("the store has no size, or was never written")
			}
			_, body, err := metricstest.Get("127.0.0.1:" + port)
			if err != nil {
				t.Fatal(err)
			}
			if problems, err := metricstest.Lint(body); err != nil || len(problems) > 0 {
				t.Errorf("promlint: %v, %q", err, problems)
			}
			in.Close()
			<-host.ended
			summary := fmt.Sprintf("%d chunks, %d records, %.0f requests judged, %.0f findings (", len(lines)/100, len(lines),
				got[series("events_judged_total", "")], total(got, "secretwatch_findings_total"))
			duplicates := fmt.Sprintf("), %.0f duplicates", got[series("duplicate_events_total", "")])
			if log := host.stderr.String(); !strings.Contains(log, summary) || !strings.Contains(log, duplicates) {
				t.Errorf("the summary at exit says otherwise than %q and %q: %s", summary, duplicates, tail([]byte(log)))
			}
		})
	}
}

// Reloads under load, with somebody scraping all the time: nothing that was
// counted is lost, no goroutine and no thread is left behind.
func TestHostMetricsReload(t *testing.T) {
	rec := loadRecorded(t)
	lines := rec.lines[:len(rec.lines)/100*100]
	for _, generation := range generations {
		t.Run(generation, func(t *testing.T) {
			t.Parallel()
			port := freePort(t)
			host, in := startHost(t, generation, "--prop", "metrics_listen=127.0.0.1:"+port, "--prop", "learning_period=0",
				"--prop", "tag_all=on", "--reload-every", "2")
			stop := watchMetrics(t, port)
			io.WriteString(in, strings.Join(lines, "\n")+"\n")
			host.await("all records", func() bool { return host.stdout.lines() == len(lines) })
			stop()
			// Counts of the instance under way and of those before.
			got := scrape(t, port)
			checkCounted(t, got, counted(t, []byte(host.stdout.String()), `name="secretwatch.0",plugin="filter"`))
			if n := host.count("metrics are served at"); n != (len(lines)/100+1)/2 {
				t.Errorf("%d servers were started", n)
			}
			if n := got["go_goroutines{}"]; n > 20 {
				t.Errorf("%v goroutines", n)
			}
			in.Close()
			<-host.ended
			if warnings := strings.Count(host.stderr.String(), "[ warn]"); warnings > 0 || host.cmd.ProcessState.ExitCode() != 0 {
				t.Errorf("exit status %d, %d warnings: %s", host.cmd.ProcessState.ExitCode(), warnings, tail([]byte(host.stderr.String())))
			}
		})
	}
}

// watchMetrics scrapes a port until the function it returns is called. Counters
// may not fall; a scrape may be refused, for a moment, while there is no server.
func watchMetrics(t *testing.T, port string) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		scrapes, refused := 0, 0
		before := map[string]float64{}
		for ; ctx.Err() == nil; scrapes++ {
			pause(ctx, time.Millisecond)
			got, err := metricstest.Scrape("127.0.0.1:" + port)
			if err != nil {
				refused++
				continue
			}
			for series, v := range before {
				if now, ok := got[series]; !ok || now < v {
					t.Errorf("%s fell from %v to %v", series, v, now)
				}
			}
			before = maps.Collect(func(yield func(string, float64) bool) {
				for series, v := range got {
					if strings.HasPrefix(series, "secretwatch_") && strings.Contains(series, "_total{") && !yield(series, v) {
						return
					}
				}
			})
		}
		if scrapes == refused {
			t.Error("no scrape worked")
		}
		t.Logf("%d scrapes, %d without a server", scrapes, refused)
	}()
	return func() {
		cancel()
		wg.Wait()
	}
}

// Several instances show at one server, and one that names another address is told
// so and shows there too.
func TestHostMetricsInstances(t *testing.T) {
	rec := loadRecorded(t)
	port, other := freePort(t), freePort(t)
	host, in := startHost(t, "v5", "--prop", "metrics_listen=127.0.0.1:"+port, "--next", "--prop", "metrics_listen=127.0.0.1:"+port,
		"--next", "--prop", "metrics_listen=127.0.0.1:"+other, "--next", "--prop", "window=3d")
	io.WriteString(in, strings.Join(rec.lines[:100], "\n")+"\n")
	host.await("all records", func() bool { return host.stdout.lines() == 100 })
	got := scrape(t, port)
	for i, want := range []bool{true, true, true, false} {
		if v, ok := got[fmt.Sprintf(`secretwatch_records_total{name="secretwatch.%d",plugin="filter"}`, i)]; ok != want || ok && v != 100 {
			t.Errorf("instance %d: %v, %v", i, v, ok)
		}
	}
	if _, err := metricstest.Scrape("127.0.0.1:" + other); err == nil {
		t.Error("there is a second server")
	}
	in.Close()
	<-host.ended
	if n := host.count("[ warn]"); n != 1 || !strings.Contains(host.stderr.String(), "another instance has it at 127.0.0.1:"+port) {
		t.Errorf("want one warning: %s", host.stderr.String())
	}
}

// A shared history: round trips, the circuit breaker, and verdicts without others.
func TestHostMetricsRedis(t *testing.T) {
	server := redistest.Start(t)
	rec := loadRecorded(t)
	lines := rec.lines[:len(rec.lines)/100*100]
	port := freePort(t)
	host, in := startHost(t, "v5", "--prop", "metrics_listen=127.0.0.1:"+port, "--prop", "learning_period=0", "--prop", "redis_url="+server.URL())
	feed := func(from, to int) {
		io.WriteString(in, strings.Join(lines[from:to], "\n")+"\n")
		host.await("records", func() bool { return host.stdout.lines() == to })
	}
	const labels = `name="secretwatch.0",plugin="filter"`
	shared := func(name string) string { return "secretwatch_shared_" + name + "_total{" + labels + "}" }
	const available = `secretwatch_store_available{` + labels + `,store="redis"}`
	const pending = `secretwatch_store_pending{` + labels + `,store="redis"}`
	const half = 3000
	feed(0, half)
	got := scrape(t, port)
	trips, waits := got[shared("round_trips")], got[shared("waits")]
	if got[available] != 1 || trips == 0 || waits == 0 || waits > half/100 || got[shared("observations_sent")] == 0 ||
		got[`secretwatch_store_operation_duration_seconds{name="secretwatch.0",operation="exchange",plugin="filter",store="redis"}`] == 0 {
		t.Errorf("%v round trips, %v chunks waited: %v", trips, waits, got)
	}
	if n := got[shared("degraded_verdicts")]; n != 0 {
		t.Errorf("%v degraded verdicts", n)
	}
	server.Freeze()
	feed(half, len(lines))
	got = scrape(t, port)
	degraded := strings.Count(host.stdout.String(), `"history":"degraded"`)
	if got[available] != 0 || degraded == 0 || got[shared("degraded_verdicts")] < float64(degraded) {
		t.Errorf("%d degraded verdicts came out: %v", degraded, got)
	}
	server.Thaw()
	host.await("recovery", func() bool {
		got = scrape(t, port)
		return got[available] == 1 && got[pending] == 0
	})
	if got[`secretwatch_store_failures_total{name="secretwatch.0",operation="exchange",plugin="filter",store="redis"}`] == 0 {
		t.Error("nothing failed")
	}
	in.Close()
	<-host.ended
}

// Where the port is taken, the filter works as ever.
func TestHostMetricsPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	rec := loadRecorded(t)
	log := rec.file(t)
	forEachHost(t, func(t *testing.T, host func(string, ...string) result) {
		r := host("", "--prop", "metrics_listen="+l.Addr().String(), "--prop", "learning_period="+rec.learning, pluginSO, log)
		if n := strings.Count(string(r.stderr), "[ warn]"); r.code != 0 || n != 1 || !strings.Contains(string(r.stderr), "metrics_listen "+l.Addr().String()+": bind: address already in use; ") {
			t.Errorf("exit status %d, %d warnings: %s", r.code, n, tail(r.stderr))
		}
		records := parseRecords(t, r.stdout)
		rec.checkUnchanged(t, records)
		rec.checkVerdicts(t, records)
	})
}

// harass opens connections that never ask, ask slowly, ask too much or hang up
// before the answer, until the function it returns is called. Some stay open
// beyond that.
func harass(t *testing.T, port string) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for ctx.Err() == nil {
				c, err := net.Dial("tcp", "127.0.0.1:"+port)
				if err != nil {
					pause(ctx, time.Millisecond)
					continue
				}
				switch n % 4 {
				case 0: // nothing
				case 1:
					io.WriteString(c, "GET /metrics HTTP/1.1\r\nHost:")
				case 2:
					io.WriteString(c, "GET /metrics HTTP/1.1\r\nX: "+strings.Repeat("x", 100_000))
				case 3: // a reset instead of an end, into the answer
					io.WriteString(c, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
					c.(*net.TCPConn).SetLinger(0)
					c.Close()
					continue
				}
				t.Cleanup(func() { c.Close() })
				pause(ctx, 10*time.Millisecond)
			}
		}()
	}
	return func() {
		cancel()
		wg.Wait()
	}
}

// Whatever clients of the endpoint do, the filter does its work, and ends at once
// when it is told to.
func TestHostMetricsHostile(t *testing.T) {
	rec := loadRecorded(t)
	for _, generation := range generations {
		t.Run(generation, func(t *testing.T) {
			port := freePort(t)
			host, in := startHost(t, generation, "--prop", "metrics_listen=127.0.0.1:"+port, "--prop", "learning_period="+rec.learning)
			host.await("start", func() bool { return host.count("metrics are served at") == 1 })
			stop := harass(t, port)
			io.WriteString(in, strings.Join(rec.lines, "\n")+"\n")
			host.await("records", func() bool { return host.stdout.lines() >= len(rec.lines)/100*100 })
			stop()
			began := time.Now()
			in.Close()
			<-host.ended
			if took := time.Since(began); took > 3*time.Second || host.cmd.ProcessState.ExitCode() != 0 {
				t.Errorf("%v after %v: %s", host.cmd.ProcessState, took, tail([]byte(host.stderr.String())))
			}
			records := parseRecords(t, []byte(host.stdout.String()))
			rec.checkUnchanged(t, records)
			rec.checkVerdicts(t, records)
			if n := len(ours(t, []byte(host.stderr.String()))); n != 3 {
				t.Errorf("clients of the endpoint wrote into the log: %s", host.stderr.String())
			}
		})
	}
}

// The output plugin in its loader host: scraped while the last chunk waits for its
// acknowledgement, after the first had to be sent twice.
func TestOutputHostMetrics(t *testing.T) {
	rec := loadRecorded(t)
	lines := rec.lines[:len(rec.lines)/100*100]
	port := freePort(t)
	var mu sync.Mutex
	var out bytes.Buffer
	var got map[string]float64
	messages := 0
	r := &forwardtest.Receiver{Answer: func(m *forwardtest.Message) forwardtest.Answer {
		mu.Lock()
		defer mu.Unlock()
		if messages++; messages == 1 {
			return forwardtest.Refuse
		}
		out.Write(entryLines(m))
		if messages == len(lines)/100+1 {
			var err error
			if got, err = metricstest.Scrape("127.0.0.1:" + port); err != nil {
				t.Error(err)
			}
		}
		return forwardtest.Ack
	}}
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	defer r.Kill()
	h := outputHost(t, lines, "--records-per-chunk", "100", "--prop", "target=forward://"+r.Address, "--retries", "5",
		"--prop", "tag_all=on", "--prop", "learning_period=0", "--prop", "metrics_listen=127.0.0.1:"+port)
	if h.code != 0 {
		t.Fatalf("exit status %d: %s", h.code, tail(h.stderr))
	}
	mu.Lock()
	defer mu.Unlock()
	const labels = `name="secretwatch.0",plugin="output"`
	checkCounted(t, got, counted(t, out.Bytes(), labels))
	for series, want := range map[string]int{
		`secretwatch_output_chunks_total{` + labels + `,result="delivered"}`: len(lines)/100 - 1,
		`secretwatch_output_chunks_total{` + labels + `,result="retried"}`:   1,
		`secretwatch_output_chunks_total{` + labels + `,result="dropped"}`:   0,
		`secretwatch_output_records_total{` + labels + `}`:                   len(lines) - 100,
		`secretwatch_output_pending_chunks{` + labels + `}`:                  0,
	} {
		if v, ok := got[series]; !ok || v != float64(want) {
			t.Errorf("%s is %v, %v; want %v", series, v, ok, want)
		}
	}
}

// Filter and output in a real Fluent Bit share a server, through reloads, and end
// in order whoever is connected. The output has no workers: Fluent Bit starts those of
// a Go output twice and crashes on the first lot after a reload, with any such output.
func TestFluentBitMetrics(t *testing.T) {
	fluentBit(t)
	rec := loadRecorded(t)
	dir := t.TempDir()
	out, second, port := filepath.Join(dir, "filter.jsonl"), filepath.Join(dir, "output.jsonl"), freePort(t)
	e := startEngine(t, yaml(withoutParsers+`
pipeline:
  inputs:`+strings.ReplaceAll(tailInput, "{tag}", "a")+strings.ReplaceAll(tailInput, "{tag}", "b")+`
  filters:
    - name: secretwatch
      alias: audit
      match: a
      learning_period: {learning}
      tag_all: on
      metrics_listen: 127.0.0.1:{port}
  outputs:`+strings.ReplaceAll(fileOutput, "{tag}", "a")+`
    - name: secretwatch
      alias: sink
      match: b
      target: file://{second}
      learning_period: {learning}
      tag_all: on
      metrics_listen: 127.0.0.1:{port}
`, "{log}", rec.file(t), "{out}", out, "{second}", second, "{learning}", rec.learning, "{port}", port), pluginSO, outputSO)
	const filter, output = `name="audit",plugin="filter"`, `name="sink",plugin="output"`
	check := func(times int) {
		t.Helper()
		n := times * len(rec.lines)
		e.await("all records", func() bool { return countLines(out) >= n && countLines(second) >= n })
		var got map[string]float64
		e.await("all counts", func() bool {
			var err error
			got, err = metricstest.Scrape("127.0.0.1:" + port)
			return err == nil && got[`secretwatch_output_records_total{`+output+`}`] >= float64(n)
		})
		want := counted(t, readFile(t, out), filter)
		maps.Copy(want, counted(t, readFile(t, second), output))
		checkCounted(t, got, want)
	}
	check(1)
	stop := watchMetrics(t, port)
	for i := range 3 {
		e.cmd.Process.Signal(syscall.SIGHUP)
		check(2 + i) // tail begins anew, since it keeps no offsets
	}
	stop()
	// Fluent Bit has put its own signal handlers back by now.
	stop = harass(t, port)
	e.cmd.Process.Signal(syscall.SIGHUP)
	e.await("all records", func() bool { return countLines(out) >= 5*len(rec.lines) })
	stop()
	began := time.Now()
	e.stop()
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %v to end", took)
	}
}

// The two ways to count findings in conf/prometheus say what the records say. The
// log is written after the start, since these configurations follow a log's end.
func TestConfPrometheus(t *testing.T) {
	binary := fluentBit(t)
	rec := loadRecorded(t)
	for _, name := range []string{"fluent-bit.yaml", "endpoint.yaml"} {
		t.Run(name, func(t *testing.T) {
			if name == "fluent-bit.yaml" && !strings.Contains(string(run(t, nil, binary, "-F", "log_to_metrics", "-h").stdout), "metric_namespace") {
				t.Skip("log_to_metrics of this Fluent Bit has no metric_namespace")
			}
			log := filepath.Join(t.TempDir(), "audit.log")
			w, err := os.Create(log)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			x := loadExample(t, "../prometheus/"+name, log)
			port, own := freePort(t), freePort(t)
			x.text = strings.NewReplacer("0.0.0.0:2021", "127.0.0.1:"+port, "port: 2021", "port: "+port, "http_port: 2020", "http_port: "+own,
				"- name: secretwatch\n", "- name: secretwatch\n      learning_period: "+rec.learning+"\n").Replace(x.text)
			e := x.start(t)
			e.await("start of tail", func() bool { return e.count("inotify_fs_add") == 1 })
			io.WriteString(w, strings.Join(rec.lines, "\n")+"\n")
			e.await("all records", func() bool { return len(jsonRecords(e)) >= len(rec.lines) })
			want := map[string]float64{}
			findings := 0.0
			for _, j := range parseRecords(t, jsonLines(e.stdout.String())) {
				if j.verdict != nil {
					want[fmt.Sprint(j.verdict.rules()[0], " ", j.verdict["severity"])]++
					findings++
				}
			}
			labels := regexp.MustCompile(`rule="([^"]*)",severity="([^"]*)"`)
			var got map[string]float64
			e.await("all counts", func() bool {
				all, err := metricstest.Scrape("127.0.0.1:" + port)
				if err != nil {
					return false
				}
				got = map[string]float64{}
				for series, v := range all {
					if m := labels.FindStringSubmatch(series); v > 0 && strings.HasPrefix(series, "secretwatch_findings_total{") && m != nil {
						got[m[1]+" "+m[2]] += v
					}
				}
				sum := 0.0
				for _, v := range got {
					sum += v
				}
				return sum >= findings
			})
			if findings < 100 || !maps.Equal(got, want) {
				t.Errorf("counted are\n%v\nthe records say\n%v", got, want)
			}
			// Fluent Bit's own, which alerts use too.
			r, err := http.Get("http://127.0.0.1:" + own + "/api/v2/metrics/prometheus")
			if err != nil {
				t.Fatal(err)
			}
			defer r.Body.Close()
			body, _ := io.ReadAll(r.Body)
			if !bytes.Contains(body, []byte(`fluentbit_input_records_total{name="kube-audit"}`)) {
				t.Errorf("Fluent Bit's own metrics: %.500s", body)
			}
			e.terminate()
		})
	}
}
