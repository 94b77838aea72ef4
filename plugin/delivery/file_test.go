package delivery

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestFileRotation(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	f := OpenFile(path)
	defer f.Close()
	write := func(s string) {
		t.Helper()
		if _, err := f.Write([]byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	write("1\n")
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	os.Rename(path, path+".1")
	write("2\n")
	os.Remove(path)
	write("3\n")
	os.Truncate(path, 0) // logrotate's copytruncate
	write("4\n")
	if got := content(t, path+".1") + content(t, path); got != "1\n4\n" {
		t.Errorf("%q", got)
	}
	os.Rename(dir, dir+"x")
	defer os.RemoveAll(dir + "x")
	if _, err := f.Write([]byte("5\n")); err == nil {
		t.Error("written into a directory that is gone")
	}
	os.Rename(dir+"x", dir)
	write("6\n")
	if got := content(t, path); got != "4\n6\n" {
		t.Errorf("%q", got)
	}
	if err := f.Close(); err != nil || f.Close() != nil {
		t.Error(err)
	}
}

// A crash leaves a line cut short. The next one begins on a line of its own.
func TestFilePartialLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	os.WriteFile(path, []byte("{\"a\":1}\n{\"b\":"), 0o644)
	f := OpenFile(path)
	defer f.Close()
	for range 2 {
		if _, err := f.Write([]byte("{\"c\":3}\n")); err != nil {
			t.Fatal(err)
		}
	}
	if got := content(t, path); got != "{\"a\":1}\n{\"b\":\n{\"c\":3}\n{\"c\":3}\n" {
		t.Errorf("%q", got)
	}
}

// Nothing of a write that failed stays.
func TestFileFull(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full")
	}
	f := OpenFile("/dev/full")
	defer f.Close()
	if _, err := f.Write([]byte("1\n")); err == nil || !strings.Contains(err.Error(), "no space") {
		t.Error(err)
	}
}

// Several workers of several instances write into one file by whole chunks.
func TestFileShared(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			f := OpenFile(path)
			defer f.Close()
			for i := range 200 {
				if i%50 == w {
					os.Rename(path, fmt.Sprint(path, w, i))
				}
				text := strings.Repeat(fmt.Sprintln(w, i), 3)
				if _, err := f.Write([]byte(text)); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	wg.Wait()
	if len(files.open) != 0 {
		t.Error("files are left open")
	}
	seen := map[string]int{}
	all, _ := filepath.Glob(path + "*")
	for _, p := range all {
		for _, line := range strings.Split(strings.TrimSuffix(content(t, p), "\n"), "\n") {
			seen[line]++
		}
	}
	for line, n := range seen {
		if n != 3 {
			t.Errorf("%q %d times", line, n)
		}
	}
	if len(seen) != 800 {
		t.Errorf("%d lines", len(seen))
	}
}
