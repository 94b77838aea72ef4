package main

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

const libraryName = "flb-filter_secretwatch.so"

func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// check fails unless dir holds the library with the content, the link, and nothing
// else.
func check(t *testing.T, dir, content string) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(dir, outputName))
	require.NoError(t, err)
	require.Equal(t, content, string(got))
	info, err := os.Lstat(filepath.Join(dir, libraryName))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o644), info.Mode())
	link, err := os.Readlink(filepath.Join(dir, outputName))
	require.NoError(t, err)
	require.Equal(t, libraryName, link)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 2)
}

func inode(t *testing.T, path string) uint64 {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Sys().(*syscall.Stat_t).Ino
}

func TestInstall(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	old := write(t, t.TempDir(), libraryName, "old")
	dir := t.TempDir()

	done, err := install(old, dir+"/")
	require.NoError(t, err)
	require.Contains(t, done, "copied to ")
	check(t, dir, "old")

	// Once more: nothing is touched.
	target := filepath.Join(dir, libraryName)
	before := inode(t, target)
	done, err = install(old, dir)
	require.NoError(t, err)
	require.Contains(t, done, "there already")
	require.Equal(t, before, inode(t, target))
	check(t, dir, "old")

	// A newer one takes its place; who has the old one open keeps it whole.
	running, err := os.Open(target)
	require.NoError(t, err)
	defer running.Close()
	newer := write(t, t.TempDir(), libraryName, "newer")
	_, err = install(newer, dir)
	require.NoError(t, err)
	check(t, dir, "newer")
	require.NotEqual(t, before, inode(t, target))
	b := make([]byte, 10)
	n, _ := running.Read(b)
	require.Equal(t, "old", string(b[:n]))
}

// Whatever was there before, what is needed is there after.
func TestInstallOver(t *testing.T) {
	source := write(t, t.TempDir(), libraryName, "library")
	f := func(before func(dir string)) {
		t.Helper()
		dir := t.TempDir()
		before(dir)
		_, err := install(source, dir)
		require.NoError(t, err)
		check(t, dir, "library")
	}
	f(func(dir string) { write(t, dir, outputName, "a copy, which would be a second Go runtime") })
	f(func(dir string) { require.NoError(t, os.Symlink("elsewhere", filepath.Join(dir, outputName))) })
	f(func(dir string) { require.NoError(t, os.Symlink("elsewhere", filepath.Join(dir, libraryName))) })
	f(func(dir string) { write(t, dir, libraryName, "library") }) // whole, but not for all to read
	f(func(dir string) { write(t, dir, temporary+libraryName, "half a li") })
}

func TestInstallFails(t *testing.T) {
	source := write(t, t.TempDir(), libraryName, "library")
	f := func(want, source, dir string) {
		t.Helper()
		_, err := install(source, dir)
		require.ErrorContains(t, err, want)
	}
	f("a volume has to be mounted there", source, filepath.Join(t.TempDir(), "none"))
	f("is no directory", source, source)
	f("no such file", filepath.Join(t.TempDir(), libraryName), t.TempDir())

	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, libraryName), 0o755))
	f("file exists", source, dir)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "a temporary file was left")

	if os.Getuid() != 0 {
		dir := t.TempDir()
		require.NoError(t, os.Chmod(dir, 0o555))
		f("may not write there", source, dir)
	}
}

// Several at once into one directory get in each other's way in no other sense than
// that the last one wins.
func TestInstallConcurrently(t *testing.T) {
	dir := t.TempDir()
	content := strings.Repeat("x", 1<<20)
	var wait sync.WaitGroup
	for range 8 {
		source := write(t, t.TempDir(), libraryName, content)
		wait.Add(1)
		go func() {
			defer wait.Done()
			if _, err := install(source, dir); err != nil {
				t.Error(err)
			}
		}()
	}
	wait.Wait()
	check(t, dir, content)
}
