package e2e

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"testing"
	"time"
)

// result of a program.
type result struct {
	stdout, stderr []byte
	code           int
}

// run runs a program to its end and fails if that takes too long or a signal
// ended it.
func run(t *testing.T, stdin []byte, name string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	// A child that went its own way may hold the pipes after the program ended.
	cmd.WaitDelay = 10 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() < 0) {
		t.Fatalf("%s %q: %v\n%s", name, args, err, tail(stderr.Bytes()))
	}
	return result{stdout.Bytes(), stderr.Bytes(), cmd.ProcessState.ExitCode()}
}

// tail returns the end of a log, for messages.
func tail(log []byte) []byte { return log[max(0, len(log)-3000):] }
