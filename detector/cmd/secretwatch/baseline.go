package main

import (
	"errors"
	"flag"
	"fmt"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/history"
	"github.com/secretwatch/secretwatch/plugin/config"
	"github.com/secretwatch/secretwatch/plugin/engine"
)

const baselineUsage = `Usage: secretwatch baseline --state FILE [flags] LOG...
       secretwatch baseline --redis-url URL --cluster NAME [flags] LOG...

Makes a history from old audit logs, for the property state_path or redis_url,
where there is none yet. A LOG is plain or gzip. The logs are read in the order of
the times of their events, whatever they hold is taken as habit, and nothing is
left to learn.

Use the flags with which the plugin is configured.
Exit codes: 0; 1 if a file or the server could not be used; 2 for a wrong command line.

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
	var at place
	if err == nil {
		at, err = placeOf(path, cfg)
	}
	switch {
	case err != nil:
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
	records := 0
	// Whether it can be made there is found out before the logs are read.
	err = at.create(func(emit history.Emit) error {
		if !b.Load() {
			return errors.New("nothing was learnt")
		}
		memory.Changes(true, func(table history.Table, key string, value []byte) {
			records++
			emit(table, key, value)
		})
		return nil
	})
	if err != nil {
		fmt.Fprintf(std.err, "secretwatch baseline: %v\n", err)
		return exitInput
	}
	fmt.Fprintf(std.err, "%d records in %s\n", records, at)
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
