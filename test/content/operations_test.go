package content

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/plugin/config"
)

var adviceRow = regexp.MustCompile("(?m)^\\| `([a-z0-9_]+)` \\| ")

// TestAdvice: there is advice on every property, in the order of the table of
// properties.
func TestAdvice(t *testing.T) {
	_, text, ok := strings.Cut(string(read(t, filepath.Join(conf, "operations.md"))), "\n## Properties\n")
	require.True(t, ok)
	text, _, ok = strings.Cut(text, "\n## ")
	require.True(t, ok)
	var have, want []string
	for _, m := range adviceRow.FindAllStringSubmatch(text, -1) {
		have = append(have, m[1])
	}
	for _, table := range [][]config.Property{config.Properties, config.OutputProperties} {
		for _, p := range table {
			want = append(want, p.Name)
		}
	}
	require.Equal(t, want, have)
}

// TestAlertsHaveAdvice: so there is on every alert but those on findings, which the
// pages of the rules are about.
func TestAlertsHaveAdvice(t *testing.T) {
	text := string(read(t, filepath.Join(conf, "operations.md")))
	alert := regexp.MustCompile(`alert: (\w+)`)
	for _, m := range alert.FindAllStringSubmatch(string(read(t, filepath.Join(conf, "prometheus/alerts.yaml"))), -1) {
		if !strings.HasSuffix(m[1], "Finding") {
			require.Contains(t, text, "`"+m[1]+"`")
		}
	}
}
