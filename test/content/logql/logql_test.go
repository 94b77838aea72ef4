// Package logql parses the queries of conf/loki and conf/grafana with Loki's own
// parser. It is a module of its own because Loki needs other versions of what
// validate/ needs.
package logql

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grafana/loki/v3/pkg/logql/syntax"
	"sigs.k8s.io/yaml"
)

const conf = "../../../conf"

// decode reads JSON, or YAML, into v.
func decode(t *testing.T, name string, v any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(conf, name))
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Ext(name) != ".json" {
		if text, err = yaml.YAMLToJSON(text); err != nil {
			t.Fatal(err)
		}
	}
	if err := json.Unmarshal(text, v); err != nil {
		t.Fatal(err)
	}
}

// parse returns the query, or nil after an error.
func parse(t *testing.T, name, query string) syntax.Expr {
	t.Helper()
	e, err := syntax.ParseExpr(query)
	if err != nil {
		t.Errorf("%s: %v in %s", name, err, query)
	}
	return e
}

// TestRules: the expression of an alert is a metric query.
func TestRules(t *testing.T) {
	var file struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	decode(t, "loki/rules.yaml", &file)
	n := 0
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			if _, ok := parse(t, r.Alert, r.Expr).(syntax.SampleExpr); !ok {
				t.Errorf("%s is no metric query", r.Alert)
			}
			n++
		}
	}
	if n == 0 {
		t.Error("no rules")
	}
}

// TestDashboard: with its variables filled in, each query is one of metrics, or of
// lines where a table lists them.
func TestDashboard(t *testing.T) {
	var d struct {
		Panels []struct {
			Title      string
			Datasource struct{ Type string }
			Targets    []struct {
				Expr     string
				MaxLines int
			}
		}
	}
	decode(t, "grafana/dashboard.json", &d)
	fill := strings.NewReplacer("$job", "secretwatch", "$cluster", ".*", "$severity", "(low|high)", "$first", "true|false", "$user", ".*", "$__range", "1h", "$__interval", "1m")
	n := 0
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			if p.Datasource.Type != "loki" {
				continue
			}
			e := parse(t, p.Title, fill.Replace(q.Expr))
			if _, metric := e.(syntax.SampleExpr); e != nil && metric != (q.MaxLines == 0) {
				t.Errorf("%s asks for lines or for metrics where it should not", p.Title)
			}
			n++
		}
	}
	if n == 0 {
		t.Error("no queries")
	}
}
