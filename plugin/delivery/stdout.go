package delivery

import (
	"io"
	"os"
	"sync"
	"syscall"
)

// standardOutput is a copy of descriptor 1: Go ends the process when a pipe
// behind the original breaks, which is not ours to end.
type standardOutput struct {
	mu *sync.Mutex // of all copies
	f  *os.File
}

var writingStdout sync.Mutex

// OpenStdout returns a writer to the standard output, in which writes of several
// callers do not mix.
func OpenStdout() (io.WriteCloser, error) {
	fd, err := syscall.Dup(1)
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	syscall.CloseOnExec(fd)
	return &standardOutput{&writingStdout, os.NewFile(uintptr(fd), "standard output")}, nil
}

func (s *standardOutput) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.f.Write(b)
}

func (s *standardOutput) Close() error { return s.f.Close() }
