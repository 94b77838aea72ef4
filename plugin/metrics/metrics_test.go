package metrics

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/detector/history"
	"github.com/secretwatch/secretwatch/detector/replica"
	"github.com/secretwatch/secretwatch/detector/rule"
	"github.com/secretwatch/secretwatch/plugin/delivery"
	"github.com/secretwatch/secretwatch/plugin/engine"
	"github.com/secretwatch/secretwatch/plugin/metrics/metricstest"
	"github.com/secretwatch/secretwatch/plugin/pipeline"
)

// journal keeps log lines by level.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(level, format string, args []any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, level+" "+fmt.Sprintf(format, args...))
}
func (j *journal) Errorf(format string, args ...any) { j.add("error", format, args) }
func (j *journal) Warnf(format string, args ...any)  { j.add("warn", format, args) }
func (j *journal) Infof(format string, args ...any)  { j.add("info", format, args) }
func (j *journal) Debugf(format string, args ...any) { j.add("debug", format, args) }

// level returns the lines of a level.
func (j *journal) level(level string) (lines []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, l := range j.lines {
		if strings.HasPrefix(l, level) {
			lines = append(lines, l)
		}
	}
	return lines
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// scrape returns the plugin's own series, see metricstest.Scrape, without the
// prefix of their names.
func scrape(t *testing.T, address string) map[string]float64 {
	t.Helper()
	all, err := metricstest.Scrape(address)
	require.NoError(t, err)
	ours := map[string]float64{}
	for name, v := range all {
		if short, ok := strings.CutPrefix(name, namespace+"_"); ok {
			ours[short] = v
		}
	}
	return ours
}

// source counts what it is told to.
type source struct {
	pipeline pipeline.Stats
	engine   engine.Stats
	output   delivery.Stats
}

func (s *source) source() Source {
	return Source{
		Pipeline: func() pipeline.Stats { return s.pipeline },
		Engine:   func() engine.Stats { return s.engine },
		Output:   func() delivery.Stats { return s.output },
	}
}

// full has another number in each place.
func full() *source {
	unusual := pipeline.RuleStats{Rule: "unusual-user-agent", Matches: 27}
	unusual.First[rule.High], unusual.Repeated[rule.High] = 28, 29
	nameless := pipeline.RuleStats{Matches: 99}
	nameless.First[rule.Low] = 30
	return &source{
		pipeline: pipeline.Stats{
			Chunks: 1, Bytes: 2, Records: 3, Judged: 4, Duplicates: 5, Split: 6, Items: 7, Redacted: 8,
			Truncated: 9, Cut: 10, Undecodable: 11, Unparsable: 12, Refused: 13, Panics: 14,
			Rules: []pipeline.RuleStats{unusual, nameless},
		},
		engine: engine.Stats{
			Known: 15, New: 16, Limit: 17, LearningEnds: time.Unix(18, 5e8),
			Evicted: history.Evictions{Principals: 19, Newcomers: 20, Values: 21, Objects: 22},
			Stores: []engine.StoreStats{{
				Store: "file", Available: true, Failures: map[string]uint64{"write": 23}, Current: time.Unix(24, 0), Pending: 25, Bytes: 26,
			}},
			Shared: &replica.Stats{
				Asked: 36, Waited: 37 * time.Second, Exchanges: 38, Sent: 39, Applied: 40, Dropped: 41, Broken: 42, Degraded: 43, Saves: 44,
			},
		},
		output: delivery.Stats{Delivered: 31, Records: 32, Retries: 33, Failed: 34, Pending: 35},
	}
}

func TestSeries(t *testing.T) {
	var e Endpoint
	address := freeAddress(t)
	m := e.Join(address, Identity{"output", "secretwatch.0", "prod"}, &journal{})
	defer m.Leave()
	m.Watch(full().source())
	m.StoreTime("file", "write").Observe(0.1)
	m.PipelineTimes().ChunkTime.Observe(1)
	m.PipelineTimes().DecisionTime.Observe(1)
	all := scrape(t, address)
	names := map[string]bool{}
	for series := range all {
		name := series[:strings.IndexByte(series, '{')]
		if names[namespace+"_"+name] = true; name == buildInfo {
			delete(all, series)
		}
	}
	require.ElementsMatch(t, Names(), slices.Collect(maps.Keys(names)))
	want := map[string]float64{}
	f := func(series string, value float64) {
		labels := strings.Split(strings.TrimSuffix(series[strings.IndexByte(series, '{')+1:], "}"), ",")
		labels = append(slices.DeleteFunc(labels, func(l string) bool { return l == "" }), `cluster="prod"`, `name="secretwatch.0"`, `plugin="output"`)
		slices.Sort(labels)
		want[series[:strings.IndexByte(series, '{')]+"{"+strings.Join(labels, ",")+"}"] = value
	}
	f(`chunks_total{}`, 1)
	f(`bytes_total{}`, 2)
	f(`records_total{}`, 3)
	f(`events_judged_total{}`, 4)
	f(`duplicate_events_total{}`, 5)
	f(`lists_split_total{}`, 6)
	f(`list_records_total{}`, 7)
	f(`redacted_records_total{}`, 8)
	f(`parse_failures_total{kind="truncated"}`, 9)
	f(`cut_texts_total{}`, 10)
	f(`parse_failures_total{kind="msgpack"}`, 11)
	f(`parse_failures_total{kind="json"}`, 12)
	f(`unjudged_chunks_total{reason="memory"}`, 13)
	f(`unjudged_chunks_total{reason="panic"}`, 14)
	f(`history_principals{standing="known"}`, 15)
	f(`history_principals{standing="new"}`, 16)
	f(`history_principals_limit{}`, 17)
	f(`learning_end_timestamp_seconds{}`, 18.5)
	f(`history_evictions_total{kind="principal"}`, 19)
	f(`history_evictions_total{kind="newcomer"}`, 20)
	f(`history_evictions_total{kind="value"}`, 21)
	f(`history_evictions_total{kind="object"}`, 22)
	f(`store_available{store="file"}`, 1)
	f(`store_failures_total{operation="write",store="file"}`, 23)
	f(`store_last_success_timestamp_seconds{store="file"}`, 24)
	f(`store_pending{store="file"}`, 25)
	f(`store_size_bytes{store="file"}`, 26)
	f(`chunk_duration_seconds{}`, 1)
	f(`decision_duration_seconds{}`, 1)
	f(`store_operation_duration_seconds{operation="write",store="file"}`, 1)
	f(`shared_waits_total{}`, 36)
	f(`shared_wait_seconds_total{}`, 37)
	f(`shared_round_trips_total{}`, 38)
	f(`shared_observations_sent_total{}`, 39)
	f(`shared_observations_received_total{}`, 40)
	f(`shared_observations_lost_total{reason="dropped"}`, 41)
	f(`shared_observations_lost_total{reason="broken"}`, 42)
	f(`shared_degraded_verdicts_total{}`, 43)
	f(`shared_saves_total{}`, 44)
	f(`rule_matches_total{rule="unusual-user-agent"}`, 27)
	for severity := rule.Low; severity <= rule.Critical; severity++ {
		for _, first := range []string{"true", "false"} {
			f(fmt.Sprintf(`findings_total{first=%q,rule="unusual-user-agent",severity=%q}`, first, severity), 0)
		}
	}
	f(`findings_total{first="true",rule="unusual-user-agent",severity="high"}`, 28)
	f(`findings_total{first="false",rule="unusual-user-agent",severity="high"}`, 29)
	f(`findings_total{first="true",severity="low"}`, 30)
	f(`output_chunks_total{result="delivered"}`, 31)
	f(`output_records_total{}`, 32)
	f(`output_chunks_total{result="retried"}`, 33)
	f(`output_chunks_total{result="dropped"}`, 34)
	f(`output_pending_chunks{}`, 35)
	require.Equal(t, want, all)
}

func TestNamesByConvention(t *testing.T) {
	var e Endpoint
	address := freeAddress(t)
	m := e.Join(address, Identity{"filter", "secretwatch.0", ""}, &journal{})
	defer m.Leave()
	m.Watch(full().source())
	m.StoreTime("file", "write").Observe(1)
	m.PipelineTimes().ChunkTime.Observe(1)
	_, body, err := metricstest.Get(address)
	require.NoError(t, err)
	problems, err := metricstest.Lint(body)
	require.NoError(t, err)
	require.Empty(t, problems)
	for _, want := range []string{"\ngo_goroutines ", "\nprocess_resident_memory_bytes ", "\nsecretwatch_build_info{"} {
		require.Contains(t, string(body), want)
	}
}

// A reload: the old instance ends, the new one begins. Counters go on.
func TestCountersSurvive(t *testing.T) {
	var e Endpoint
	address := freeAddress(t)
	id := Identity{"filter", "a", ""}
	for round := 1; round <= 3; round++ {
		m := e.Join(address, id, &journal{})
		m.PipelineTimes().ChunkTime.Observe(1)
		s := full()
		m.Watch(s.source())
		all := scrape(t, address)
		require.Equal(t, float64(round), all[`chunks_total{name="a",plugin="filter"}`])
		require.Equal(t, float64(round), all[`chunk_duration_seconds{name="a",plugin="filter"}`])
		require.Equal(t, 28*float64(round), all[`findings_total{first="true",name="a",plugin="filter",rule="unusual-user-agent",severity="high"}`])
		require.Equal(t, 15.0, all[`history_principals{name="a",plugin="filter",standing="known"}`])
		m.Leave()
		m.Leave()
	}
	// What is gone has no size.
	m := e.Join(address, Identity{"filter", "b", ""}, &journal{})
	defer m.Leave()
	all := scrape(t, address)
	require.Equal(t, 3.0, all[`chunks_total{name="a",plugin="filter"}`])
	require.NotContains(t, all, `history_principals{name="a",plugin="filter",standing="known"}`)
	require.NotContains(t, all, `chunks_total{name="b",plugin="filter"}`)
}

func TestOneServer(t *testing.T) {
	var e Endpoint
	address, other := freeAddress(t), freeAddress(t)
	j := &journal{}
	a := e.Join(address, Identity{"filter", "a", ""}, j)
	b := e.Join(address, Identity{"output", "a", ""}, j)
	a.Watch(full().source())
	b.Watch(full().source())
	require.Empty(t, j.level("warn"))
	c := e.Join(other, Identity{"filter", "c", ""}, j)
	c.Watch(full().source())
	require.Len(t, j.level("warn"), 1)
	require.Contains(t, j.level("warn")[0], "metrics_listen "+other+": ")
	all := scrape(t, address)
	for _, labels := range []string{`name="a",plugin="filter"`, `name="a",plugin="output"`, `name="c",plugin="filter"`} {
		require.Equal(t, 1.0, all["chunks_total{"+labels+"}"], labels)
	}
	_, _, err := metricstest.Get(other)
	require.Error(t, err)
	a.Leave()
	require.Equal(t, 1.0, scrape(t, address)[`chunks_total{name="a",plugin="output"}`])
	// Only who wants the other address is left.
	b.Leave()
	require.Equal(t, 1.0, scrape(t, other)[`chunks_total{name="c",plugin="filter"}`])
	_, _, err = metricstest.Get(address)
	require.Error(t, err)
	c.Leave()
	_, _, err = metricstest.Get(other)
	require.Error(t, err)
}

// Nothing is left when the last member leaves: no goroutine, no port.
func TestLeave(t *testing.T) {
	address := freeAddress(t)
	_, _, _ = metricstest.Get(address) // the client's own goroutines
	before := runtime.NumGoroutine()
	var e Endpoint
	for range 20 {
		m := e.Join(address, Identity{"filter", "a", ""}, &journal{})
		m.Watch(full().source())
		scrape(t, address)
		m.Leave()
		l, err := net.Listen("tcp", address)
		require.NoError(t, err)
		require.NoError(t, l.Close())
	}
	// A goroutine that has said it is done may still be on its way out.
	for limit := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(limit) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// A port in use stops nobody, and is taken as soon as it is free.
func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	address := l.Addr().String()
	var e Endpoint
	j := &journal{}
	m := e.Join(address, Identity{"filter", "a", ""}, j)
	m.Watch(full().source())
	require.Len(t, j.level("warn"), 1)
	require.Contains(t, j.level("warn")[0], "metrics_listen "+address+": bind: address already in use; ")
	m.Leave() // while it is being tried

	m = e.Join(address, Identity{"filter", "a", ""}, j)
	defer m.Leave()
	m.Watch(full().source())
	require.NoError(t, l.Close())
	require.Eventually(t, func() bool { return len(j.level("info")) == 1 }, 30*time.Second, 10*time.Millisecond)
	require.Equal(t, 2.0, scrape(t, address)[`chunks_total{name="a",plugin="filter"}`])
}

// Clients that are slow, many or wrong do not keep others from scraping for long,
// nor the host from leaving.
func TestHostileClients(t *testing.T) {
	var e Endpoint
	address := freeAddress(t)
	j := &journal{}
	m := e.Join(address, Identity{"filter", "a", ""}, j)
	defer m.Leave()
	m.Watch(full().source())
	send := func(text string) net.Conn {
		c, err := net.Dial("tcp", address)
		require.NoError(t, err)
		t.Cleanup(func() { c.Close() })
		_, err = io.WriteString(c, text)
		require.NoError(t, err)
		return c
	}
	answer := func(text string) string {
		c := send(text)
		require.NoError(t, c.SetDeadline(time.Now().Add(30*time.Second)))
		b, _ := io.ReadAll(c) // a server that refuses may reset
		first, _, _ := strings.Cut(string(b), "\r\n")
		return first
	}
	require.Contains(t, answer("GET /metrics HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("x", 1<<20)+"\r\n\r\n"), " 431 ")
	require.Contains(t, answer("\x16\x03\x01\x02\x00\x01\r\n\r\n"), " 400 ")
	require.Contains(t, answer("GET /debug/pprof/ HTTP/1.1\r\nHost: x\r\n\r\n"), " 404 ")
	require.Contains(t, answer("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"), " 405 ")
	require.Contains(t, answer("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\nGET /metrics HTTP/1.1\r\n"), " 200 ")
	// Scrapes that nobody reads.
	for range 20 {
		send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").Close()
	}
	// All places taken: it takes until the first have had their time.
	for range maxConns {
		send("GET /metrics HTTP/1.1\r\n")
	}
	began := time.Now()
	scrape(t, address)
	require.Less(t, time.Since(began), 3*readTimeout)
	for range maxConns {
		send("GET /metrics HTTP/1.1\r\n")
	}
	began = time.Now()
	m.Leave()
	require.Less(t, time.Since(began), readTimeout)
	require.Empty(t, j.level("warn"), "what clients do is no warning")
	require.Empty(t, j.level("error"))
}

// A bug in what is read at a scrape fails the scrape, and nothing else.
func TestPanic(t *testing.T) {
	var e Endpoint
	address := freeAddress(t)
	m := e.Join(address, Identity{"filter", "a", ""}, &journal{})
	defer m.Leave()
	var wrong sync.Map
	s := full().source()
	s.Pipeline = func() pipeline.Stats {
		if _, ok := wrong.Load("now"); ok {
			panic("in a source")
		}
		return pipeline.Stats{Chunks: 1}
	}
	m.Watch(s)
	wrong.Store("now", true)
	status, body, err := metricstest.Get(address)
	require.NoError(t, err)
	require.Equal(t, http.StatusInternalServerError, status)
	require.Contains(t, string(body), "internal error: in a source")
	wrong.Delete("now")
	require.Equal(t, 1.0, scrape(t, address)[`chunks_total{name="a",plugin="filter"}`])
}

func TestNameThatIsNoText(t *testing.T) {
	var e Endpoint
	address := freeAddress(t)
	m := e.Join(address, Identity{"filter", "a\xff\"\n", ""}, &journal{})
	defer m.Leave()
	m.Watch(full().source())
	require.Equal(t, 1.0, scrape(t, address)[fmt.Sprintf(`chunks_total{name=%q,plugin="filter"}`, "a\ufffd\"\n")])
}

// Members come and go while others scrape and count.
func TestConcurrent(t *testing.T) {
	var e Endpoint
	address := freeAddress(t)
	stay := e.Join(address, Identity{"filter", "stay", ""}, &journal{})
	stay.Watch(full().source())
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 25 {
				m := e.Join(address, Identity{"filter", fmt.Sprint(i), ""}, &journal{})
				m.PipelineTimes().DecisionTime.Observe(1e-6)
				m.Watch(full().source())
				_, _, _ = metricstest.Get(address)
				m.Leave()
			}
		}()
	}
	wg.Wait()
	all := scrape(t, address)
	for i := range 4 {
		require.Equal(t, 25.0, all[fmt.Sprintf(`chunks_total{name="%d",plugin="filter"}`, i)])
		require.Equal(t, 25.0, all[fmt.Sprintf(`decision_duration_seconds{name="%d",plugin="filter"}`, i)])
	}
	stay.Leave()
}
