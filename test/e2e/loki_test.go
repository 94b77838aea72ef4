package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/test/sim"
)

// lokiConfig is Loki in one process, on loopback and in one directory. It takes the
// rules of a directory and says nothing to anybody.
const lokiConfig = `
auth_enabled: false
analytics: {reporting_enabled: false}
server: {http_listen_address: 127.0.0.1, http_listen_port: HTTP, grpc_listen_address: 127.0.0.1, grpc_listen_port: GRPC, log_level: warn}
common:
  instance_addr: 127.0.0.1
  path_prefix: DIR
  replication_factor: 1
  ring: {kvstore: {store: inmemory}}
  storage: {filesystem: {chunks_directory: DIR/chunks, rules_directory: DIR/rules}}
schema_config:
  configs: [{from: 2024-01-01, store: tsdb, object_store: filesystem, schema: v13, index: {prefix: index_, period: 24h}}]
ingester: {lifecycler: {min_ready_duration: 0s, final_sleep: 0s}}
ruler:
  enable_api: true
  rule_path: DIR/evaluated
  storage: {type: local, local: {directory: DIR/rules}}
`

// loki is a running Loki (environment LOKI, or loki on PATH).
type loki struct {
	*engine
	address string // host:port
}

// startLoki starts Loki with the alert rules of conf/loki, which it evaluates each
// second instead of each minute.
func startLoki(t *testing.T) *loki {
	t.Helper()
	binary := program(t, "LOKI", "loki")
	dir := t.TempDir()
	rules := strings.Replace(string(readFile(t, "../../conf/loki/rules.yaml")), "interval: 1m\n", "interval: 1s\n", 1)
	l := &loki{engine: &engine{t: t, ended: make(chan struct{})}}
	port := freePort(t)
	l.address = "127.0.0.1:" + port
	config := strings.NewReplacer("DIR", dir, "HTTP", port, "GRPC", freePort(t)).Replace(lokiConfig)
	for name, text := range map[string]string{"loki.yaml": config, "rules/fake/rules.yaml": rules} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l.cmd = exec.Command(binary, "-config.file", filepath.Join(dir, "loki.yaml"))
	l.run()
	l.await("Loki to be ready", func() bool {
		r, err := http.Get("http://" + l.address + "/ready")
		if err != nil {
			return false
		}
		r.Body.Close()
		return r.StatusCode == http.StatusOK
	})
	return l
}

// get decodes the answer to a request.
func (l *loki) get(path string, query url.Values, answer any) {
	l.t.Helper()
	r, err := http.Get("http://" + l.address + path + "?" + query.Encode())
	if err != nil {
		l.t.Fatal(err)
	}
	defer r.Body.Close()
	text := body(r.Body)
	if r.StatusCode != http.StatusOK {
		l.t.Fatalf("%s %v: %s: %s", path, query, r.Status, text)
	}
	if err := json.Unmarshal(text, answer); err != nil {
		l.t.Fatalf("%s: %v in %.300s", path, err, text)
	}
}

// answer is what a query returns: series with their labels, each with points or,
// for a query of lines, lines.
type answer struct {
	Data struct {
		ResultType string
		Result     []struct {
			Metric, Stream map[string]string
			Value          [2]any
			Values         [][2]any
		}
	}
}

// sums adds up the points of each series, whose name is its labels' values in the
// order of the labels' names.
func (a *answer) sums(t *testing.T) map[string]float64 {
	t.Helper()
	all := map[string]float64{}
	for _, r := range a.Data.Result {
		var name []string
		for _, label := range slices.Sorted(maps.Keys(r.Metric)) {
			name = append(name, r.Metric[label])
		}
		points := r.Values
		if a.Data.ResultType == "vector" {
			points = [][2]any{r.Value}
		}
		for _, p := range points {
			n, err := strconv.ParseFloat(p[1].(string), 64)
			if err != nil {
				t.Fatal(err)
			}
			all[strings.Join(name, " ")] += n
		}
	}
	return all
}

// insider returns requests of alice, a person of the recorded log, that each are a
// finding of low severity: one secret in each of eleven namespaces, an hour after
// the recorded log and ten minutes apart. The event of one is longer than a line may
// be for Loki (max_line_size, 256 KiB by default), as a client can make it: an API
// server takes 200 KB of query, in which it writes "&" as six characters.
func insider(rec *recording) string {
	var out []byte
	for i := range 11 {
		at := rec.scenarios.Add(time.Hour + time.Duration(i)*10*time.Minute).UnixNano()
		ev := audit.Event{
			AuditID: fmt.Sprintf("insider-%d", i), Stage: audit.StageResponseComplete, Verb: "get", RequestURI: "/api/v1/secrets",
			User: audit.User{Username: "alice", Groups: []string{"payments-devs", "system:authenticated"}}, SourceIPs: []string{"192.0.2.15"},
			UserAgent: "kubectl/v1.32.4 (linux/amd64) kubernetes/59526cd",
			Resource:  "secrets", Namespace: fmt.Sprintf("team-%d", i), Name: "db", Code: 200, Decision: "allow", Time: at, StageTime: at,
		}
		if i == 0 {
			ev.RequestURI += "?" + strings.Repeat("x", 1_000_000)
		}
		out = append(sim.AppendJSON(out, &ev), '\n')
	}
	return string(out)
}

// TestLoki sends the findings of the recorded log, and some low ones more, to a
// real Loki as conf/fluent-bit/loki.yaml does, and in the native format, for which
// conf/loki is too. All queries of the dashboard return what was found, and each
// alert rule fires, for those it should.
func TestLoki(t *testing.T) {
	fluentBit(t)
	program(t, "LOKI", "loki")
	rec := loadRecorded(t)
	log := rec.file(t)
	text := append(readFile(t, log), insider(rec)...)
	if err := os.WriteFile(log, text, 0o600); err != nil {
		t.Fatal(err)
	}
	var findings []verdict
	for _, j := range wantConf(t, log) {
		if j.severity != nil {
			findings = append(findings, j.verdict)
		}
	}
	for _, format := range []string{"flat", "native"} {
		t.Run(format, func(t *testing.T) {
			l := startLoki(t)
			x := loadExample(t, "loki.yaml", log)
			x.toServer(t, l.address)
			x.set(t, "format", format)
			e := x.start(t)
			count := func() int {
				var a answer
				l.get("/loki/api/v1/query", url.Values{"query": {`sum(count_over_time({job="secretwatch", cluster="CLUSTER"}[1h]))`}}, &a)
				return int(a.sums(t)[""])
			}
			e.await("all findings in Loki", func() bool { return count() >= len(findings) })
			e.terminate()
			if n := count(); n != len(findings) {
				t.Errorf("%d lines of %d", n, len(findings))
			}
			l.checkDashboard(t, findings)
			l.checkAlerts(t, findings)
		})
	}
}

// tally counts the findings that keep returns true for, by what name returns.
func tally(findings []verdict, keep func(v verdict) bool, name func(v verdict) string) map[string]float64 {
	counts := map[string]float64{}
	for _, v := range findings {
		if keep(v) {
			counts[name(v)]++
		}
	}
	return counts
}

func field(names ...string) func(v verdict) string {
	return func(v verdict) string {
		var values []string
		for _, n := range names {
			values = append(values, fmt.Sprint(v[n]))
		}
		return strings.Join(values, " ")
	}
}

func isFirst(v verdict) bool { return v["first"] == true }

// checkDashboard asks the queries of conf/grafana for the last hour, the variables
// filled in as Grafana does, and compares with a count of the findings.
func (l *loki) checkDashboard(t *testing.T, findings []verdict) {
	var dashboard struct {
		Panels []struct {
			Title      string
			Datasource struct{ Type string }
			Targets    []struct{ Expr, QueryType string }
		}
	}
	if err := json.Unmarshal(readFile(t, "../../conf/grafana/dashboard.json"), &dashboard); err != nil {
		t.Fatal(err)
	}
	bySeverity := func(level string) func(keep func(verdict) bool) map[string]float64 {
		return func(keep func(verdict) bool) map[string]float64 {
			n := tally(findings, func(v verdict) bool { return keep(v) && v["severity"] == level }, field("severity"))
			return map[string]float64{"": n[level]}
		}
	}
	by := func(names ...string) func(keep func(verdict) bool) map[string]float64 {
		return func(keep func(verdict) bool) map[string]float64 { return tally(findings, keep, field(names...)) }
	}
	wants := map[string]func(keep func(verdict) bool) map[string]float64{
		"Low": bySeverity("low"), "Medium": bySeverity("medium"), "High": bySeverity("high"), "Critical": bySeverity("critical"),
		"Findings by severity": by("severity"),
		"Findings by rule":     by("title"),
		"Top principals":       by("user"),
		"New sources": func(keep func(verdict) bool) map[string]float64 {
			return tally(findings, func(v verdict) bool { return keep(v) && v.has("new-source-ip") }, field("source_ip", "user"))
		},
		"Findings": by("severity"),
	}
	seen := 0
	for _, p := range dashboard.Panels {
		if p.Datasource.Type != "loki" {
			continue
		}
		want := wants[p.Title]
		if want == nil {
			t.Errorf("nobody says what %q should show", p.Title)
			continue
		}
		seen++
		for show, keep := range map[string]func(verdict) bool{"true": isFirst, "true|false": func(verdict) bool { return true }} {
			end := time.Now().Add(time.Minute).Truncate(time.Minute)
			fill := strings.NewReplacer("$job", "secretwatch", "$cluster", ".*", "$severity", "(low|medium|high|critical)", "$first", show, "$user", ".*",
				"$__range", "1h", "$__interval", "1m")
			query := url.Values{"query": {fill.Replace(p.Targets[0].Expr)}, "limit": {"5000"}}
			path := "/loki/api/v1/query"
			if p.Targets[0].QueryType == "range" {
				path = "/loki/api/v1/query_range"
				query["step"] = []string{"1m"}
				query["start"] = []string{strconv.FormatInt(end.Add(-time.Hour).UnixNano(), 10)}
				query["end"] = []string{strconv.FormatInt(end.UnixNano(), 10)}
			}
			var a answer
			l.get(path, query, &a)
			got := a.sums
			if p.Title == "Findings" {
				got = a.lines
			}
			if got, want := got(t), want(keep); !maps.Equal(got, want) {
				t.Errorf("%s, first %s:\n got %v\nwant %v", p.Title, show, got, want)
			}
		}
	}
	if seen != len(wants) {
		t.Errorf("%d panels of %d", seen, len(wants))
	}
}

// lines counts lines by severity and fails if the drill-down's columns are not
// exactly what the query keeps.
func (a *answer) lines(t *testing.T) map[string]float64 {
	t.Helper()
	counts := map[string]float64{}
	for _, r := range a.Data.Result {
		counts[r.Stream["severity"]] += float64(len(r.Values))
		for _, name := range []string{"secretwatch_reason", "secretwatch_user", "secretwatch_source_ip", "secretwatch_title"} {
			if r.Stream[name] == "" {
				t.Errorf("no %s in %v", name, r.Stream)
			}
		}
		for name := range r.Stream {
			if name != "severity" && name != "cluster" && !strings.HasPrefix(name, "secretwatch_") {
				t.Errorf("a column %s", name)
			}
		}
	}
	return counts
}

// checkAlerts waits until Loki has evaluated the rules and compares what fires.
func (l *loki) checkAlerts(t *testing.T, findings []verdict) {
	wants := map[string]map[string]float64{}
	for alert, severity := range map[string]string{"SecretwatchCriticalFinding": "critical", "SecretwatchHighFinding": "high", "SecretwatchMediumFinding": "medium"} {
		wants[alert] = tally(findings, func(v verdict) bool { return isFirst(v) && v["severity"] == severity }, field("source_ip", "title", "user"))
	}
	low := tally(findings, func(v verdict) bool { return isFirst(v) && v["severity"] == "low" }, field("user"))
	maps.DeleteFunc(low, func(_ string, n float64) bool { return n < 10 })
	wants["SecretwatchManyLowFindings"] = low

	var rules struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Health, LastError string }
			}
		}
	}
	l.get("/prometheus/api/v1/rules", nil, &rules)
	names := map[string]bool{}
	for _, g := range rules.Data.Groups {
		for _, r := range g.Rules {
			names[r.Name] = true
			if r.Health == "err" {
				t.Errorf("%s: %s", r.Name, r.LastError)
			}
		}
	}
	if len(names) != len(wants) {
		t.Errorf("Loki has the rules %v", names)
	}

	// firing returns, by alert, the labels of each series that fires, with its value.
	firing := func() map[string]map[string]float64 {
		var alerts struct {
			Data struct {
				Alerts []struct {
					Labels, Annotations map[string]string
					State               string
					Value               string
				}
			}
		}
		l.get("/prometheus/api/v1/alerts", nil, &alerts)
		all := map[string]map[string]float64{}
		for _, a := range alerts.Data.Alerts {
			if a.State != "firing" {
				continue
			}
			name := a.Labels["alertname"]
			if query := fmt.Sprintf(`| secretwatch_user=%q |`, a.Labels["secretwatch_user"]); !strings.Contains(a.Annotations["description"], query) {
				t.Errorf("%s: %s does not ask for %s", name, a.Annotations["description"], query)
			}
			if !strings.Contains(a.Annotations["summary"], a.Labels["secretwatch_user"]) || !strings.HasSuffix(a.Annotations["summary"], " in CLUSTER") || strings.Contains(fmt.Sprint(a.Annotations), "<no value>") {
				t.Errorf("%s says %v", name, a.Annotations)
			}
			var labels []string
			for _, label := range slices.Sorted(maps.Keys(a.Labels)) {
				if strings.HasPrefix(label, "secretwatch_") {
					labels = append(labels, a.Labels[label])
				}
			}
			n, err := strconv.ParseFloat(a.Value, 64)
			if err != nil {
				t.Fatal(err)
			}
			if all[name] == nil {
				all[name] = map[string]float64{}
			}
			all[name][strings.Join(labels, " ")] = n
		}
		return all
	}
	var got map[string]map[string]float64
	defer func() {
		if t.Failed() {
			t.Logf("fires\n     %v\nwant %v", got, wants)
		}
	}()
	// An evaluation may be of the time before all lines were there.
	l.await("the alerts", func() bool {
		got = firing()
		return maps.EqualFunc(got, wants, maps.Equal)
	})
	for alert, want := range wants {
		if len(want) == 0 {
			t.Errorf("nothing for %s to fire for", alert)
		}
	}
}
