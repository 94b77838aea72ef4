package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/secretwatch/secretwatch/plugin/chunk"
	"github.com/secretwatch/secretwatch/plugin/config"
	"github.com/secretwatch/secretwatch/plugin/engine"
	"github.com/secretwatch/secretwatch/plugin/logfile"
	"github.com/secretwatch/secretwatch/plugin/pipeline"
)

const replayUsage = `Usage: secretwatch replay [flags] FILE...

Judges the events of audit logs in the order in which they stand, with one
history for all files. A FILE is plain or gzip; - is standard input. A line is an
audit event, or a record of a log pipeline that holds one. Other lines are passed
over.

Findings or records go to standard output, a summary to standard error.
Exit codes: 0; 1 if some input could not be read; 2 for a wrong command line.

Flags:
`

// replayer is one run of the command.
type replayer struct {
	cfg      *config.Config
	pipe     *pipeline.Pipeline
	rec      *recorder
	make     logfile.Records
	table    *table        // nil for records as JSON
	out      *bufio.Writer // records as JSON
	stream   bool          // show findings as they come
	progress *progress
	records  int
	oddLines int // lines that were left out
	now      func() time.Time
	result   []byte // of the last chunk
	tagged   []byte // scratch
}

func replay(args []string, std stdio) int {
	f := newFlags("replay")
	cfg := config.Default()
	f.properties(cfg)
	output := f.oneOf("output", "What to write: a table of findings, or each record as the filter would deliver it, one a line.", "findings", "json")
	all := f.yes("all", "Also show repeats, not only the first of equal findings.")
	files, err := f.parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(std.out, replayUsage)
		width := terminalWidth(std.out)
		if width == 0 {
			width = 100
		}
		f.usage(std.out, width)
		return exitOK
	}
	if err == nil && len(files) == 0 {
		err = errors.New("no input; accepted: files, plain or gzip, and - for standard input")
	}
	if err == nil && !cfg.Redis.None() {
		err = errors.New("flag --redis-url: a replay is not for a history that others share; accepted: --state-path")
	}
	if err != nil {
		fmt.Fprintf(std.err, "secretwatch replay: %v\n", err)
		return exitUsage
	}
	judge, err := engine.Open(cfg, errLog{std.err})
	if err != nil {
		fmt.Fprintf(std.err, "secretwatch replay: %v\n", err)
		return exitUsage
	}
	defer judge.Close() // again, after an error
	r := &replayer{
		cfg:      cfg,
		rec:      &recorder{judge: judge, all: *all, keep: *output == "findings", byRule: map[string]int{}},
		make:     logfile.Records{Key: cfg.Key},
		out:      bufio.NewWriterSize(std.out, 256<<10),
		progress: newProgress(std.err),
		now:      time.Now,
	}
	if r.make.Key == "" {
		r.make.Key = "log"
	}
	// The fields of ECS do not fit beside those of an event.
	r.make.Structured = cfg.Format == "ecs"
	if r.pipe, err = pipeline.New(pipeline.OptionsOf(cfg, r.rec), errLog{std.err}); err != nil {
		fmt.Fprintf(std.err, "secretwatch replay: %v\n", err)
		return exitUsage
	}
	defer r.pipe.Close()
	if *output == "findings" {
		r.table = &table{w: r.out, width: terminalWidth(std.out)}
	}
	started, code := r.now(), exitOK
	for _, name := range files {
		r.stream = name == "-"
		if err := r.file(name, std); err != nil {
			r.progress.clear()
			fmt.Fprintf(std.err, "secretwatch replay: %v\n", err)
			code = exitInput
		}
	}
	r.progress.clear()
	if err := r.flush(); err != nil {
		fmt.Fprintf(std.err, "secretwatch replay: cannot write: %v\n", err)
		return exitInput
	}
	if err := judge.Close(); err != nil {
		fmt.Fprintf(std.err, "secretwatch replay: %v\n", err)
		code = exitInput
	}
	r.summary(std.err, r.now().Sub(started))
	return code
}

// file replays one file. What was read before an error has been judged.
func (r *replayer) file(name string, std stdio) error {
	s, err := logfile.Open(name, std.in)
	if err != nil {
		return err
	}
	defer s.Close()
	var b batch
	var failed error
	for failed == nil {
		from := len(b.text)
		text, last, err := s.Next(b.text)
		b.text = text
		switch {
		case err == nil:
			b.add(&r.make, from, last, r.now().UnixNano())
		case errors.Is(err, logfile.ErrTooLong):
			r.oddLines++
			r.progress.clear()
			fmt.Fprintf(std.err, "secretwatch replay: %s: line %d is left out, it is longer than 64 MB\n", s.Name, s.Line)
		default:
			failed = err
		}
		// Standard input may be a live log: nothing waits for more lines.
		if failed != nil || b.full() || r.stream && s.Buffered() == 0 {
			if err := r.process(&b); err != nil {
				return fmt.Errorf("cannot write: %w", err)
			}
			b.reset()
		}
	}
	if failed == io.EOF {
		return nil
	}
	return s.Describe(failed)
}

// process judges a batch and writes what it gives.
func (r *replayer) process(b *batch) error {
	if len(b.lines) == 0 {
		return nil
	}
	if r.table == nil {
		if err := r.writeRecords(b); err != nil {
			return err
		}
	} else {
		r.pipe.Process(b.chunk, r.alloc)
	}
	r.records += len(b.lines)
	r.progress.show(r.records, b.size, r.pipe)
	const page = 100000
	if r.stream || r.table != nil && len(r.rec.findings) > page {
		return r.flush()
	}
	return nil
}

// alloc provides memory for one chunk, valid until the next.
func (r *replayer) alloc(n int) []byte {
	if cap(r.result) < n {
		r.result = make([]byte, n)
	}
	return r.result[:n]
}

// writeRecords judges the lines of a batch one by one and writes them. A line
// whose record stays as it is stays so too; one that is a list of events becomes
// several.
func (r *replayer) writeRecords(b *batch) error {
	at := 0
	for _, l := range b.lines {
		in, err := chunk.Next(b.chunk, at)
		if err != nil {
			return err
		}
		at = in.End
		text := b.text[l.from:l.to]
		record := b.chunk[in.Start:in.End]
		out, modified := r.pipe.Process(record, r.alloc)
		if !modified {
			if err := r.writeLine(text, l.last); err != nil {
				return err
			}
			continue
		}
		was := chunk.Read(record, chunk.Span{End: len(record)}).Body
		for from := 0; from < len(out); {
			is, err := chunk.Next(out, from)
			if err != nil {
				return err
			}
			from = is.End
			r.tagged = r.appendRecord(r.tagged[:0], text, was, chunk.Read(out, is).Body)
			if err := r.writeLine(r.tagged, l.last && from == len(out)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *replayer) writeLine(text []byte, last bool) error {
	_, err := r.out.Write(text)
	if err == nil && !last {
		err = r.out.WriteByte('\n')
	}
	return err
}

// flush writes what is held back.
func (r *replayer) flush() error {
	if r.table != nil {
		r.progress.clear()
		if err := r.table.write(r.rec.findings); err != nil {
			return err
		}
		r.rec.findings = r.rec.findings[:0]
	}
	return r.out.Flush()
}

// errLog writes the pipeline's warnings and errors to standard error.
type errLog struct{ w io.Writer }

func (l errLog) Errorf(format string, args ...any) {
	fmt.Fprintf(l.w, "secretwatch replay: "+format+"\n", args...)
}
func (l errLog) Warnf(format string, args ...any) { l.Errorf(format, args...) }
func (l errLog) Infof(string, ...any)             {}
func (l errLog) Debugf(string, ...any)            {}
