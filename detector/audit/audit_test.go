package audit

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fastjson"

	"github.com/secretwatch/secretwatch/detector/msgpack"
)

// full has every field that is read.
const full = `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata",` +
	`"auditID":"f6b26987-db50-44d4-8185-ca435edf5bd2","stage":"ResponseComplete",` +
	`"requestURI":"/api/v1/namespaces/prod/secrets/db?a=1\u0026b=2","verb":"get",` +
	`"user":{"username":"system:serviceaccount:prod:app","uid":"u-1","groups":["system:serviceaccounts","system:authenticated"],` +
	`"extra":{"authentication.kubernetes.io/credential-id":["JTI=1"],"authentication.kubernetes.io/pod-name":["app-0"],` +
	`"authentication.kubernetes.io/pod-uid":["p-1"],"authentication.kubernetes.io/node-name":["node-a"],` +
	`"authentication.kubernetes.io/node-uid":["n-1"]}},` +
	`"impersonatedUser":{"username":"alice","groups":["dev"]},` +
	`"sourceIPs":["203.0.113.9","10.0.0.5"],"userAgent":"kubectl/v1.31.0 (linux/amd64) kubernetes/abc",` +
	`"objectRef":{"resource":"secrets","namespace":"prod","name":"db","apiGroup":"x.io","apiVersion":"v1","subresource":"status"},` +
	`"responseStatus":{"metadata":{},"code":403,"message":"no \"way\""},` +
	`"requestReceivedTimestamp":"2026-11-23T04:05:37.705785Z","stageTimestamp":"2026-11-23T04:05:37.805785Z",` +
	`"annotations":{"authorization.k8s.io/decision":"forbid","authorization.k8s.io/reason":"",` +
	`"authentication.kubernetes.io/issued-credential-id":"JTI=2","authentication.k8s.io/legacy-token":"prod/tok"}}`

func fullEvent() Event {
	received := time.Date(2026, 11, 23, 4, 5, 37, 705785000, time.UTC).UnixNano()
	return Event{
		AuditID:    "f6b26987-db50-44d4-8185-ca435edf5bd2",
		Stage:      StageResponseComplete,
		Verb:       "get",
		RequestURI: "/api/v1/namespaces/prod/secrets/db?a=1&b=2",
		UserAgent:  "kubectl/v1.31.0 (linux/amd64) kubernetes/abc",
		User: User{
			Username: "system:serviceaccount:prod:app", UID: "u-1",
			Groups:       []string{"system:serviceaccounts", "system:authenticated"},
			CredentialID: "JTI=1", PodName: "app-0", PodUID: "p-1", NodeName: "node-a", NodeUID: "n-1",
		},
		Impersonated: User{Username: "alice", Groups: []string{"dev"}},
		SourceIPs:    []string{"203.0.113.9", "10.0.0.5"},
		Resource:     "secrets", APIGroup: "x.io", Namespace: "prod", Name: "db", Subresource: "status",
		Code: 403, StatusMessage: `no "way"`,
		Decision: "forbid", IssuedCredentialID: "JTI=2", LegacyToken: "prod/tok",
		Time: received, StageTime: received + 100e6,
	}
}

// parseBoth parses text as JSON and as the MessagePack it converts to, and
// fails the test unless both give the same.
func parseBoth(t testing.TB, text string) (Event, error) {
	t.Helper()
	var p Parser
	var fromJSON, fromPack Event
	err := p.ParseJSON([]byte(text), &fromJSON)
	if errors.Is(err, ErrSyntax) {
		return Event{}, err
	}
	v, parseErr := fastjson.Parse(text)
	if parseErr != nil {
		t.Fatal(parseErr)
	}
	packErr := ParseMsgpack(msgpack.AppendValue(nil, v), &fromPack)
	if err != packErr {
		t.Fatalf("JSON gives error %v, MessagePack %v for %s", err, packErr, text)
	}
	if err != nil {
		return Event{}, err
	}
	clean(&fromJSON)
	clean(&fromPack)
	if !reflect.DeepEqual(fromJSON, fromPack) {
		t.Fatalf("JSON gives %+v\nMessagePack gives %+v\nfor %s", fromJSON, fromPack, text)
	}
	return fromJSON, nil
}

// clean makes empty slices nil, so that events compare.
func clean(ev *Event) {
	for _, s := range []*[]string{&ev.SourceIPs, &ev.User.Groups, &ev.Impersonated.Groups} {
		if len(*s) == 0 {
			*s = nil
		}
	}
}

func TestParse(t *testing.T) {
	f := func(text string, want Event) {
		t.Helper()
		got, err := parseBoth(t, text)
		if err != nil {
			t.Fatalf("%v for %s", err, text)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %+v\nwant %+v", got, want)
		}
	}
	f(full, fullEvent())
	f(" \t\r\n"+full+"\n", fullEvent())

	const head = `{"kind":"Event","apiVersion":"audit.k8s.io/v1"`
	f(head+`}`, Event{})
	f(`{"apiVersion":"audit.k8s.io/v1beta1","kind":"Event"}`, Event{})
	// An item of a webhook's EventList.
	f(`{"level":"Metadata","auditID":"a","stage":"Panic","verb":""}`, Event{AuditID: "a", Stage: StagePanic})
	f(`{"kind":null,"auditID":"a","stage":"x","verb":"get"}`, Event{AuditID: "a", Verb: "get"})
	// A 401.
	f(head+`,"user":{},"responseStatus":{"code":401}}`, Event{Code: 401})
	// Codes behind a Lua filter, and what is none.
	f(head+`,"responseStatus":{"code":403.0}}`, Event{Code: 403})
	f(head+`,"responseStatus":{"code":403.5}}`, Event{})
	f(head+`,"responseStatus":{"code":-1}}`, Event{})
	f(head+`,"responseStatus":{"code":99999999999999999999}}`, Event{})
	f(head+`,"responseStatus":{"code":1e999}}`, Event{})
	f(head+`,"responseStatus":{"code":"403"}}`, Event{})
	f(head+`,"sourceIPs":["a",1,null,["b"],{"c":"d"},"e"]}`, Event{SourceIPs: []string{"a", "e"}})
	f(head+`,"user":{"extra":{"authentication.kubernetes.io/pod-name":[]}}}`, Event{})
	f(head+`,"user":{"extra":{"authentication.kubernetes.io/pod-name":[1,"x"]}}}`, Event{})
	f(head+`,"requestReceivedTimestamp":1700000000,"stageTimestamp":1700000000.5}`, Event{})
	// Client text: escapes, surrogates, a rune that was cut, control characters.
	f(head+`,"userAgent":"\u00e9\ud83d\ude00\/\\\"\n"}`, Event{UserAgent: "é😀/\\\"\n"})
	f(head+`,"userAgent":"\ud83d"}`, Event{UserAgent: `\ud83d`})
	f(head+`,"userAgent":"a\xff\xe2\x82...TRUNCATED"}`, Event{UserAgent: `a\xff\xe2\x82...TRUNCATED`})
	f(head+",\"userAgent\":\"a\xff\xe2\x82...TRUNCATED\"}", Event{UserAgent: "a\xff\xe2\x82...TRUNCATED"})
	f(head+`,"\u0076erb":"get"}`, Event{Verb: "get"})
	// Repeated keys: the last one of the right type counts.
	f(head+`,"verb":"get","verb":"list","verb":1}`, Event{Verb: "list"})
}

func TestParseRefuses(t *testing.T) {
	f := func(text string, want error) {
		t.Helper()
		if _, err := parseBoth(t, text); !errors.Is(err, want) {
			t.Fatalf("got %v, want %v for %.100s", err, want, text)
		}
	}
	f(`{}`, ErrNotAudit)
	f(`[]`, ErrNotAudit)
	f(`null`, ErrNotAudit)
	f(`"Event"`, ErrNotAudit)
	f(`{"kind":"Event","apiVersion":"v1"}`, ErrNotAudit)
	f(`{"kind":"Event"}`, ErrNotAudit)
	f(`{"kind":"EventList","apiVersion":"audit.k8s.io/v1"}`, ErrNotAudit)
	f(`{"kind":"Pod","auditID":"a","stage":"Panic","verb":"get"}`, ErrNotAudit)
	f(`{"auditID":"a","stage":"Panic"}`, ErrNotAudit)
	f(`{"auditID":1,"stage":"Panic","verb":"get"}`, ErrNotAudit)
	f(``, ErrSyntax)
	f(`{`, ErrSyntax)
	f(full[:len(full)-1], ErrSyntax)
	f(full+`}`, ErrSyntax)
	f(full[:700]+`[Truncated...]`, ErrSyntax)
	f(strings.Repeat(`[`, 100000), ErrSyntax)
	f(strings.Repeat(`{"a":`, 100000)+`1`+strings.Repeat(`}`, 100000), ErrSyntax)
}

// TestWrongTypes puts every type where every field that is read stands.
func TestWrongTypes(t *testing.T) {
	deep := strings.Repeat(`[`, 200) + strings.Repeat(`]`, 200)
	values := []string{
		`null`, `true`, `0`, `-1`, `1.5`, `1e300`, `""`, `"x"`, `[]`, `[[]]`, `["x"]`, `[1]`, `[null]`, `[{}]`,
		`{}`, `{"a":1}`, `{"username":{"username":1}}`, `{"code":[]}`, deep,
	}
	var all []string
	fields := substitutions(fastjson.MustParse(full))
	if len(fields) < 30 {
		t.Fatalf("only %d fields found", len(fields))
	}
	for _, set := range fields {
		for _, value := range values {
			all = append(all, set(value))
		}
	}
	for _, text := range all {
		if _, err := parseBoth(t, text); err != nil && err != ErrNotAudit {
			t.Fatalf("%v for %s", err, text)
		}
	}
}

// substitutions returns, for every value within v, a function that renders v
// with that value replaced.
func substitutions(v *fastjson.Value) (all []func(string) string) {
	count := 0
	render(nil, v, &count, -1, "")
	for i := 1; i < count; i++ {
		all = append(all, func(with string) string {
			n := 0
			return string(render(nil, v, &n, i, with))
		})
	}
	return all
}

// render appends v with its target-th value, counted by n, replaced.
func render(dst []byte, v *fastjson.Value, n *int, target int, with string) []byte {
	if *n++; *n-1 == target {
		return append(dst, with...)
	}
	switch v.Type() {
	case fastjson.TypeObject:
		dst = append(dst, '{')
		v.GetObject().Visit(func(key []byte, v *fastjson.Value) {
			dst = append(msgpack.AppendQuoted(dst, key), ':')
			dst = append(render(dst, v, n, target, with), ',')
		})
		return append(bytes.TrimSuffix(dst, []byte(",")), '}')
	case fastjson.TypeArray:
		dst = append(dst, '[')
		for _, e := range v.GetArray() {
			dst = append(render(dst, e, n, target, with), ',')
		}
		return append(bytes.TrimSuffix(dst, []byte(",")), ']')
	}
	return v.MarshalTo(dst)
}

func TestParseMsgpackBroken(t *testing.T) {
	whole := msgpack.AppendValue(nil, fastjson.MustParse(full))
	var ev Event
	for i := range whole {
		if err := ParseMsgpack(whole[:i], &ev); err != msgpack.ErrTruncated {
			t.Fatalf("%v for the first %d bytes", err, i)
		}
	}
	if err := ParseMsgpack([]byte{0x81, 0xa1, 'x', 0xc1}, &ev); err != msgpack.ErrInvalid {
		t.Fatal(err)
	}
	// Keys that are no strings, and nesting deeper than any stack.
	odd := []byte{0x84, 0x01, 0x02, 0x91, 0xc0, 0xc0}
	odd = msgpack.AppendStr(odd, "user")
	odd = append(append(odd, bytes.Repeat([]byte{0x91}, 1000000)...), 0xc0)
	odd = msgpack.AppendStr(odd, "kind")
	odd = msgpack.AppendStr(odd, "Event")
	if err := ParseMsgpack(odd, &ev); err != ErrNotAudit {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		b := bytes.Clone(whole)
		for range 1 + random.IntN(4) {
			b[random.IntN(len(b))] = byte(random.Uint32())
		}
		_ = ParseMsgpack(b, &ev) // must not panic
	}
}

func TestParserReuse(t *testing.T) {
	var p Parser
	var ev Event
	big := full[:len(full)-1] + `,"requestObject":{"data":[` + strings.Repeat(`"x",`, 600000) + `"x"]}}`
	for _, text := range []string{full, `{`, big, full, `{"kind":"Event","apiVersion":"audit.k8s.io/v1"}`, full} {
		err := p.ParseJSON([]byte(text), &ev)
		if text == `{` {
			if err == nil {
				t.Fatal("no error")
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		want := fullEvent()
		if len(text) < len(full) {
			want = Event{}
		}
		clean(&ev)
		if !reflect.DeepEqual(ev, want) {
			t.Fatalf("got %+v", ev)
		}
	}
}

func TestParseAllocates(t *testing.T) {
	var p Parser
	var ev Event
	text := []byte(full)
	packed := msgpack.AppendValue(nil, fastjson.MustParse(full))
	if n := testing.AllocsPerRun(100, func() {
		if p.ParseJSON(text, &ev) != nil || ParseMsgpack(packed, &ev) != nil {
			t.Fatal("not parsed")
		}
	}); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func TestParseTime(t *testing.T) {
	f := func(s string) {
		t.Helper()
		var want int64
		if v, err := time.Parse(time.RFC3339Nano, s); err == nil && v.Year() >= 1678 && v.Year() <= 2261 {
			want = v.UnixNano()
		}
		if got := ParseTime(s); got != want {
			t.Fatalf("ParseTime(%q) = %d, want %d", s, got, want)
		}
	}
	for _, s := range []string{
		"", "x", "2026-11-23", "2026-11-23T04:05:37Z", "2026-11-23T04:05:37.705785Z", "2026-11-23T04:05:37.123456789Z",
		"2026-11-23T04:05:37.1234567890123Z", "2026-11-23T04:05:37.Z", "2026-11-23T04:05:37.x1Z", "2026-11-23T04:05:37z",
		"2026-11-23T04:05:37.705785+02:00", "2026-11-23T04:05:37-08:00", "2026-11-23 04:05:37Z", "0001-01-01T00:00:00Z",
		"1969-12-31T23:59:59.5Z", "1970-01-01T00:00:00Z", "2261-12-31T23:59:59.999999999Z", "2262-01-01T00:00:00Z",
		"2024-02-29T00:00:00Z", "2023-02-29T00:00:00Z", "2000-02-29T12:00:00Z", "2100-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
		"2026-00-01T00:00:00Z", "2026-04-31T00:00:00Z", "2026-04-00T00:00:00Z", "2026-04-30T24:00:00Z", "2026-04-30T23:60:00Z",
		"2026-04-30T23:59:60Z", "2026-04-30T2 :59:59Z", "2026-04-30T23:59:5\xffZ", strings.Repeat("9", 100) + "Z",
	} {
		f(s)
	}
	random := rand.New(rand.NewPCG(3, 4))
	for range 20000 {
		v := time.Unix(random.Int64N(9214646400), random.Int64N(1e9)).UTC()
		f(v.Format(time.RFC3339Nano))
		f(v.Format("2006-01-02T15:04:05.000000Z07:00"))
	}
	if n := testing.AllocsPerRun(10, func() { ParseTime("2026-11-23T04:05:37.705785Z") }); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func TestParseSizes(t *testing.T) {
	// Fields of every size class of MessagePack, and many of them.
	for _, n := range []int{31, 32, 255, 256, 65535, 65536, 2 << 20} {
		agent := strings.Repeat("é", n/2)
		text := fmt.Sprintf(`{"kind":"Event","apiVersion":"audit.k8s.io/v1","userAgent":"%s","verb":"get"}`, agent)
		ev, err := parseBoth(t, text)
		if err != nil || ev.UserAgent != agent || ev.Verb != "get" {
			t.Fatalf("%d: %v", n, err)
		}
	}
}
