package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// goRow is a line of the table that Go benchmarks give.
type goRow struct {
	pkg, name string // of the benchmark
	what      string
	unit      string // the metric that is compared, in its unit
	format    string // of it
	limit     string
	also      string // a further metric, or ""
}

// goRows are in order of packages, of which each runs once.
var goRows = []goRow{
	{"./plugin/pipeline", "BenchmarkScan", "byte scan for anything of interest", "MB/s", "%.0f MB/s", "", "ns/op"},
	{"./plugin/pipeline", "BenchmarkPass/1024KB", "a line about something else, passed over at a glance", "ns/record", "%.0f ns", "", ""},
	{"./plugin/chunk", "BenchmarkWalkLog", "codec: one record of a chunk", "ns/record", "%.0f ns", "", ""},
	{"./plugin/chunk", "BenchmarkTag", "codec: a chunk with tagged records", "MB/s", "%.0f MB/s", "", ""},
	{"./detector/audit", "BenchmarkParseJSON", "parser: an event of 1.2 KB as JSON", "ns/op", "%.0f ns", "", "allocs/op"},
	{"./detector/audit", "BenchmarkFastjson", "the same with fastjson, into a tree", "ns/op", "%.0f ns", "", "allocs/op"},
	{"./detector/audit", "BenchmarkParseMsgpack", "parser: the event as MessagePack", "ns/op", "%.0f ns", "", "allocs/op"},
	{"./plugin/pipeline", "BenchmarkFields", "enrichment: the fields of one verdict", "ns/op", "%.0f ns", "", "allocs/op"},
	{"./detector", "BenchmarkDecision/mix", "decision: bytes of a secret access to its verdict, by parsing them with fastjson", "x-fastjson", "%.2f x", "1.5 x", "ns/decision"},
	{"./detector", "BenchmarkDecision/workload", "the same, of a service account", "x-fastjson", "%.2f x", "1.5 x", "ns/decision"},
	{"./plugin/pipeline", "BenchmarkRoutine", "a secret access that repeats one, in its chunk, to its verdict, by parsing its text with fastjson", "x-fastjson", "%.2f x", "1.5 x", "ns/access"},
	{"./detector", "BenchmarkDecision/mix", "allocations a decision", "allocs/op", "%.0f", "0", ""},
	{"./detector", "BenchmarkJudge", "the part of it behind the parser, history in memory", "ns/op", "%.0f ns", "", "allocs/op"},
	{"./detector", "BenchmarkPrincipals/1000000", "decision with 1,000,000 principals, by one with 1,000", "x-1000", "%.2f x", "2 x", "ns/decision"},
	{"./detector", "BenchmarkValues/people", "memory a remembered value, many people with few", "B/value", "%.0f B", "160 B", ""},
	{"./detector", "BenchmarkValues/operators", "memory a remembered value, few operators with many", "B/value", "%.0f B", "160 B", ""},
	{"./plugin/pipeline", "BenchmarkInstances/0.02", "eight filters with shared history, throughput by that of separate ones, 2 % secret accesses", "x-separate", "%.2f x", "at least 0.9 x", "ns/chunk"},
	{"./plugin/pipeline", "BenchmarkInstances/0.2", "the same, 20 % secret accesses", "x-separate", "%.2f x", "", "ns/chunk"},
	{"./plugin/pipeline", "BenchmarkInstances/1", "the same, nothing but secret accesses", "x-separate", "%.2f x", "", "ns/chunk"},
	{"./detector", "BenchmarkInstances", "the same, decisions alone, none of them known as routine", "x-separate", "%.2f x", "", "ns/shared"},
	{"./detector", "BenchmarkFlood", "100,000 new values of one identity: an event at the end, by one at the beginning", "x-first", "%.2f x", "about 1 x", "MB-kept"},
	{"./detector/state", "BenchmarkTracked", "decision with the history in a file, by one in memory only", "x-memory", "%.2f x", "", "ns/decision"},
	{"./detector/state", "BenchmarkWhileWriting", "the same while all of 1,000,000 values is written: the 99th of a hundred decisions, by one at rest", "x-idle", "%.2f x", "", "max-us"},
	{"./detector/state", "BenchmarkMillionValues", "file: a start with 1,000,000 values", "start-ms", "%.0f ms", "", "file-MB"},
	{"./detector/state", "BenchmarkMillionValues", "file: 1 % of them is written", "write-1%-ms", "%.0f ms", "", ""},
	{"./plugin/metrics", "BenchmarkProcess", "a chunk with metrics_listen, by one without, 2 % secret accesses", "x-off", "%.2f x", "", "ns/record-on"},
	{"./plugin/pipeline", "BenchmarkLongLine", "a line of 2.4 MB, a byte of it by one of shorter lines", "x-short", "%.2f x", "about 1 x", "MB-kept"},
	{"./plugin/pipeline", "BenchmarkFindings", "10,000 findings in one chunk, one of them by one of 1,000", "x-tenth", "%.2f x", "about 1 x", "MB-kept"},
}

// goBenchmarks runs the Go benchmarks and takes the medians of their metrics.
func goBenchmarks() ([]row, error) {
	byPkg := map[string][]string{}
	var pkgs []string
	for _, r := range goRows {
		name, _, _ := strings.Cut(r.name, "/")
		if byPkg[r.pkg] == nil {
			pkgs = append(pkgs, r.pkg)
		}
		byPkg[r.pkg] = append(byPkg[r.pkg], name)
	}
	metrics := map[string][]float64{}
	for _, pkg := range pkgs {
		cmd := exec.Command("go", "test", "-run", "^$", "-bench", "^("+strings.Join(byPkg[pkg], "|")+")$",
			"-benchmem", "-benchtime", "300ms", "-count", fmt.Sprint(*runs), "-timeout", "30m", pkg)
		cmd.Stderr = os.Stderr
		text, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("%s: %w\n%s", cmd, err, text)
		}
		for _, line := range strings.Split(string(text), "\n") {
			readMetrics(pkg, line, metrics)
		}
	}
	var rows []row
	for _, r := range goRows {
		got := metrics[key(r.pkg, r.name, r.unit)]
		if len(got) == 0 {
			return nil, fmt.Errorf("%s %s reports no %s", r.pkg, r.name, r.unit)
		}
		notes := r.name
		if also := metrics[key(r.pkg, r.name, r.also)]; len(also) > 0 {
			notes += fmt.Sprintf(", %.4g %s", median(also), r.also)
		}
		rows = append(rows, row{r.what, fmt.Sprintf(r.format, median(got)), r.limit, notes})
	}
	return rows, nil
}

func key(pkg, name, unit string) string { return pkg + " " + name + " " + unit }

// procs is what go test appends to a benchmark's name.
var procs = regexp.MustCompile(`-\d+$`)

// readMetrics reads a line of a benchmark's output: its name, how often it ran,
// and values with their units.
func readMetrics(pkg, line string, metrics map[string][]float64) {
	words := strings.Fields(line)
	if len(words) < 4 || !strings.HasPrefix(words[0], "Benchmark") {
		return
	}
	name := procs.ReplaceAllString(words[0], "")
	for i := 2; i+1 < len(words); i += 2 {
		if v, err := strconv.ParseFloat(words[i], 64); err == nil {
			k := key(pkg, name, words[i+1])
			metrics[k] = append(metrics[k], v)
		}
	}
}
