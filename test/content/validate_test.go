package content

import (
	"os/exec"
	"strings"
	"testing"
)

// TestValidators runs the checks in validate/, with the types and parsers of
// Kubernetes, kustomize and Prometheus. The first run fetches and compiles them.
func TestValidators(t *testing.T) {
	if testing.Short() {
		t.Skip("short: the validators take a minute to compile")
	}
	run := func(args ...string) (string, error) {
		cmd := exec.Command("go", args...)
		cmd.Dir = "validate"
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run("list", "-deps", "-test", "./..."); err != nil {
		for _, sign := range []string{"dial tcp", "lookup ", "proxyconnect", "i/o timeout", "lookup disabled"} {
			if strings.Contains(out, sign) {
				first, _, _ := strings.Cut(out, "\n")
				t.Skip("the validators' modules cannot be fetched: " + first)
			}
		}
		t.Fatal(out)
	}
	// Not from the cache: go does not see that files outside of the module changed.
	out, err := run("test", "-count=1", "./...")
	if err != nil {
		t.Error(out)
	}
}
