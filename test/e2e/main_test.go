// Package e2e runs the built library from outside: in the loader host of
// test/host, always, and in a real Fluent Bit where there is one (environment
// FLUENT_BIT, or fluent-bit on PATH).
package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// deadline bounds every run of a program. Reaching it is a failure.
const deadline = 90 * time.Second

// Built by TestMain from the sources as they are.
var (
	buildDir string
	pluginSO string
	outputSO string // the same file, as the output
	replay   string // the tool secretwatch
)

// What the build says of itself.
const (
	testVersion = "v0.0.0-e2e"
	testCommit  = "0123456789ab"
)

// generations of the host's interface; see test/host/build.sh.
var generations = []string{"v2", "v5"}

func hostBinary(generation string) string { return filepath.Join(buildDir, "host-"+generation) }

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "secretwatch-e2e")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		buildDir = dir
		pluginSO = filepath.Join(dir, "flb-filter_secretwatch.so")
		replay = filepath.Join(dir, "secretwatch")
		for _, args := range [][]string{
			{"../../scripts/build.sh", dir},
			{"../host/build.sh", dir},
		} {
			cmd := exec.Command(args[0], args[1:]...)
			cmd.Env = append(os.Environ(), "VERSION="+testVersion, "COMMIT="+testCommit)
			if out, err := cmd.CombinedOutput(); err != nil {
				fmt.Fprintf(os.Stderr, "%v: %v\n%s", args, err, out)
				return 1
			}
		}
		outputSO = filepath.Join(dir, "out_secretwatch.so")
		return m.Run()
	}())
}
