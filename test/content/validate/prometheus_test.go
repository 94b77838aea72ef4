package validate

import (
	"path/filepath"
	"testing"

	"github.com/prometheus/prometheus/model/rulefmt"
)

// TestPrometheusRules parses the alert rules, their queries and their templates as
// Prometheus does when it loads them.
func TestPrometheusRules(t *testing.T) {
	groups, errs := rulefmt.ParseFile(filepath.Join(conf, "prometheus/alerts.yaml"), false)
	for _, err := range errs {
		t.Error(err)
	}
	if groups == nil || len(groups.Groups) == 0 {
		t.Error("no groups")
	}
}
