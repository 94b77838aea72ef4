package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/history"
	"github.com/secretwatch/secretwatch/detector/state"
	"github.com/secretwatch/secretwatch/plugin/config"
	"github.com/secretwatch/secretwatch/plugin/engine"
)

const baselineUsage = `Usage: secretwatch baseline --state FILE [flags] LOG...

Makes a history from old audit logs, for the property state_path. A LOG is plain
or gzip. The logs are read in the order of the times of their events, whatever
they hold is taken as habit, and nothing is left to learn.

Use the flags with which the plugin is configured.
Exit codes: 0; 1 if a file could not be used; 2 for a wrong command line.

Flags:
`

func baselineCommand(args []string, std stdio) int {
	f := newFlags("baseline")
	cfg := config.Default()
	f.properties(cfg)
	path := ""
	f.set.Var(&value{flags: f, to: func(v string) error {
		path = v
		return nil
	}}, "state", "The file to make.")
	files, err := f.parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(std.out, baselineUsage)
		f.usage(std.out, 100)
		return exitOK
	}
	switch {
	case err != nil:
	case path == "":
		err = errors.New("no file; accepted: --state FILE")
	case len(files) == 0:
		err = errors.New("no logs; accepted: files, plain or gzip")
	}
	for _, name := range files {
		if name == "-" && err == nil {
			err = errors.New("standard input cannot be sorted by time; accepted: files, plain or gzip")
		}
	}
	if err != nil {
		fmt.Fprintf(std.err, "secretwatch baseline: %v\n", err)
		return exitUsage
	}
	memory := detector.NewMemory(cfg.Detector)
	memory.Track()
	log := &countingLog{errLog: errLog{std.err}}
	b := engine.Baseline{Config: cfg, Memory: memory, Log: log, Files: files}
	// The file is made first: it may be in use.
	err = state.Create(path, func(emit history.Emit) error {
		if !b.Load() {
			return errors.New("nothing was learnt")
		}
		memory.Changes(true, emit)
		return nil
	})
	if err != nil {
		fmt.Fprintf(std.err, "secretwatch baseline: %v\n", err)
		return exitInput
	}
	if info, err := os.Stat(path); err == nil {
		fmt.Fprintf(std.err, "%s made, %.1f MB\n", path, float64(info.Size())/1e6)
	}
	if log.warnings > 0 {
		return exitInput
	}
	return exitOK
}

// countingLog also writes what only informs, and counts what does not.
type countingLog struct {
	errLog
	warnings int
}

func (l *countingLog) Infof(format string, args ...any) { fmt.Fprintf(l.w, format+"\n", args...) }
func (l *countingLog) Warnf(format string, args ...any) {
	l.warnings++
	fmt.Fprintf(l.w, "secretwatch "+format+"\n", args...)
}
