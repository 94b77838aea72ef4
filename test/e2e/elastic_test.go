package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// elastic is a server with Elasticsearch's interface that somebody runs for the
// tests: ELASTICSEARCH_URL, such as http://elastic:password@127.0.0.1:9200, with a
// path if the interface is not at its root.
type elastic struct {
	t      *testing.T
	url    *url.URL
	client http.Client
}

func elasticsearch(t *testing.T) *elastic {
	t.Helper()
	text := os.Getenv("ELASTICSEARCH_URL")
	if text == "" {
		t.Skip("no Elasticsearch: ELASTICSEARCH_URL is not set")
	}
	u, err := url.Parse(text)
	if err != nil || u.Port() == "" {
		t.Fatalf("ELASTICSEARCH_URL: %v: want http://[user:password@]host:port[/path]", err)
	}
	return &elastic{t, u, http.Client{Timeout: 30 * time.Second}}
}

// ask sends a request and decodes the answer, if one is wanted. It returns the
// status.
func (s *elastic) ask(method, path string, request, answer any) int {
	s.t.Helper()
	text, err := json.Marshal(request)
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := http.NewRequest(method, s.url.JoinPath(path).String(), bytes.NewReader(text))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	got, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer got.Body.Close()
	b := body(got.Body)
	if answer != nil {
		if err := json.Unmarshal(b, answer); err != nil || got.StatusCode/100 != 2 {
			s.t.Fatalf("%s %s: %s: %s", method, path, got.Status, b)
		}
	}
	return got.StatusCode
}

// found is the answer to a search.
type found struct {
	Hits struct {
		Total struct{ Value int }
		Hits  []struct {
			ID     string         `json:"_id"`
			Source map[string]any `json:"_source"`
		}
	}
	Aggregations map[string]struct {
		Buckets []struct {
			Key   any `json:"key"`
			Count int `json:"doc_count"`
		}
	}
}

// TestElasticsearch sends the findings of the recorded log to a real server as
// conf/fluent-bit/elastic.yaml does, under the template of conf/elastic, and asks
// for them by the fields that dashboard and rules use.
func TestElasticsearch(t *testing.T) {
	fluentBit(t)
	s := elasticsearch(t)
	log := loadRecorded(t).file(t)
	var findings []verdict
	for _, j := range wantConf(t, log) {
		if j.severity != nil {
			findings = append(findings, j.verdict)
		}
	}

	var template map[string]any
	if err := json.Unmarshal(readFile(t, "../../conf/elastic/index-template.json"), &template); err != nil {
		t.Fatal(err)
	}
	delete(template, "_meta") // words for people, which not every server takes
	s.ask("PUT", "_index_template/logs-secretwatch.findings", template, &map[string]any{})

	// A data stream of our own, which the template's pattern covers.
	stream := fmt.Sprintf("logs-secretwatch.findings-test%d", time.Now().UnixNano())
	t.Cleanup(func() {
		if s.ask("DELETE", "_data_stream/"+stream, nil, nil)/100 != 2 {
			s.ask("DELETE", stream, nil, nil)
		}
	})
	x := loadExample(t, "elastic.yaml", log)
	x.toServer(t, s.url.Host)
	password, _ := s.url.User.Password()
	x.set(t, "http_user", s.url.User.Username())
	x.set(t, "http_passwd", password)
	x.set(t, "index", stream)
	if s.url.Path != "" {
		x.text = lineOf("index").ReplaceAllString(x.text, "${0}${1}path${2}${3}"+s.url.Path+"\n")
	}
	// It ends with the log. Only then is the server asked anything.
	x.text = lineOf("read_from_head").ReplaceAllString(x.text, "${0}${1}exit_on_eof${2}${3}on\n")
	e := x.start(t)
	e.await("the end of the log", func() bool {
		select {
		case <-e.ended:
			return true
		default:
			return false
		}
	})
	search := func(query, aggregations map[string]any, size int) (a found) {
		t.Helper()
		s.ask("POST", stream+"/_search", map[string]any{"query": query, "aggs": aggregations, "size": size, "track_total_hits": true}, &a)
		return a
	}
	all := map[string]any{"match_all": map[string]any{}}
	s.ask("POST", stream+"/_refresh", nil, &map[string]any{})

	terms := func(name string, query map[string]any) map[string]float64 {
		t.Helper()
		a := search(query, map[string]any{"by": map[string]any{"terms": map[string]any{"field": name, "size": 1000}}}, 0)
		counts := map[string]float64{}
		for _, b := range a.Aggregations["by"].Buckets {
			// Servers differ in what they call the bucket of the empty text.
			if name, ok := b.Key.(string); ok && name != "" {
				counts[name] = float64(b.Count)
			}
		}
		return counts
	}

	// Each field that is counted by, under its name here and in a verdict.
	for name, by := range map[string]string{
		"secretwatch.severity": "severity", "severity": "severity", "rule.name": "title", "secretwatch.title": "title", "user.name": "user",
		"secretwatch.user": "user", "secretwatch.verb": "verb", "secretwatch.outcome": "outcome", "secretwatch.fingerprint": "fingerprint",
		"secretwatch.namespace": "namespace", "secretwatch.history": "history",
	} {
		got := terms(name, all)
		want := tally(findings, func(v verdict) bool { return v[by] != "" }, field(by))
		if !maps.Equal(got, want) {
			t.Errorf("%s:\n got %v\nwant %v", name, got, want)
		}
	}
	count := func(what string, want float64, query map[string]any) {
		t.Helper()
		if n := search(query, nil, 0).Hits.Total.Value; n != int(want) || n == 0 {
			t.Errorf("%s: %d documents, want %v", what, n, want)
		}
	}
	number := func(keep func(v verdict) bool) (n float64) {
		for _, k := range tally(findings, keep, field()) {
			n += k
		}
		return n
	}
	term := func(name string, value any) map[string]any {
		return map[string]any{"term": map[string]any{name: value}}
	}
	score := func(v verdict) float64 { n, _ := v["risk_score"].(json.Number).Float64(); return n }
	// Elastic's own External Alerts rule asks this way, and detection-rule.ndjson.
	count("event.kind alert", number(isFirst), term("event.kind", "alert"))
	count("first", number(isFirst), term("secretwatch.first", true))
	count("in text", number(isFirst), map[string]any{"query_string": map[string]any{"query": "secretwatch.first:true"}})
	// Numbers are numbers: 9 would not be less than 73 otherwise.
	for _, name := range []string{"event.risk_score", "secretwatch.risk_score"} {
		count(name, number(func(v verdict) bool { return score(v) >= 73 }), map[string]any{"range": map[string]any{name: map[string]any{"gte": 73}}})
	}
	count("event.severity", number(func(v verdict) bool { return v["severity"] == "high" }), term("event.severity", 73))
	// Lists are asked one value at a time.
	count("secretwatch.rules", number(func(v verdict) bool { return v.has("new-source-ip") }), term("secretwatch.rules", "new-source-ip"))
	count("the last hour", number(func(verdict) bool { return true }), map[string]any{"range": map[string]any{"@timestamp": map[string]any{
		"gte": time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), "lte": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}}})

	for title, p := range kibanaPanels(t) {
		keep := func(v verdict) bool {
			return isFirst(v) && (p.severity == "" || v["severity"] == p.severity) && (p.rule == "" || v.has(p.rule))
		}
		count("panel "+title, number(keep), allOf(p.where...))
		for _, name := range p.terms {
			// By value, since not every server counts each value of a list in an aggregation.
			for value, n := range tallyEach(findings, keep, strings.TrimPrefix(name, "secretwatch.")) {
				count(fmt.Sprintf("panel %s, %s %s", title, name, value), n, allOf(append(p.where, term(name, value))...))
			}
		}
	}

	a := search(all, nil, len(findings)+1)
	ids := map[string]bool{}
	for _, h := range a.Hits.Hits {
		ids[h.ID] = true
		kubernetes, _ := h.Source["kubernetes"].(map[string]any)
		event, _ := kubernetes["audit"].(map[string]any)
		v, _ := h.Source["secretwatch"].(map[string]any)
		if event == nil || event["auditID"] != v["audit_id"] {
			t.Errorf("the event of %v is %v", v, event)
		}
	}
	if len(ids) != len(findings) || len(a.Hits.Hits) != len(findings) {
		t.Errorf("%d documents with %d ids, of %d", len(a.Hits.Hits), len(ids), len(findings))
	}
}

// allOf is a query for what all of some queries find.
func allOf(queries ...map[string]any) map[string]any {
	return map[string]any{"bool": map[string]any{"must": queries}}
}

// tallyEach counts the findings that keep returns true for by a field's value, and
// by each of them if it is a list.
func tallyEach(findings []verdict, keep func(v verdict) bool, name string) map[string]float64 {
	counts := map[string]float64{}
	for _, v := range findings {
		values, list := v[name].([]any)
		if !list {
			values = []any{v[name]}
		}
		for _, one := range values {
			if keep(v) && one != "" {
				counts[fmt.Sprint(one)]++
			}
		}
	}
	return counts
}

// kibanaPanel is what a Lens panel of conf/elastic counts.
type kibanaPanel struct {
	where          []map[string]any // from the queries of the dashboard, the panel and its column
	severity, rule string           // that they ask for
	terms          []string         // fields it counts by
}

// kql is a query in Kibana's language of the kind that the dashboard has: field : value.
var kql = regexp.MustCompile(`^([\w.]+) : "?([^"]+)"?$`)

// kibanaPanels returns the Lens panels of the dashboard by title.
func kibanaPanels(t *testing.T) map[string]kibanaPanel {
	t.Helper()
	type query struct{ Query string }
	type panel struct {
		Title            string
		EmbeddableConfig struct {
			Attributes struct {
				State struct {
					Query            query
					DatasourceStates struct {
						FormBased struct {
							Layers map[string]struct {
								Columns map[string]struct {
									OperationType, SourceField string
									Filter                     query
								}
							}
						}
					}
				}
			}
		}
	}
	all := map[string]kibanaPanel{}
	for _, line := range bytes.Split(readFile(t, "../../conf/elastic/dashboard.ndjson"), []byte("\n")) {
		var object struct {
			Attributes struct {
				PanelsJSON            string
				KibanaSavedObjectMeta struct{ SearchSourceJSON string }
			}
		}
		if len(line) == 0 || json.Unmarshal(line, &object) != nil || object.Attributes.PanelsJSON == "" {
			continue
		}
		var panels []panel
		var source struct{ Query query }
		for text, v := range map[string]any{object.Attributes.PanelsJSON: &panels, object.Attributes.KibanaSavedObjectMeta.SearchSourceJSON: &source} {
			if err := json.Unmarshal([]byte(text), v); err != nil {
				t.Fatal(err)
			}
		}
		for _, p := range panels {
			for _, layer := range p.EmbeddableConfig.Attributes.State.DatasourceStates.FormBased.Layers {
				var one kibanaPanel
				parts := []string{source.Query.Query, p.EmbeddableConfig.Attributes.State.Query.Query}
				for _, c := range layer.Columns {
					parts = append(parts, c.Filter.Query)
					if c.OperationType == "terms" {
						one.terms = append(one.terms, c.SourceField)
					}
				}
				for _, q := range parts {
					if q == "" {
						continue
					}
					m := kql.FindStringSubmatch(q)
					if m == nil {
						t.Fatalf("panel %s: the query %s is not understood here", p.Title, q)
					}
					var value any = m[2]
					switch m[1] {
					case "secretwatch.severity":
						one.severity = m[2]
					case "secretwatch.rules":
						one.rule = m[2]
					case "secretwatch.first":
						value = m[2] == "true"
					}
					one.where = append(one.where, map[string]any{"term": map[string]any{m[1]: value}})
				}
				all[p.Title] = one
			}
		}
	}
	if len(all) < 8 {
		t.Errorf("panels %v", all)
	}
	return all
}
