package delivery

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
)

// File appends to a file that others may rotate: if the path leads to another
// file, or to none, it is opened anew. Whoever truncates it instead is fine as
// well. What Write wrote has reached the operating system, not yet the disk.
// Files of the same path in one process are one. Safe for concurrent use.
type File struct {
	shared *sharedFile
	once   sync.Once
}

// files are the open files by path: writers of one file must take turns.
var files = struct {
	sync.Mutex
	open map[string]*sharedFile
}{open: map[string]*sharedFile{}}

type sharedFile struct {
	path  string
	users int // guarded by files

	mu sync.Mutex
	f  *os.File // nil until it is needed
	// partial says that the file ends within a line, which a crash or a full disk
	// has left.
	partial bool
}

// OpenFile returns the file for appending to path. It need not exist yet.
func OpenFile(path string) *File {
	files.Lock()
	defer files.Unlock()
	s := files.open[path]
	if s == nil {
		s = &sharedFile{path: path}
		files.open[path] = s
	}
	s.users++
	return &File{shared: s}
}

// Write appends b, which must be whole lines. If it fails the file is as it was,
// or ends in a line cut short, to which nothing will be added.
func (f *File) Write(b []byte) (int, error) { return f.shared.write(b) }

// Close may be called more than once.
func (f *File) Close() (err error) {
	f.once.Do(func() {
		s := f.shared
		files.Lock()
		defer files.Unlock()
		if s.users--; s.users > 0 {
			return
		}
		delete(files.open, s.path)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.f != nil {
			err = s.f.Close()
			s.f = nil
		}
	})
	return err
}

func (s *sharedFile) write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.reopen(); err != nil {
		return 0, err
	}
	before, err := s.f.Stat()
	if err != nil {
		return 0, err
	}
	if s.partial {
		if _, err := s.f.Write([]byte("\n")); err != nil {
			return 0, err
		}
		s.partial = false
	}
	n, err := s.f.Write(b)
	if err != nil && n > 0 {
		// Nobody else writes; if it cannot be undone, what is there is a partial
		// line.
		if s.f.Truncate(before.Size()) == nil {
			n = 0
		} else {
			s.partial = true
		}
	}
	return n, err
}

// reopen makes s.f the file that the path leads to.
func (s *sharedFile) reopen() error {
	there, err := os.Stat(s.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if s.f != nil {
		if err == nil {
			if mine, err := s.f.Stat(); err == nil && os.SameFile(mine, there) {
				return nil
			}
		}
		s.f.Close()
		s.f = nil
	}
	// Records of audit logs are nobody else's business.
	f, err := os.OpenFile(s.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if s.partial, err = endsWithin(f); err != nil {
		f.Close()
		return fmt.Errorf("%s: %w", s.path, err)
	}
	s.f = f
	return nil
}

// endsWithin reports whether a file ends without the end of a line.
func endsWithin(f *os.File) (bool, error) {
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() || info.Size() == 0 {
		return false, nil
	}
	var last [1]byte
	if _, err := f.ReadAt(last[:], info.Size()-1); err != nil && err != io.EOF {
		return false, err
	}
	return last[0] != '\n', nil
}
