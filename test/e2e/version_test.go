package e2e

import (
	"runtime"
	"strings"
	"testing"
)

// The filter and the output say at start which build they are, and the tool when
// asked. The filter's line is looked at in TestHostLogLines.
func TestVersion(t *testing.T) {
	const want = testVersion + " (" + testCommit + ")"
	r := run(t, nil, replay, "version")
	if line := "secretwatch " + want + " " + runtime.Version() + " linux/" + runtime.GOARCH + "\n"; r.code != 0 || string(r.stdout) != line {
		t.Errorf("the tool: exit status %d, %q, want %q", r.code, r.stdout, line)
	}
	h := outputHost(t, []string{"{}"}, "--prop", "target=stdout")
	if lines := outputLines(t, string(h.stderr)); len(lines) == 0 || !strings.Contains(lines[0], " version "+want+", ") {
		t.Errorf("the output: %q", lines)
	}
}
