// Package release checks what goes out: the tools that make it, and that anybody can
// make the same.
package release

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/test/nested"
)

const root = "../.."

// TestTools runs the tests of what makes images and bills of materials.
func TestTools(t *testing.T) { nested.Test(t, filepath.Join(root, "scripts/release")) }

// The same sources give the same bytes, wherever they lie.
func TestReproducible(t *testing.T) {
	if testing.Short() {
		t.Skip("short: builds twice")
	}
	build := func() string {
		sources, out := t.TempDir(), t.TempDir()
		for _, name := range []string{"plugin", "detector"} {
			require.NoError(t, os.CopyFS(filepath.Join(sources, name), os.DirFS(filepath.Join(root, name))))
		}
		for _, args := range [][]string{
			{"cp", root + "/go.mod", root + "/go.sum", sources},
			{"mkdir", sources + "/scripts"},
			{"cp", root + "/scripts/build.sh", sources + "/scripts"},
			{sources + "/scripts/build.sh", out},
		} {
			cmd := exec.Command(args[0], args[1:]...)
			cmd.Env = append(os.Environ(), "VERSION=v1.2.3", "COMMIT=0123456789ab")
			text, err := cmd.CombinedOutput()
			require.NoError(t, err, "%q: %s", args, text)
		}
		return out
	}
	text, err := exec.Command("diff", "-r", build(), build()).CombinedOutput()
	require.NoError(t, err, string(text))
}
