// Command bench measures what secretwatch costs and prints one table, ratios
// first: Go benchmarks, the loader host with whole chunks, and, where FLUENT_BIT
// names one or several (with colons between them) or fluent-bit is on PATH, whole
// processes of Fluent Bit side by side.
// Build the plugin and the hosts first; `make bench` does.
//
// All times are processor time, user and system, so that a machine that has other
// things to do changes little; what is compared runs in turns, and figures are
// medians.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

var (
	runs    = flag.Int("runs", 5, "counted runs of each process, after one that is not counted")
	events  = flag.Int("events", 400000, "audit events of about 1 KB that a process reads")
	rate    = flag.Int("rate", 100, "lines a second of a log that is followed while it is written")
	seconds = flag.Int("seconds", 10, "for how long it is written")
	build   = flag.String("build", "build", "where the plugin and the hosts were built")
	only    = flag.String("only", "", "part to run: go, host or fluent-bit; empty for all")
	readme  = flag.String("readme", "", "file that gets the table, between the lines <!-- bench --> and <!-- /bench -->")
)

func main() {
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// row is one line of the table.
type row struct {
	what  string
	ratio string // or the figure that has a limit
	limit string
	notes string
}

func run() error {
	// In memory if possible: what is measured is not the disk.
	in := "/dev/shm"
	if _, err := os.Stat(in); err != nil {
		in = ""
	}
	dir, err := os.MkdirTemp(in, "secretwatch-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	out, err := filepath.Abs(*build)
	if err != nil {
		return err
	}
	b := &bench{dir: dir, plugin: filepath.Join(out, "flb-filter_secretwatch.so"), host: filepath.Join(out, "host-v5")}
	var rows []row
	for _, part := range []struct {
		name string
		run  func() ([]row, error)
	}{{"fluent-bit", b.fluentBits}, {"host", b.loaderHost}, {"go", goBenchmarks}} {
		if *only != "" && *only != part.name {
			continue
		}
		more, err := part.run()
		if err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		rows = append(rows, more...)
	}
	text := table(rows)
	fmt.Print(text)
	if *readme == "" {
		return nil
	}
	return insert(*readme, text)
}

// table renders the rows as Markdown.
func table(rows []row) string {
	var s strings.Builder
	fmt.Fprintf(&s, "Measured on %s, %s.\n\n", machine(), runtime.Version())
	s.WriteString("| what | figure | goal | made of |\n|---|---:|---:|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&s, "| %s | %s | %s | %s |\n", r.what, r.ratio, r.limit, r.notes)
	}
	return s.String()
}

// machine names the processor and how many of it there are.
func machine() string {
	name := runtime.GOARCH
	text, _ := os.ReadFile("/proc/cpuinfo") // absent elsewhere than on Linux
	for _, line := range strings.Split(string(text), "\n") {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			name = strings.TrimSpace(value)
			break
		}
	}
	return fmt.Sprintf("%s, %d cores", name, runtime.NumCPU())
}

// insert puts text between the two markers in a file.
func insert(path, text string) error {
	const from, to = "<!-- bench -->\n", "<!-- /bench -->"
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, rest, ok := strings.Cut(string(old), from)
	_, tail, ok2 := strings.Cut(rest, to)
	if !ok || !ok2 {
		return fmt.Errorf("%s lacks the lines %q and %q", path, strings.TrimSpace(from), to)
	}
	return os.WriteFile(path, []byte(head+from+text+to+tail), 0o644)
}

// median of an odd number of values, or the lower of the middle two.
func median[T int64 | float64 | time.Duration](of []T) T {
	of = slices.Clone(of)
	slices.Sort(of)
	return of[(len(of)-1)/2]
}
