package main

import (
	"bufio"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/secretwatch/secretwatch/test/gen"
)

//go:embed rules.lua
var rulesLua string

//go:embed read_text.lua
var readText string

//go:embed read_fields.lua
var readFields string

type bench struct {
	dir          string // for files
	plugin, host string // paths
}

// log writes a log with a share of accesses to secrets, and returns its path.
func (b *bench) log(secrets float64) (string, error) {
	cfg := gen.DefaultConfig(1)
	cfg.Events, cfg.Secrets = *events, secrets
	path := filepath.Join(b.dir, fmt.Sprintf("audit-%g.log", secrets))
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	g := gen.New(cfg)
	for line := g.Next(); line != nil; line = g.Next() {
		_, _ = w.Write(line) // the first error is kept for Flush
		_ = w.WriteByte('\n')
	}
	return path, w.Flush()
}

// pipeline is a configuration: tail to null with what is given between them.
const pipeline = `service:
  grace: 1
  log_level: error
  parsers_file: %[1]s
pipeline:
  inputs:
    - name: tail
      tag: audit
      path: %[2]s
      read_from_head: true
      exit_on_eof: %[3]t
%[4]s
  outputs:
    - name: "null"
      match: "*"
`

// fluentBits compares whole processes of each Fluent Bit there is.
func (b *bench) fluentBits() ([]row, error) {
	names := filepath.SplitList(os.Getenv("FLUENT_BIT"))
	if len(names) == 0 {
		names = []string{"fluent-bit"}
	}
	var rows []row
	for _, name := range names {
		binary, err := exec.LookPath(name)
		if err != nil {
			fmt.Fprintf(os.Stderr, "bench: %v: FLUENT_BIT names one or several, like PATH, or fluent-bit is on PATH\n", err)
			continue
		}
		version, err := exec.Command(binary, "--version").Output()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", binary, err)
		}
		more, err := b.fluentBit(binary)
		if err != nil {
			return nil, err
		}
		title, _, _ := strings.Cut(string(version), "\n")
		for i := range more {
			more[i].what = title + ": " + more[i].what
		}
		rows = append(rows, more...)
	}
	return rows, nil
}

// fluentBit compares whole processes that read a log from its head to its end.
func (b *bench) fluentBit(binary string) ([]row, error) {
	few, err := b.log(0.02)
	if err != nil {
		return nil, err
	}
	many, err := b.log(0.2)
	if err != nil {
		return nil, err
	}
	parsers := filepath.Join(b.dir, "parsers.conf")
	if err := os.WriteFile(parsers, []byte("[PARSER]\n    Name json\n    Format json\n"), 0o644); err != nil {
		return nil, err
	}
	const filter = "  filters:\n    - name: secretwatch\n      match: \"*\"\n"
	growing, err := grow(filepath.Join(b.dir, "growing.log"), few)
	if err != nil {
		return nil, err
	}
	configs, follow := 0, false
	with := func(log, between string, load ...string) *candidate {
		configs++
		path := filepath.Join(b.dir, fmt.Sprintf("%d.yaml", configs))
		if err == nil {
			err = os.WriteFile(path, fmt.Appendf(nil, pipeline, parsers, log, !follow, between), 0o644)
		}
		return &candidate{args: append([]string{binary, "-q", "-c", path}, load...)}
	}
	plugin := []string{"-e", b.plugin}
	plain, ours := with(few, ""), with(few, filter, plugin...)
	// By itself tail reads faster than the output flushes: what memory is compared
	// by may not hold the log.
	const bounded = "      mem_buf_limit: 32M\n"
	small, smallOurs := with(few, bounded), with(few, bounded+filter, plugin...)
	plainMany, oursMany := with(many, ""), with(many, filter, plugin...)
	parsed, parsedOurs := with(few, "      parser: json\n"), with(few, "      parser: json\n"+filter, plugin...)
	lua := func(name, read string) string {
		path := filepath.Join(b.dir, name)
		if err == nil {
			err = os.WriteFile(path, []byte(read+rulesLua), 0o644)
		}
		return "  filters:\n    - name: lua\n      match: \"*\"\n      call: judge\n      script: " + path + "\n"
	}
	scripted := with(few, lua("text.lua", readText))
	parsedScripted := with(few, "      parser: json\n"+lua("fields.lua", readFields))
	follow = true
	followed, followedOurs := with(growing.path, ""), with(growing.path, filter, plugin...)
	followed.log, followedOurs.log = growing, growing
	if err != nil {
		return nil, err
	}
	if err := inTurns([]*candidate{plain, ours, scripted, plainMany, oursMany, parsed, parsedOurs, parsedScripted, small, smallOurs, followed, followedOurs}); err != nil {
		return nil, err
	}

	// Microseconds an event that b takes more than a.
	added := func(a, b *candidate) float64 {
		return of(func(i int) float64 { return b.seconds(i) - a.seconds(i) }) / float64(*events) * 1e6
	}
	ratio := func(what, limit string, a, b *candidate) row {
		return row{
			what:  what,
			ratio: fmt.Sprintf("%.2f x", of(func(i int) float64 { return b.seconds(i) / a.seconds(i) })),
			limit: limit,
			notes: fmt.Sprintf("%.2f s to %.2f s of CPU for %d events, %.2f µs an event more", a.median(), b.median(), *events, added(a, b)),
		}
	}
	times := func(what string, lua, ours float64) row {
		return row{
			what:  what,
			ratio: fmt.Sprintf("%.0f x", lua/max(ours, 0.001)),
			limit: "at least 25 x",
			notes: fmt.Sprintf("%.2f µs and %.3f µs an event", lua, ours),
		}
	}
	peak := func(c *candidate) float64 { return of(func(i int) float64 { return c.took[i].peak }) }
	return []row{
		ratio("tail to null with the filter, 2 % secret accesses", "1.10 x", plain, ours),
		ratio("the same, 20 % secret accesses", "1.25 x", plainMany, oursMany),
		ratio("the same behind the JSON parser, 2 %", "1.05 x", parsed, parsedOurs),
		{
			what:  fmt.Sprintf("a log that is followed while it is written, %d lines a second, 2 %%", *rate),
			ratio: fmt.Sprintf("%.1f x", of(func(i int) float64 { return followedOurs.seconds(i) / followed.seconds(i) })),
			notes: fmt.Sprintf("%.0f ms to %.0f ms of CPU for %d s, the start of the process among them",
				1000*followed.median(), 1000*followedOurs.median(), *seconds),
		},
		ratio("tail to null with three of the rules in Lua, on the text, 2 %", "", plain, scripted),
		ratio("behind the JSON parser with three of the rules in Lua, on its fields, 2 %", "", parsed, parsedScripted),
		times("CPU that the Lua filter adds on the text, by what this filter adds", added(plain, scripted), added(plain, ours)),
		times("CPU that the Lua filter adds on the parser's fields, by what this filter adds there", added(parsed, parsedScripted), added(parsed, parsedOurs)),
		times("CPU that parser and Lua filter add, by what this filter adds on the text", added(plain, parsedScripted), added(plain, ours)),
		{
			what:  "peak memory that the filter adds to the process",
			ratio: fmt.Sprintf("%.0f MB", of(func(i int) float64 { return smallOurs.took[i].peak - small.took[i].peak })),
			limit: "25 MB",
			notes: fmt.Sprintf("%.0f MB to %.0f MB, 32 MB of them buffered records", peak(small), peak(smallOurs)),
		},
	}, nil
}
