// Package release checks what goes out: the tools that make it, and that anybody can
// make the same.
package release

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/test/nested"
)

const (
	root  = "../.."
	tools = root + "/scripts/release"
)

// TestTools runs the tests of what makes images and bills of materials.
func TestTools(t *testing.T) { nested.Test(t, tools) }

// command runs a program in dir to its end, with a clock for git that stands still.
func command(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(),
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_AUTHOR_DATE=2026-01-01T00:00:00Z",
		"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com", "GIT_COMMITTER_DATE=2026-01-01T00:00:00Z",
		"GIT_CONFIG_GLOBAL=/dev/null", "ARCHS="+runtime.GOARCH)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s %q: %s", name, args, out)
	return string(out)
}

// release commits a copy of the sources somewhere and releases that.
func release(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"plugin", "detector", "scripts", "conf"} {
		require.NoError(t, os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join(root, name))))
	}
	for _, name := range []string{".gitignore", "go.mod", "go.sum", "LICENSE", "Makefile", "README.md"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o644))
	}
	command(t, dir, "git", "init", "-q")
	command(t, dir, "git", "add", "-A")
	command(t, dir, "git", "commit", "-q", "-m", "all")
	command(t, dir, "make", "release", "VERSION=v1.2.3")
	return filepath.Join(dir, "build/release")
}

// A release is whole, and another one of the same commit is the same, wherever the
// sources lie.
func TestRelease(t *testing.T) {
	nested.Need(t, tools)
	dir := release(t)
	name := "secretwatch-v1.2.3-linux-" + runtime.GOARCH
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	require.Equal(t, []string{"SHA256SUMS", "secretwatch-v1.2.3-image.oci.tar", name + ".tar.gz", "secretwatch-v1.2.3.spdx.json"}, names)
	require.Equal(t, 3, strings.Count(command(t, dir, "sha256sum", "--check", "SHA256SUMS"), ": OK\n"))

	unpacked := t.TempDir()
	command(t, dir, "tar", "-xf", name+".tar.gz", "-C", unpacked)
	unpacked = filepath.Join(unpacked, name)
	require.Equal(t, "LICENSE\nREADME.md\nTHIRD-PARTY-LICENSES\nconf\nflb-filter_secretwatch.so\nout_secretwatch.so\nsecretwatch\n",
		command(t, unpacked, "ls"))
	link, err := os.Readlink(unpacked + "/out_secretwatch.so")
	require.NoError(t, err)
	require.Equal(t, "flb-filter_secretwatch.so", link)
	require.Contains(t, command(t, unpacked, "./secretwatch", "version"), "secretwatch v1.2.3 (")
	bill, err := os.ReadFile(dir + "/secretwatch-v1.2.3.spdx.json")
	require.NoError(t, err)
	sum, _, _ := strings.Cut(command(t, unpacked, "sha256sum", "flb-filter_secretwatch.so"), " ")
	require.Contains(t, string(bill), sum)

	command(t, dir, "diff", "-r", dir, release(t))
}
