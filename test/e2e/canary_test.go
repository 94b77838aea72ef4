package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secretwatch/secretwatch/detector/replica"
	"github.com/secretwatch/secretwatch/plugin/config"
	"github.com/secretwatch/secretwatch/test/canary"
)

// No value of a secret and no token of the recorded log, which is at level
// RequestResponse, is in anything that the programs write: records, log lines
// from debug on, the state file and what is shown of it, or messages about what is
// wrong. The pipeline's own test goes through all shapes of records.
func TestNoValueIsWritten(t *testing.T) {
	rec := loadRecorded(t)
	values, err := canary.Collect(rec.lines)
	if err != nil {
		t.Fatal(err)
	}
	log := rec.file(t)
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	check := func(what string, text []byte) {
		t.Helper()
		if len(text) == 0 {
			t.Errorf("%s: nothing there", what)
		}
		if leak := values.Find(text); leak != "" {
			t.Errorf("%s: %s", what, leak)
		}
	}
	checkRun := func(what string, code int, r result) {
		t.Helper()
		if r.code != code {
			t.Errorf("%s: exit status %d: %s", what, r.code, tail(r.stderr))
		}
		if leak := values.Find(append(bytes.Clone(r.stdout), r.stderr...)); leak != "" {
			t.Errorf("%s: %s", what, leak)
		}
	}
	if n := values.Count(readFile(t, log)); n != values.Len() || n < 100 {
		t.Fatalf("%d of %d values in the log", n, values.Len())
	}

	state := path("history.db")
	for _, generation := range generations {
		for _, args := range [][]string{{}, {"--structured"}, {"--prop", "format=ecs", "--prop", "tag_all=on"}, {"--prop", "format=flat"}} {
			os.Remove(state)
			args = append(args, "--log-level", "4", "--prop", "learning_period="+rec.learning,
				"--prop", "state_path="+state, "--prop", "state_flush=0.1", pluginSO, log)
			r := run(t, nil, hostBinary(generation), args...)
			checkRun(strings.Join(args, " "), 0, r)
			check("records", r.stdout)
			check("log lines", r.stderr)
			check("state file", readFile(t, state))
		}
	}
	// The test can fail.
	r := run(t, nil, hostBinary("v5"), "--prop", "redact=off", pluginSO, log)
	if n := values.Count(r.stdout); n != values.Len() {
		t.Errorf("only %d of %d values with redact off", n, values.Len())
	}
	// Damage makes more lines.
	if err := os.WriteFile(path("damaged.db"), readFile(t, state)[:5000], 0o600); err != nil {
		t.Fatal(err)
	}
	checkRun("damaged", 0, run(t, nil, hostBinary("v5"), "--log-level", "4", "--prop", "state_path="+path("damaged.db"), pluginSO, log))
	// Lines that are cut, whole chunks that are no records.
	checkRun("cut", 0, run(t, cutLines(rec.lines), hostBinary("v5"), "--log-level", "4", pluginSO))
	r = run(t, nil, hostBinary("v5"), "--log-level", "4", "--raw", "--quiet", pluginSO, log)
	check("log lines about no MessagePack", r.stderr)

	for _, prop := range [][]string{{"target=stdout"}, {"target=file://" + path("out.jsonl")}, {"target=stdout", "only_findings=on", "format=ecs"}} {
		var args []string
		for _, p := range prop {
			args = append(args, "--prop", p)
		}
		checkRun("output", 0, outputHost(t, rec.lines, append(args, "--prop", "learning_period="+rec.learning)...))
	}
	check("output file", readFile(t, path("out.jsonl")))

	tool := func(code int, args ...string) result {
		t.Helper()
		r := run(t, nil, replay, args...)
		checkRun(strings.Join(args, " "), code, r)
		return r
	}
	for _, output := range []string{"findings", "json"} {
		tool(0, "replay", "--all", "--output", output, log)
	}
	tool(0, "replay", "--format", "ecs", "--tag-all", "--output", "json", log)
	tool(0, "baseline", "--state", path("baseline.db"), log)
	check("state file of baseline", readFile(t, path("baseline.db")))
	exported := tool(0, "history", "export", "--state", state)
	check("export", exported.stdout)
	if err := os.WriteFile(path("exported"), exported.stdout, 0o600); err != nil {
		t.Fatal(err)
	}
	tool(0, "history", "import", "--state", path("imported.db"), path("exported"))
	check("imported", readFile(t, path("imported.db")))
	for _, output := range []string{"table", "json"} {
		tool(0, "history", "show", "--state", state, "--output", output)
		tool(0, "history", "show", "alice", "--state", state, "--output", output)
	}
	tool(0, "history", "approve", "alice", "--state", state)
	tool(0, "history", "forget", "alice", "--state", state)
	// A log where something else is expected.
	tool(1, "history", "show", "--state", log)
	tool(1, "history", "import", "--state", path("none.db"), log)
}

// The same of a real Fluent Bit that logs everything.
func TestFluentBitNoValueIsWritten(t *testing.T) {
	fluentBit(t)
	rec := loadRecorded(t)
	values, err := canary.Collect(rec.lines)
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "out.jsonl")
	configuration := strings.Replace(filterConfiguration, "log_level: info", "log_level: debug", 1)
	e := startEngine(t, yaml(configuration, "  parsers_file: {parsers}\n", "", "{log}", rec.file(t), "{out}", out,
		"{learning}", rec.learning, "{tag}", "audit"))
	e.await("output of all records", func() bool { return countLines(out) >= len(rec.lines) })
	e.stop()
	if e.count("[debug]") == 0 {
		t.Error("no debug lines")
	}
	if leak := values.Find([]byte(e.stderr.String())); leak != "" {
		t.Errorf("log: %s", leak)
	}
	if leak := values.Find(readFile(t, out)); leak != "" {
		t.Errorf("records: %s", leak)
	}
}

// cutLines cuts each line at another place.
func cutLines(lines []string) []byte {
	var b []byte
	for i, l := range lines {
		b = append(append(b, l[:len(l)*(30+i%70)/100]...), '\n')
	}
	return b
}

// A secret among the properties is in no message, whatever is wrong with it.
func TestNoSecretPropertyIsShown(t *testing.T) {
	const secret = "hush-hush-hush"
	f := func(what string, r result) {
		t.Helper()
		if text := string(r.stdout) + string(r.stderr); strings.Contains(text, "hush") {
			t.Errorf("%s: %s", what, text)
		} else if len(r.stderr) == 0 {
			t.Errorf("%s: no message", what)
		}
	}
	for _, p := range config.OutputProperties {
		if !p.Secret {
			continue
		}
		for _, value := range []string{secret, strings.Repeat(secret, 100)} {
			f(p.Name, outputHost(t, []string{"{}"}, "--prop", p.Name+"="+value, "--prop", "target=forward+unix:///nonexistent", "--prop", "only_findings=on"))
			f(p.Name+", another is wrong", outputHost(t, []string{"{}"}, "--prop", p.Name+"="+value, "--prop", "target=forward+unix:///nonexistent", "--prop", "window=7y"))
		}
	}
	for _, target := range []string{"forward://user:" + secret + "@host", "udp://" + secret + "@host:1", "user:" + secret + "@host:24224"} {
		f(target, outputHost(t, []string{"{}"}, "--prop", "target="+target))
	}
	// Redis, away or misspelt, with its password wherever it may stand.
	at := "127.0.0.1:" + freePort(t)
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(replica.PasswordVariable, secret)
	lines := []byte(strings.Join(loadRecorded(t).lines[:2000], "\n") + "\n")
	for _, props := range [][]string{
		{"redis_url=redis://user:" + secret + "@" + at},
		{"redis_url=redis+cluster://user:" + secret + "@" + at + "," + at},
		{"redis_url=redis+sentinel://user:" + secret + "@" + at + "/master/0"},
		{"redis_url=redis://" + at},
		{"redis_url=redis://" + at, "redis_password_file=" + file},
		{"redis_url=redis://" + at + "?password=" + secret},
		{"redis_url=user:" + secret + "@" + at},
		{"redis_url=redis://user:" + secret + "@" + at + "/not-a-number"},
		{"redis_url=redis://user:" + secret + "/@" + at},
	} {
		args := []string{"--log-level", "4", "--quiet"}
		for _, p := range props {
			args = append(args, "--prop", p)
		}
		f(props[0], run(t, lines, hostBinary("v5"), append(args, pluginSO)...))
		args = []string{"replay"}
		for _, p := range props {
			name, value, _ := strings.Cut(p, "=")
			args = append(args, "--"+strings.ReplaceAll(name, "_", "-"), value)
		}
		f("replay "+props[0], run(t, lines, replay, append(args, "-")...))
	}
}
