package pipeline

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/valyala/fastjson"

	"github.com/secretwatch/secretwatch/detector/msgpack"
)

// canaries are the values that may not come out: every value in a secret's data,
// as base64 and as what it says, and every token.
func canaries(lines []string) map[string]bool {
	all := map[string]bool{}
	token := regexp.MustCompile(`eyJ[\w-]+\.eyJ[\w-]+`)
	add := func(s string) {
		if len(s) >= 8 {
			all[s] = true
		}
	}
	var walk func(v *fastjson.Value)
	walk = func(v *fastjson.Value) {
		switch v.Type() {
		case fastjson.TypeObject:
			v.GetObject().Visit(func(key []byte, v *fastjson.Value) {
				if name := string(key); name == "data" || name == "stringData" || name == "token" {
					collect(v, func(s string) {
						add(s)
						if plain, err := base64.StdEncoding.DecodeString(s); err == nil {
							add(string(plain))
						}
					})
				}
				walk(v)
			})
		case fastjson.TypeArray:
			for _, e := range v.GetArray() {
				walk(e)
			}
		case fastjson.TypeString:
			text := string(v.GetStringBytes())
			if in, err := fastjson.Parse(text); err == nil && in.Type() == fastjson.TypeObject {
				walk(in) // last-applied-configuration
			}
		}
	}
	for _, line := range lines {
		v := fastjson.MustParse(line)
		resource, sub := string(v.GetStringBytes("objectRef", "resource")), string(v.GetStringBytes("objectRef", "subresource"))
		if resource != "secrets" && sub != "token" {
			continue
		}
		for _, name := range []string{"requestObject", "responseObject"} {
			if o := v.Get(name); o != nil {
				walk(o)
				for _, s := range token.FindAllString(string(o.MarshalTo(nil)), -1) {
					add(s)
				}
			}
		}
	}
	return all
}

func collect(v *fastjson.Value, f func(string)) {
	switch v.Type() {
	case fastjson.TypeObject:
		v.GetObject().Visit(func(_ []byte, v *fastjson.Value) { collect(v, f) })
	case fastjson.TypeArray:
		for _, e := range v.GetArray() {
			collect(e, f)
		}
	case fastjson.TypeString:
		f(string(v.GetStringBytes()))
	}
}

// wrappers put lines of an audit log into every envelope; each returns a chunk.
var wrappers = map[string]func(lines []string) []byte{
	"text": func(lines []string) []byte { return each(lines, logRecord) },
	"structured": func(lines []string) []byte {
		return each(lines, func(l string) []byte { return record(packJSON(l)) })
	},
	"field and text": func(lines []string) []byte {
		return each(lines, func(l string) []byte {
			return record(pack(kv{"log", l}, kv{"audit", packJSON(l)}, kv{"unknown", l}))
		})
	},
	"bin": func(lines []string) []byte {
		return each(lines, func(l string) []byte {
			n := len(l)
			b := append(pack(kv{"log", []byte{}}), 0xc6, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
			return record(append(b, l...))
		})
	},
	"prefix": func(lines []string) []byte {
		return each(lines, func(l string) []byte { return logRecord("2026-11-23T04:05:37Z stdout F " + l) })
	},
	"truncated": func(lines []string) []byte {
		return each(lines, func(l string) []byte { return logRecord(l[:len(l)*9/10] + truncatedTail) })
	},
	"list": func(lines []string) []byte { return record(packJSON(eventListOf(lines))) },
	"list as text": func(lines []string) []byte {
		return logRecord(eventListOf(lines))
	},
	"array": func(lines []string) []byte { return logRecord("[" + strings.Join(lines, ",") + "]") },
	"subscription": func(lines []string) []byte {
		return record(packJSON(subscriptionOf(lines)))
	},
	"subscription as text": func(lines []string) []byte { return logRecord(subscriptionOf(lines)) },
	"AKS":                  func(lines []string) []byte { return record(packJSON(aksOf(lines))) },
	"AKS as text":          func(lines []string) []byte { return logRecord(aksOf(lines)) },
	"AKS one by one": func(lines []string) []byte {
		return each(lines, func(l string) []byte { return record(packJSON(`{"properties":{"log":` + quoteJSON(l) + `}}`)) })
	},
	"Elastic": func(lines []string) []byte {
		return each(lines, func(l string) []byte { return record(packJSON(`{"kubernetes":{"audit":` + l + `}}`)) })
	},
	"Elastic, dotted": func(lines []string) []byte {
		return each(lines, func(l string) []byte { return record(packJSON(dotted(fastjson.MustParse(l)))) })
	},
	"GKE": func(lines []string) []byte {
		return each(lines, func(l string) []byte { return record(packJSON(gkeOf(fastjson.MustParse(l)))) })
	},
	"GKE as text": func(lines []string) []byte {
		return each(lines, func(l string) []byte { return logRecord(gkeOf(fastjson.MustParse(l))) })
	},
}

func each(lines []string, f func(string) []byte) (b []byte) {
	for _, l := range lines {
		b = append(b, f(l)...)
	}
	return b
}

func packJSON(text string) []byte { return msgpack.AppendValue(nil, fastjson.MustParse(text)) }

func quoteJSON(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func eventListOf(lines []string) string {
	return `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[` + strings.Join(lines, ",") + `]}`
}

func subscriptionOf(lines []string) string {
	items := make([]string, len(lines))
	for i, l := range lines {
		items[i] = `{"id":"1","timestamp":1795161600125,"message":` + quoteJSON(l) + `}`
	}
	return `{"messageType":"DATA_MESSAGE","owner":"111122223333","logEvents":[` + strings.Join(items, ",") + `]}`
}

func aksOf(lines []string) string {
	items := make([]string, len(lines))
	for i, l := range lines {
		items[i] = `{"time":"2026-11-20T08:00:00Z","category":"kube-audit","properties":{"log":` + quoteJSON(l) + `}}`
	}
	return `{"records":[` + strings.Join(items, ",") + `]}`
}

func dotted(v *fastjson.Value) string {
	var parts []string
	var walk func(path string, v *fastjson.Value)
	walk = func(path string, v *fastjson.Value) {
		if v.Type() != fastjson.TypeObject {
			parts = append(parts, quoteJSON(path)+":"+string(v.MarshalTo(nil)))
			return
		}
		v.GetObject().Visit(func(key []byte, v *fastjson.Value) { walk(path+"."+string(key), v) })
	}
	walk("kubernetes.audit", v)
	return "{" + strings.Join(parts, ",") + "}"
}

func gkeOf(v *fastjson.Value) string {
	get := func(path ...string) string { return string(v.GetStringBytes(path...)) }
	method := "io.k8s.core.v1." + get("objectRef", "resource")
	if sub := get("objectRef", "subresource"); sub != "" {
		method += "." + sub
	}
	s := `{"insertId":"a","timestamp":` + quoteJSON(get("requestReceivedTimestamp")) + `,"protoPayload":{"methodName":` + quoteJSON(method+"."+get("verb"))
	for was, is := range map[string]string{"requestObject": "request", "responseObject": "response"} {
		if o := v.Get(was); o != nil {
			s += `,"` + is + `":` + string(o.MarshalTo(nil))
		}
	}
	return s + `,"authenticationInfo":{"principalEmail":` + quoteJSON(get("user", "username")) + `}}}`
}

// kinds returns a few lines of each kind of event about secrets and tokens.
func kinds(lines []string) (some []string) {
	seen := map[string]int{}
	for _, l := range lines {
		v := fastjson.MustParse(l)
		get := func(path ...string) string { return string(v.GetStringBytes(path...)) + " " }
		key := get("verb") + get("stage") + get("objectRef", "subresource") + get("requestObject", "kind") + get("responseObject", "kind")
		if seen[key]++; seen[key] <= 2 {
			some = append(some, l)
		}
	}
	return some
}

// TestNoValueSurvives takes the recorded log, which is at level RequestResponse,
// through every envelope and every format and looks for every value of a secret
// and every token in all that comes out.
func TestNoValueSurvives(t *testing.T) {
	var lines []string
	for _, l := range recordedLines(t) {
		if strings.Contains(l, `"secrets"`) || strings.Contains(l, `"token"`) || strings.Contains(l, "PLAINTEXT") {
			lines = append(lines, l)
		}
	}
	some := kinds(lines)
	all, few := canaries(lines), canaries(some)
	if len(all) < 100 || len(few) < 20 {
		t.Fatalf("only %d and %d canaries", len(all), len(few))
	}
	t.Logf("%d events with %d values and tokens, of each kind some, %d events with %d", len(lines), len(all), len(some), len(few))
	// The values in the recording have a common beginning; what is escaped in
	// texts within texts has none of these characters.
	begin := [][]byte{[]byte("UExBSU5URVhU"), []byte("PLAINTEXT")}
	holds := func(b []byte) bool { return bytes.Contains(b, begin[0]) || bytes.Contains(b, begin[1]) }
	check := func(name string, in []byte, secret map[string]bool, change func(*Options)) {
		t.Helper()
		p := realPipeline(t, change)
		out, modified := process(t, p, in)
		if s := p.Stats(); !modified || s.Redacted == 0 || s.Panics != 0 || s.Undecodable != 0 {
			t.Fatalf("%s: %+v", name, s)
		}
		out = bytes.ReplaceAll(out, []byte(`\/`), []byte(`/`))
		if holds(out) {
			i := max(bytes.Index(out, begin[0]), bytes.Index(out, begin[1]))
			t.Fatalf("%s: %q", name, out[max(i-300, 0):min(i+80, len(out))])
		}
		for value := range secret {
			if i := bytes.Index(out, []byte(value)); i >= 0 {
				t.Fatalf("%s: %q in %q", name, value, out[max(i-300, 0):min(i+80, len(out))])
			}
		}
	}
	for name, wrap := range wrappers {
		in := wrap(some)
		if !holds(in) {
			t.Fatalf("%s: nothing to be removed", name)
		}
		for _, format := range Formats() {
			for _, split := range []bool{true, false} {
				check(name+", "+format, in, few, func(o *Options) { o.Format, o.Split = format, split })
			}
		}
		// With redaction off it is there: the test can fail.
		p := realPipeline(t, func(o *Options) { o.Redact = false })
		if out, modified := process(t, p, in); modified && !holds(out) {
			t.Fatalf("%s: removed with redact off", name)
		}
	}
	check("all as text", wrappers["text"](lines), all, func(*Options) {})
	for _, name := range []string{"structured", "list", "list as text", "subscription as text"} {
		check("all as "+name, wrappers[name](lines), nil, func(*Options) {})
	}
}

// TestRedactedAnyway: what is not judged, given up or ignored is redacted too.
func TestRedactedAnyway(t *testing.T) {
	f := func(line string) {
		t.Helper()
		p := newPipeline(t)
		p.log = silent{}
		out, modified := process(t, p, logRecord(line))
		if !modified || bytes.Contains(out, []byte("djEy")) || p.Stats().Redacted != 1 {
			t.Fatalf("%s became %q", line, out)
		}
		if _, modified := process(t, newPipeline(t, func(o *Options) { o.Redact = false }), logRecord(line)); modified {
			t.Fatal("changed with redact off")
		}
	}
	object := `"responseObject":{"kind":"Secret","data":{"a":"djEy"}},"level"`
	f(strings.Replace(event("alice"), `"level"`, object, 1))
	f(strings.Replace(event("again"), `"level"`, object, 1))
	f(strings.Replace(event("panic"), `"level"`, object, 1))
	f(strings.Replace(strings.Replace(event("alice"), `"level"`, object, 1), "ResponseComplete", "RequestReceived", 1))
	f(`{"x":{"responseObject":{"kind":"Secret","data":{"a":"djEy"}}}}`)
	f(`{"x":{"responseObject":{"kind":"SecretList","items":[{"data":{"a":"djEy"}}]}}}`)
	f(`{"x":{"responseObject":{"kind":"TokenRequest","status":{"token":"djEy"}}}}`)
}
