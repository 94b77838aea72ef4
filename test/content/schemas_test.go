package content

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// unreachable is how npm says that it does not reach its registry.
var unreachable = regexp.MustCompile(`E4(01|03|07)|E5[0-9][0-9]|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ENOTCACHED`)

// TestPublishedTypes compiles the Grafana dashboard and the index template as
// constants of the types that Grafana and Elasticsearch publish (schemas/).
func TestPublishedTypes(t *testing.T) {
	if testing.Short() {
		t.Skip("short: the types have to be installed")
	}
	for _, name := range []string{"node", "npm"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("no %s on PATH, which installs and runs the TypeScript compiler", name)
		}
	}
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), read(t, filepath.Join("schemas", name)), 0o600))
	}
	run := func(name string, args ...string) (string, error) {
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"); err != nil {
		if sign := unreachable.FindString(out); sign != "" {
			t.Skip("the types cannot be fetched: npm says " + sign)
		}
		t.Fatal(out)
	}

	text := read(t, filepath.Join("schemas", "schemas.ts"))
	line := strings.Count(string(text), "\n")
	names := map[int]string{} // by line
	add := func(kind, name string, value []byte) {
		line++
		names[line] = name
		text = fmt.Appendf(text, "export const c%d: %s = %s;\n", line, kind, strings.ReplaceAll(string(value), "\n", " "))
	}
	dashboard := read(t, filepath.Join(conf, "grafana", "dashboard.json"))
	add("Plain<Dashboard>", "dashboard.json", dashboard)
	type raw struct{ Panels []json.RawMessage }
	var addPanels func(in []byte)
	addPanels = func(in []byte) {
		var all raw
		require.NoError(t, json.Unmarshal(in, &all))
		for _, one := range all.Panels {
			var p struct{ Type, Title string }
			require.NoError(t, json.Unmarshal(one, &p))
			kind := map[string]string{"stat": "StatPanel", "timeseries": "TimeSeriesPanel", "table": "TablePanel", "row": "Plain<RowPanel>"}[p.Type]
			require.NotEmpty(t, kind, p.Title)
			add(kind, "panel "+p.Title, one)
			addPanels(one)
		}
	}
	addPanels(dashboard)
	add("Template", "index-template.json", read(t, filepath.Join(conf, "elastic", "index-template.json")))

	// check returns what the compiler says.
	check := func(text string) string {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "check.ts"), []byte(text), 0o600))
		out, _ := run("node", "node_modules/typescript/bin/tsc", "--noEmit", "--strict", "--skipLibCheck",
			"--module", "nodenext", "--moduleResolution", "nodenext", "check.ts")
		return out
	}
	if out := check(string(text)); out != "" {
		for _, m := range regexp.MustCompile(`check\.ts\((\d+),`).FindAllStringSubmatch(out, -1) {
			var n int
			fmt.Sscan(m[1], &n)
			out = strings.ReplaceAll(out, m[0], names[n]+" (")
		}
		t.Error(out)
	}
	// The compiler does look: a name and a value that are none.
	out := check(strings.NewReplacer(`"showHeader"`, `"showheader"`, `"type": "short"`, `"type": "shortish"`).Replace(string(text)))
	require.Contains(t, out, "showheader")
	require.Contains(t, out, "shortish")
}
