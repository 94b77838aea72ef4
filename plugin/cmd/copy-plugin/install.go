package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// outputName is the name under which Fluent Bit's Go proxy takes the library for an
// output. A link, because a second file would be a second Go runtime.
const outputName = "out_secretwatch.so"

// temporary begins the names of files that are not whole yet.
const temporary = ".secretwatch-"

// install copies the library in file source to dir and makes the link beside it.
// What is there already and the same stays untouched. What differs is replaced by
// renaming, never written over: a Fluent Bit that runs has it mapped, and would
// crash. done says in words what was done.
func install(source, dir string) (done string, err error) {
	lock, err := os.Open(dir)
	if err != nil {
		return "", fmt.Errorf("%s cannot be opened; a volume has to be mounted there: %w", dir, err)
	}
	defer lock.Close()
	// Nobody else removes our temporary files, nor we theirs.
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", fmt.Errorf("%s cannot be locked: %w", dir, err)
	}
	if info, err := lock.Stat(); err != nil || !info.IsDir() {
		return "", fmt.Errorf("%s is no directory", dir)
	}
	leftovers, err := filepath.Glob(filepath.Join(dir, temporary+"*"))
	if err != nil {
		return "", err
	}
	for _, name := range leftovers {
		if err := os.Remove(name); err != nil {
			return "", fmt.Errorf("what an earlier run left cannot be removed: %w", err)
		}
	}

	target := filepath.Join(dir, filepath.Base(source))
	same, err := equal(source, target)
	if err != nil {
		return "", err
	}
	if !same {
		if err := replace(target, func(name string) error { return copyFile(source, name) }); err != nil {
			return "", err
		}
	}
	link := filepath.Join(dir, outputName)
	linked := pointsTo(link, filepath.Base(target))
	if !linked {
		if err := replace(link, func(name string) error { return os.Symlink(filepath.Base(target), name) }); err != nil {
			return "", err
		}
	}
	if err := lock.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return "", err
	}
	if same && linked {
		return fmt.Sprintf("%s and %s are there already", target, outputName), nil
	}
	return fmt.Sprintf("copied to %s, with the link %s", target, outputName), nil
}

// replace lets create make a file of another name in the same directory, and gives
// it the name target in one step.
func replace(target string, create func(name string) error) error {
	name := filepath.Join(filepath.Dir(target), temporary+filepath.Base(target))
	err := create(name)
	if err == nil {
		err = os.Rename(name, target)
	}
	if err == nil {
		return nil
	}
	os.Remove(name)
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("user %d, group %d may not write there; set fsGroup, or runAsUser to the owner: %w", os.Getuid(), os.Getgid(), err)
	}
	return err
}

// copyFile writes a copy that everybody may read, down to the disk.
func copyFile(source, name string) error {
	in, err := os.Open(source)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	// Whatever the umask.
	return errors.Join(err, out.Chmod(0o644), out.Sync(), out.Close())
}

// equal reports whether both files hold the same. A b that is not there, or no
// file, does not.
func equal(a, b string) (bool, error) {
	info, err := os.Lstat(b)
	if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o444 != 0o444 {
		return false, nil
	}
	contentA, err := os.ReadFile(a)
	if err != nil {
		return false, err
	}
	contentB, err := os.ReadFile(b)
	return err == nil && bytes.Equal(contentA, contentB), nil
}

// pointsTo reports whether name is a symbolic link to target.
func pointsTo(name, target string) bool {
	got, err := os.Readlink(name)
	return err == nil && got == target
}
