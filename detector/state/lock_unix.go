//go:build unix

package state

import (
	"errors"
	"os"
	"syscall"
)

// tryLock takes the lock that bbolt takes, for one process or for many readers.
// ok is false if somebody else holds it.
func tryLock(f *os.File, shared bool) (ok bool, err error) {
	how := syscall.LOCK_EX | syscall.LOCK_NB
	if shared {
		how = syscall.LOCK_SH | syscall.LOCK_NB
	}
	for {
		switch err := syscall.Flock(int(f.Fd()), how); {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		default:
			return false, err
		}
	}
}

func isReadOnly(err error) bool { return errors.Is(err, syscall.EROFS) }
