package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
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

	// Each field that is counted by, under its name here and in a verdict.
	for name, by := range map[string]string{
		"secretwatch.severity": "severity", "severity": "severity", "rule.name": "title", "secretwatch.title": "title", "user.name": "user",
		"secretwatch.user": "user", "secretwatch.verb": "verb", "secretwatch.outcome": "outcome", "secretwatch.fingerprint": "fingerprint",
		"secretwatch.namespace": "namespace", "secretwatch.history": "history",
	} {
		a := search(all, map[string]any{"by": map[string]any{"terms": map[string]any{"field": name, "size": 1000}}}, 0)
		got := map[string]float64{}
		for _, b := range a.Aggregations["by"].Buckets {
			// Servers differ in what they call the bucket of the empty text.
			if name, ok := b.Key.(string); ok && name != "" {
				got[name] = float64(b.Count)
			}
		}
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
