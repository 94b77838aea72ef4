package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/secretwatch/secretwatch/plugin/config"
)

// logLine is Fluent Bit's own form of a filter's log line.
var logLine = regexp.MustCompile(`(?m)^\[\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(\.\d+)?\] \[(error| warn| info|debug)\] \[filter:secretwatch:[^\]]+\] .+$`)

// ours returns the plugin's lines in a log and fails if one lacks the form.
func ours(t *testing.T, log []byte) []string {
	t.Helper()
	var lines []string
	for _, line := range strings.Split(string(log), "\n") {
		if strings.Contains(line, "filter:secretwatch:") {
			lines = append(lines, line)
			if !logLine.MatchString(line) {
				t.Errorf("not the form of a log line: %q", line)
			}
		}
	}
	return lines
}

// forEachHost runs f in a host of each generation of the interface.
func forEachHost(t *testing.T, f func(t *testing.T, host func(stdin string, args ...string) result)) {
	for _, generation := range generations {
		t.Run(generation, func(t *testing.T) {
			t.Parallel()
			f(t, func(stdin string, args ...string) result {
				t.Helper()
				return run(t, []byte(stdin), hostBinary(generation), args...)
			})
		})
	}
}

func TestHostHelp(t *testing.T) {
	forEachHost(t, func(t *testing.T, host func(string, ...string) result) {
		r := host("", "-h", pluginSO)
		if r.code != 0 {
			t.Fatalf("exit status %d: %s", r.code, r.stderr)
		}
		for _, p := range config.Properties {
			def := p.Default
			if def == "" {
				def = "none"
			}
			if want := fmt.Sprintf("\n%s\n    %s Accepted: %s.\n    default: %s,", p.Name, p.Help, p.Accepts, def); !strings.Contains(string(r.stdout), want) {
				t.Errorf("help lacks %s", want)
			}
		}
	})
}

func TestHostRefusesConfiguration(t *testing.T) {
	forEachHost(t, func(t *testing.T, host func(string, ...string) result) {
		f := func(property, want string) {
			t.Helper()
			r := host("", "--prop", property, pluginSO)
			if r.code != 3 || !strings.Contains(string(r.stderr), want) {
				t.Errorf("%s: exit status %d, log lacks %q:\n%s", property, r.code, want, r.stderr)
			}
			if lines := ours(t, r.stderr); len(lines) > 1 {
				t.Errorf("%s: more than one line: %q", property, lines)
			}
			if len(r.stdout) > 0 {
				t.Errorf("%s: on standard output: %s", property, r.stdout)
			}
		}
		f("windo=7d", "unknown configuration property 'windo'")
		f("window=7y", `property window: bad value "7y"`)
		f("networks=pods", `property networks: bad value "pods"`)
		f("severities=nonsense=low", `no rule "nonsense"`)
		f("format=xml", `property format: bad value "xml"`)
		f("metrics_listen=2021", `property metrics_listen: bad value "2021"`)
		f("cluster=a\nb", `property cluster: bad value "a\nb"`)
	})
}

func TestHostLogLines(t *testing.T) {
	forEachHost(t, func(t *testing.T, host func(string, ...string) result) {
		r := host("{}\n", "--prop", "WINDOW=3d", "--prop", "tag_all=off", pluginSO)
		if r.code != 0 {
			t.Fatalf("exit status %d: %s", r.code, r.stderr)
		}
		lines := ours(t, r.stderr)
		if len(lines) != 2 || !strings.Contains(lines[0], "] [filter:secretwatch:secretwatch.0] version "+testVersion+" ("+testCommit+"), ") ||
			!strings.Contains(lines[0], `window="3d"`) || strings.Contains(lines[0], "tag_all") {
			t.Errorf("want a line at start with version and changed options and a line at exit, got %q", lines)
		}
	})
}

func TestHostDaemonRefused(t *testing.T) {
	forEachHost(t, func(t *testing.T, host func(string, ...string) result) {
		r := host("{}\n", "--daemon", pluginSO)
		if r.code != 3 || !strings.Contains(string(r.stderr), "set daemon off") {
			t.Errorf("exit status %d, log:\n%s", r.code, r.stderr)
		}
	})
}

// Records that are no audit events, or only look like some, come back as they
// were.
func TestHostPassesThrough(t *testing.T) {
	lines := []string{
		`{}`, `[]`, `null`, `"text"`, `1`, `not JSON at all`, ``,
		`{"kind":"Event"}`,
		`{"kind":"Event","objectRef":{"resource":"secrets"}}`,
		`{"kind":"Event","objectRef":{"resource":"secrets"},"stage":7,"verb":["get"],"user":"alice","sourceIPs":"10.0.0.1"}`,
		`{"a":[1,-1,1.5,1e300,18446744073709551615,-9223372036854775808,"\u0000\ud83d\ude00",{"b":null}]}`,
		strings.Repeat(`[`, 400) + strings.Repeat(`]`, 400),
		`{"objectRef":{"resource":"secrets","name":"` + strings.Repeat("x", 2<<20) + `"}}`,
		"{\"objectRef\":{\"resource\":\"secrets\",\"name\":\"\xff\xfe\"}}",
	}
	input := strings.Join(lines, "\n") + "\n"
	forEachHost(t, func(t *testing.T, host func(string, ...string) result) {
		for _, args := range [][]string{{}, {"--structured"}, {"--legacy"}, {"--legacy", "--structured"}, {"--stack", "24"}} {
			r := host(input, append(args, "--records-per-chunk", "3", pluginSO)...)
			if r.code != 0 {
				t.Fatalf("%v: exit status %d: %s", args, r.code, r.stderr)
			}
			if want := fmt.Sprintf("modified=0 records_in=%d records_out=%d", len(lines), len(lines)); !strings.Contains(string(r.stderr), want) {
				t.Errorf("%v: log lacks %s:\n%s", args, want, tail(r.stderr))
			}
		}
	})
}

// Chunks that are no MessagePack, or cut off, come back byte for byte.
func TestHostMalformedChunks(t *testing.T) {
	dir := t.TempDir()
	event := `{"kind":"Event","stage":"ResponseComplete","verb":"get","user":{"username":"alice"},` +
		`"objectRef":{"resource":"secrets","namespace":"a","name":"b"},"requestReceivedTimestamp":"2026-01-01T00:00:00.000000Z"}`
	good := append([]byte{0x92, 0x92, 0xd7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x81, 0xa3, 'l', 'o', 'g', 0xda, byte(len(event) >> 8), byte(len(event))}, event...)
	chunks := [][]byte{
		{0xc1}, {0x92}, {0xdd, 0xff, 0xff, 0xff, 0xff}, {0xdb, 0xff, 0xff, 0xff, 0xff, 'x'},
		bytes.Repeat([]byte{0x91}, 1<<20), bytes.Repeat([]byte{0x81}, 1<<20),
		[]byte("[1,{}]\n"), {0x92, 0, 0x80}, {0x92, 0x92, 0, 0x80, 0x80}, {0},
		{0x93, 0, 0x80, 0x80}, {0x92, 0xd7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xc0},
		append(bytes.Clone(good), 0xc1),
	}
	for i := range good {
		chunks = append(chunks, good[:i])
	}
	// Wrong types in every place of the envelope.
	for _, i := range []int{0, 1, 2, 12, 13, 14, 18} {
		for _, b := range []byte{0x00, 0xc0, 0xc1, 0xc4, 0xd9, 0xde, 0xdf, 0xff} {
			chunk := bytes.Clone(good)
			chunk[i] = b
			chunks = append(chunks, chunk)
		}
	}
	var files []string
	var want []byte
	for i, c := range chunks {
		if len(c) == 0 {
			continue
		}
		path := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(path, c, 0o644); err != nil {
			t.Fatal(err)
		}
		files, want = append(files, path), append(want, c...)
	}
	forEachHost(t, func(t *testing.T, host func(string, ...string) result) {
		// One file a run would tell which chunk was changed; all in one is quick.
		r := host("", append([]string{"--raw", "--prop", "learning_period=1d", pluginSO}, files...)...)
		if r.code != 0 || !bytes.Equal(r.stdout, want) {
			t.Errorf("exit status %d, %d bytes came out, %d went in: %s", r.code, len(r.stdout), len(want), tail(r.stderr))
		}
	})
}

func TestHostRecordedLog(t *testing.T) {
	rec := loadRecorded(t)
	log := rec.file(t)
	forEachHost(t, func(t *testing.T, host func(string, ...string) result) {
		for _, args := range [][]string{{}, {"--structured"}, {"--legacy", "--stack", "24"}} {
			r := host("", append(args, "--prop", "learning_period="+rec.learning, pluginSO, log)...)
			if r.code != 0 {
				t.Fatalf("%v: exit status %d: %s", args, r.code, tail(r.stderr))
			}
			records := parseRecords(t, r.stdout)
			rec.checkUnchanged(t, records)
			rec.checkVerdicts(t, records)
		}
	})
}

// With nothing to find, no chunk is rewritten.
func TestHostUntouched(t *testing.T) {
	rec := loadRecorded(t)
	log := rec.file(t)
	forEachHost(t, func(t *testing.T, host func(string, ...string) result) {
		r := host("", "--prop", "ignore_users=*", "--prop", "redact=off", pluginSO, log)
		if r.code != 0 || !strings.Contains(string(r.stderr), " modified=0 ") {
			t.Fatalf("exit status %d: %s", r.code, tail(r.stderr))
		}
		checkLines(t, rec.lines, parseRecords(t, r.stdout))
	})
}

// Two instances in one process do not share a history, and each record they
// both tag keeps one verdict.
func TestHostTwoInstances(t *testing.T) {
	rec := loadRecorded(t)
	log := rec.file(t)
	forEachHost(t, func(t *testing.T, host func(string, ...string) result) {
		one := host("", "--prop", "learning_period="+rec.learning, pluginSO, log)
		// The first of the two never raises anything.
		two := host("", "--prop", "ignore_users=*",
			"--next", "--prop", "learning_period="+rec.learning, pluginSO, log)
		if one.code != 0 || two.code != 0 {
			t.Fatalf("exit status %d and %d: %s", one.code, two.code, tail(two.stderr))
		}
		compareVerdicts(t, "one instance", parseRecords(t, one.stdout), "the second of two", parseRecords(t, two.stdout))
		if lines := ours(t, two.stderr); len(lines) != 4 {
			t.Errorf("want two lines of each instance, got %q", lines)
		}
	})
}

func TestHostThreads(t *testing.T) {
	rec := loadRecorded(t)
	log := rec.file(t)
	forEachHost(t, func(t *testing.T, host func(string, ...string) result) {
		r := host("", "--threads", "8", "--stack", "24", "--records-per-chunk", "7", "--repeat", "2",
			"--prop", "learning_period=0", "--prop", "tag_all=on", pluginSO, log)
		if r.code != 0 {
			t.Fatalf("exit status %d: %s", r.code, tail(r.stderr))
		}
		records := parseRecords(t, r.stdout)
		want := slices.Concat(rec.redacted, rec.redacted)
		got := make([]string, len(records))
		for i, j := range records {
			got[i], _ = j.original.(string)
		}
		sort.Strings(want)
		sort.Strings(got)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%d records came out of %d, or some changed", len(got), len(want))
		}
	})
}

func TestHostReload(t *testing.T) {
	rec := loadRecorded(t)
	log := rec.file(t)
	forEachHost(t, func(t *testing.T, host func(string, ...string) result) {
		r := host("", "--reload-every", "2", "--records-per-chunk", "50", "--prop", "learning_period=0", pluginSO, log)
		if r.code != 0 {
			t.Fatalf("exit status %d: %s", r.code, tail(r.stderr))
		}
		rec.checkUnchanged(t, parseRecords(t, r.stdout))
		chunks := (len(rec.lines) + 49) / 50
		if lines := ours(t, r.stderr); len(lines) != 2*((chunks+1)/2) {
			t.Errorf("want a line at init and one at exit of each of %d loads, got %d lines", (chunks+1)/2, len(lines))
		}
	})
}
