package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// prometheusConfig scrapes one target and evaluates the rules each second instead
// of each minute.
const prometheusConfig = `
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [{rules}]
scrape_configs:
  - job_name: secretwatch
    static_configs: [{targets: ["{target}"]}]
`

// A real Prometheus (environment PROMETHEUS, or prometheus on PATH) scrapes the
// endpoint: it counts what the records say, and alerts on first findings alone.
func TestPrometheus(t *testing.T) {
	binary := program(t, "PROMETHEUS", "prometheus")
	rec := loadRecorded(t)
	lines := rec.lines[:len(rec.lines)/100*100]
	dir, port, own := t.TempDir(), freePort(t), freePort(t)
	rules, err := filepath.Abs("../../conf/prometheus/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "prometheus.yml")
	text := strings.NewReplacer("{rules}", rules, "{target}", "127.0.0.1:"+port).Replace(prometheusConfig)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &engine{t: t, ended: make(chan struct{})}
	p.cmd = exec.Command(binary, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address=127.0.0.1:"+own)
	p.run()
	get := func(path string, data any) bool {
		r, err := http.Get("http://127.0.0.1:" + own + path)
		if err != nil {
			return false
		}
		defer r.Body.Close()
		answer := struct{ Data any }{data}
		return r.StatusCode == http.StatusOK && json.NewDecoder(r.Body).Decode(&answer) == nil
	}
	query := func(q string) string {
		var data struct{ Result []struct{ Value [2]any } }
		if !get("/api/v1/query?query="+q, &data) || len(data.Result) != 1 {
			return ""
		}
		return fmt.Sprint(data.Result[0].Value[1])
	}

	host, in := startHost(t, "v5", "--prop", "metrics_listen=127.0.0.1:"+port, "--prop", "learning_period="+rec.learning)
	// The zeros before the first finding are what makes it an increase.
	p.await("first scrape", func() bool { return query("sum(secretwatch_findings_total)") == "0" })
	io.WriteString(in, strings.Join(lines, "\n")+"\n")
	host.await("all records", func() bool { return host.stdout.lines() == len(lines) })
	findings, first := 0, 0
	want := map[string]bool{}
	for _, j := range parseRecords(t, []byte(host.stdout.String())) {
		if j.verdict == nil {
			continue
		}
		findings++
		if j.verdict["first"] != true {
			continue
		}
		first++
		switch severity := j.verdict["severity"]; severity {
		case "critical":
			want["SecretwatchCriticalFinding "+j.verdict.rules()[0]] = true
		case "high":
			want["SecretwatchHighFinding "+j.verdict.rules()[0]] = true
		case "medium":
			want["SecretwatchMediumFinding "+j.verdict.rules()[0]] = true
		}
	}
	if findings <= first || len(want) < 3 {
		t.Fatalf("%d findings, %d first, alerts %v", findings, first, want)
	}
	p.await("counts", func() bool {
		return query("sum(secretwatch_findings_total)") == fmt.Sprint(findings) &&
			query(`sum(secretwatch_findings_total%7Bfirst="true"%7D)`) == fmt.Sprint(first)
	})
	var got map[string]bool
	p.await("alerts", func() bool {
		got = map[string]bool{}
		var data struct {
			Alerts []struct {
				Labels map[string]string
				State  string
			}
		}
		if !get("/api/v1/alerts", &data) {
			return false
		}
		for _, a := range data.Alerts {
			if a.State == "firing" {
				got[a.Labels["alertname"]+" "+a.Labels["rule"]] = true
			}
		}
		return len(got) >= len(want)
	})
	if !maps.Equal(got, want) {
		t.Errorf("alerts are %q, want %q", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
	in.Close()
	<-host.ended
}
