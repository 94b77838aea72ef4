package validate

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
)

// scraped are the metrics of two Fluent Bits, a minute apart: a works, b still
// learns, cannot write its history and has all kinds of trouble once a second.
const scraped = `
load 1m
  secretwatch_build_info{instance="a", version="1"} 1x20
  secretwatch_build_info{instance="b", version="1"} 1x20
  secretwatch_records_total{instance="a", name="audit", plugin="filter"} 0+6000x20
  secretwatch_events_judged_total{instance="a", name="audit", plugin="filter"} 0+120x20
  secretwatch_events_judged_total{instance="b", name="audit", plugin="filter"} 0+60x20
  secretwatch_learning_end_timestamp_seconds{instance="a", name="audit", plugin="filter"} 300x20
  secretwatch_learning_end_timestamp_seconds{instance="b", name="audit", plugin="filter"} 90000x20
  secretwatch_store_available{instance="a", name="audit", plugin="filter", store="file"} 1x20
  secretwatch_store_available{instance="b", name="audit", plugin="filter", store="file"} 0x20
  secretwatch_chunk_duration_seconds_bucket{instance="a", name="audit", plugin="filter", le="0.001"} 0+50x20
  secretwatch_chunk_duration_seconds_bucket{instance="a", name="audit", plugin="filter", le="0.01"} 0+100x20
  secretwatch_chunk_duration_seconds_bucket{instance="a", name="audit", plugin="filter", le="+Inf"} 0+100x20
  secretwatch_history_principals{instance="a", name="audit", plugin="filter", standing="known"} 50x20
  secretwatch_history_principals{instance="a", name="audit", plugin="filter", standing="new"} 7x20
  secretwatch_history_principals_limit{instance="a", name="audit", plugin="filter"} 200x20
  secretwatch_unjudged_chunks_total{instance="b", name="audit", plugin="filter", reason="panic"} 0+60x20
  secretwatch_parse_failures_total{instance="b", name="audit", plugin="filter", kind="json"} 0+60x20
  secretwatch_history_evictions_total{instance="b", name="audit", plugin="filter", kind="value"} 0+60x20
  secretwatch_store_failures_total{instance="b", name="audit", plugin="filter", store="file", operation="write"} 0+60x20
  secretwatch_output_chunks_total{instance="b", name="out", plugin="output", result="delivered"} 0+600x20
  secretwatch_output_chunks_total{instance="b", name="out", plugin="output", result="dropped"} 0+60x20
`

// TestDashboardHealth lets Prometheus' engine answer the dashboard's queries about
// the plugin itself, ten minutes after the start.
func TestDashboardHealth(t *testing.T) {
	type panel struct {
		Title      string
		Datasource struct{ Type string }
		Targets    []struct{ Expr, LegendFormat string }
		Panels     []panel
	}
	var dashboard panel
	if err := json.Unmarshal(read(t, "grafana/dashboard.json"), &dashboard); err != nil {
		t.Fatal(err)
	}
	var panels []panel
	var collect func(p panel)
	collect = func(p panel) {
		if p.Datasource.Type == "prometheus" {
			panels = append(panels, p)
		}
		for _, in := range p.Panels {
			collect(in)
		}
	}
	collect(dashboard)

	// By panel: what is shown, by its legend.
	wants := map[string]map[string]float64{
		"Instances":                   {"": 2},
		"Requests judged":             {"": 3},
		"Learning":                    {"": 1},
		"History stored":              {"": 0},
		"Passed on unjudged":          {"": 1200},
		"Records and requests judged": {"audit: records": 100, "audit: judged": 3},
		"How long a chunk is held":    {"audit": 0.00982},
		"History in use":              {"a audit": 0.25},
		"What goes wrong": {
			"evicted: value": 1, "not parsed: json": 1, "chunk not judged: panic": 1, "store file: write failed": 1, "output out: not delivered": 1,
		},
	}
	storage := promqltest.LoadedStorage(t, scraped)
	defer storage.Close()
	engine := promqltest.NewTestEngine(t, false, 0, promqltest.DefaultMaxSamplesPerQuery)
	fill := strings.NewReplacer("$__rate_interval", "4m", "$__range", "10m")
	for _, p := range panels {
		got := map[string]float64{}
		for _, target := range p.Targets {
			q, err := engine.NewInstantQuery(context.Background(), storage, nil, fill.Replace(target.Expr), time.Unix(0, 0).Add(10*time.Minute))
			if err != nil {
				t.Fatalf("%s: %v", p.Title, err)
			}
			vector, err := q.Exec(context.Background()).Vector()
			if err != nil {
				t.Fatalf("%s: %v", p.Title, err)
			}
			for _, s := range vector {
				got[legend(target.LegendFormat, s)] = math.Round(s.F*1e6) / 1e6
			}
			q.Close()
		}
		if !maps.Equal(got, wants[p.Title]) {
			t.Errorf("%s shows %v, want %v", p.Title, got, wants[p.Title])
		}
		delete(wants, p.Title)
	}
	if len(wants) != 0 {
		t.Errorf("no panels %v", wants)
	}
}

// legend fills labels into a format as Grafana does.
func legend(format string, s promql.Sample) string {
	for name, value := range s.Metric.Map() {
		format = strings.ReplaceAll(format, fmt.Sprintf("{{%s}}", name), value)
	}
	return format
}
