package state

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// tmpfs mounts a small file system, or skips the test.
func tmpfs(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("no tmpfs can be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, 0) })
	return dir
}

func TestDiskFull(t *testing.T) {
	dir := tmpfs(t, "300k")
	path := filepath.Join(dir, "state.db")
	h, j := start(t, path)
	read1(t, h, "alice", "db", now)
	require.NoError(t, h.Flush())
	filler := filepath.Join(dir, "filler")
	full, err := os.Create(filler)
	require.NoError(t, err)
	_, err = io.Copy(full, zeros{})
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, full.Close())
	for i := range 200 {
		read1(t, h, fmt.Sprint("user", i), "db", now)
	}
	require.ErrorIs(t, h.Flush(), syscall.ENOSPC)
	require.ErrorIs(t, h.Flush(), syscall.ENOSPC)
	require.Len(t, j.warnings(), 1)
	require.True(t, holds(path, "alice"), "what was written before is still there")
	require.NoError(t, os.Remove(filler))
	require.NoError(t, h.Flush())
	require.Contains(t, strings.Join(j.lines, "\n"), "written again")
	require.True(t, holds(path, "user199"))
	require.NoError(t, h.Close())

	// No room for the file at all.
	require.NoError(t, os.Remove(path))
	full, err = os.Create(filler)
	require.NoError(t, err)
	_, _ = io.Copy(full, zeros{})
	require.NoError(t, full.Close())
	h, j = start(t, path)
	require.Len(t, j.warnings(), 1)
	read1(t, h, "bob", "db", now)
	require.NoError(t, os.Remove(filler))
	require.NoError(t, h.Close())
	require.True(t, holds(path, "bob"))
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestReadOnlyDisk(t *testing.T) {
	dir := tmpfs(t, "4m")
	path := filepath.Join(dir, "state.db")
	sample(t, path, 20)
	remount := func(flags uintptr) {
		t.Helper()
		require.NoError(t, syscall.Mount("none", dir, "tmpfs", syscall.MS_REMOUNT|flags, ""))
	}
	remount(syscall.MS_RDONLY)
	h, j := start(t, path)
	require.Len(t, j.warnings(), 1)
	require.False(t, read1(t, h, "user3", "db", now+1), "what can be read is read")
	require.True(t, read1(t, h, "alice", "db", now+1))
	require.Error(t, h.Flush())
	require.Empty(t, j.warnings())
	remount(0)
	require.NoError(t, h.Flush())
	require.True(t, holds(path, "alice"))
	require.True(t, holds(path, "user3"))
	require.NoError(t, h.Close())
	remount(syscall.MS_RDONLY)

	// A damaged one cannot be set aside here.
	require.NoError(t, syscall.Mount("none", dir, "tmpfs", syscall.MS_REMOUNT, ""))
	require.NoError(t, os.Truncate(path, 9000))
	remount(syscall.MS_RDONLY)
	h, j = start(t, path)
	require.Len(t, j.warnings(), 1)
	require.True(t, read1(t, h, "alice", "db", now+1))
	h.Close()
	remount(0)
}
