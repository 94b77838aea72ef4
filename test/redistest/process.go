package redistest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// process is a running server program. It leads a process group of its own, and
// the kernel kills it if this process dies.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has been waited for
}

// startProcess runs a program with its output appended to the file log.
func startProcess(log, program string, args ...string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close() // the child has its own
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = attributes()
	if err := fork(cmd); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(p.ended)
	}()
	return p, nil
}

// running says whether the program has not ended.
func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// kill kills the process group and waits until the program has ended.
func (p *process) kill() error {
	if p.running() {
		err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		if err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("kill process group %d: %w", p.cmd.Process.Pid, err)
		}
	}
	<-p.ended
	return nil
}

// freeze stops the program where it is and returns when it has stopped.
func (p *process) freeze() error {
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	return awaitStopped(p.cmd.Process.Pid)
}

// thaw lets a frozen program go on.
func (p *process) thaw() error {
	return p.cmd.Process.Signal(syscall.SIGCONT)
}

var (
	forker sync.Once
	forks  = make(chan func())
)

// fork starts a command from a thread that lives as long as this process: a
// parent-death signal is sent when the thread that forked ends, and a goroutine
// that ends while locked to its thread ends that too.
func fork(cmd *exec.Cmd) error {
	forker.Do(func() {
		go func() {
			runtime.LockOSThread()
			for f := range forks {
				f()
			}
		}()
	})
	done := make(chan error)
	forks <- func() { done <- cmd.Start() }
	return <-done
}
