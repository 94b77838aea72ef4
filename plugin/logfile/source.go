// Package logfile reads audit logs from files: lines, plain or gzip, as records.
package logfile

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

// MaxLine is the longest line that is read, in bytes.
const MaxLine = 64 << 20

// Source reads the lines of one file. Not safe for concurrent use.
type Source struct {
	Name   string // for messages
	Line   int    // number of the last line that was read
	r      *bufio.Reader
	closed []io.Closer
}

// Open opens a file, or standard input if name is "-". Compression is told by
// content, not by name. Errors name the file.
func Open(name string, stdin io.Reader) (*Source, error) {
	s := &Source{Name: name}
	raw := stdin
	if name == "-" {
		s.Name = "standard input"
	} else {
		f, err := os.Open(name)
		if err != nil {
			return nil, s.Describe(err)
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
			s.Close()
			return nil, s.Describe(err)
		}
		s.r = bufio.NewReaderSize(z, 256<<10)
	}
	return s, nil
}

// Close gives the file back.
func (s *Source) Close() {
	for _, c := range s.closed {
		c.Close()
	}
}

// ErrTooLong says that a line was left out.
var ErrTooLong = errors.New("line too long")

// Next appends the next line, without its newline, to dst. last tells that it
// had none. At the end it returns io.EOF and nothing else; ErrTooLong stands for
// one line, other errors for the rest of the file.
func (s *Source) Next(dst []byte) (line []byte, last bool, err error) {
	from, tooLong := len(dst), false
	for {
		part, err := s.r.ReadSlice('\n')
		if !tooLong {
			dst = append(dst, part...)
			if len(dst)-from > MaxLine+1 {
				dst, tooLong = dst[:from], true
			}
		}
		switch {
		case err == nil:
			s.Line++
			if tooLong {
				return dst, false, ErrTooLong
			}
			return dst[:len(dst)-1], false, nil
		case err == bufio.ErrBufferFull:
		case err == io.EOF && tooLong:
			s.Line++
			return dst, true, ErrTooLong
		case err == io.EOF && len(dst) > from:
			s.Line++
			return dst, true, nil
		default:
			return dst[:from], true, err
		}
	}
}

// Buffered is the number of bytes that can be read without waiting.
func (s *Source) Buffered() int { return s.r.Buffered() }

// Describe makes a sentence of an error of reading.
func (s *Source) Describe(err error) error {
	var path *fs.PathError
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s does not exist", s.Name)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s may not be read: permission denied", s.Name)
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &corrupt):
		return fmt.Errorf("%s is damaged gzip, what follows line %d is lost: %w", s.Name, s.Line, err)
	case errors.As(err, &path):
		return fmt.Errorf("%s cannot be read: %w", s.Name, path.Err)
	}
	return fmt.Errorf("%s cannot be read: %w", s.Name, err)
}
