// Package cputime tells benchmarks how long the processor worked for them. On a
// machine that has other things to do that changes less than the time by the clock.
package cputime

import (
	"syscall"
	"time"
)

// Used is the processor time, user and system, that this process took so far, with
// all its threads.
func Used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it can only fail for bad arguments
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
