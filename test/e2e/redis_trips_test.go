package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/test/redistest"
	"github.com/secretwatch/secretwatch/test/sim"
)

// With a warm history hardly any chunk waits for Redis. What in_tail hands over in
// a second is a chunk; only those with accesses to secrets are counted, although an
// API server has something to log every second.
func TestHostRedisRoundTrips(t *testing.T) {
	const warm, day = 3, int64(24 * time.Hour)
	cfg := sim.DefaultConfig(42)
	cfg.Days, cfg.Attacks = warm+1, 2*(warm+1)
	var chunks [][]string
	var times []int64
	sim.Run(cfg, func(ev *audit.Event, _ *sim.Label) {
		second := ev.Time / int64(time.Second)
		if len(times) == 0 || times[len(times)-1] != second {
			times, chunks = append(times, second), append(chunks, nil)
		}
		chunks[len(chunks)-1] = append(chunks[len(chunks)-1], string(sim.AppendJSON(nil, ev)))
	})

	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server.Addr())
	host := startSharer(t, "v5", proxy.URL(), "redis_timeout=5s", "state_flush=1s")
	type counts struct{ waits, exchanges, sent float64 }
	count := func() counts {
		return counts{host.must("shared_waits_total", ""), host.must("shared_round_trips_total", ""), host.must("shared_observations_sent_total", "")}
	}
	at, lines := 0, 0
	for ; (times[at]-times[0])*int64(time.Second) < warm*day; at++ {
		host.chunk(chunks[at]...)
	}
	settle(t, server.Do, &host.member)
	before, trips, commands, began := count(), proxy.RoundTrips(), server.CommandStats(), time.Now()
	measured := chunks[at:]
	for _, chunk := range measured {
		host.chunk(chunk...)
		lines += len(chunk)
	}
	settle(t, server.Do, &host.member)
	after := count()
	took := time.Since(began)
	scripts := server.CommandStats()["evalsha"] - commands["evalsha"]
	waits := after.waits - before.waits
	share := func(n float64) string { return fmt.Sprintf("%.2f %%", 100*n/float64(len(measured))) }
	t.Logf("%d events in %d chunks: %.0f chunks waited (%s); in the background %.0f exchanges (%s) with %.0f observations, in %v",
		lines, len(measured), waits, share(waits), after.exchanges-before.exchanges-waits, share(after.exchanges-before.exchanges-waits), after.sent-before.sent, took.Round(time.Millisecond))
	t.Logf("the server ran %d scripts; %d round trips in all, among them those that wait for news and write the records", scripts, proxy.RoundTrips()-trips)
	if waits*100 >= float64(len(measured)) {
		t.Errorf("%v of %d chunks waited", waits, len(measured))
	}
	// Whatever waits is an exchange, and the server knows of it.
	if exchanges := after.exchanges - before.exchanges; exchanges < waits || float64(scripts) < exchanges {
		t.Errorf("%v chunks waited, %v exchanges, %d scripts", waits, exchanges, scripts)
	}

	host.await("the records", func() bool { return host.must("shared_saves_total", "") > 0 })
	host.end()
	memory := func(key string) int64 {
		n, err := server.Do("MEMORY", "USAGE", key, "SAMPLES", 0)
		if err != nil {
			t.Fatal(err)
		}
		bytes, _ := n.(int64)
		return bytes
	}
	keys, err := server.Do("KEYS", "secretwatch:*")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys.([]any) {
		n := int64(0)
		for _, size := range []string{"XLEN", "HLEN"} {
			if v, err := server.Do(size, key); err == nil {
				n, _ = v.(int64)
			}
		}
		ttl, err := server.Do("PTTL", key)
		if err != nil {
			t.Fatal(err)
		}
		left := time.Duration(ttl.(int64)) * time.Millisecond
		if limit := (7 + 1 + 1) * 24 * time.Hour; left <= 0 || left > limit {
			t.Errorf("%v is kept for %v, want at most %v", key, left, limit)
		}
		t.Logf("%v: %d bytes, %d entries, %.0f bytes each, kept for %v", key, memory(fmt.Sprint(key)), n, float64(memory(fmt.Sprint(key)))/float64(max(n, 1)), left.Round(time.Hour))
	}
}
