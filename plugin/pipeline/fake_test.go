package pipeline

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/detector/rule"
	"github.com/secretwatch/secretwatch/plugin/chunk"

	"github.com/secretwatch/secretwatch/detector/msgpack"
)

// fakeJudge finds something in every request of users whose name starts with
// "bad", judges others clean, and skips what is no secret.
type fakeJudge struct {
	seen func(ev *audit.Event)
}

func (j fakeJudge) Judge(ev *audit.Event, v *detector.Verdict) detector.Result {
	if j.seen != nil {
		j.seen(ev)
	}
	if ev.Resource != "secrets" && ev.Subresource != "token" {
		return detector.Skipped
	}
	*v = detector.Verdict{
		Rules: v.Rules[:0], Techniques: v.Techniques[:0],
		History: "complete", User: ev.User.Username, EffectiveUser: ev.User.Username,
		UserAgent: ev.UserAgent, Verb: ev.Verb, Namespace: ev.Namespace, Secret: ev.Name,
		Outcome: "allowed", AuditID: ev.AuditID,
	}
	if len(ev.SourceIPs) > 0 {
		v.SourceIP = ev.SourceIPs[len(ev.SourceIPs)-1]
	}
	switch {
	case strings.HasPrefix(ev.User.Username, "panic"):
		panic("judge gives up\non two lines")
	case strings.HasPrefix(ev.User.Username, "again"):
		return detector.Duplicate
	case !strings.HasPrefix(ev.User.Username, "bad"):
		return detector.Clean
	}
	v.Severity, v.RiskScore, v.First = rule.Medium, 58, true
	v.Title, v.Reason = "Kubernetes Secret Access via Unusual User Agent", "user agent "+v.UserAgent+" not seen"
	v.Rules = append(v.Rules, "unusual-user-agent", "new-source-ip")
	v.Techniques = append(v.Techniques, "T1552.007")
	v.Fingerprint = "5f0c9a0000000000"
	return detector.Found
}

func newPipeline(t testing.TB, change ...func(*Options)) *Pipeline {
	t.Helper()
	opts := Options{Judge: fakeJudge{}, SeverityKey: "severity", Split: true, Redact: true}
	for _, c := range change {
		c(&opts)
	}
	p, err := New(opts, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func alloc(n int) []byte { return make([]byte, n) }

// event is the JSON text of one access.
func event(user string) string {
	return fmt.Sprintf(`{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"id-1","stage":"ResponseComplete",`+
		`"requestURI":"/api/v1/namespaces/prod/secrets/db","verb":"get","user":{"username":"%s","groups":["dev"]},`+
		`"sourceIPs":["203.0.113.9"],"userAgent":"curl/8.5.0","objectRef":{"resource":"secrets","namespace":"prod","name":"db","apiVersion":"v1"},`+
		`"responseStatus":{"metadata":{},"code":200},"requestReceivedTimestamp":"2026-11-23T04:05:37.705785Z",`+
		`"stageTimestamp":"2026-11-23T04:05:37.805785Z","annotations":{"authorization.k8s.io/decision":"allow"}}`, user)
}

const recordTime = 1_700_000_000_000_000_007

// record is a V2 record around a body.
func record(body []byte) []byte { return append(chunk.AppendRecordHeader(nil, recordTime), body...) }

// logRecord is what in_tail makes of a line.
func logRecord(line string) []byte { return record(pack(kv{"log", line})) }

// kv is a key-value pair of a map to be packed.
type kv struct {
	key   string
	value any
}

// pack packs a map of the pairs given.
func pack(pairs ...kv) []byte {
	b := msgpack.AppendMapHeader(nil, len(pairs))
	for _, p := range pairs {
		b = packValue(msgpack.AppendStr(b, p.key), p.value)
	}
	return b
}

func packValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return msgpack.AppendStr(b, v)
	case int:
		return msgpack.AppendInt(b, int64(v))
	case bool:
		return msgpack.AppendBool(b, v)
	case float64:
		return msgpack.AppendFloat(b, v)
	case []byte: // packed already
		return append(b, v...)
	case nil:
		return msgpack.AppendNil(b)
	}
	panic(fmt.Sprintf("%T", v))
}

// unpack is a second, plain reading of MessagePack to check against: maps are
// []any of alternating keys and values, so that order and repetition count.
func unpack(b []byte) (v any, rest []byte) {
	c, b := b[0], b[1:]
	uint := func(n int) (v uint64) {
		for _, x := range b[:n] {
			v = v<<8 | uint64(x)
		}
		b = b[n:]
		return v
	}
	text := func(n uint64) (any, []byte) { return string(b[:n]), b[n:] }
	raw := func(kind string, n uint64) (any, []byte) { return kind + string(b[:n]), b[n:] }
	many := func(kind string, n uint64) (any, []byte) {
		all := []any{kind}
		for range n {
			v, b = unpack(b)
			all = append(all, v)
		}
		return all, b
	}
	switch {
	case c <= 0x7f:
		return int64(c), b
	case c <= 0x8f:
		return many("map", 2*uint64(c&0x0f))
	case c <= 0x9f:
		return many("array", uint64(c&0x0f))
	case c <= 0xbf:
		return text(uint64(c & 0x1f))
	case c >= 0xe0:
		return int64(int8(c)), b
	}
	switch c {
	case 0xc0:
		return nil, b
	case 0xc2:
		return false, b
	case 0xc3:
		return true, b
	case 0xc4, 0xc5, 0xc6:
		return raw("bin", uint(1<<(c-0xc4)))
	case 0xc7, 0xc8, 0xc9:
		return raw("ext", uint(1<<(c-0xc7))+1)
	case 0xca:
		s := fmt.Sprint(math.Float32frombits(uint32(uint(4)))) // NaN equals itself then
		return s, b
	case 0xcb:
		s := fmt.Sprint(math.Float64frombits(uint(8)))
		return s, b
	case 0xcc, 0xcd, 0xce, 0xcf:
		n := uint(1 << (c - 0xcc))
		return n, b
	case 0xd0:
		n := int64(int8(uint(1)))
		return n, b
	case 0xd1:
		n := int64(int16(uint(2)))
		return n, b
	case 0xd2:
		n := int64(int32(uint(4)))
		return n, b
	case 0xd3:
		n := int64(uint(8))
		return n, b
	case 0xd4, 0xd5, 0xd6, 0xd7, 0xd8:
		return raw("ext", 1<<(c-0xd4)+1)
	case 0xd9, 0xda, 0xdb:
		return text(uint(1 << (c - 0xd9)))
	case 0xdc:
		return many("array", uint(2))
	case 0xdd:
		return many("array", uint(4))
	case 0xde:
		return many("map", 2*uint(2))
	case 0xdf:
		return many("map", 2*uint(4))
	}
	panic(fmt.Sprintf("byte %#x", c))
}

// unpackAll reads all objects of a chunk.
func unpackAll(b []byte) (all []any) {
	for len(b) > 0 {
		var v any
		v, b = unpack(b)
		all = append(all, v)
	}
	return all
}

// randomValue packs any object, in any of its forms.
func randomValue(r *rand.Rand, b []byte, depth int) []byte {
	blob := func(n int) []byte {
		s := make([]byte, n)
		for i := range s {
			s[i] = byte(r.Uint32())
		}
		return s
	}
	size := func() int {
		if r.IntN(50) == 0 {
			return r.IntN(70000)
		}
		return r.IntN(40)
	}
	kind := r.IntN(14)
	if depth <= 0 && kind >= 10 {
		kind -= 10
	}
	switch kind {
	case 0:
		return append(b, 0xc0)
	case 1:
		return append(b, 0xc2+byte(r.IntN(2)))
	case 2:
		return msgpack.AppendInt(b, int64(r.Uint64())>>r.IntN(64))
	case 3: // integers in forms that are longer than need be
		n := r.IntN(4)
		return append(append(b, 0xcc+byte(n)+byte(4*r.IntN(2))), blob(1<<n)...)
	case 4:
		return append(append(b, 0xcb), blob(8)...)
	case 5:
		return append(append(b, 0xca), blob(4)...)
	case 6:
		n := r.IntN(5)
		return append(append(b, 0xd4+byte(n)), blob(1+1<<n)...)
	case 7:
		s := blob(size() % 256)
		return append(append(b, 0xc7, byte(len(s)), 5), s...)
	case 8:
		s := blob(size())
		return append(append(b, 0xc5, byte(len(s)>>8), byte(len(s))), s[:len(s)&0xffff]...)
	case 9: // a str in a form that is longer than need be
		s := blob(size() & 0xffff)
		return append(append(b, 0xdb, 0, 0, byte(len(s)>>8), byte(len(s))), s...)
	case 10:
		n := r.IntN(5)
		b = msgpack.AppendArrayHeader(b, n)
		for range n {
			b = randomValue(r, b, depth-1)
		}
		return b
	case 11, 12:
		return randomMap(r, b, depth-1)
	}
	s := []string{"log", "kind", "message", "severity", "secretwatch", "secrets", `"token"`, "{", ""}
	return msgpack.AppendStr(b, s[r.IntN(len(s))])
}

func randomMap(r *rand.Rand, b []byte, depth int) []byte {
	n := r.IntN(6)
	if r.IntN(20) == 0 {
		n = 14 + r.IntN(4) // at the border of fixmap
	}
	switch r.IntN(4) {
	case 0:
		b = append(b, 0xdf, 0, 0, 0, byte(n))
	case 1:
		b = append(b, 0xde, 0, byte(n))
	default:
		b = msgpack.AppendMapHeader(b, n)
	}
	keys := []string{"log", "severity", "secretwatch", "kind", "x", "stream"}
	for range n {
		if r.IntN(4) == 0 {
			b = randomValue(r, b, 1)
		} else {
			b = msgpack.AppendStr(b, keys[r.IntN(len(keys))])
		}
		b = randomValue(r, b, depth)
	}
	return b
}

// notSecret makes an event about something else of it.
func notSecret(event string) string { return strings.ReplaceAll(event, "secrets", "leases!") }

// withObjects gives an event the objects that it has at level RequestResponse.
func withObjects(event, value string) string {
	object := `{"kind":"Secret","apiVersion":"v1","metadata":{"name":"db"},"data":{"password":"` + value + `"}}`
	return strings.Replace(event, `,"requestReceivedTimestamp"`, `,"requestObject":`+object+`,"responseObject":`+object+`,"requestReceivedTimestamp"`, 1)
}
