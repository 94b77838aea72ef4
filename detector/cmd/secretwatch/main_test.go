package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/valyala/fastjson"

	"github.com/secretwatch/secretwatch/plugin/config"
)

// binary is the command, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "secretwatch")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "secretwatch")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		panic(string(out))
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// secretwatch runs the command and returns what it wrote and its exit code.
func secretwatch(t *testing.T, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	c := exec.Command(binary, args...)
	var out, err bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(stdin), &out, &err
	if runErr := c.Run(); runErr != nil {
		var exit *exec.ExitError
		if !errors.As(runErr, &exit) {
			t.Fatal(runErr)
		}
		code = exit.ExitCode()
	}
	return out.String(), err.String(), code
}

// event is an access by user with curl, which a rule finds without any history.
func event(user, secret string) string {
	return fmt.Sprintf(`{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"id-%[2]s","stage":"ResponseComplete",`+
		`"requestURI":"/api/v1/namespaces/prod/secrets/%[2]s","verb":"get","user":{"username":"%[1]s","groups":["system:authenticated"]},`+
		`"sourceIPs":["203.0.113.9"],"userAgent":"curl/8.5.0","objectRef":{"resource":"secrets","namespace":"prod","name":"%[2]s","apiVersion":"v1"},`+
		`"responseStatus":{"metadata":{},"code":200},"requestReceivedTimestamp":"2026-11-23T04:05:37.705785Z",`+
		`"stageTimestamp":"2026-11-23T04:05:37.805785Z","annotations":{"authorization.k8s.io/decision":"allow"}}`, user, secret)
}

func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func zipped(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(text))
	z.Close()
	return b.Bytes()
}

func TestWrongUse(t *testing.T) {
	f := func(wantErr string, args ...string) {
		t.Helper()
		out, err, code := secretwatch(t, "", args...)
		if code != 2 || out != "" || strings.Count(err, "\n") != 1 || !strings.Contains(err, wantErr) || !strings.Contains(err, "accepted: ") {
			t.Fatalf("%q: code %d, %q, %q", args, code, out, err)
		}
	}
	f("no command; accepted: replay, baseline, history, version, help")
	f(`unknown command "reply"`, "reply")
	f("no input", "replay")
	f("unknown flag --windw; accepted: --all, ", "replay", "--windw", "1d", "x")
	f("unknown flag --windw", "replay", "x", "--windw")
	f("property window: bad value \"x\"", "replay", "--window", "x", "-")
	f("flag --window has no value; accepted: a duration", "replay", "-", "--window")
	f(`flag --output: bad value "xml"; accepted: findings, json`, "replay", "--output", "xml", "-")
	f("property tag_all: bad value", "replay", "--tag-all=perhaps", "-")
	f("flag --all: bad value", "replay", "--all=perhaps", "-")
	f("unexpected", "version", "x")
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"--help"}, {"-h"}, {"help", "help"}} {
		out, err, code := secretwatch(t, "", args...)
		if code != 0 || err != "" || !strings.Contains(out, "replay") {
			t.Fatalf("%q: code %d, %q, %q", args, code, out, err)
		}
	}
	for _, args := range [][]string{{"help", "replay"}, {"replay", "--help"}, {"replay", "-h", "x"}} {
		out, err, code := secretwatch(t, "", args...)
		if code != 0 || err != "" {
			t.Fatalf("%q: code %d, %q", args, code, err)
		}
		for _, p := range config.Properties {
			if !strings.Contains(out, "\n  --"+strings.ReplaceAll(p.Name, "_", "-")) {
				t.Fatalf("%s is missing", p.Name)
			}
		}
	}
	out, _, code := secretwatch(t, "", "version")
	if code != 0 || !strings.HasPrefix(out, "secretwatch ") {
		t.Fatalf("code %d, %q", code, out)
	}
}

func TestEveryPropertyIsAFlag(t *testing.T) {
	args := []string{"replay"}
	for _, p := range config.Properties {
		if p.Default != "" {
			args = append(args, "--"+strings.ReplaceAll(p.Name, "_", "-")+"="+p.Default)
		}
	}
	if _, err, code := secretwatch(t, "", append(args, "-")...); code != 0 {
		t.Fatalf("code %d, %s", code, err)
	}
}

func TestFindings(t *testing.T) {
	log := event("alice", "a") + "\nno JSON\n" + event("carol", "b") + "\n" + `{"log":"{\"secrets\":"}` + "\n" + event("bob\x1b[31m\u202e", "c")
	path := write(t, "audit.log", []byte(log))
	out, err, code := secretwatch(t, "", "replay", path)
	if code != 0 {
		t.Fatalf("code %d, %s", code, err)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) < 3 || !strings.HasPrefix(lines[0], "TIME ") {
		t.Fatalf("got\n%s", out)
	}
	for _, want := range []string{"2026-11-23T04:05:37Z", "high", "first", "alice", "get", "prod/a", "203.0.113.9", "suspicious-user-agent", "curl/8.5.0"} {
		if !strings.Contains(lines[1], want) {
			t.Fatalf("%q is missing in\n%s", want, lines[1])
		}
	}
	if !strings.Contains(out, `bob\x1b[31m\u202e`) || strings.ContainsAny(out, "\x1b\u202e") {
		t.Fatalf("not escaped:\n%q", out)
	}
	reason := strings.Index(lines[0], "REASON")
	for _, line := range lines[1:] {
		if !strings.HasPrefix(line[reason-2:], "  user agent") {
			t.Fatalf("not aligned:\n%s", out)
		}
	}
	for _, want := range []string{"5 records", "3 requests judged", "3 findings", "suspicious-user-agent", "1 events in broken JSON"} {
		if !strings.Contains(err, want) {
			t.Fatalf("%q is missing in\n%s", want, err)
		}
	}
	// There are no repeats that --all would show besides.
	all, _, _ := secretwatch(t, "", "replay", "--all", path)
	if n := strings.Count(all, "\n"); n != 4 {
		t.Fatalf("got\n%s", all)
	}
	if out, _, code := secretwatch(t, log, "replay", "-", "--all"); code != 0 || out != all {
		t.Fatalf("from standard input:\n%s", out)
	}
}

// TestNothingToJudge: who gives the wrong file, or has the wrong policy, is told.
func TestNothingToJudge(t *testing.T) {
	f := func(log string, told bool) {
		t.Helper()
		_, err, code := secretwatch(t, log, "replay", "-")
		if code != 0 || strings.Contains(err, "no request for secrets is among them") != told {
			t.Fatalf("code %d, %s", code, err)
		}
	}
	f("2026-01-01T00:00:00Z stdout F "+event("alice", "a"), true)
	f(`{"level":"info","msg":"starting"}`, true)
	f("", false)
	f(event("alice", "a"), false)
}

// TestJSON compares what replay writes, line by line.
func TestJSON(t *testing.T) {
	verdict := func(line string) string {
		at := strings.LastIndex(line, `"severity":"high","secretwatch":{"severity":"high","risk_score":73,`)
		if at < 0 {
			return ""
		}
		return line[at:]
	}
	f := func(line, wantBefore, wantAfter string) {
		t.Helper()
		out, err, code := secretwatch(t, "before\n"+line+"\nafter", "replay", "-", "--output=json")
		if code != 0 {
			t.Fatal(err)
		}
		lines := strings.Split(out, "\n")
		if len(lines) != 3 || lines[0] != "before" || lines[2] != "after" {
			t.Fatalf("got %q", out)
		}
		v := verdict(lines[1])
		if v == "" {
			if lines[1] != line || wantBefore != "" {
				t.Fatalf("got %s\nfor %s", lines[1], line)
			}
			return
		}
		if wantBefore == "" || lines[1] != wantBefore+v || !strings.HasSuffix(v, wantAfter) {
			t.Fatalf("got  %s\nwant %s... %s", lines[1], wantBefore, wantAfter)
		}
		parsed, parseErr := fastjson.Parse(lines[1])
		if parseErr != nil {
			t.Fatal(parseErr)
		}
		if user := parsed.GetStringBytes("secretwatch", "user"); string(user) != "alice" {
			t.Fatalf("user %q", user)
		}
	}
	audit := event("alice", "a")
	body := strings.TrimSuffix(audit, "}")
	quoted := `"` + strings.ReplaceAll(audit, `"`, `\"`) + `"`

	f(audit, body+",", "}}")
	f("  "+body+" \t} \r", "  "+body+" \t,", "}} \r")
	f(`{"severity":{"x":[1,"}"]},`+body[1:]+"}", body+",", "}}")
	f(body+`,"severity":null}`, body+",", "}}")
	f(body+`, "secretwatch" : {"a":"\"}"} , "severity":"x" , "z":1 }`, body+` , "z":1 ,`, "}}")
	f(`{"log":`+quoted+`}`, `{"log":`+quoted+`,`, "}}")
	f(`{"stream":"stdout","severity":1,"message":`+quoted+`}`, `{"stream":"stdout","message":`+quoted+`,`, "}}")
	f(`{"event":`+audit+`}`, `{"event":`+audit+`,`, "}}")
	f(`{"other":`+quoted+`}`, "", "")
	f(strings.Replace(audit, `"secrets"`, `"pods"`, 1), "", "")
	f(strings.Replace(audit, `curl/8.5.0`, `kubectl/v1.31.0 (linux/amd64) kubernetes/abcdef0`, 1), "", "")
	f("", "", "")
	f("secrets", "", "")
	f(`["secrets"]`, "", "")
	f(`{"secrets"`, "", "")
	f(audit[:400]+"[Truncated...]", "", "")
	f("\xff\xfe secrets \x00", "", "")
}

func TestJSONWithProperties(t *testing.T) {
	out, err, code := secretwatch(t, event("alice", "a")+"\n", "replay", "-", "--output", "json", "--severity-key", "level", "--cluster", "west", "--key", "audit")
	if code != 0 || !strings.Contains(out, `,"level":"high","secretwatch":{`) || !strings.HasSuffix(out, `"cluster":"west"}}`+"\n") {
		t.Fatalf("code %d\n%s%s", code, out, err)
	}
	out, _, _ = secretwatch(t, event("alice", "a")+"\n", "replay", "-", "--output", "json", "--severities", "suspicious-user-agent=off", "--tag-all")
	if !strings.Contains(out, `"severity":"none","secretwatch":{"severity":"none","risk_score":0,`) {
		t.Fatal(out)
	}
}

func TestInputs(t *testing.T) {
	plain := event("alice", "a") + "\n"
	want, _, _ := secretwatch(t, plain, "replay", "-", "--output", "json")
	f := func(wantCode int, wantOut, wantErr string, args ...string) {
		t.Helper()
		out, err, code := secretwatch(t, "", append([]string{"replay", "--output", "json"}, args...)...)
		if code != wantCode || out != wantOut || !strings.Contains(err, wantErr) {
			t.Fatalf("code %d\n%q\n%s", code, out, err)
		}
	}
	dir := t.TempDir()
	file := write(t, "audit.log", []byte(plain))
	whole := zipped(plain)
	several := append(zipped("x\n"), whole...)
	long := zipped(strings.Repeat("0123456789 filler that packs\n", 100000) + plain)

	f(0, want, "", file)
	f(0, want, "", write(t, "named.txt", whole))
	f(0, "x\n"+want, "", write(t, "several.gz", several))
	f(0, "", "0 records", write(t, "empty", nil))
	f(0, "", "0 records", write(t, "empty.gz", zipped("")))
	f(0, "\x1f", "1 records", write(t, "short", []byte{0x1f}))
	f(0, want, "", "--", file)
	// What cannot be read is told, and the rest goes on.
	f(1, want, "missing does not exist", filepath.Join(dir, "missing"), file)
	f(1, want, "is a directory", dir, file)
	f(1, want, "is damaged gzip", write(t, "head.gz", whole[:5]), file)
	f(1, want, "is damaged gzip", write(t, "tail.gz", whole[:len(whole)-6]), write(t, "none", nil))
	bad := bytes.Clone(long)
	bad[len(bad)-7] ^= 0xff // the checksum
	out, err, code := secretwatch(t, "", "replay", "--output", "json", write(t, "bad.gz", bad), file)
	if code != 1 || !strings.Contains(err, "is damaged gzip, what follows line 100001 is lost") || strings.Count(out, "\n") != 100002 {
		t.Fatalf("code %d, %d lines, %s", code, strings.Count(out, "\n"), err)
	}
}

func TestLongLines(t *testing.T) {
	// 40 MB is judged, more than 64 MB is left out and told.
	big := strings.Replace(event("alice", "a"), `"level"`, `"requestObject":"`+strings.Repeat("A", 40<<20)+`","level"`, 1)
	huge := strings.Repeat("B", 65<<20)
	path := write(t, "long.gz", zipped(big+"\n"+huge+"\nx\n"+huge))
	out, err, code := secretwatch(t, "", "replay", "--output", "json", "--redact=off", path)
	if code != 0 || !strings.Contains(err, "line 2 is left out") || !strings.Contains(err, "line 4 is left out") || !strings.Contains(err, "2 lines left out") {
		t.Fatalf("code %d, %s", code, err)
	}
	lines := strings.Split(out, "\n")
	if len(lines) != 3 || lines[1] != "x" || !strings.HasPrefix(lines[0], big[:len(big)-1]+`,"severity":"high"`) {
		t.Fatalf("%d lines", len(lines))
	}
}

// TestRecordedLog replays a log of a real API server both ways.
func TestRecordedLog(t *testing.T) {
	const path = "../../../test/data/audit.jsonl.gz"
	if _, err := os.Stat(path); err != nil {
		t.Skip(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	text.ReadFrom(z)
	out, stderr, code := secretwatch(t, "", "replay", "--output", "json", "--learning-period", "5m", "--redact=off", path)
	if code != 0 {
		t.Fatal(stderr)
	}
	was, is := strings.Split(text.String(), "\n"), strings.Split(out, "\n")
	if len(was) != len(is) {
		t.Fatalf("%d lines became %d", len(was), len(is))
	}
	tagged := 0
	for i := range was {
		if was[i] == is[i] {
			continue
		}
		if tagged++; !strings.HasPrefix(is[i], strings.TrimSuffix(was[i], "}")+`,"severity":"`) {
			t.Fatalf("line %d became %s", i+1, is[i])
		}
		if err := fastjson.Validate(is[i]); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(stderr, fmt.Sprintf("%d findings", tagged)) || tagged < 20 {
		t.Fatalf("%d lines tagged\n%s", tagged, stderr)
	}
}

// TestJSONRecords covers lines that are not just gaining fields: lists, events
// without their objects, and other formats.
func TestJSONRecords(t *testing.T) {
	f := func(line string, want []string, args ...string) {
		t.Helper()
		out, err, code := secretwatch(t, line+"\nafter\n", append([]string{"replay", "-", "--output=json", "--learning-period=0"}, args...)...)
		lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		if code != 0 || len(lines) != len(want)+1 || lines[len(want)] != "after" {
			t.Fatalf("code %d, %d lines\n%s%s", code, len(lines), out, err)
		}
		for i, w := range want {
			if err := fastjson.Validate(lines[i]); err != nil {
				t.Fatal(err)
			}
			before, after, _ := strings.Cut(w, "...")
			if !strings.HasPrefix(lines[i], before) || !strings.HasSuffix(lines[i], after) {
				t.Fatalf("line %d: got\n%s\nwant\n%s", i, lines[i], w)
			}
		}
	}
	a, b := event("alice", "a"), strings.Replace(event("alice", "b"), `"secrets"`, `"pods"`, 1)
	open := strings.TrimSuffix(a, "}")
	list := func(items ...string) string {
		return `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[` + strings.Join(items, ",") + `]}`
	}
	f(list(a, b), []string{open + `,"severity":"...}}`, b})
	f(list(b, b), []string{b, b})
	f(list(a, b), []string{list(a, b)[:len(list(a, b))-1] + `,"severity":"..."events":1,"findings":1}}`}, "--split-event-lists=off")
	secret := open + `,"responseObject":{"kind":"Secret","data":{"a":"eHl6"}}}`
	f(secret, []string{open + `,"severity":"..."redacted":true}}`})
	f(secret, []string{open + `,"severity":"..."secretwatch_redacted":true}`}, "--format=flat")
	f(secret, []string{`{"message":"...` + `"redacted":true}}`}, "--format=ecs")
	f(`{"x":1,"log":`+quote(secret)+`}`, []string{`{"x":1,"log":` + quote(a) + `,"severity":"..."redacted":true}}`})
	received := strings.Replace(secret, "ResponseComplete", "RequestReceived", 1)
	f(received, []string{strings.Replace(open, "ResponseComplete", "RequestReceived", 1) + `,"secretwatch":{"redacted":true}}`})
}

func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `\"`) + `"` }
