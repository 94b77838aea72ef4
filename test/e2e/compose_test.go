package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

const composeDir = "../../conf/compose"

// standIn is what a script or Fluent Bit takes for a service of conf/compose: it
// knows the requests that they make, and nothing else. Services of the kind are
// tried where there are some; see TestLoki and TestElasticsearch.
type standIn struct {
	*httptest.Server
	t  *testing.T
	mu sync.Mutex
	// findings by severity.
	findings map[string]int
	// requests that set something up, "METHOD path", with their bodies.
	setup map[string]string
}

const standInPassword = "secret"

func newStandIn(t *testing.T) *standIn {
	s := &standIn{t: t, findings: map[string]int{}, setup: map[string]string{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := string(body(r.Body))
	var answer any
	switch r.Method + " " + r.URL.Path {
	case "GET /ready":
		fmt.Fprintln(w, "ready")
		return
	case "POST /loki/api/v1/push":
		s.push(text)
		w.WriteHeader(http.StatusNoContent)
		return
	case "GET /loki/api/v1/query":
		if q := r.URL.Query().Get("query"); q != `sum by (severity) (count_over_time({job="secretwatch"}[24h]))` {
			s.t.Errorf("query %s", q)
		}
		answer = s.vector()
	case "GET /api/v1/query":
		if q := r.URL.Query().Get("query"); q != "secretwatch_findings_total" {
			s.t.Errorf("query %s", q)
		}
		answer = s.vector()
	case "GET /api/health":
		answer = map[string]string{"database": "ok"}
	case "GET /api/dashboards/uid/secretwatch":
		answer = map[string]any{"dashboard": json.RawMessage(readFile(s.t, "../../conf/grafana/dashboard.json"))}
	case "GET /api/status":
		answer = map[string]any{"status": map[string]any{"overall": map[string]string{"level": "available"}}}
	default:
		if _, password, _ := r.BasicAuth(); password != standInPassword {
			http.Error(w, r.Method+" "+r.URL.Path, http.StatusUnauthorized)
			return
		}
		answer = s.elastic(r, text)
	}
	if answer == nil {
		s.t.Errorf("%s %s: %.300s", r.Method, r.URL, text)
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		s.t.Error(err)
	}
}

// push takes lines of Loki's streams.
func (s *standIn) push(text string) {
	var push struct {
		Streams []struct {
			Stream map[string]string
			Values [][]any
		}
	}
	if err := json.Unmarshal([]byte(text), &push); err != nil {
		s.t.Errorf("%v: %.300s", err, text)
	}
	for _, stream := range push.Streams {
		if stream.Stream["job"] != "secretwatch" {
			s.t.Errorf("stream %v", stream.Stream)
		}
		s.findings[stream.Stream["severity"]] += len(stream.Values)
	}
}

// vector is the answer of Loki's instant query.
func (s *standIn) vector() any {
	result := []any{}
	for severity, n := range s.findings {
		result = append(result, map[string]any{"metric": map[string]string{"severity": severity}, "value": []any{1.5, fmt.Sprint(n)}})
	}
	return map[string]any{"data": map[string]any{"resultType": "vector", "result": result}}
}

// elastic answers requests that Elasticsearch and Kibana answer to those who may.
func (s *standIn) elastic(r *http.Request, text string) any {
	key := r.Method + " " + r.URL.Path
	switch key {
	case "GET /_cluster/health":
		return map[string]string{"status": "yellow"}
	case "POST /_bulk":
		lines := strings.Split(strings.TrimSpace(text), "\n")
		items := []any{}
		for i := 1; i < len(lines); i += 2 {
			var document struct {
				Secretwatch struct{ Severity string }
			}
			if err := json.Unmarshal([]byte(lines[i]), &document); err != nil {
				s.t.Errorf("%v: %.300s", err, lines[i])
			}
			s.findings[document.Secretwatch.Severity]++
			items = append(items, map[string]any{"create": map[string]int{"status": http.StatusCreated}})
		}
		return map[string]any{"errors": false, "items": items}
	case "GET /logs-secretwatch.findings-default/_search", "POST /logs-secretwatch.findings-default/_search":
		if !strings.Contains(text, `"terms": {"field": "secretwatch.severity"}`) {
			s.t.Errorf("search %s", text)
		}
		buckets := []any{}
		for severity, n := range s.findings {
			buckets = append(buckets, map[string]any{"key": severity, "doc_count": n})
		}
		return map[string]any{"aggregations": map[string]any{"by": map[string]any{"buckets": buckets}}}
	case "PUT /_index_template/logs-secretwatch.findings", "POST /_security/user/kibana_system/_password":
	case "POST /api/detection_engine/rules/_import", "POST /api/saved_objects/_import":
		if r.Header.Get("kbn-xsrf") == "" || r.URL.Query().Get("overwrite") != "true" || !strings.Contains(text, `filename="`) {
			s.t.Errorf("%s %s: %.300s", key, r.Header, text)
		}
	default:
		return nil
	}
	s.setup[key] += text
	return map[string]bool{"acknowledged": true}
}

// script runs a script of conf/compose with the stand-in as all services.
func (s *standIn) script(t *testing.T, name string, arguments string, env ...string) (output string, code int) {
	t.Helper()
	for _, tool := range []string{"curl", "jq"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("the scripts of conf/compose need ", tool)
		}
	}
	cmd := exec.Command(composeDir+"/"+name, strings.Fields(arguments)...)
	cmd.Env = append(os.Environ(), "LOKI_URL="+s.URL, "PROMETHEUS_URL="+s.URL, "GRAFANA_URL="+s.URL, "ELASTIC_URL="+s.URL, "KIBANA_URL="+s.URL,
		"ELASTIC_PASSWORD="+standInPassword, "KIBANA_PASSWORD=other", "CONTENT=../../conf/elastic", "TIMEOUT=60")
	cmd.Env = append(cmd.Env, env...)
	out, _ := cmd.CombinedOutput()
	return string(out), cmd.ProcessState.ExitCode()
}

// startCompose starts Fluent Bit with a configuration of conf/compose and the
// recorded log, and lets it send to the stand-in.
func (s *standIn) startCompose(t *testing.T, name string) *engine {
	t.Helper()
	x := loadExample(t, "../compose/"+name, loadRecorded(t).file(t))
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	x.set(t, "host", u.Hostname())
	x.set(t, "port", u.Port())
	x.set(t, "http_port", freePort(t))
	if strings.Contains(x.text, "http_passwd") {
		x.set(t, "http_passwd", standInPassword)
	} else {
		x.set(t, "metrics_listen", "127.0.0.1:"+freePort(t))
	}
	return x.start(t)
}

// The recorded log goes the way of conf/compose, and its script finds the findings.
func TestCompose(t *testing.T) {
	fluentBit(t)
	f := func(service string) {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			s := newStandIn(t)
			if out, code := s.script(t, "smoke.sh", service, "TIMEOUT=1"); code != 1 || !strings.Contains(out, "not within 1 s: findings of each severity") {
				t.Errorf("with no findings: exit status %d: %s", code, out)
			}
			e := s.startCompose(t, "fluent-bit-"+service+".yaml")
			out, code := s.script(t, "smoke.sh", service)
			if code != 0 || !strings.Contains(out, "\ncritical ") {
				t.Errorf("exit status %d: %s", code, out)
			}
			e.terminate()
		})
	}
	f("loki")
	f("elastic")
}

func TestComposeSmokeFails(t *testing.T) {
	s := newStandIn(t)
	f := func(code int, want, arguments string, env ...string) {
		t.Helper()
		out, got := s.script(t, "smoke.sh", arguments, env...)
		if got != code || !strings.Contains(out, want) {
			t.Errorf("%s: exit status %d, want %d and %s: %s", arguments, got, code, want, out)
		}
	}
	f(2, "accepted: loki, elastic", "")
	f(2, "accepted: loki, elastic", "splunk")
	f(1, "not within 0 s: Loki is ready", "loki", "TIMEOUT=0", "LOKI_URL=http://127.0.0.1:"+freePort(t))
	f(1, "not within 0 s: Elasticsearch is healthy", "elastic", "TIMEOUT=0", "ELASTIC_PASSWORD=wrong")
	s.findings = map[string]int{"low": 3, "medium": 2, "high": 1}
	f(1, "there is:\n", "loki", "TIMEOUT=0")
	s.findings["critical"] = 10
	f(0, "\ncritical 10\n", "loki", "TIMEOUT=0")
	f(0, "yes: findings of each severity\n", "elastic", "TIMEOUT=0", "KIBANA_URL=")
}

func TestComposeElasticSetup(t *testing.T) {
	s := newStandIn(t)
	for _, service := range []string{"elasticsearch", "kibana"} {
		if out, code := s.script(t, "elastic-setup.sh", service); code != 0 {
			t.Errorf("%s: exit status %d: %s", service, code, out)
		}
	}
	template := s.setup["PUT /_index_template/logs-secretwatch.findings"]
	if template != string(readFile(t, "../../conf/elastic/index-template.json")) {
		t.Errorf("template: %.300s", template)
	}
	if p := s.setup["POST /_security/user/kibana_system/_password"]; p != `{"password":"other"}` {
		t.Errorf("password: %s", p)
	}
	if rules := s.setup["POST /api/detection_engine/rules/_import"]; !strings.Contains(rules, `"rule_id"`) {
		t.Errorf("rules: %.300s", rules)
	}
	if out, code := s.script(t, "elastic-setup.sh", "kibana", "ELASTIC_PASSWORD=wrong"); code == 0 || !strings.Contains(out, "401") {
		t.Errorf("wrong password: exit status %d: %s", code, out)
	}
}
