package pipeline

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fastjson"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/detector/history"
	"github.com/secretwatch/secretwatch/test/gen"
	"github.com/secretwatch/secretwatch/test/sim"
)

// repeated counts the events that are judged as routine.
type repeated struct {
	*detector.Detector
	n *int
}

func (r repeated) JudgeAgain(of *detector.Routine, x *detector.Repeat) (detector.Result, bool) {
	result, ok := r.Detector.JudgeAgain(of, x)
	if ok {
		*r.n++
	}
	return result, ok
}

// pipes are a pipeline that knows routine and one that does not, each with a history
// of its own.
type pipes struct {
	t       *testing.T
	brief   *Pipeline
	full    *Pipeline
	memory  [2]*detector.Memory
	routine int // events judged as routine
}

func newPipes(t *testing.T, change ...func(*Options)) *pipes {
	w := &pipes{t: t}
	cfg := detector.DefaultConfig()
	for i, p := range [...]**Pipeline{&w.brief, &w.full} {
		w.memory[i] = detector.NewMemory(cfg)
		d, err := detector.NewWith(cfg, w.memory[i])
		require.NoError(t, err)
		var judge Judger = repeated{d, &w.routine}
		if i == 1 {
			judge = struct{ Judger }{d}
		}
		*p = newPipeline(t, append([]func(*Options){func(o *Options) { o.Judge = judge }}, change...)...)
	}
	require.NotNil(t, w.brief.repeater)
	require.Nil(t, w.full.repeater)
	return w
}

// process fails the test if the two differ in what comes out or is counted.
func (w *pipes) process(c []byte) {
	w.t.Helper()
	got, changed := process(w.t, w.brief, c)
	want, wantChanged := process(w.t, w.full, c)
	if changed != wantChanged || !bytes.Equal(got, want) {
		w.t.Fatalf("the results differ for %q:\ngot  %q\nwant %q", c, got, want)
	}
	if g, want := fmt.Sprintf("%+v", w.brief.Stats()), fmt.Sprintf("%+v", w.full.Stats()); g != want {
		w.t.Fatalf("after %q:\ngot  %s\nwant %s", c, g, want)
	}
}

// alike fails the test unless both remember the same.
func (w *pipes) alike() {
	w.t.Helper()
	var records [2]map[string]string
	for i := range records {
		records[i] = map[string]string{}
		w.memory[i].Changes(true, func(table history.Table, key string, value []byte) {
			records[i][string(table)+" "+key] = string(value)
		})
	}
	if !maps.Equal(records[0], records[1]) {
		w.t.Fatalf("remembered:\n%q\nwant\n%q", records[0], records[1])
	}
}

// TestRoutineIsExact: what comes out, is counted and is remembered is the same whether
// what is routine is recognised or not.
func TestRoutineIsExact(t *testing.T) {
	f := func(name string, least int, lines []string, of func(string) []byte, change ...func(*Options)) {
		t.Helper()
		w := newPipes(t, change...)
		for _, c := range chunksOf(lines, of) {
			w.process(c)
		}
		w.alike()
		if w.routine < least {
			t.Errorf("%s: only %d events were routine", name, w.routine)
		}
	}
	all := func(name string, least int, lines []string) {
		t.Helper()
		tail := func(l string) []byte { return lineRecord(headers[1], "log", l) }
		f(name, least, lines, tail)
		f(name+", redact off", least, lines, tail, func(o *Options) { o.Redact = false })
		f(name+", with metrics", least, lines, tail, func(o *Options) { o.Metrics = &Metrics{ignored{}, ignored{}} })
		f(name+", ecs", least, lines, tail, func(o *Options) { o.Format = "ecs" })
		f(name+", with key", least, lines, func(l string) []byte {
			return record(pack(kv{"stream", "stdout"}, kv{"log", l}))
		}, func(o *Options) { o.Key = "log" })
		f(name+", structured", least, lines, func(l string) []byte { return record(packJSON(l)) })
	}
	all("recorded", 0, recordedLines(t))
	cfg := gen.DefaultConfig(7)
	cfg.Events, cfg.Secrets, cfg.Namespaces = 6000, 0.9, 5
	g := gen.New(cfg)
	var lines []string
	for l := g.Next(); l != nil; l = g.Next() {
		lines = append(lines, string(l))
	}
	all("generated", 3000, lines)
	world := sim.DefaultConfig(7)
	world.Days, world.Attacks, world.QuietDays = 1, 3, 0
	lines = nil
	sim.Run(world, func(ev *audit.Event, _ *sim.Label) {
		if len(lines) < 8000 {
			lines = append(lines, string(sim.AppendJSON(nil, ev)))
		}
	})
	all("simulated", 300, lines)
}

// routineEvent is an event of alice's, the n-th.
func routineEvent(n int) string {
	e := strings.Replace(event("alice"), "curl/8.5.0", "kubectl/v1.35.3 (linux/amd64) kubernetes/7f3c2d1", 1)
	e = strings.Replace(e, "id-1", fmt.Sprintf("f6b26987-db50-44d4-8185-%012d", n), 1)
	for _, at := range []string{"37.705785", "37.805785"} {
		e = strings.Replace(e, at, fmt.Sprintf("37.%s%05d", at[3:4], n), 1)
	}
	return e
}

// TestRoutineOfOneByte: whatever byte of an event that is routine is another one, it is
// judged as it is.
func TestRoutineOfOneByte(t *testing.T) {
	for _, of := range []func(string) []byte{logRecord, func(l string) []byte { return record(packJSON(l)) }} {
		for at := range of(routineEvent(0)) {
			w := newPipes(t)
			n := 0
			next := func() []byte {
				n++
				return of(routineEvent(n))
			}
			for _, c := range []byte{'"', '\\', '7', 'x', 0x80, '}'} {
				w.process(next())
				before := w.routine
				w.process(next())
				if c == '"' && w.routine != before+1 {
					t.Fatalf("at byte %d it is no routine", at)
				}
				changed := next()
				changed[at] = c
				w.process(changed)
			}
			w.alike()
		}
	}
}

// TestWhatIsNoRoutine: bodies that look like routine, and are not.
func TestWhatIsNoRoutine(t *testing.T) {
	routine := func(of func(event string) []byte) int {
		t.Helper()
		w := newPipes(t)
		for n := 1; n < 5; n++ {
			w.process(of(routineEvent(n)))
		}
		w.alike()
		return w.routine
	}
	packed := func(event string) []byte { return record(packJSON(event)) }
	require.Equal(t, 3, routine(logRecord))
	require.Equal(t, 3, routine(packed))
	f := func(what string, change func(string) string) {
		t.Helper()
		for _, of := range []func(string) []byte{logRecord, packed} {
			if routine(func(e string) []byte { return of(change(e)) }) != 0 {
				t.Errorf("%s is routine", what)
			}
		}
	}
	replace := func(old, new string) func(string) string {
		return func(e string) string {
			require.Contains(t, e, old)
			return strings.Replace(e, old, new, 1)
		}
	}
	f("an audit id chosen by a client", replace("f6b26987-", "mine-"))
	f("an audit id of the usual size that looks like a value", replace("f6b26987-db50-44d4-8185-", "{requestObject secrets: "))
	f("an event with two audit ids", replace(`"verb"`, `"auditID":"f6b26987-db50-44d4-8185-000000000001","verb"`))
	f("an event with two times", replace(`"annotations"`, `"requestReceivedTimestamp":"2026-11-23T04:05:37.700001Z","annotations"`))
	f("an event with two times side by side", replace(`"stageTimestamp"`, `"requestReceivedTimestamp":"2026-11-23T04:05:37.700001Z","stageTimestamp"`))
	f("an event with two stage times", replace(`"annotations"`, `"stageTimestamp":"2026-11-23T04:05:37.800001Z","annotations"`))
	f("an event with a name for a time", replace(`7f3c2d1"`, `stageTimestamp"`))
	f("an event with times of another form", replace(`Z","stage`, `0Z","stage`))
	nested := func(name string, size int) func(string) string {
		return func(e string) string {
			from := strings.Index(e, `"`+name+`":"`)
			to := from + len(name) + len(`"":""`) + size
			return e[:from] + `"of":{` + e[from:to] + "}" + e[to:]
		}
	}
	f("the audit id of something else", nested("auditID", idSize))
	f("the time of something else", nested("requestReceivedTimestamp", timeSize))
	f("the stage time of something else", nested("stageTimestamp", timeSize))
	f("the stage time of something else beside an escaped one", func(e string) string {
		return strings.Replace(nested("stageTimestamp", timeSize)(e), `"of":`, `"stage\u0054imestamp":"2026-11-23T04:05:37.900000Z","of":`, 1)
	})
	f("an event without a time", replace(`"requestReceivedTimestamp"`, `"requestReceived"`))
	f("an event with objects", replace(`"annotations"`, `"responseObject":{"kind":"Status"},"annotations"`))
	f("somebody denied", func(e string) string { return strings.Replace(e, `"code":200`, `"code":403`, 1) })
	f("a list of one event", func(e string) string { return `{"kind":"EventList","items":[` + e + `]}` })
	recorded := func(what string, of func(event string) []byte) {
		t.Helper()
		if routine(of) != 0 {
			t.Errorf("%s is routine", what)
		}
	}
	recorded("an array of one event", func(e string) []byte { return logRecord("[" + e + "]") })
	recorded("broken text", func(e string) []byte { return logRecord(e + "{") })
	recorded("an event behind broken text", func(e string) []byte {
		return record(pack(kv{"log", `{"kind":"Event",`}, kv{"message", e}))
	})
	d, err := detector.New(detector.DefaultConfig())
	require.NoError(t, err)
	require.NotNil(t, newPipeline(t, func(o *Options) { o.Judge = d }).repeater)
	require.Nil(t, newPipeline(t, func(o *Options) { o.Judge, o.TagAll = d, true }).repeater)
	require.Nil(t, newPipeline(t, func(o *Options) { o.Judge = sharing{d} }).repeater)
}

// TestRoutineInEnvelopes: whatever an event that comes again is wrapped in, all is done
// that is done with the first.
func TestRoutineInEnvelopes(t *testing.T) {
	for _, all := range []map[string]func([]string) []byte{wrappers, moreWrappers} {
		for name, wrap := range all {
			t.Run(name, func(t *testing.T) {
				w := newPipes(t)
				for n := range 4 {
					w.process(wrap([]string{routineEvent(n)}))
				}
				w.alike()
			})
		}
	}
}

// TestRoutineElsewhere: a body of the same size, with the same behind its audit id, that
// has it at another place is another one.
func TestRoutineElsewhere(t *testing.T) {
	for n := 1; n < 200; n++ {
		w := newPipes(t)
		of := func(id int, before, behind string) []byte {
			return record(pack(kv{"before", before}, kv{"log", routineEvent(id)}, kv{"behind", behind}))
		}
		pad := strings.Repeat("x", n)
		w.process(of(1, "", pad))
		w.process(of(2, "", pad))
		w.process(of(3, pad, ""))
		w.process(of(4, pad, ""))
		w.alike()
		require.Equal(t, 2, w.routine)
	}
}

// sharing is a judge that knows routine, and that would have to ask others.
type sharing struct{ *detector.Detector }

func (sharing) Session() Session { return nil }

// TestRoutineIsForgotten: however many routines there are, those that come again stay.
func TestRoutineIsForgotten(t *testing.T) {
	r := newRoutines()
	key := func(n int) uint64 { return uint64(n)<<32 | 5 } // all in one set
	put := func(n int) { r.put(&known{head: key(n), size: int32(n)}) }
	has := func(n int) bool {
		k := r.look(&outline{body: []byte{0}, head: key(n)})
		return k != nil && k.size == int32(n)
	}
	for n := 2; n <= 2*ways; n += 2 {
		put(n)
	}
	r.use(key(2))
	for n := 100; n < 200; n += 2 {
		put(n)
		require.True(t, has(n), "the newest")
		r.use(key(2))
		require.True(t, has(2), "the one that comes again")
	}
	require.False(t, has(100))
	require.Len(t, slices.Concat(r.known...), ways, "places are used again")
	put(198)
	require.Len(t, slices.Concat(r.known...), ways)
}

// TestRoutineBehindEverything: an audit id of another size that ends the body.
func TestRoutineBehindEverything(t *testing.T) {
	w := newPipes(t)
	for n := range 4 {
		e := strings.Replace(routineEvent(n), fmt.Sprintf(`"auditID":"f6b26987-db50-44d4-8185-%012d",`, n), "", 1)
		e = strings.Replace(e, `"groups":["dev"]`, `"groups":[]`, 1)
		e = strings.Replace(e, `,"annotations":{"authorization.k8s.io/decision":"allow"}}`, fmt.Sprintf(`,"auditID":"%d"}`, n), 1)
		e = strings.Replace(e, " (linux/amd64) kubernetes/7f3c2d1", "", 1)
		e = strings.Replace(e, `"metadata":{},`, "", 1)
		e = strings.Replace(e, `,"apiVersion":"v1"}`, "}", 1)
		if i := strings.Index(e, "auditID"); i > 480 {
			t.Fatalf("the audit id is at byte %d, too late to be looked for", i)
		}
		w.process(logRecord(e))
	}
	w.alike()
	require.Zero(t, w.brief.Stats().Panics)
	require.Zero(t, w.routine)
}

// TestRoutineConcurrent: threads share instances, which share a history that is written
// and forgotten meanwhile.
func TestRoutineConcurrent(t *testing.T) {
	m := detector.NewMemory(detector.DefaultConfig())
	m.Track()
	var instances [2]*Pipeline
	for i := range instances {
		d, err := detector.NewWith(detector.DefaultConfig(), m)
		require.NoError(t, err)
		instances[i] = newPipeline(t, func(o *Options) { o.Judge = d })
	}
	var threads, others sync.WaitGroup
	const each, n = 2, 2000
	for i := range each * len(instances) {
		threads.Add(1)
		go func() {
			defer threads.Done()
			for k := range n {
				instances[i/each].Process(logRecord(routineEvent(i*n+k)), alloc)
			}
		}()
	}
	done := make(chan struct{})
	others.Add(1)
	go func() {
		defer others.Done()
		for {
			select {
			case <-done:
				return
			default:
				m.Changes(false, func(history.Table, string, []byte) {})
				m.Store().Forget("alice", "")
			}
		}
	}()
	threads.Wait()
	close(done)
	others.Wait()
	for _, p := range instances {
		s := p.Stats()
		require.EqualValues(t, each*n, s.Judged)
		require.Zero(t, s.Panics)
	}
}

// TestRoutineAllocates: nothing, where nothing is new.
func TestRoutineAllocates(t *testing.T) {
	if raceEnabled {
		t.Skip("with the race detector pools forget at random")
	}
	w := newPipes(t)
	var in [][]byte
	for n := range 1200 {
		in = append(in, logRecord(routineEvent(n)))
	}
	n := 0
	next := func() {
		w.brief.Process(in[n%len(in)], alloc)
		n++
	}
	for range 10 {
		next()
	}
	before := w.routine
	require.Zero(t, testing.AllocsPerRun(1000, next))
	require.Greater(t, w.routine-before, 1000)
}

// FuzzRoutineText: whatever stands around an event that comes again, or in it, it is
// judged as in full, and so is one of the same form with an audit id that a client chose.
func FuzzRoutineText(f *testing.F) {
	f.Add("", uint16(0), "", "", "")
	f.Add("[", uint16(0), "", "]", "{requestObject secrets")
	f.Add(`{"kind":"EventList","items":[`, uint16(30), " ", "]}", `","requestURI":"/`)
	f.Add(`{"log":"`, uint16(500), `"auditID":"f6b26987-db50-44d4-8185-000000000001",`, `"}`, `\`)
	f.Fuzz(func(t *testing.T, before string, at uint16, in, behind, id string) {
		text := func(n int) string {
			e := routineEvent(n)
			i := int(at) % (len(e) + 1)
			return before + e[:i] + in + e[i:] + behind
		}
		packed := func(text string) []byte {
			if fastjson.Validate(text) != nil {
				return logRecord(text)
			}
			return record(packJSON(text))
		}
		for _, of := range []func(string) []byte{logRecord, packed} {
			w := newPipes(t)
			for n := range 3 {
				w.process(of(text(n)))
			}
			const usual = "f6b26987-db50-44d4-8185-000000000003"
			chosen := (id + usual)[:len(usual)]
			w.process(of(strings.Replace(text(3), usual, chosen, 1)))
			w.alike()
		}
	})
}

// FuzzRoutine: no chunk is judged in another way for coming again.
func FuzzRoutine(f *testing.F) {
	f.Add(logRecord(routineEvent(1)), logRecord(routineEvent(2)))
	f.Add(record(packJSON(routineEvent(1))), record(packJSON(routineEvent(2))))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		w := newPipes(t)
		for _, c := range [][]byte{a, b, a, b} {
			w.process(c)
		}
		w.alike()
	})
}
