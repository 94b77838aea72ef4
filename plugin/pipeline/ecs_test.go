package pipeline

import (
	"bytes"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/valyala/fastjson"

	"github.com/secretwatch/secretwatch/detector/rule"
)

// ecsDeclared is one line of testdata/ecs-fields.tsv.
type ecsDeclared struct {
	kind    string // of the field: keyword, ip, ...
	array   bool
	allowed []string
}

func ecsTable(t *testing.T) map[string]ecsDeclared {
	t.Helper()
	text, err := os.ReadFile("testdata/ecs-fields.tsv")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]ecsDeclared{}
	for _, line := range strings.Split(strings.TrimRight(string(text), "\n"), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		c := strings.Split(line, "\t")
		if len(c) != 4 {
			t.Fatalf("%q", line)
		}
		d := ecsDeclared{kind: c[1], array: c[2] == "array"}
		if c[3] != "" {
			d.allowed = strings.Split(c[3], ",")
		}
		all[c[0]] = d
	}
	return all
}

// checkECS fails unless every field of a document is one of ECS, of its type, and
// an allowed value. own are roots that are no part of ECS.
func checkECS(t *testing.T, table map[string]ecsDeclared, doc *fastjson.Value, own ...string) {
	t.Helper()
	one := func(name string, d ecsDeclared, v *fastjson.Value) {
		t.Helper()
		s := string(v.GetStringBytes())
		ok := false
		switch d.kind {
		case "keyword", "match_only_text", "wildcard":
			ok = v.Type() == fastjson.TypeString && s != ""
		case "ip":
			_, err := netip.ParseAddr(s)
			ok = err == nil
		case "long":
			n, err := v.Int64()
			ok = err == nil && n >= 0
		case "float":
			ok = v.Type() == fastjson.TypeNumber
		}
		if !ok || d.allowed != nil && !slices.Contains(d.allowed, s) {
			t.Fatalf("%s is %s, want %+v", name, v, d)
		}
	}
	var walk func(path string, v *fastjson.Value)
	walk = func(path string, v *fastjson.Value) {
		v.GetObject().Visit(func(key []byte, v *fastjson.Value) {
			name := path + string(key)
			if path == "" && slices.Contains(own, name) {
				return
			}
			if strings.ContainsRune(string(key), '.') {
				t.Fatalf("a dot in %s", name)
			}
			d, known := table[name]
			switch {
			case v.Type() == fastjson.TypeObject && !known:
				if len(v.GetObject().String()) <= 2 {
					t.Fatalf("%s is empty", name)
				}
				walk(name+".", v)
			case !known:
				t.Fatalf("%s is no field of ECS", name)
			case v.Type() == fastjson.TypeArray:
				if !d.array || len(v.GetArray()) == 0 {
					t.Fatalf("%s is %s", name, v)
				}
				for _, e := range v.GetArray() {
					one(name, d, e)
				}
			default:
				if d.array {
					t.Fatalf("%s is no array: %s", name, v)
				}
				one(name, d, v)
			}
		})
	}
	walk("", doc)
}

// noDots fails if a key of a document has a dot in it.
func noDots(t *testing.T, v *fastjson.Value) {
	t.Helper()
	switch v.Type() {
	case fastjson.TypeObject:
		v.GetObject().Visit(func(key []byte, v *fastjson.Value) {
			if bytes.IndexByte(key, '.') >= 0 {
				t.Fatalf("a dot in %s", key)
			}
			noDots(t, v)
		})
	case fastjson.TypeArray:
		for _, e := range v.GetArray() {
			noDots(t, e)
		}
	}
}

func asECS(o *Options) { o.Format, o.Cluster = "ecs", "west" }

// TestECSDocuments holds every finding of the recorded log against the table.
func TestECSDocuments(t *testing.T) {
	table := ecsTable(t)
	for _, f := range ecsFields {
		if _, ok := table[f.name]; !ok {
			t.Fatalf("%s is not in the table", f.name)
		}
	}
	lines := recordedLines(t)
	for _, wrap := range []string{"text", "structured"} {
		p := realPipeline(t, asECS)
		out, _ := process(t, p, wrappers[wrap](lines))
		alerts, findings := uint64(0), uint64(0)
		for _, b := range bodies(t, out) {
			doc := fastjson.MustParse(b)
			if doc.Get("secretwatch", "severity") == nil {
				continue
			}
			findings++
			checkECS(t, table, doc, "secretwatch", "severity", "kubernetes")
			if k := doc.Get("kubernetes"); k != nil {
				noDots(t, k)
			} else if wrap == "structured" {
				t.Fatalf("no kubernetes.audit in %s", b)
			}
			v := doc.Get("secretwatch")
			kind := string(doc.GetStringBytes("event", "kind"))
			if (kind == "alert") != v.GetBool("first") {
				t.Fatalf("%s in %s", kind, b)
			}
			if kind == "alert" {
				alerts++
			}
			if doc.GetInt("event", "risk_score") != v.GetInt("risk_score") {
				t.Fatal(b)
			}
		}
		if s := p.Stats(); findings != s.Findings() || alerts != s.First || alerts < 20 {
			t.Fatalf("%d findings, %d alerts, %+v", findings, alerts, s)
		}
	}
}

func TestECSShape(t *testing.T) {
	f := func(body []byte, want ...string) {
		t.Helper()
		out, modified := process(t, newPipeline(t, asECS), record(body))
		if !modified {
			t.Fatal("untouched")
		}
		doc := fastjson.MustParse(bodies(t, out)[0])
		for _, w := range want {
			path, value, _ := strings.Cut(w, "=")
			got := ""
			if v := doc.Get(strings.Split(path, "|")...); v != nil {
				got = string(v.MarshalTo(nil))
			}
			if got != value {
				t.Fatalf("%s is %s, want %s, in\n%s", path, got, value, doc)
			}
		}
	}
	f(pack(kv{"log", event("bad")}),
		`log=`, `event|original=`+quoteJSON(event("bad")), `kubernetes=`, `message="Kubernetes Secret Access via Unusual User Agent"`,
		`event|kind="alert"`, `event|severity=47`, `event|type=["access","allowed"]`, `event|action="get-secret"`, `event|outcome="success"`,
		`event|id="id-1"`, `rule|id="unusual-user-agent"`, `user={"name":"bad"}`, `source={"ip":"203.0.113.9","address":"203.0.113.9"}`,
		`threat|framework="MITRE ATT&CK"`, `threat|technique|id=["T1552"]`, `threat|technique|subtechnique|name=["Container API"]`,
		`orchestrator={"type":"kubernetes","cluster":{"name":"west"},"namespace":"prod","resource":{"type":"secret","name":"db"}}`,
		`related={"ip":["203.0.113.9"],"user":["bad"]}`, `severity="medium"`, `secretwatch|cluster="west"`)
	// A structured event moves.
	f(packJSON(event("bad")), `kind=`, `auditID=`, `kubernetes|audit|auditID="id-1"`, `kubernetes|audit|user={"username":"bad","groups":["dev"]}`,
		`kubernetes|audit|annotations={"authorization_k8s_io/decision":"allow"}`, `user={"name":"bad"}`)
	f(pack(kv{"audit", packJSON(event("bad"))}, kv{"kubernetes", packJSON(`{"pod":"x"}`)}, kv{"node", "n"}),
		`audit=`, `kubernetes|audit|auditID="id-1"`, `kubernetes|pod="x"`, `node="n"`)
	f(pack(kv{"kubernetes", packJSON(`{"audit":` + event("bad") + `}`)}), `kubernetes|audit|auditID="id-1"`, `user={"name":"bad"}`)
	// What is in the way is merged or moved, never lost.
	f(pack(kv{"message", event("bad")}), `event|original=`+quoteJSON(event("bad")), `event|kind="alert"`, `secretwatch|original=`)
	f(pack(kv{"event", event("bad")}, kv{"message", "m"}), `event|original=`+quoteJSON(event("bad")), `secretwatch|original={"message":"m"}`)
	f(pack(kv{"log", event("bad")}, kv{"event", packJSON(`{"dataset":"kubernetes.audit_logs","ingested":"now"}`)}, kv{"user", "u"}, kv{"source", nil}),
		`event|ingested="now"`, `event|dataset="secretwatch.findings"`, `secretwatch|original={"user":"u","source":null}`)
	f(pack(kv{"log", event("bad")}, kv{"orchestrator", packJSON(`{"api_version":"v1"}`)}, kv{"network", packJSON(`{"name":"n"}`)}),
		`orchestrator|api_version="v1"`, `orchestrator|type="kubernetes"`, `network={"name":"n"}`)
	// Claimed addresses, and one that is none.
	f(pack(kv{"log", strings.Replace(event("bad"), `["203.0.113.9"]`, `["10.1.2.3","203.0.113.9"]`, 1)}),
		`network|forwarded_ip="10.1.2.3"`, `related|ip=["203.0.113.9","10.1.2.3"]`)
	f(pack(kv{"log", strings.Replace(event("bad"), `"203.0.113.9"`, `"x"`, 1)}), `source={"address":"x"}`, `related={"user":["bad"]}`)
	// Only redacted: nothing moves.
	f(packJSON(withObjects(event("alice"), "djEy")), `auditID="id-1"`, `secretwatch={"redacted":true}`, `requestObject=`)
	f(packJSON(withObjects(event("bad"), "djEy")), `kubernetes|audit|auditID="id-1"`, `secretwatch|redacted=true`, `kubernetes|audit|requestObject=`)
	f(pack(kv{"message", withObjects(event("bad"), "djEy")}), `event|original=`+quoteJSON(event("bad")), `secretwatch|redacted=true`)
}

// TestAttacks holds the table of techniques against the rules.
func TestAttacks(t *testing.T) {
	for _, r := range rule.All() {
		for _, id := range r.Info().Techniques {
			if attackOf(id) == nil {
				t.Fatalf("%s of %s is missing", id, r.Info().ID)
			}
		}
	}
	for _, a := range attacks {
		if (a.sub != "") != strings.Contains(a.id, ".") || a.technique() != strings.Split(a.id, ".")[0] {
			t.Fatalf("%+v", a)
		}
	}
}

func TestFlat(t *testing.T) {
	out, _ := process(t, newPipeline(t, func(o *Options) { o.Format, o.Cluster = "flat", "west" }),
		record(pack(kv{"log", withObjects(event("bad"), "djEy")}, kv{"secretwatch_user", "old"})))
	want := `{"log":` + quoteJSON(event("bad")) + `,"severity":"medium","secretwatch_severity":"medium","secretwatch_risk_score":58,` +
		`"secretwatch_title":"Kubernetes Secret Access via Unusual User Agent","secretwatch_rules":"unusual-user-agent,new-source-ip",` +
		`"secretwatch_reason":"user agent curl/8.5.0 not seen","secretwatch_first":true,"secretwatch_fingerprint":"5f0c9a0000000000",` +
		`"secretwatch_history":"complete","secretwatch_user":"bad","secretwatch_effective_user":"bad","secretwatch_source_ip":"203.0.113.9",` +
		`"secretwatch_user_agent":"curl/8.5.0","secretwatch_verb":"get","secretwatch_namespace":"prod","secretwatch_secret":"db",` +
		`"secretwatch_outcome":"allowed","secretwatch_audit_id":"id-1","secretwatch_techniques":"T1552.007","secretwatch_cluster":"west","secretwatch_redacted":true}`
	if got := bodies(t, out)[0]; got != want {
		t.Fatalf("got\n%s\nwant\n%s", got, want)
	}
}
