package pipeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/valyala/fastjson"

	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/detector/msgpack"
	"github.com/secretwatch/secretwatch/test/canary"
)

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

// more wrappers are only for what is looked at here; they make no event of a line,
// or more than one text.
var moreWrappers = map[string]func(lines []string) []byte{
	"message": func(lines []string) []byte {
		return each(lines, func(l string) []byte { return record(pack(kv{"id", "1"}, kv{"message", l})) })
	},
	"old shape": func(lines []string) []byte {
		return each(lines, func(l string) []byte { return append([]byte{0x92, 0x05}, pack(kv{"log", l})...) })
	},
	"object in a field": func(lines []string) []byte {
		return each(lines, func(l string) []byte { return record(pack(kv{"body", packJSON(l)})) })
	},
	"structured array in a field": func(lines []string) []byte {
		return record(pack(kv{"log", packJSON("[" + strings.Join(lines, ",") + "]")}))
	},
	"list in a field": func(lines []string) []byte { return record(pack(kv{"body", packJSON(eventListOf(lines))})) },
	"lists in an array": func(lines []string) []byte {
		half := len(lines) / 2
		return logRecord("[" + eventListOf(lines[:half]) + "," + eventListOf(lines[half:]) + "]")
	},
	"text in text": func(lines []string) []byte {
		return each(lines, func(l string) []byte { return logRecord(`{"stream":"stdout","log":` + quoteJSON(l) + `}`) })
	},
	"text in text in text": func(lines []string) []byte {
		return each(lines, func(l string) []byte {
			return logRecord(`{"message":` + quoteJSON(`{"log":`+quoteJSON(l)+`}`) + `}`)
		})
	},
	"all escaped": func(lines []string) []byte {
		return each(lines, func(l string) []byte { return logRecord(`{"log":` + escapeAll(l) + `}`) })
	},
	"strings escaped": func(lines []string) []byte {
		return each(lines, func(l string) []byte { return logRecord(escapeStrings(fastjson.MustParse(l))) })
	},
	"subscription in text": func(lines []string) []byte {
		return logRecord(`{"message":` + quoteJSON(subscriptionOf(lines)) + `}`)
	},
	"AKS, properties as text": func(lines []string) []byte {
		return each(lines, func(l string) []byte {
			return record(packJSON(`{"category":"kube-audit","properties":` + quoteJSON(`{"log":`+quoteJSON(l)+`}`) + `}`))
		})
	},
	"Elastic, half dotted": func(lines []string) []byte {
		return each(lines, func(l string) []byte { return record(packJSON(halfDotted(fastjson.MustParse(l)))) })
	},
	"Elastic as text": func(lines []string) []byte {
		return each(lines, func(l string) []byte { return logRecord(`{"kubernetes":{"audit":` + l + `}}`) })
	},
	"Elastic, dotted, as text": func(lines []string) []byte {
		return each(lines, func(l string) []byte { return logRecord(dotted(fastjson.MustParse(l))) })
	},
	"GKE, objects by type": func(lines []string) []byte {
		return each(lines, func(l string) []byte {
			return record(packJSON(strings.ReplaceAll(gkeOf(fastjson.MustParse(l)), `"kind":`, `"@type":`)))
		})
	},
	"GKE in a message": func(lines []string) []byte {
		return each(lines, func(l string) []byte { return record(pack(kv{"message", gkeOf(fastjson.MustParse(l))})) })
	},
}

// cutWrappers cut what they make, at a place that r tells, as collectors and log
// services do.
var cutWrappers = map[string]func(r *rand.Rand, lines []string) []byte{
	"text":         cutEach(func(l string) string { return l }),
	"text in text": cutEach(func(l string) string { return `{"log":` + quoteJSON(l) + `}` }),
	"text in text in text": cutEach(func(l string) string {
		return `{"message":` + quoteJSON(`{"log":`+quoteJSON(l)+`}`) + `}`
	}),
	"prefix":      cutEach(func(l string) string { return "2026-11-23T04:05:37Z stdout F " + l }),
	"all escaped": cutEach(func(l string) string { return `{"log":` + escapeAll(l) + `}` }),
	"Elastic":     cutEach(func(l string) string { return `{"kubernetes":{"audit":` + l + `}}` }),
	"dotted":      cutEach(func(l string) string { return dotted(fastjson.MustParse(l)) }),
	"GKE":         cutEach(func(l string) string { return gkeOf(fastjson.MustParse(l)) }),
	"AKS":         cutEach(func(l string) string { return aksOf([]string{l}) }),
	"list": func(r *rand.Rand, lines []string) []byte {
		return each(groups(lines), func(l string) []byte { return logRecord(cut(r, eventListOf(strings.Split(l, "\n")))) })
	},
	"subscription": func(r *rand.Rand, lines []string) []byte {
		return each(groups(lines), func(l string) []byte { return logRecord(cut(r, subscriptionOf(strings.Split(l, "\n")))) })
	},
	"message of a subscription": func(r *rand.Rand, lines []string) []byte {
		return record(packJSON(subscriptionOf(cutLines(r, lines))))
	},
	"log of AKS":      func(r *rand.Rand, lines []string) []byte { return record(packJSON(aksOf(cutLines(r, lines)))) },
	"log of AKS text": func(r *rand.Rand, lines []string) []byte { return logRecord(aksOf(cutLines(r, lines))) },
}

func cutEach(f func(line string) string) func(*rand.Rand, []string) []byte {
	return func(r *rand.Rand, lines []string) []byte {
		return each(lines, func(l string) []byte { return logRecord(cut(r, f(l))) })
	}
}

func cutLines(r *rand.Rand, lines []string) []string {
	short := make([]string, len(lines))
	for i, l := range lines {
		short[i] = cut(r, l)
	}
	return short
}

// cut cuts a text anywhere, more often than not in its second half, and mostly
// with CloudWatch's mark.
func cut(r *rand.Rand, text string) string {
	n := max(r.IntN(len(text)), r.IntN(len(text)))
	if r.IntN(4) == 0 {
		return text[:n]
	}
	return text[:n] + truncatedTail
}

// groups joins every 20 lines to one.
func groups(lines []string) (all []string) {
	for g := range slices.Chunk(lines, 20) {
		all = append(all, strings.Join(g, "\n"))
	}
	return all
}

// escapeAll is s as a JSON string with the escapes of encoders that mean to be
// careful: quotes and signs as in .NET (System.Text.Encodings.Web), slashes as in
// PHP.
func escapeAll(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range utf16.Encode([]rune(s)) {
		switch {
		case c == '\\':
			b.WriteString(`\\`)
		case c == '/':
			b.WriteString(`\/`)
		case c < ' ' || c >= utf8.RuneSelf || strings.ContainsRune("\"&'+<>`", rune(c)):
			fmt.Fprintf(&b, `\u%04X`, c)
		default:
			b.WriteByte(byte(c))
		}
	}
	b.WriteByte('"')
	return b.String()
}

// escapeStrings is v as JSON with every string value, but no name, written in
// escapes.
func escapeStrings(v *fastjson.Value) string {
	var parts []string
	switch v.Type() {
	case fastjson.TypeObject:
		v.GetObject().Visit(func(key []byte, v *fastjson.Value) {
			parts = append(parts, quoteJSON(string(key))+":"+escapeStrings(v))
		})
		return "{" + strings.Join(parts, ",") + "}"
	case fastjson.TypeArray:
		for _, e := range v.GetArray() {
			parts = append(parts, escapeStrings(e))
		}
		return "[" + strings.Join(parts, ",") + "]"
	case fastjson.TypeString:
		return escapeAll(string(v.GetStringBytes()))
	}
	return string(v.MarshalTo(nil))
}

// halfDotted is the shape of Elastic's integration with objects in members that
// have dots in their names.
func halfDotted(v *fastjson.Value) string {
	var parts []string
	v.GetObject().Visit(func(key []byte, v *fastjson.Value) {
		parts = append(parts, quoteJSON("kubernetes.audit."+string(key))+":"+string(v.MarshalTo(nil)))
	})
	return "{" + strings.Join(parts, ",") + "}"
}

// lineLog collects what is logged at any level.
type lineLog struct {
	mu    sync.Mutex
	lines []byte
}

func (l *lineLog) add(format string, args []any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = fmt.Appendf(l.lines, format+"\n", args...)
}

func (l *lineLog) Errorf(format string, args ...any) { l.add(format, args) }
func (l *lineLog) Warnf(format string, args ...any)  { l.add(format, args) }
func (l *lineLog) Infof(format string, args ...any)  { l.add(format, args) }
func (l *lineLog) Debugf(format string, args ...any) { l.add(format, args) }

// TestNoValueSurvives takes every event of the recorded log, which is at level
// RequestResponse, that holds a value of a secret or a token through every
// envelope, whole and cut, and every format, and looks for all of them in all that
// comes out and all that is logged.
func TestNoValueSurvives(t *testing.T) {
	all := recordedLines(t)
	values, err := canary.Collect(all)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, l := range all {
		if values.Find([]byte(l)) != "" {
			lines = append(lines, l)
		}
	}
	if values.Len() < 100 || len(lines) < 500 {
		t.Fatalf("only %d values in %d events", values.Len(), len(lines))
	}
	t.Logf("%d values and tokens in %d events of %d", values.Len(), len(lines), len(all))

	check := func(t *testing.T, in []byte, change func(*Options)) {
		t.Helper()
		log := &lineLog{}
		p := realPipeline(t, change)
		p.log = log
		out, modified := process(t, p, in)
		if s := p.Stats(); !modified || s.Redacted == 0 || s.Undecodable != 0 {
			t.Fatalf("%+v", s)
		}
		log.Infof("%s", p.Summary())
		if leak := values.Find(out); leak != "" {
			t.Fatal(leak)
		}
		if leak := values.Find(log.lines); leak != "" {
			t.Fatalf("in the log: %s", leak)
		}
	}
	f := func(name string, least int, lines []string, wrap func([]string) []byte) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := wrap(lines)
			if n := values.Count(in); n < least {
				t.Fatalf("only %d of %d values go in", n, values.Len())
			}
			for _, format := range Formats() {
				for _, on := range []bool{true, false} {
					check(t, in, func(o *Options) { o.Format, o.Split, o.TagAll = format, on, !on })
				}
			}
			check(t, in, func(o *Options) { o.Key = "log" })
			// Nothing is judged, everything is given up.
			check(t, in, func(o *Options) {
				o.Judge = fakeJudge{seen: func(ev *audit.Event) { panic("gives up") }}
			})
			// With redaction off it is all there: the test can fail.
			p := realPipeline(t, func(o *Options) { o.Redact = false })
			if out, modified := process(t, p, in); modified && values.Count(out) < least {
				t.Fatal("removed with redact off")
			}
		})
	}
	for _, set := range []map[string]func([]string) []byte{wrappers, moreWrappers} {
		for name, wrap := range set {
			least := values.Len()
			if name == "truncated" {
				least /= 2
			}
			f(name, least, lines, wrap)
		}
	}
	for name, wrap := range cutWrappers {
		const seed = 5
		f("cut, "+name, values.Len()/2, lines, func(lines []string) []byte {
			return wrap(rand.New(rand.NewPCG(seed, 0)), lines)
		})
	}
	f("everything", values.Len(), all, wrappers["text"])
	f("everything, structured", values.Len(), all, wrappers["structured"])
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
