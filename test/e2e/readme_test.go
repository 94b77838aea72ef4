package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The configuration in the README is one that Fluent Bit takes.
func TestReadmeConfiguration(t *testing.T) {
	binary := fluentBit(t)
	_, rest, ok := strings.Cut(string(readFile(t, "../../README.md")), "```yaml\n")
	example, _, closed := strings.Cut(rest, "```")
	if !ok || !closed {
		t.Fatal("README.md has no YAML example")
	}
	plugins, pipeline, _ := strings.Cut(example, "\n\n")
	if !strings.HasPrefix(plugins, "plugins:\n  - /opt/secretwatch/flb-filter_secretwatch.so") {
		t.Fatalf("the example does not begin with the plugin: %s", plugins)
	}
	path := filepath.Join(t.TempDir(), "fluent-bit.yaml")
	f := func(yaml string, args ...string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(yaml), 0o644); err != nil {
			t.Fatal(err)
		}
		r := run(t, nil, binary, append(args, "-c", path, "--dry-run")...)
		if r.code != 0 || !strings.Contains(string(r.stderr), "configuration test is successful") {
			t.Errorf("exit status %d: %s", r.code, tail(r.stderr))
		}
	}
	f(pipeline, "-e", pluginSO)
	if !strings.Contains(string(run(t, nil, binary, "--version").stdout), "Fluent Bit v2.") {
		f("plugins:\n  - " + pluginSO + "\n\n" + pipeline)
	}
}
