package pipeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/valyala/fastjson"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/detector/msgpack"
)

// process runs one chunk and checks what holds for every chunk.
func process(t testing.TB, p *Pipeline, in []byte) (out []byte, modified bool) {
	t.Helper()
	before, allocs := bytes.Clone(in), 0
	out, modified = p.Process(in, func(n int) []byte {
		allocs++
		return make([]byte, n)
	})
	if !bytes.Equal(in, before) {
		t.Fatal("the input was changed")
	}
	if !modified && (out != nil || allocs != 0) || modified && allocs != 1 {
		t.Fatalf("modified %v with %d allocations and %d bytes", modified, allocs, len(out))
	}
	return out, modified
}

// bodies returns the bodies of the records of a chunk as JSON.
func bodies(t testing.TB, b []byte) (all []string) {
	t.Helper()
	for len(b) > 0 {
		end, err := msgpack.Skip(b, 0)
		if err != nil {
			t.Fatal(err)
		}
		text, _, ok := msgpack.AppendJSON(nil, b[:end], 0)
		if !ok {
			t.Fatal("not rendered")
		}
		all = append(all, string(fastjson.MustParseBytes(text).Get("1").MarshalTo(nil)))
		b = b[end:]
	}
	return all
}

const verdictJSON = `"severity":"medium","secretwatch":{"severity":"medium","risk_score":58,` +
	`"title":"Kubernetes Secret Access via Unusual User Agent","rules":["unusual-user-agent","new-source-ip"],` +
	`"reason":"user agent curl/8.5.0 not seen","first":true,"fingerprint":"5f0c9a0000000000","history":"complete",` +
	`"user":"bad","effective_user":"bad","source_ip":"203.0.113.9","user_agent":"curl/8.5.0",` +
	`"verb":"get","namespace":"prod","secret":"db","outcome":"allowed","audit_id":"id-1","techniques":["T1552.007"]}`

func TestTagged(t *testing.T) {
	structured := func(user string) []byte { return msgpack.AppendValue(nil, fastjson.MustParse(event(user))) }
	f := func(body []byte, want string, change ...func(*Options)) {
		t.Helper()
		p := newPipeline(t, change...)
		// Between records that stay as they are.
		before, after := logRecord("before"), logRecord(event("alice"))
		in := append(append(append([]byte{}, before...), record(body)...), after...)
		out, modified := process(t, p, in)
		if want == "" {
			if modified {
				t.Fatalf("got %s, want it untouched", bodies(t, out)[1])
			}
			return
		}
		if !modified {
			t.Fatal("untouched")
		}
		if !bytes.HasPrefix(out, before) || !bytes.HasSuffix(out, after) {
			t.Fatal("neighbours were changed")
		}
		got := bodies(t, out)
		if len(got) != 3 || got[1] != want {
			t.Fatalf("got\n%s\nwant\n%s", got[1], want)
		}
	}
	quoted := func(s string) string {
		b, _ := json.Marshal(s)
		return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(b))
	}
	logBad := `"log":` + quoted(event("bad"))

	f(pack(kv{"log", event("bad")}), `{`+logBad+`,`+verdictJSON+`}`)
	f(pack(kv{"log", event("alice")}), "")
	f(pack(kv{"log", event("again")}), "")
	f(structured("bad"), strings.TrimSuffix(event("bad"), "}")+`,`+verdictJSON+`}`)
	f(structured("alice"), "")
	for _, name := range usualFields {
		f(pack(kv{name, event("bad")}), `{"`+name+`":`+quoted(event("bad"))+`,`+verdictJSON+`}`)
		f(pack(kv{name, structured("bad")}), `{"`+name+`":`+event("bad")+`,`+verdictJSON+`}`)
	}
	f(pack(kv{"other", event("bad")}), "")
	f(pack(kv{"log", " \t\r\n" + event("bad") + "\n"}), `{"log":`+quoted(" \t\r\n"+event("bad")+"\n")+`,`+verdictJSON+`}`)
	f(pack(kv{"log", "x " + event("bad")}), "")
	// The first usual field that holds an event counts.
	f(pack(kv{"message", "secrets"}, kv{"log", `{"secrets":1}`}, kv{"body", event("bad")}),
		`{"message":"secrets","log":"{\"secrets\":1}","body":`+quoted(event("bad"))+`,`+verdictJSON+`}`)
	// Fields of the same names are replaced, wherever they are and how often.
	f(pack(kv{"severity", "INFO"}, kv{"log", event("bad")}, kv{"secretwatch", 1}, kv{"severity", nil}, kv{"z", true}),
		`{`+logBad+`,"z":true,`+verdictJSON+`}`)
	// Options.
	key := func(o *Options) { o.Key = "audit_json" }
	f(pack(kv{"audit_json", event("bad")}), `{"audit_json":`+quoted(event("bad"))+`,`+verdictJSON+`}`, key)
	f(pack(kv{"log", event("bad")}), "", key)
	f(structured("bad"), "", key)
	f(pack(kv{"log", event("bad")}), `{`+logBad+`,`+strings.Replace(verdictJSON, `"severity"`, `"level"`, 1)+`}`,
		func(o *Options) { o.SeverityKey = "level" })
	f(pack(kv{"log", event("bad")}), `{`+logBad+`,`+strings.TrimPrefix(verdictJSON, `"severity":"medium",`)+`}`,
		func(o *Options) { o.SeverityKey = "" })
	f(pack(kv{"log", event("bad")}), `{`+logBad+`,`+strings.TrimSuffix(verdictJSON, `}`)+`,"cluster":"west"}}`,
		func(o *Options) { o.Cluster = "west" })
	// Borders of the map's header.
	for _, n := range []int{13, 14, 15, 16, 65533, 65534, 65535, 65536} {
		pairs := []kv{{"log", event("bad")}}
		var want strings.Builder
		want.WriteString(`{` + logBad)
		for i := 1; i < n; i++ {
			pairs = append(pairs, kv{fmt.Sprint(i), i})
			fmt.Fprintf(&want, `,"%d":%d`, i, i)
		}
		f(pack(pairs...), want.String()+`,`+verdictJSON+`}`)
	}
}

func TestTagAll(t *testing.T) {
	p := newPipeline(t, func(o *Options) { o.TagAll = true })
	out, modified := process(t, p, logRecord(event("alice")))
	if !modified {
		t.Fatal("untouched")
	}
	v := fastjson.MustParse(bodies(t, out)[0])
	if s := string(v.GetStringBytes("severity")); s != "none" {
		t.Fatalf("severity %q", s)
	}
	n := 0
	v.GetObject("secretwatch").Visit(func([]byte, *fastjson.Value) { n++ })
	if n != len(nativeFields) {
		t.Fatalf("%d keys", n)
	}
	if _, modified := process(t, p, logRecord(event("again"))); modified {
		t.Fatal("a duplicate was tagged")
	}
	pod := strings.Replace(event("alice"), `"resource":"secrets"`, `"resource":"pods"`, 1)
	if _, modified := process(t, p, logRecord(pod)); modified {
		t.Fatal("what is not judged was tagged")
	}
}

func TestShapesOfRecords(t *testing.T) {
	body := pack(kv{"log", event("bad")})
	tagged := func(head []byte) {
		t.Helper()
		p := newPipeline(t)
		out, modified := process(t, p, append(bytes.Clone(head), body...))
		if !modified || !bytes.HasPrefix(out, head) {
			t.Fatalf("% x was not tagged, or changed", head)
		}
	}
	untouched := func(object []byte) {
		t.Helper()
		p := newPipeline(t)
		// A finding beside it must not change it either.
		in := append(bytes.Clone(object), logRecord(event("bad"))...)
		out, modified := process(t, p, in)
		if !modified || !bytes.HasPrefix(out, object) {
			t.Fatalf("% x was changed", object[:min(len(object), 40)])
		}
		if n := p.Stats().Judged; n != 1 {
			t.Fatalf("% x: %d judged", object[:min(len(object), 40)], n)
		}
		if _, modified := process(t, p, object); modified {
			t.Fatalf("% x alone was changed", object[:min(len(object), 40)])
		}
	}
	stamp := []byte{0xd7, 0, 1, 2, 3, 4, 5, 6, 7, 8}
	v2 := func(stamp ...byte) []byte {
		return append(append([]byte{0x92, 0x92}, stamp...), 0x81, 0xa1, 'k', 0xa7, 's', 'e', 'c', 'r', 'e', 't', 's')
	}
	tagged(v2(stamp...))
	tagged(v2(0x05))
	tagged(v2(0xce, 0x65, 0, 0, 0))
	tagged(v2(0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff))
	tagged(v2(0xcb, 0x41, 0xd9, 0, 0, 0, 0, 0, 0))
	tagged(v2(0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0)) // NaN
	tagged(v2(0xcb, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0)) // infinite
	tagged(v2(0xc7, 8, 0, 0, 0, 0, 1, 0, 0, 0, 2))
	tagged(append([]byte{0x92}, stamp...))
	tagged([]byte{0x92, 0x05})
	tagged(append(append([]byte{0xdc, 0, 2, 0xdd, 0, 0, 0, 2}, stamp...), 0xc0))

	group := func(stamp ...byte) []byte { return append(v2(stamp...), body...) }
	untouched(group(0xd7, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0))
	untouched(group(0xd7, 0, 0xff, 0xff, 0xff, 0xfe, 0, 0, 0, 0))
	untouched(group(0xff))
	untouched(group(0xfe))
	untouched(group(0xd3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe))
	untouched(group(0xcb, 0xbf, 0xf0, 0, 0, 0, 0, 0, 0)) // -1.0
	untouched(body)
	untouched(msgpack.AppendStr(nil, event("bad")))
	untouched([]byte{0xc0})
	untouched(append(append([]byte{0x93, 0x05}, body...), body...))
	untouched(append([]byte{0x91}, body...))
	untouched([]byte{0x90})
	untouched(append(append([]byte{0x92}, body...), body...))
	untouched(append([]byte{0x92, 0x93, 0x05, 0x80, 0x80}, body...))
	untouched(append([]byte{0x92, 0x91, 0x05}, body...))
	untouched(record(msgpack.AppendStr(nil, event("bad")))) // a body that is no map
	untouched(record([]byte{0xc0}))
	untouched(record([]byte{0x80}))
	untouched(record([]byte{0x91, 0xa7, 's', 'e', 'c', 'r', 'e', 't', 's'}))
}

func TestTimeGiven(t *testing.T) {
	f := func(change func(string) string, want int64) {
		t.Helper()
		var got int64
		p := newPipeline(t, func(o *Options) {
			o.Judge = fakeJudge{seen: func(ev *audit.Event) { got = ev.Time }}
		})
		process(t, p, logRecord(change(event("bad"))))
		if got != want {
			t.Fatalf("got %d, want %d", got, want)
		}
	}
	const received = 1795406737_705785000
	f(func(s string) string { return s }, received)
	f(func(s string) string { return strings.Replace(s, "requestReceivedTimestamp", "x", 1) }, received+100e6)
	f(func(s string) string { return strings.Replace(s, "2026-11-23T04:05:37.705785Z", "soon", 1) }, received+100e6)
	f(func(s string) string { return strings.ReplaceAll(s, "2026-11-23T04:05:37", "soon") }, recordTime)
}

// TestRandomChunks checks against a second reader of MessagePack that records
// with findings gain fields and that nothing else changes.
func TestRandomChunks(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	p := newPipeline(t)
	keys := map[any]bool{"severity": true, "secretwatch": true}
	changed := 0
	for range 3000 {
		var in []byte
		bad := map[int]bool{}
		n := r.IntN(8)
		for i := range n {
			switch r.IntN(5) {
			case 0:
				in = randomValue(r, in, 4)
			case 1:
				in = append(in, record(randomMap(r, nil, 4))...)
			case 2:
				in = append(in, logRecord(event("alice"))...)
			case 3: // an event among other fields, some of the names that are added
				var pairs []kv
				for _, k := range []string{"a", "severity", "b", "secretwatch", "a"} {
					if r.IntN(2) == 0 {
						pairs = append(pairs, kv{k, randomValue(r, nil, 3)})
					}
				}
				pairs = append(pairs, kv{"log", event("bad")})
				r.Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
				in, bad[i] = append(in, record(pack(pairs...))...), true
			case 4:
				in = append(in, 0x92, 0x92, 0x05)
				in, bad[i] = append(append(in, randomMap(r, nil, 2)...), pack(kv{"message", event("bad")})...), true
			}
		}
		out, modified := process(t, p, in)
		if modified != (len(bad) > 0) {
			t.Fatalf("modified %v with %d findings", modified, len(bad))
		}
		if !modified {
			continue
		}
		changed++
		was, is := unpackAll(in), unpackAll(out)
		if len(was) != n || len(is) != n {
			t.Fatalf("%d records became %d", n, len(is))
		}
		for i := range was {
			if !bad[i] {
				if !reflect.DeepEqual(was[i], is[i]) {
					t.Fatalf("record %d: %v became %v", i, was[i], is[i])
				}
				continue
			}
			old, now := was[i].([]any), is[i].([]any)
			if !reflect.DeepEqual(old[1], now[1]) {
				t.Fatalf("header %v became %v", old[1], now[1])
			}
			want := []any{"map"}
			for body := old[2].([]any)[1:]; len(body) > 0; body = body[2:] {
				if s, ok := body[0].(string); !ok || !keys[s] {
					want = append(want, body[0], body[1])
				}
			}
			body := now[2].([]any)
			added := len(body) - len(want)
			if added != 4 || !reflect.DeepEqual(body[:len(want)], want) {
				t.Fatalf("%v became %v", old[2], body)
			}
			if tail := body[len(want):]; tail[0] != "severity" || tail[1] != "medium" || tail[2] != "secretwatch" {
				t.Fatalf("added %v", tail)
			}
		}
	}
	if changed < 1000 {
		t.Fatalf("only %d chunks were changed", changed)
	}
}

func TestMalformed(t *testing.T) {
	var warned int
	p := newPipeline(t)
	p.log = countingLogger{&warned}
	whole := append(append(logRecord(event("bad")), record(msgpack.AppendValue(nil, fastjson.MustParse(event("bad"))))...), logRecord("x")...)
	first := len(logRecord(event("bad")))
	ends := map[int]bool{0: true, first: true, len(whole) - len(logRecord("x")): true}
	undecodable := uint64(0)
	for i := range whole {
		_, modified := process(t, p, whole[:i])
		if ends[i] {
			continue
		}
		if modified {
			t.Fatalf("the first %d bytes were changed", i)
		}
		// Without a needle nothing is walked and nothing counted.
		if nextNeedle(whole[:i], 0) >= 0 {
			undecodable++
		}
	}
	if got := p.Stats().Undecodable; got != undecodable || undecodable < 800 {
		t.Fatalf("%d undecodable, want %d", got, undecodable)
	}
	if warned != 1 {
		t.Fatalf("%d warnings, want one a minute at most", warned)
	}
	random := rand.New(rand.NewPCG(7, 8))
	for range 30000 {
		b := bytes.Clone(whole)
		for range 1 + random.IntN(3) {
			b[random.IntN(len(b))] = byte(random.Uint32())
		}
		process(t, p, b)
	}
}

type countingLogger struct{ n *int }

func (l countingLogger) Errorf(string, ...any) { *l.n++ }
func (l countingLogger) Warnf(string, ...any)  { *l.n++ }
func (l countingLogger) Infof(string, ...any)  { *l.n++ }
func (l countingLogger) Debugf(string, ...any) { *l.n++ }

func TestOddInput(t *testing.T) {
	f := func(body []byte, judged, unparsable uint64) {
		t.Helper()
		p := newPipeline(t)
		in := append(record(body), logRecord("secrets")...)
		if out, modified := process(t, p, in); modified && judged == 0 {
			t.Fatalf("became %.200q", out)
		}
		if s := p.Stats(); s.Judged != judged || s.Unparsable != unparsable || s.Panics != 0 || s.Undecodable != 0 {
			t.Fatalf("got %+v", s)
		}
	}
	deep := func(open, shut string, n int) string {
		return `{"secrets":` + strings.Repeat(open, n) + `1` + strings.Repeat(shut, n) + `}`
	}
	f(pack(kv{"log", deep("[", "]", 100000)}), 0, 0)
	f(pack(kv{"log", deep(`{"a":`, "}", 100000)}), 0, 0)
	f(pack(kv{"log", strings.Replace(event("bad"), `"level"`, `"x":`+deep("[", "]", 100000)+`,"level"`, 1)}), 0, 1)
	f(pack(kv{"log", append(bytes.Repeat([]byte{0x91}, 100000), 0xc0)}), 0, 0)
	f(pack(kv{"kind", append(bytes.Repeat([]byte{0x81, 0xa1, 'k'}, 100000), 0xc0)}), 0, 0)
	f(append(bytes.Repeat([]byte{0x81, 0xa4, 'k', 'i', 'n', 'd'}, 100000), 0xc0), 0, 0)
	f(pack(kv{"log", `{"secrets"`}), 0, 1)
	f(pack(kv{"log", event("bad")[:500]}), 0, 1)
	f(pack(kv{"log", "{"}), 0, 0) // no needle, so not even looked at
	f(pack(kv{"log", ""}, kv{"message", " "}), 0, 0)
	f(pack(), 0, 0)
	big := strings.Replace(event("bad"), `"level"`, `"requestObject":{"data":{"x":"`+strings.Repeat("A", 2<<20)+`"}},"level"`, 1)
	f(pack(kv{"log", big}), 1, 0)
	f(pack(kv{"log", strings.Replace(event("bad"), "curl", "\xff\xfe\xe2\x82", 1)}), 1, 0)
	f(msgpack.AppendValue(nil, fastjson.MustParse(big)), 1, 0)
}

func TestAddedTextIsValid(t *testing.T) {
	p := newPipeline(t)
	line := strings.Replace(event("bad"), "curl", "a\xff\xe2\x82", 1)
	out, modified := process(t, p, logRecord(line))
	if !modified || !bytes.Contains(out, []byte(line)) {
		t.Fatal("the line was changed")
	}
	if got := fastjson.MustParse(bodies(t, out)[0]).GetStringBytes("secretwatch", "user_agent"); string(got) != "a\ufffd/8.5.0" {
		t.Fatalf("got %q", got)
	}
}

func TestPanicLeavesChunk(t *testing.T) {
	var logged int
	p := newPipeline(t)
	p.log = countingLogger{&logged}
	for range 3 {
		if _, modified := process(t, p, append(logRecord(event("bad")), logRecord(event("panic"))...)); modified {
			t.Fatal("changed")
		}
	}
	if n := p.Stats().Panics; n != 3 || logged != 1 {
		t.Fatalf("%d panics, %d messages", n, logged)
	}
	if _, modified := process(t, p, logRecord(event("bad"))); !modified {
		t.Fatal("did not recover")
	}
}

func TestAllocRefuses(t *testing.T) {
	p := newPipeline(t)
	for _, refuse := range []func(int) []byte{
		func(int) []byte { return nil },
		func(n int) []byte { return make([]byte, n-1) },
	} {
		if out, modified := p.Process(logRecord(event("bad")), refuse); modified || out != nil {
			t.Fatal("changed")
		}
	}
	if n := p.Stats().Refused; n != 2 {
		t.Fatalf("%d refused", n)
	}
}

func TestConcurrent(t *testing.T) {
	p := newPipeline(t)
	in := append(append(logRecord(event("bad")), logRecord(event("alice"))...), logRecord(event("bad"))...)
	want, _ := process(t, p, in)
	var all sync.WaitGroup
	for range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			for range 200 {
				if out, _ := p.Process(in, alloc); !bytes.Equal(out, want) {
					t.Error("differs")
				}
			}
		}()
	}
	all.Wait()
	if got := p.Summary(); got != "1601 chunks, 4803 records in those with anything of interest, 4803 requests judged, "+
		"3202 findings (0 critical, 0 high, 3202 medium, 0 low, 3202 first), 0 duplicates" {
		t.Fatal(got)
	}
	if s := p.Stats(); s.Judged != 3*1601 || s.Findings() != 2*1601 || s.Chunks != 1601 || s.Records != 3*1601 {
		t.Fatalf("%+v", s)
	}
}

func TestGolden(t *testing.T) {
	p := newPipeline(t, func(o *Options) { o.Cluster = "west" })
	var v detector.Verdict
	var ev audit.Event
	var parser audit.Parser
	if err := parser.ParseJSON([]byte(event("bad<&>\\u2028")), &ev); err != nil {
		t.Fatal(err)
	}
	fakeJudge{}.Judge(&ev, &v)
	got := append(p.AppendJSON([]byte("{"), &v), "}\n"...)
	if !json.Valid(got) {
		t.Fatalf("not valid: %s", got)
	}
	want, err := os.ReadFile("testdata/native.json")
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("got  %swant %s%v", got, want, err)
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := New(Options{}, nil); err == nil {
		t.Fatal("no judge was accepted")
	}
	for _, o := range []Options{{SeverityKey: "log"}, {SeverityKey: "body"}, {SeverityKey: "line", Key: "line"}} {
		o.Judge = fakeJudge{}
		if _, err := New(o, nil); err == nil || !strings.HasPrefix(err.Error(), "property severity_key: ") {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if _, err := New(Options{Judge: fakeJudge{}, SeverityKey: "log", Key: "line"}, nil); err != nil {
		t.Error(err)
	}
	if _, err := New(Options{Judge: fakeJudge{}, Format: "x"}, nil); err == nil || err.Error() != `format "x": accepted are ecs, flat, native` {
		t.Fatal(err)
	}
}

func TestProcessAllocates(t *testing.T) {
	if raceEnabled {
		t.Skip("with the race detector pools forget at random")
	}
	p := newPipeline(t, func(o *Options) { o.Judge = skipJudge{} })
	in := bytes.Repeat(append(logRecord("x"), logRecord(event("alice"))...), 10)
	if n := testing.AllocsPerRun(100, func() { p.Process(in, alloc) }); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

type skipJudge struct{}

func (skipJudge) Judge(*audit.Event, *detector.Verdict) detector.Result { return detector.Skipped }

func FuzzProcess(f *testing.F) {
	f.Add(logRecord(event("bad")))
	f.Add(record(msgpack.AppendValue(nil, fastjson.MustParse(event("bad")))))
	f.Add(append(logRecord(event("alice")), 0x92, 0x05, 0x81, 0xa3, 'l', 'o', 'g', 0x80))
	f.Fuzz(func(t *testing.T, in []byte) {
		p := newPipeline(t, func(o *Options) { o.TagAll = true })
		out, modified := process(t, p, in)
		if p.Stats().Panics != 0 {
			t.Fatal("panicked")
		}
		if !modified {
			return
		}
		was, is := unpackAll(in), unpackAll(out)
		if len(was) != len(is) {
			t.Fatalf("%d records became %d", len(was), len(is))
		}
	})
}
