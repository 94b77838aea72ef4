// Command eval measures the detector: on a recorded, labelled audit log, and on
// simulated months with attacks in them. Beside it stand published rules on
// the same events. It exits non-zero when the project's thresholds are not met.
//
// Run it from the top of the repository:
//
//	go run ./test/eval
//	go run ./test/eval -only sim -seeds 1,2,3 -verbose
//	go run ./test/eval -dump -seeds 1 -days 3 > audit.jsonl
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/test/sim"
)

// Seeds kept for measuring; while rules are tuned, others are used. Whoever
// tunes after looking at these has to put new ones here.
const heldOut = "4711,5813,6947"

func main() {
	var (
		seeds    = flag.String("seeds", heldOut, "seeds of the simulated months")
		days     = flag.Int("days", 30, "length of a simulated month")
		quiet    = flag.Int("quiet", 2, "days without attacks at its beginning")
		only     = flag.String("only", "", "recorded or sim: run that part alone")
		verbose  = flag.Bool("verbose", false, "print every benign finding at medium or higher with its reason")
		data     = flag.String("data", "test/data", "directory of the recorded log")
		learning = flag.Duration("learning", 24*time.Hour, "learning_period for the simulated months")
		networks = flag.String("networks", "both", "simulated months with networks configured: on, off or both")
		dump     = flag.Bool("dump", false, "write the first seed's month as audit log lines to standard output, and do nothing else")
	)
	flag.Parse()
	if *only != "" && *only != "recorded" && *only != "sim" {
		exit("-only %q: accepted are recorded and sim", *only)
	}
	if *networks != "on" && *networks != "off" && *networks != "both" {
		exit("-networks %q: accepted are on, off and both", *networks)
	}
	var configs []sim.Config
	for _, x := range strings.Split(*seeds, ",") {
		seed, err := strconv.ParseUint(strings.TrimSpace(x), 10, 64)
		if err != nil {
			exit("-seeds %q: accepted are numbers separated by commas", *seeds)
		}
		cfg := sim.DefaultConfig(seed)
		cfg.Attacks = max(1, cfg.Attacks**days/cfg.Days)
		cfg.Days, cfg.QuietDays = *days, *quiet
		configs = append(configs, cfg)
	}
	if *dump {
		if err := dumpLog(configs[0]); err != nil {
			exit("%v", err)
		}
		return
	}

	out := bufio.NewWriter(os.Stdout)
	var unmet []string
	if *only != "sim" {
		log, err := readRecorded(*data)
		if err != nil {
			exit("%v", err)
		}
		for _, with := range []string{recordedNetworks, ""} {
			r, err := log.run(with)
			if err != nil {
				exit("%v", err)
			}
			r.print(out, *verbose)
			unmet = append(unmet, r.unmet()...)
			out.Flush()
		}
	}
	if *only != "recorded" {
		for _, cfg := range configs {
			results, err := runSimulated(cfg, *learning, *networks, *verbose)
			if err != nil {
				exit("%v", err)
			}
			for _, r := range results {
				r.print(out, *verbose)
				unmet = append(unmet, r.unmet()...)
			}
			out.Flush()
		}
	}
	if len(unmet) > 0 {
		fmt.Fprintln(out, "thresholds not met:")
		for _, x := range unmet {
			fmt.Fprintln(out, "  "+x)
		}
		out.Flush()
		os.Exit(1)
	}
	fmt.Fprintln(out, "all thresholds met")
	out.Flush()
}

func exit(f string, args ...any) {
	fmt.Fprintf(os.Stderr, "eval: "+f+"\n", args...)
	os.Exit(2)
}

// dumpLog writes a simulated month as an API server would log it.
func dumpLog(cfg sim.Config) error {
	w := bufio.NewWriterSize(os.Stdout, 1<<20)
	var line []byte
	var failed error
	sim.Run(cfg, func(ev *audit.Event, _ *sim.Label) {
		line = append(sim.AppendJSON(line[:0], ev), '\n')
		if _, err := w.Write(line); err != nil {
			failed = err
		}
	})
	if failed != nil {
		return failed
	}
	return w.Flush()
}
