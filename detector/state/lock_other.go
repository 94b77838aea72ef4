//go:build !unix

package state

import "os"

// tryLock leaves locking to bbolt.
func tryLock(*os.File, bool) (ok bool, err error) { return true, nil }

func isReadOnly(error) bool { return false }
