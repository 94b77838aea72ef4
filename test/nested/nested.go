// Package nested runs the tests of modules inside the repository, which have a go.mod
// of their own so that what only they need stays out of the plugin's.
package nested

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Test runs all tests of the module in dir. It skips the calling test where the
// modules that it needs cannot be fetched, and with -short.
func Test(t *testing.T, dir string) {
	t.Helper()
	Need(t, dir)
	// Not from the cache: go does not see that files outside of the module changed.
	out, err := run(dir, "test", "-count=1", "-v", "./...")
	if err != nil {
		t.Error(out)
	}
	// What is skipped there is to be seen here.
	lines := strings.Split(out, "\n")
	for i, line := range lines {
		if name, skipped := strings.CutPrefix(strings.TrimSpace(line), "--- SKIP: "); skipped && i > 0 {
			t.Run(strings.Fields(name)[0], func(t *testing.T) { t.Skip(strings.TrimSpace(lines[i-1])) })
		}
	}
}

// Need skips the calling test where the modules that the module in dir needs cannot
// be fetched, and with -short.
func Need(t *testing.T, dir string) {
	t.Helper()
	if testing.Short() {
		t.Skip("short: a module of its own takes up to a minute to compile")
	}
	// So that go test sees when its own result is no longer good.
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			_, err = os.ReadFile(name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := run(dir, "list", "-deps", "-test", "./...")
	if err == nil {
		return
	}
	for _, sign := range []string{"dial tcp", "lookup ", "proxyconnect", "i/o timeout", "lookup disabled"} {
		if strings.Contains(out, sign) {
			first, _, _ := strings.Cut(out, "\n")
			t.Skip("the modules that this needs cannot be fetched: " + first)
		}
	}
	t.Fatal(out)
}

// run runs the go command in dir.
func run(dir string, args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}
