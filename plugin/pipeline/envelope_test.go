package pipeline

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/valyala/fastjson"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/detector/msgpack"
	"github.com/secretwatch/secretwatch/plugin/chunk"
)

// realPipeline judges with a detector that does not learn first.
func realPipeline(t testing.TB, change ...func(*Options)) *Pipeline {
	t.Helper()
	cfg := detector.DefaultConfig()
	cfg.LearningPeriod = 0
	judge, err := detector.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return newPipeline(t, append([]func(*Options){func(o *Options) { o.Judge = judge }}, change...)...)
}

// sample is one line of testdata/clouds.
type sample struct {
	provider, name string
	record         *fastjson.Value
	twins          []*fastjson.Value
}

func samples(t testing.TB) (all []sample) {
	t.Helper()
	paths, _ := filepath.Glob("testdata/clouds/*.jsonl")
	if len(paths) < 5 {
		t.Fatal("no samples")
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range bytes.Split(bytes.TrimSpace(text), []byte("\n")) {
			v := fastjson.MustParseBytes(line)
			all = append(all, sample{filepath.Base(path), string(v.GetStringBytes("name")), v.Get("record"), v.GetArray("twins")})
		}
	}
	return all
}

// verdicts returns the verdicts of a chunk's records, "" for those without one.
func verdicts(t testing.TB, p *Pipeline, in []byte) (all []string, out []byte) {
	t.Helper()
	out, modified := process(t, p, in)
	if !modified {
		out = in
	}
	for _, b := range bodies(t, out) {
		v := fastjson.MustParse(b).Get("secretwatch")
		if v == nil {
			all = append(all, "")
			continue
		}
		v.Del("events")
		v.Del("findings")
		all = append(all, string(v.MarshalTo(nil)))
	}
	return all, out
}

func TestEnvelopesJudgedAsTwins(t *testing.T) {
	for _, s := range samples(t) {
		var plain []byte
		for _, twin := range s.twins {
			plain = append(plain, logRecord(string(twin.MarshalTo(nil)))...)
		}
		want, _ := verdicts(t, realPipeline(t), plain)
		in := record(msgpack.AppendValue(nil, s.record))
		p := realPipeline(t)
		got, out := verdicts(t, p, in)
		if len(got) != len(want) {
			t.Fatalf("%s: %s: %d records, want %d", s.provider, s.name, len(got), len(want))
		}
		found := 0
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("%s: %s: got\n%s\nwant\n%s", s.provider, s.name, got[i], want[i])
			}
			if want[i] != "" {
				found++
			}
		}
		if p.Stats().Judged == 0 && s.name != "something else" {
			t.Fatalf("%s: %s: nothing was judged", s.provider, s.name)
		}
		// Each record of a list has the time of its event.
		if len(want) > 1 {
			for i, at := 0, 0; at < len(out); i++ {
				span, err := chunk.Next(out, at)
				if err != nil {
					t.Fatal(err)
				}
				at = span.End
				received := audit.ParseTime(string(s.twins[i].GetStringBytes("requestReceivedTimestamp")))
				if r := chunk.Read(out, span); r.Time != received {
					t.Fatalf("%s: %s: time %d, want %d", s.provider, s.name, r.Time, received)
				}
			}
		}
		// In one piece: the worst of them, and how many.
		p = realPipeline(t, func(o *Options) { o.Split = false })
		out, modified := process(t, p, in)
		if modified != (found > 0) {
			t.Fatalf("%s: %s: modified %v", s.provider, s.name, modified)
		}
		if len(want) < 2 || !modified {
			continue
		}
		b := bodies(t, out)
		v := fastjson.MustParse(b[0]).Get("secretwatch")
		worst := 0
		for _, w := range want {
			if w != "" {
				worst = max(worst, fastjson.MustParse(w).GetInt("risk_score"))
			}
		}
		if len(b) != 1 || v.GetInt("findings") != found || v.GetInt("risk_score") != worst {
			t.Fatalf("%s: %s: %s with %d findings, the worst %d", s.provider, s.name, v, found, worst)
		}
		old := string(s.record.MarshalTo(nil))
		if !strings.HasPrefix(b[0], strings.TrimSuffix(old, "}")+`,"severity":"`) {
			t.Fatalf("%s: %s: changed in place: %s", s.provider, s.name, b[0])
		}
	}
}

// TestSplit is about what an item becomes besides its verdict.
func TestSplit(t *testing.T) {
	quoted := func(s string) string {
		b, _ := json.Marshal(s)
		return string(b)
	}
	f := func(in string, want ...string) {
		t.Helper()
		p := newPipeline(t)
		meta := []byte{0x81, 0xa1, 'm', 0x01}
		head := append([]byte{0x92, 0x92, 0xd7, 0, 0, 0, 0, 1, 0, 0, 0, 2}, meta...)
		out, modified := process(t, p, append(bytes.Clone(head), msgpack.AppendValue(nil, fastjson.MustParse(in))...))
		if !modified {
			if want != nil {
				t.Fatalf("%s was not split", in)
			}
			return
		}
		got := bodies(t, out)
		if len(got) != len(want) {
			t.Fatalf("%s became %d records: %s", in, len(got), got)
		}
		for i, at := 0, 0; at < len(out); i++ {
			span, _ := chunk.Next(out, at)
			at = span.End
			if r := chunk.Read(out, span); !bytes.Equal(r.Metadata, meta) {
				t.Fatalf("metadata %x", r.Metadata)
			}
			if got[i] != want[i] {
				t.Fatalf("got  %s\nwant %s", got[i], want[i])
			}
		}
	}
	pods := func(id string) string { return `{"auditID":"` + id + `","stage":"ResponseComplete","verb":"get"}` }
	a, b := pods("a"), pods("b")
	// Lists are split without anything of interest in them.
	f(`{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[`+a+`,`+b+`]}`, a, b)
	// What surrounds the list goes with each item, unless the item knows better.
	f(`{"kind":"EventList","items":[`+a+`,`+b+`],"node":"n","verb":"x"}`, a[:len(a)-1]+`,"node":"n"}`, b[:len(b)-1]+`,"node":"n"}`)
	f(`{"messageType":"M","owner":"1","id":"x","logEvents":[{"id":"1","message":"x"},{"id":"2"}]}`,
		`{"id":"1","message":"x","messageType":"M","owner":"1"}`, `{"id":"2","messageType":"M","owner":"1"}`)
	text := `{ "messageType":"M", "owner" : "1", "logEvents":[ {"id":"1" } , {}]}`
	f(`{"a":1,"log":`+quoted(text)+`,"b":2}`,
		`{"a":1,"log":`+quoted(`{"id":"1","messageType":"M","owner" : "1"}`)+`,"b":2}`,
		`{"a":1,"log":`+quoted(`{"messageType":"M","owner" : "1"}`)+`,"b":2}`)
	f(`{"a":1,"log":{"kind":"EventList","items":[`+a+`]}}`, `{"a":1,"log":`+a+`}`)
	f(`{"log":`+quoted(`[`+a+`,`+b+`]`)+`}`, `{"log":`+quoted(a)+`}`, `{"log":`+quoted(b)+`}`)
	// Not lists of events, or not of objects, or empty.
	f(`{"kind":"EventList","items":[]}`)
	f(`{"kind":"EventList","items":[1,` + a + `]}`)
	f(`{"kind":"PodList","items":[` + a + `]}`)
	f(`{"records":[{"a":1}]}`)
	f(`{"log":"[{\"a\":1}]"}`)
	// Much of the same in very many items.
	f(`{"kind":"EventList","x":"` + strings.Repeat("x", 100000) + `","items":[` + strings.Repeat(a+",", 999) + a + `]}`)
}

// TestSplitOldShape: records of the older shape have no metadata.
func TestSplitOldShape(t *testing.T) {
	body := msgpack.AppendValue(nil, fastjson.MustParse(`{"kind":"EventList","items":[{"auditID":"a"},{"stageTimestamp":"2026-11-23T04:05:37Z"}]}`))
	out, _ := process(t, newPipeline(t), append([]byte{0x92, 0x05}, body...))
	want := append([]byte{0x92, 0x05, 0x81, 0xa7}, "auditID\xa1a\x92\xd7\x00"...)
	if !bytes.HasPrefix(out, want) || len(unpackAll(out)) != 2 {
		t.Fatalf("%q", out)
	}
}

func TestTruncatedIsCounted(t *testing.T) {
	p := newPipeline(t)
	in := logRecord(event("bad")[:500] + "[Truncated...]")
	if _, modified := process(t, p, in); modified || p.Stats().Truncated != 1 || p.Stats().Unparsable != 0 {
		t.Fatalf("%v %+v", modified, p.Stats())
	}
	secret := strings.Replace(event("bad"), `"responseStatus"`, `"responseObject":{"kind":"Secret","data":{"a":"djEy`, 1)
	secret = secret[:strings.Index(secret, "djEy")+4] + "[Truncated...]"
	out, modified := process(t, p, logRecord(secret))
	if !modified || bytes.Contains(out, []byte("djEy")) || p.Stats().Cut != 1 || p.Stats().Truncated != 2 {
		t.Fatalf("%q %+v", out, p.Stats())
	}
	if got := bodies(t, out)[0]; !strings.HasSuffix(got, `[redacted by secretwatch]","secretwatch":{"redacted":true}}`) {
		t.Fatal(got)
	}
}

// unzip reads a recorded file.
func unzip(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open("../../test/data/" + name)
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func recordedLines(t testing.TB) (lines []string) {
	s := bufio.NewScanner(bytes.NewReader(unzip(t, "audit.jsonl.gz")))
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		lines = append(lines, s.Text())
	}
	return lines
}

// TestWebhookBodies: what the API server posted gives the same verdicts as its log
// of the same requests, and one record an item.
func TestWebhookBodies(t *testing.T) {
	key := func(v *fastjson.Value) string {
		return string(v.GetStringBytes("auditID")) + " " + string(v.GetStringBytes("stage")) + " " + string(v.GetStringBytes("requestReceivedTimestamp"))
	}
	for _, name := range []string{"webhook-body-1.json.gz", "webhook-body-2.json.gz"} {
		text := unzip(t, name)
		list := fastjson.MustParseBytes(text)
		items := list.GetArray("items")
		in := map[string]bool{}
		for _, item := range items {
			in[key(item)] = true
		}
		var log []byte
		lines := 0
		for _, line := range recordedLines(t) {
			if in[key(fastjson.MustParse(line))] {
				log = append(log, logRecord(line)...)
				lines++
			}
		}
		structured := record(msgpack.AppendValue(nil, list))
		asText := logRecord(string(text))
		tagAll := func(o *Options) { o.TagAll = true }
		collect := func(in []byte) (map[string]string, int) {
			all := map[string]string{}
			out, modified := process(t, realPipeline(t, tagAll), in)
			if !modified {
				out = in
			}
			b := bodies(t, out)
			for _, body := range b {
				v := fastjson.MustParse(body)
				if w := v.Get("secretwatch"); w != nil && w.Get("user") != nil {
					w.Del("redacted")
					all[string(w.GetStringBytes("audit_id"))] = string(w.MarshalTo(nil))
				}
			}
			return all, len(b)
		}
		want, _ := collect(log)
		for _, in := range [][]byte{structured, asText} {
			got, records := collect(in)
			if records != len(items) {
				t.Fatalf("%s: %d items became %d records", name, len(items), records)
			}
			if lines > 0 && len(got) != len(want) {
				t.Fatalf("%s: %d verdicts, want %d", name, len(got), len(want))
			}
			for id, w := range want {
				if got[id] != w {
					t.Fatalf("%s: got\n%s\nwant\n%s", name, got[id], w)
				}
			}
		}
		t.Logf("%s: %d items, %d of them in the log, %d judged", name, len(items), lines, len(want))
	}
}
