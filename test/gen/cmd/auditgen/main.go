// Command auditgen writes an audit log to measure with, see package gen, as
// lines of JSON to standard output:
//
//	go run ./test/gen/cmd/auditgen -events 400000 -secrets 0.02 >audit.log
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"

	"github.com/secretwatch/secretwatch/test/gen"
)

func main() {
	cfg := gen.DefaultConfig(1)
	flag.Uint64Var(&cfg.Seed, "seed", cfg.Seed, "the same seed gives the same log")
	flag.IntVar(&cfg.Events, "events", cfg.Events, "number of events")
	flag.Float64Var(&cfg.Secrets, "secrets", cfg.Secrets, "share of accesses to secrets, 0 to 1")
	flag.Float64Var(&cfg.Anomalies, "anomalies", cfg.Anomalies, "share of anomalies among these, 0 to 1")
	flag.IntVar(&cfg.Size, "size", cfg.Size, "mean size of an event in bytes")
	flag.DurationVar(&cfg.Span, "span", cfg.Span, "time from the first event to the last")
	flag.IntVar(&cfg.Namespaces, "namespaces", cfg.Namespaces, "number of namespaces; ten workloads and a person each")
	flag.Parse()
	if err := run(cfg); err != nil {
		fmt.Fprintln(os.Stderr, "auditgen:", err)
		os.Exit(1)
	}
}

func run(cfg gen.Config) error {
	if err := cfg.Check(); err != nil {
		return err
	}
	w := bufio.NewWriterSize(os.Stdout, 1<<20)
	g := gen.New(cfg)
	for line := g.Next(); line != nil; line = g.Next() {
		_, _ = w.Write(line) // the first error is kept for Flush
		_ = w.WriteByte('\n')
	}
	return w.Flush()
}
