package validate

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
	"gopkg.in/yaml.v3"
)

// alertTests is what is used of the format of promtool test rules
// (prometheus.io/docs, unit testing rules).
type alertTests struct {
	RuleFiles          []string       `yaml:"rule_files"`
	EvaluationInterval model.Duration `yaml:"evaluation_interval"`
	Tests              []struct {
		Name        string
		Interval    model.Duration
		InputSeries []struct{ Series, Values string } `yaml:"input_series"`
		Alerts      []struct {
			EvalTime model.Duration `yaml:"eval_time"`
			Name     string         `yaml:"alertname"`
			Expected []struct {
				Labels      map[string]string `yaml:"exp_labels"`
				Annotations map[string]string `yaml:"exp_annotations"`
			} `yaml:"exp_alerts"`
		} `yaml:"alert_rule_test"`
	}
}

// TestAlerts lets Prometheus' own rule engine evaluate the alert rules over the
// series of alerts.test.yaml, as promtool does, and compares what fires.
func TestAlerts(t *testing.T) {
	dir := filepath.Join(conf, "prometheus")
	file, err := os.Open(filepath.Join(dir, "alerts.test.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var all alertTests
	d := yaml.NewDecoder(file)
	d.KnownFields(true)
	if err := d.Decode(&all); err != nil {
		t.Fatal(err)
	}
	for i := range all.RuleFiles {
		all.RuleFiles[i] = filepath.Join(dir, all.RuleFiles[i])
	}
	fired := map[string]bool{} // by rule: in some test
	for _, test := range all.Tests {
		t.Run(test.Name, func(t *testing.T) {
			load := fmt.Sprintf("load %s\n", test.Interval)
			for _, s := range test.InputSeries {
				load += fmt.Sprintf("  %s %s\n", s.Series, s.Values)
			}
			suite, err := promqltest.NewLazyLoader(load, promqltest.LazyLoaderOpts{EnableAtModifier: true, EnableNegativeOffset: true})
			if err != nil {
				t.Fatal(err)
			}
			defer suite.Close()
			manager := rules.NewManager(&rules.ManagerOptions{
				QueryFunc: rules.EngineQueryFunc(suite.QueryEngine(), suite.Storage()), Appendable: suite.Storage(),
				Context: context.Background(), Logger: promslog.NewNopLogger(),
				NotifyFunc: func(context.Context, string, ...*rules.Alert) {},
			})
			groups, errs := manager.LoadGroups(time.Duration(all.EvaluationInterval), nil, "", nil, false, all.RuleFiles...)
			if errs != nil {
				t.Fatal(errs)
			}
			end := time.Duration(0)
			for _, a := range test.Alerts {
				end = max(end, time.Duration(a.EvalTime))
			}
			for at := time.Duration(0); at <= end; at += time.Duration(all.EvaluationInterval) {
				now := time.Unix(0, 0).Add(at)
				suite.WithSamplesTill(now, func(err error) {
					if err != nil {
						t.Fatal(err)
					}
					for _, g := range groups {
						g.Eval(suite.Context(), now)
					}
				})
				for _, a := range test.Alerts {
					if time.Duration(a.EvalTime) != at {
						continue
					}
					var want []string
					for _, e := range a.Expected {
						want = append(want, fmt.Sprint(withName(e.Labels, a.Name), e.Annotations))
						fired[a.Name] = true
					}
					if got := firing(t, groups, a.Name); !slices.Equal(got, want) {
						t.Errorf("%s after %s: got\n%s\nwant\n%s", a.Name, a.EvalTime, strings.Join(got, "\n"), strings.Join(want, "\n"))
					}
				}
			}
			for _, g := range groups {
				for _, r := range g.Rules() {
					if r.LastError() != nil {
						t.Errorf("%s: %v", r.Name(), r.LastError())
					}
				}
			}
		})
	}
	groups, _ := rules.NewManager(&rules.ManagerOptions{Logger: promslog.NewNopLogger()}).LoadGroups(time.Minute, nil, "", nil, false, all.RuleFiles...)
	for _, g := range groups {
		for _, r := range g.Rules() {
			if !fired[r.Name()] {
				t.Errorf("no test lets %s fire", r.Name())
			}
		}
	}
}

func withName(labels map[string]string, name string) map[string]string {
	labels = maps.Clone(labels)
	labels["alertname"] = name
	return labels
}

// firing returns labels and annotations of the alerts of a name that fire.
func firing(t *testing.T, groups map[string]*rules.Group, name string) (all []string) {
	t.Helper()
	found := false
	for _, g := range groups {
		for _, r := range g.AlertingRules() {
			if r.Name() != name {
				continue
			}
			found = true
			for _, a := range r.ActiveAlerts() {
				if a.State == rules.StateFiring {
					all = append(all, fmt.Sprint(a.Labels.Map(), a.Annotations.Map()))
				}
			}
		}
	}
	if !found {
		t.Errorf("there is no alert %s", name)
	}
	slices.Sort(all)
	return all
}
