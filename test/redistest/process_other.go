//go:build unix && !linux

package redistest

import "syscall"

// attributes: there is no parent-death signal outside Linux, so a server outlives
// a test process that is killed.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// awaitStopped does not wait: the signal takes effect a moment later.
func awaitStopped(int) error {
	return nil
}
