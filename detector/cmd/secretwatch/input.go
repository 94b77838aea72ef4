package main

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// maxLine is the longest line that is read, in bytes.
const maxLine = 64 << 20

// source reads the lines of one file.
type source struct {
	name   string
	r      *bufio.Reader
	line   int // number of the last line that was read
	closed []io.Closer
}

// open opens a file, or standard input if name is "-". Compression is told by
// content, not by name. Errors name the file.
func open(name string, stdin io.Reader) (*source, error) {
	s := &source{name: name}
	raw := stdin
	if name == "-" {
		s.name = "standard input"
	} else {
		f, err := os.Open(name)
		if err != nil {
			return nil, s.describe(err)
		}
		if info, err := f.Stat(); err == nil && info.IsDir() {
			f.Close()
			return nil, fmt.Errorf("%s is a directory; accepted: files, plain or gzip, and - for standard input", name)
		}
		raw, s.closed = f, append(s.closed, f)
	}
	s.r = bufio.NewReaderSize(raw, 256<<10)
	if head, _ := s.r.Peek(2); len(head) == 2 && head[0] == 0x1f && head[1] == 0x8b {
		z, err := gzip.NewReader(s.r)
		if err != nil {
			s.close()
			return nil, s.describe(err)
		}
		s.r = bufio.NewReaderSize(z, 256<<10)
	}
	return s, nil
}

func (s *source) close() {
	for _, c := range s.closed {
		c.Close()
	}
}

// errTooLong says that a line was left out.
var errTooLong = errors.New("line too long")

// next appends the next line, without its newline, to dst. last tells that it
// had none. At the end it returns io.EOF and nothing else; errTooLong stands for
// one line, other errors for the rest of the file.
func (s *source) next(dst []byte) (line []byte, last bool, err error) {
	from, tooLong := len(dst), false
	for {
		part, err := s.r.ReadSlice('\n')
		if !tooLong {
			dst = append(dst, part...)
			if len(dst)-from > maxLine+1 {
				dst, tooLong = dst[:from], true
			}
		}
		switch {
		case err == nil:
			s.line++
			if tooLong {
				return dst, false, errTooLong
			}
			return dst[:len(dst)-1], false, nil
		case err == bufio.ErrBufferFull:
		case err == io.EOF && tooLong:
			s.line++
			return dst, true, errTooLong
		case err == io.EOF && len(dst) > from:
			s.line++
			return dst, true, nil
		default:
			return dst[:from], true, err
		}
	}
}

// describe makes a sentence of an error of reading.
func (s *source) describe(err error) error {
	var path *fs.PathError
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s does not exist", s.name)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s may not be read: permission denied", s.name)
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &corrupt):
		return fmt.Errorf("%s is damaged gzip, what follows line %d is lost: %w", s.name, s.line, err)
	case errors.As(err, &path):
		return fmt.Errorf("%s cannot be read: %w", s.name, path.Err)
	}
	return fmt.Errorf("%s cannot be read: %w", s.name, err)
}
