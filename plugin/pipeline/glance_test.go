package pipeline

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/detector/msgpack"
	"github.com/secretwatch/secretwatch/plugin/chunk"
	"github.com/secretwatch/secretwatch/test/gen"
	"github.com/secretwatch/secretwatch/test/sim"
)

// headers are records up to their only key, as AppendRecordHeader, Fluent Bit 5.1.1
// and 2.2.3 write them.
var headers = [][]byte{
	append(chunk.AppendRecordHeader(nil, recordTime), 0x81),
	[]byte("\x92\x92\xd7\x00\x6b\x04\x33\x67\x04\x29\xcd\xfb\xdf\x00\x00\x00\x00\xdf\x00\x00\x00\x01"),
	[]byte("\xdd\x00\x00\x00\x02\xdd\x00\x00\x00\x02\xd7\x00\x6b\x04\x33\x67\x05\x5b\xfe\x3e\xdf\x00\x00\x00\x00\xdf\x00\x00\x00\x01"),
}

// lineRecord is a record of a line behind a header.
func lineRecord(header []byte, key, line string) []byte {
	return msgpack.AppendStr(msgpack.AppendStr(bytes.Clone(header), key), line)
}

// about is a line about the path and query given, as an API server writes it, and
// ref is what its objectRef holds.
func about(uri, ref string) string {
	return `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"f6b26987-db50-44d4-8185-ca435edf5bd2",` +
		`"stage":"ResponseComplete","requestURI":"` + uri + `","verb":"get","user":{"username":"bad","groups":["dev"]},` +
		`"sourceIPs":["203.0.113.9"],"userAgent":"curl/8.5.0","objectRef":{` + ref + `},"responseStatus":{"metadata":{},"code":200},` +
		`"requestReceivedTimestamp":"2026-11-23T04:05:37.705785Z","stageTimestamp":"2026-11-23T04:05:37.805785Z",` +
		`"annotations":{"authorization.k8s.io/decision":"allow","authorization.k8s.io/reason":""}}`
}

// passShape is what passes is documented to pass, but for the words in its path and
// its length. It is matched with text of which each byte is a rune.
var passShape = regexp.MustCompile(`(?s)^\{"kind":"Event","apiVersion":"audit\.k8s\.io/v1","level":"Metadata","auditID":"[^"\\]{36}",` +
	`"stage":"(?:ResponseComplete|RequestReceived|ResponseStarted)","requestURI":"(/[^"?%\\]*)["?].*\}$`)

// plainPasses is the meaning of passes.
func plainPasses(text []byte) bool {
	runes := make([]rune, len(text))
	for i, c := range text {
		runes[i] = rune(c)
	}
	m := passShape.FindStringSubmatch(string(runes))
	if m == nil || strings.Contains(m[1], "/sec") || strings.Contains(m[1], "/tok") || len(text) < shortest {
		return false
	}
	return true
}

// checkPass holds both ways to pass over records of f against each other, and
// what they pass against its meaning.
func checkPass(t *testing.T, f *form, b []byte) (end, records int) {
	t.Helper()
	end, records = f.pass(b)
	if e, n := f.passGo(b); e != end || n != records {
		t.Fatalf("%q: %d records to %d, in Go %d to %d", b, records, end, n, e)
	}
	for at := 0; at < end; records-- {
		l, ok := chunk.ReadLine(b, at)
		if !ok || !plainPasses(b[at+l.Text.Start:at+l.Text.End]) {
			t.Fatalf("%q was passed over", b[at:end])
		}
		at += l.Text.End
		if at == end && records != 1 {
			t.Fatalf("%d records too many", records)
		}
	}
	return f.pass(b)
}

func TestPass(t *testing.T) {
	p := newPipeline(t)
	const ordinary = "/api/v1/namespaces/prod/pods/web"
	good := about(ordinary, `"resource":"pods"`)
	f := func(line string, want bool) {
		t.Helper()
		for _, header := range headers {
			one := lineRecord(header, "log", good)
			var f form
			if !f.learn(one, p) {
				t.Fatal("no form")
			}
			b := append(append(bytes.Clone(one), lineRecord(header, "log", line)...), one...)
			b = slices.Clip(b)
			end, n := checkPass(t, &f, b)
			if passed := n == 3; passed != want || passed != (end == len(b)) || !want && (n != 1 || end != len(one)) {
				t.Errorf("%s: %d records passed over, %d of %d bytes", line, n, end, len(b))
			}
		}
	}
	path := func(uri string, want bool) {
		t.Helper()
		f(about(uri, `"resource":"pods"`), want)
	}
	path(ordinary, true)
	path("/", true)
	path("/readyz", true)
	path("/api/v1/services", true)
	path("/api/v1/namespaces/prod/serviceaccounts/web", true)
	path("/api/v1/namespaces/external-secrets/pods", true)
	path("/apis/external-secrets.io/v1/clusterexternalsecrets", true)
	path("/apis/cert.io/v1/namespaces/backend/dec/s/ec/to/ok/xsec/token", false)
	path("/api/v1/pods?fieldSelector=metadata.name=/secrets", true)
	path(`/api/v1/pods?limit=500\u0026watch=1%20\"secrets\"/token`, true)
	path("/api/v1/namespaces/prod/secrets/db", false)
	path("/api/v1/secrets", false)
	path("/api/v1/secrets?limit=1", false)
	path("/api/v1//secrets", false)
	path("/api/v1/watch/namespaces/prod/secrets", false)
	path("/clusters/root:x/api/v1/namespaces/prod/secrets/db", false)
	path("/api/v1/namespaces/prod/pods/../secrets", false)
	path("/api/v1/namespaces/prod/serviceaccounts/web/token", false)
	path("/apis/authentication.k8s.io/v1/tokenreviews", false)
	path("/api/v1/namespaces/prod/%73ecrets/db", false)
	path("/api/v1/namespaces/prod%2fsecrets", false)
	path(`/api/v1/namespaces/prod/\u0073ecrets/db`, false)
	path(`/api/v1/pods\"?`, false)
	path("", false)
	path("*", false)
	path("?/", false)
	path("https://host/api/v1/secrets", false)
	path("api/v1/secrets", false)
	// Words at every place with respect to the blocks of vectors.
	for n := range 140 {
		before := "/" + strings.Repeat("x", n)
		path(before, true)
		path(before+"?", true)
		path(before+"/se", true)
		path(before+"/sxc/txk/axc/sek/toc", true)
		path(before+"/sec", false)
		path(before+"/tok", false)
		path(before+"/src/secrets", false)
		path(before+"?/secrets", true)
		path(before+"%", false)
		path(before+`\/`, false)
	}
	// Lines that are not as they should be.
	change := func(old, new string, want bool) {
		t.Helper()
		if !strings.Contains(good, old) {
			t.Fatal(old)
		}
		f(strings.Replace(good, old, new, 1), want)
	}
	change("ResponseComplete", "ResponseStarted", true)
	change("ResponseComplete", "RequestReceived", true)
	change("ResponseComplete", "Panic", false)
	change("ResponseComplete", "ResponseCompletE", false)
	change("Metadata", "Request", false)
	change("Metadata", "RequestResponse", false)
	change("Metadata", "None", false)
	change("v1", "v1beta1", false)
	change("Event", "EventList", false)
	change(`"kind":"Event",`, ``, false)
	change(`"level":"Metadata","auditID"`, `"auditID"`, false)
	change("f6b26987", "F6B26987", true)
	change("f6b26987", "f6b2698", false)
	change("f6b26987", "f6b269870", false)
	change("f6b26987", `f6b269"7`, false)
	change("5edf5bd2", `5edf5b"2`, false)
	change("5edf5bd2", `5edf5bd\`, false)
	change("f6b26987", `\"b26987`, false)
	change(`":"`, `": "`, false)
	f(good+"\n", false)
	f(good[:len(good)-2], false)
	f(good[:len(good)-40]+truncatedTail, false)
	f(" "+good, false)
	f("["+good+"]", false)
	f(good[:170]+strings.Repeat(" ", 20)+"}", false)
	f(good[:200]+strings.Repeat(" ", 100)+"}", true) // as broken as it is
	f(about("/"+strings.Repeat("x", 65000), ``), true)
	f(about("/"+strings.Repeat("x", 66000), ``), false)
	f("{}", false)
	f(strings.Repeat("x", 300), false)
	f(good[:strings.Index(good, ordinary)+1]+strings.Repeat("x", 300)+"}", false)
}

// TestPassShort: a text whose length is written in two bytes may be a short one.
func TestPassShort(t *testing.T) {
	p := newPipeline(t)
	good := about("/", "")
	one := lineRecord(headers[0], "log", good)
	text := len(one) - len(good)
	for size := range 2 * shortest {
		short := append(bytes.Clone(one[:text-2]), byte(size>>8), byte(size))
		short = append(append(short, good[:max(size, 1)-1]...), "}"[:min(size, 1)]...)
		var f form
		require.True(t, f.learn(one, p))
		b := slices.Concat(one, short, one)
		for _, b := range [][]byte{b, slices.Clip(b[:len(one)+len(short)])} {
			end, _ := checkPass(t, &f, b)
			require.Equal(t, size < shortest, end == len(one), "%d bytes", size)
		}
	}
}

// TestLearn: only lines under names that events are looked for under have a form.
func TestLearn(t *testing.T) {
	good := about("/healthz", ``)
	f := func(key string, b []byte, want bool) {
		t.Helper()
		p := newPipeline(t, func(o *Options) { o.Key = key })
		var f form
		if got := f.learn(b, p); got != want {
			t.Errorf("%.60q with key %q: %v", b, key, got)
		}
		if end, _ := f.pass(b); want != (end > 0) || want && end != len(b) {
			t.Errorf("%.60q with key %q: passed to %d", b, key, end)
		}
	}
	for _, header := range headers {
		for _, name := range usualFields {
			f("", lineRecord(header, name, good), true)
			f("other", lineRecord(header, name, good), false)
			f(name, lineRecord(header, name, good), true)
		}
		f("", lineRecord(header, "other", good), false)
		f("other", lineRecord(header, "other", good), true)
		f("", lineRecord(header, "log", about("/"+strings.Repeat("x", 66000), ``)), false)
		f("", lineRecord(header, "log", "{}"), false)
		f("", header, false)
	}
	f("", nil, false)
	f("", record(pack(kv{"log", good}, kv{"stream", "stdout"})), false)
	f("", record(packJSON(good)), false)
	f("", append([]byte{0x92, 0x05}, pack(kv{"log", good})...), false)
}

// TestPassMutated: both ways agree on lines that are nearly right.
func TestPassMutated(t *testing.T) {
	p := newPipeline(t)
	r := rand.New(rand.NewPCG(3, 4))
	passed := 0
	for i := range 60000 {
		header := headers[i%len(headers)]
		uri := "/"
		for range r.IntN(12) {
			uri += []string{"/", "s", "e", "c", "t", "o", "k", "/se", "/to", "ec", "ok", "x", "xxxxxxxxxxxxxxxxxxxx", "?", "-"}[r.IntN(15)]
		}
		stage := []string{"ResponseComplete", "RequestReceived", "ResponseStarted"}[r.IntN(3)]
		line := strings.Replace(about(uri, ``), "ResponseComplete", stage, 1)
		if r.IntN(4) == 0 {
			line = line[:min(170+r.IntN(120), len(line)-1)] + "}"
		}
		b := append(lineRecord(header, "log", about("/x", ``)), lineRecord(header, "log", line)...)
		first := len(lineRecord(header, "log", about("/x", ``)))
		var f form
		if !f.learn(b, p) {
			t.Fatal("no form")
		}
		for range r.IntN(3) {
			at := first + r.IntN(min(len(b)-first, 260))
			b[at] = "\"\\/?%{}:,sectok\x00\xff"[r.IntN(17)]
		}
		b = slices.Clip(b[:len(b)-r.IntN(2)*r.IntN(400)])
		end, _ := checkPass(t, &f, b)
		if end > first {
			passed++
		}
	}
	if passed < 10000 {
		t.Fatalf("only %d were passed over", passed)
	}
}

// chunksOf puts records in chunks of about 32 KB.
func chunksOf(lines []string, of func(string) []byte) (all [][]byte) {
	var c []byte
	for _, l := range lines {
		if c = append(c, of(l)...); len(c) > 31<<10 {
			all, c = append(all, c), nil
		}
	}
	return append(all, c)
}

// TestPassingIsExact: what comes out, and all that is counted, is the same whether
// lines are passed over or not.
func TestPassingIsExact(t *testing.T) {
	f := func(name string, lines []string, of func(string) []byte, change ...func(*Options)) {
		t.Helper()
		made := func(glance bool) *Pipeline {
			d, err := detector.New(detector.DefaultConfig())
			if err != nil {
				t.Fatal(err)
			}
			p := newPipeline(t, append([]func(*Options){func(o *Options) { o.Judge = d }}, change...)...)
			p.glance.Store(glance)
			return p
		}
		p, plain := made(true), made(false)
		for _, c := range chunksOf(lines, of) {
			got, changed := process(t, p, c)
			want, _ := process(t, plain, c)
			if !bytes.Equal(got, want) || changed != (want != nil) {
				t.Fatalf("%s: the results differ", name)
			}
		}
		got, want := p.Stats(), plain.Stats()
		if got.Records > want.Records || plain.watch != nil && got.Records != want.Records {
			t.Errorf("%s: %d records, want %d", name, got.Records, want.Records)
		}
		got.Records = want.Records
		if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
			t.Errorf("%s:\ngot  %s\nwant %s", name, g, w)
		}
	}
	all := func(name string, lines []string) {
		t.Helper()
		off := func(o *Options) { o.Redact = false }
		for i, header := range headers {
			of := func(l string) []byte { return lineRecord(header, "log", l) }
			f(fmt.Sprintf("%s, header %d", name, i), lines, of)
			f(fmt.Sprintf("%s, header %d, redact off", name, i), lines, of, off)
		}
		tail := func(l string) []byte { return lineRecord(headers[1], "log", l) }
		f(name+", with metrics", lines, tail, off, func(o *Options) { o.Metrics = &Metrics{ignored{}, ignored{}} })
		f(name+", with key", lines, tail, func(o *Options) { o.Key = "log" })
		f(name+", with another key", lines, tail, func(o *Options) { o.Key = "message" })
		f(name+", structured", lines, func(l string) []byte { return record(packJSON(l)) }, off)
	}
	all("recorded", recordedLines(t))
	for _, share := range []float64{0, 0.02, 0.2, 1} {
		cfg := gen.DefaultConfig(7)
		cfg.Events, cfg.Secrets = 2000, share
		g := gen.New(cfg)
		var lines []string
		for l := g.Next(); l != nil; l = g.Next() {
			lines = append(lines, string(l))
		}
		all(fmt.Sprintf("generated, %v", share), lines)
	}
	cfg := sim.DefaultConfig(7)
	cfg.Days, cfg.Attacks, cfg.QuietDays = 1, 0, 0
	var lines []string
	sim.Run(cfg, func(ev *audit.Event, _ *sim.Label) {
		if len(lines) < 4000 {
			lines = append(lines, string(sim.AppendJSON(nil, ev)))
			// The same, so that both kinds stand side by side.
			lines = append(lines, strings.ReplaceAll(lines[len(lines)-1], "secrets", "pods"))
		}
	})
	all("simulated", lines)
}

type ignored struct{}

func (ignored) Observe(float64) {}

// TestTornLine: once a log was seen to have values in it, each line is looked at,
// so that what was joined to another event loses them, too.
func TestTornLine(t *testing.T) {
	const value = "aHVudGVyMg"
	torn := lineRecord(headers[1], "log", about("/healthz", ``)[:300]+withObjects(event("alice"), value))
	other := lineRecord(headers[1], "log", about("/healthz", ``))
	secret := lineRecord(headers[1], "log", withObjects(event("alice"), value))
	p := newPipeline(t)
	for _, c := range [][]byte{secret, append(bytes.Clone(other), torn...), torn} {
		out, _ := process(t, p, c)
		if out == nil || bytes.Contains(out, []byte(value)) {
			t.Fatalf("%q became %q", c, out)
		}
	}
	if s := p.Stats(); s.Unparsable != 2 || s.Cut != 2 {
		t.Fatalf("%+v", s)
	}
}

// TestUndecodableBehindLines: records that are passed over do not hide that a chunk is no
// MessagePack, if there is a needle anywhere in it.
func TestUndecodableBehindLines(t *testing.T) {
	ordinary := bytes.Repeat(lineRecord(headers[1], "log", about("/healthz", ``)), 5)
	named := lineRecord(headers[1], "log", about("/healthz?secrets", ``))
	secret := lineRecord(headers[1], "log", about("/api/v1/secrets", `"resource":"secrets"`))
	f := func(undecodable uint64, parts ...[]byte) {
		t.Helper()
		p := newPipeline(t)
		if _, modified := process(t, p, bytes.Join(parts, nil)); modified {
			t.Fatal("changed")
		}
		if s := p.Stats(); s.Undecodable != undecodable || s.Judged != 0 {
			t.Errorf("%+v", s)
		}
	}
	bad := []byte{0xc1}
	f(0, ordinary, bad)
	f(0, bad, ordinary)
	f(1, ordinary, named, bad)
	f(1, bad, ordinary, named)
	f(1, secret, ordinary, bad)
	f(1, ordinary, bad, secret)
	f(1, named, bytes.Repeat(record(pack(kv{"x", "y"})), 10), bad)
	f(1, ordinary, secret[:len(secret)-1])
	f(0, ordinary, ordinary[:500])
}

// FuzzFind: the records found are those with a needle, but for lines that are passed
// over.
func FuzzFind(f *testing.F) {
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	other := record(pack(kv{"x", "secrets"}))
	for _, header := range headers {
		line := func(uri string) []byte { return lineRecord(header, "log", about(uri, `"resource":"secrets"`)) }
		f.Add(join(line("/healthz"), line("/api/v1/secrets"), line("/"), other, line("/pods?secrets")))
		f.Add(join(line("/healthz"), other, other, other, other, line("/healthz")))
		f.Add(join(line("/healthz"), []byte{0xc1}))
		f.Add(join(line("/healthz"), []byte("\xa3sec"), []byte("rets")))
	}
	f.Add(record(packJSON(event("bad"))))
	f.Add(lineRecord(headers[1], "log", eventListOf([]string{event("bad")})))
	f.Fuzz(func(t *testing.T, in []byte) {
		find := func(glance bool) ([]chunk.Span, uint64, error) {
			p := newPipeline(t)
			p.glance.Store(glance)
			s := new(scratch)
			err := s.find(p, in)
			return s.spans, p.stats.records.Load(), err
		}
		got, records, err := find(true)
		want, allRecords, wantErr := find(false)
		if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
			t.Fatalf("error %v, want %v", err, wantErr)
		}
		if err != nil {
			return
		}
		if records != allRecords && records != 0 {
			t.Fatalf("%d records, want %d", records, allRecords)
		}
		for _, at := range want {
			if len(got) > 0 && got[0] == at {
				got = got[1:]
			} else if l, ok := chunk.ReadLine(in, at.Start); !ok || !plainPasses(in[at.Start+l.Text.Start:at.End]) {
				t.Fatalf("not found: %q", in[at.Start:at.End])
			}
		}
		if len(got) > 0 {
			t.Fatalf("found without a needle: %v", got)
		}
	})
}
