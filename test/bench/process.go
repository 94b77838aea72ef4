package main

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"
)

// usage is what a process took.
type usage struct {
	cpu  time.Duration // user and system
	peak float64       // resident memory at most, in MB
}

// measure runs a candidate to its end. Its output only shows in errors.
func measure(c *candidate) (usage, error) {
	cmd := exec.Command(c.args[0], c.args[1:]...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = nil, &log
	err := cmd.Start()
	if err == nil && c.log != nil {
		err = errors.Join(c.log.write(), cmd.Process.Signal(syscall.SIGTERM))
	}
	if err = errors.Join(err, cmd.Wait()); err != nil {
		return usage{}, fmt.Errorf("%s: %w\n%s", cmd, err, log.Bytes())
	}
	u := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return usage{
		cpu:  time.Duration(u.Utime.Nano() + u.Stime.Nano()),
		peak: float64(u.Maxrss) / 1024, // Linux counts in KB
	}, nil
}

// candidate is a command that is compared with others. It ends by itself unless it
// reads a log that grows.
type candidate struct {
	args []string
	log  *growing
	took []usage
}

// inTurns runs the candidates one after the other, over and over, and a first
// time without counting.
func inTurns(all []*candidate) error {
	for i := 0; i <= *runs; i++ {
		for _, c := range all {
			u, err := measure(c)
			if err != nil {
				return err
			}
			if i > 0 {
				c.took = append(c.took, u)
			}
		}
	}
	return nil
}

// of returns the median over the turns of what f makes of the runs of one turn.
func of(f func(turn int) float64) float64 {
	var all []float64
	for i := range *runs {
		all = append(all, f(i))
	}
	return median(all)
}

func (c *candidate) seconds(turn int) float64 { return c.took[turn].cpu.Seconds() }

func (c *candidate) median() float64 { return of(c.seconds) }
