package main

import (
	"bufio"
	"fmt"
	"os"
	"time"
)

// growing is a log that is written while a process reads it, a line at a time, as an
// API server that is not busy does it.
type growing struct {
	path  string
	lines [][]byte
}

// grow takes the first lines of a log for one that grows at path. It reads no more
// than them: what this process needs at most would count as a peak of those it runs.
func grow(path, log string) (*growing, error) {
	f, err := os.Open(log)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	g := &growing{path: path}
	for r := bufio.NewReader(f); len(g.lines) < *rate**seconds; {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return nil, fmt.Errorf("%s has %d lines: %w", log, len(g.lines), err)
		}
		g.lines = append(g.lines, line)
	}
	return g, os.WriteFile(path, nil, 0o644)
}

// write writes the log, after a second in which the process that reads it may start,
// and a second before it is to end.
func (g *growing) write() error {
	f, err := os.Create(g.path)
	if err != nil {
		return err
	}
	defer f.Close()
	time.Sleep(time.Second)
	every := time.NewTicker(time.Second / time.Duration(*rate))
	defer every.Stop()
	for _, line := range g.lines {
		<-every.C
		if _, err := f.Write(line); err != nil {
			return err
		}
	}
	time.Sleep(time.Second)
	return nil
}
