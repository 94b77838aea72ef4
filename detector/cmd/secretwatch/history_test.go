package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// ok runs the command, which has to succeed, and returns what it wrote.
func ok(t *testing.T, args ...string) (stdout string) {
	t.Helper()
	stdout, stderr, code := secretwatch(t, "", args...)
	if code != exitOK {
		t.Fatalf("%q: exit code %d: %s", args, code, stderr)
	}
	return stdout
}

// flagged makes a history in which a client and an address of alice are on
// probation.
func flagged(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "state.db")
	usual := func(secret, at string) string {
		return strings.NewReplacer("curl/8.5.0", "kubectl/v1.30.0 (linux/amd64) kubernetes/abc",
			"203.0.113.9", "198.51.100.7", "2026-11-23T04:05:37", at).Replace(event("alice", secret))
	}
	log := write(t, "audit.log", []byte(usual("a", "2026-11-20T04:05:37")+"\n"+usual("b", "2026-11-23T03:05:37")+"\n"+
		strings.Replace(event("alice", "a"), "curl/8.5.0", "Lens/6.0", 1)+"\n"))
	ok(t, "replay", "--learning-period", "1d", "--state-path", path, log)
	return path
}

func TestHistoryShow(t *testing.T) {
	path := flagged(t)
	f := func(got string, want ...string) {
		t.Helper()
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("lacks %q:\n%s", w, got)
			}
		}
	}
	f(ok(t, "history", "show", "--state", path), "PRINCIPAL", "alice", "2026-11-20T04:05:37Z", "learning since")
	f(ok(t, "history", "show", "alice", "--state", path), "198.51.100.7", "known", "203.0.113.9", "probation", "prod", "2026-11-24T04:05:37Z")
	var one struct {
		Table, Name string
		Source      struct{ Established, Probation []struct{ Text string } }
	}
	if err := json.Unmarshal([]byte(ok(t, "history", "show", "alice", "--state", path, "--output", "json")), &one); err != nil {
		t.Fatal(err)
	}
	if one.Table != "principals" || one.Name != "alice" || len(one.Source.Established) != 1 || len(one.Source.Probation) != 1 ||
		!strings.HasPrefix(one.Source.Probation[0].Text, "203.0.113.9") {
		t.Errorf("got %+v", one)
	}
}

// sources says which sources of alice are established and on probation.
func sources(t *testing.T, path string) (established, probation []string) {
	t.Helper()
	var one struct {
		Source struct{ Established, Probation []struct{ Text string } }
	}
	if err := json.Unmarshal([]byte(ok(t, "history", "show", "alice", "--state", path, "--output", "json")), &one); err != nil {
		t.Fatal(err)
	}
	for _, v := range one.Source.Established {
		established = append(established, v.Text)
	}
	for _, v := range one.Source.Probation {
		probation = append(probation, v.Text)
	}
	return established, probation
}

func TestHistoryEdit(t *testing.T) {
	path := flagged(t)
	_, trial := sources(t, path)
	if len(trial) != 1 {
		t.Fatalf("%v on probation", trial)
	}
	ok(t, "history", "approve", "alice", "--value", trial[0], "--state", path)
	known, rest := sources(t, path)
	if len(known) != 2 || len(rest) != 0 {
		t.Fatalf("after approval %v are established, %v on probation", known, rest)
	}
	ok(t, "history", "forget", "alice", "--value", trial[0], "--state", path)
	if known, _ = sources(t, path); len(known) != 1 {
		t.Fatalf("after forgetting one %v are established", known)
	}
	ok(t, "history", "approve", "alice", "--state", path)
	if got := ok(t, "history", "show", "alice", "--state", path); strings.Contains(got, "probation ") {
		t.Errorf("still on probation:\n%s", got)
	}
	ok(t, "history", "forget", "alice", "--state", path)
	if _, _, code := secretwatch(t, "", "history", "show", "alice", "--state", path); code != exitInput {
		t.Errorf("forgotten, and still there: exit code %d", code)
	}
}

func TestHistoryExportImport(t *testing.T) {
	path := flagged(t)
	lines := ok(t, "history", "export", "--state", path)
	for _, line := range strings.Split(strings.TrimSpace(lines), "\n") {
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %s", line)
		}
	}
	copied := filepath.Join(t.TempDir(), "copy.db")
	ok(t, "history", "import", "--state", copied, write(t, "lines", []byte(lines)))
	if again := ok(t, "history", "export", "--state", copied); again != lines {
		t.Errorf("exported\n%s\nimported and exported again\n%s", lines, again)
	}
	// What comes after is judged as with the file itself.
	log := write(t, "audit.log", []byte(strings.Replace(event("alice", "z"), "04:05:37.7", "04:06:37.7", 1)+"\n"))
	first := ok(t, "replay", "--output", "json", "--state-path", path, log)
	if got := ok(t, "replay", "--output", "json", "--state-path", copied, log); got != first {
		t.Errorf("judged\n%s\nand with the copy\n%s", first, got)
	}
}

func TestHistoryErrors(t *testing.T) {
	path := flagged(t)
	damaged := write(t, "damaged.db", []byte("no history"))
	f := func(wantCode int, want string, args ...string) {
		t.Helper()
		_, stderr, code := secretwatch(t, "not JSON\n", append([]string{"history"}, args...)...)
		if code != wantCode || !strings.Contains(stderr, want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q: exit code %d: %s", args, code, stderr)
		}
	}
	f(exitUsage, "no action")
	f(exitUsage, "unknown action", "drop", "--state", path)
	f(exitUsage, "accepted: --state FILE", "show")
	f(exitUsage, "no principal", "forget", "--state", path)
	f(exitUsage, "too many", "show", "a", "b", "--state", path)
	f(exitUsage, "accepted: table, json", "show", "--output", "xml", "--state", path)
	f(exitInput, `no principal "bob"`, "show", "bob", "--state", path)
	f(exitInput, `no principal "bob"`, "approve", "bob", "--state", path)
	f(exitInput, `no value on probation "x"`, "approve", "alice", "--value", "x", "--state", path)
	f(exitInput, `no value "x"`, "forget", "alice", "--value", "x", "--state", path)
	f(exitInput, "no such file", "show", "--state", path+"x")
	f(exitInput, "no such file", "forget", "alice", "--state", path+"x")
	f(exitInput, "not a history of secretwatch", "show", "--state", damaged)
	f(exitInput, "already", "import", "--state", path)
	f(exitInput, "standard input: line 1", "import", "--state", filepath.Join(t.TempDir(), "new.db"))
	if _, err := os.Stat(path + "x"); err == nil {
		t.Error("a file was made")
	}
}

func TestBaseline(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state.db")
	at := func(user, time string) string {
		return strings.ReplaceAll(strings.Replace(event(user, time), "T04:05:37", "T"+time, 1), "curl/8.5.0", "kubectl/v1.30.0 (linux/amd64) kubernetes/abc")
	}
	// Two API servers, one log compressed, and each rotated.
	logs := map[string]string{
		"a.1": at("alice", "01:00:00") + "\n" + at("bob", "03:00:00") + "\n",
		"a.2": at("alice", "05:00:00") + "\nnot JSON\n",
		"b.2": at("carol", "04:00:00") + "\n",
		"b.1": at("carol", "02:00:00") + "\n",
	}
	args := []string{"baseline", "--state", path}
	for name, text := range logs {
		content := []byte(text)
		if name == "a.1" {
			content = zipped(text)
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, filepath.Join(dir, name))
	}
	_, stderr, code := secretwatch(t, "", args...)
	if code != exitOK || !strings.Contains(stderr, "5 secret accesses of 3 identities") ||
		!strings.Contains(stderr, "from 2026-11-23T01:00:00Z to 2026-11-23T05:00:00Z") {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	if got := ok(t, "history", "show", "--state", path); !strings.Contains(got, "learnt from a baseline") {
		t.Errorf("still learning:\n%s", got)
	}
	// Known people are known, others are not, and nothing is being learnt.
	log := write(t, "audit.log", []byte(at("alice", "06:00:00")+"\n"+at("mallory", "06:00:01")+"\n"))
	out, _, _ := secretwatch(t, "", "replay", "--output", "json", "--state-path", path, log)
	lines := strings.Split(out, "\n")
	if strings.Contains(lines[0], "secretwatch") || !strings.Contains(lines[1], "unusual-user") {
		t.Errorf("got %s", out)
	}

	// The property does the same at the first start, and only there.
	property := filepath.Join(dir, "property.db")
	out2, stderr, _ := secretwatch(t, "", "replay", "--output", "json", "--state-path", property, "--baseline", filepath.Join(dir, "[ab].?"), log)
	if out2 != out {
		t.Errorf("with the property baseline\n%s\nwith the command\n%s\n%s", out2, out, stderr)
	}
	if got := ok(t, "history", "show", "--state", property); !strings.Contains(got, "learnt from a baseline") {
		t.Errorf("still learning:\n%s", got)
	}

	f := func(wantCode int, want string, args ...string) {
		t.Helper()
		_, stderr, code := secretwatch(t, "", append([]string{"baseline"}, args...)...)
		if code != wantCode || !strings.Contains(stderr, want) {
			t.Errorf("%q: exit code %d: %s", args, code, stderr)
		}
	}
	f(exitUsage, "accepted: --state FILE", log)
	f(exitUsage, "no logs", "--state", path)
	f(exitUsage, "standard input", "--state", path, "-")
	f(exitInput, "already", "--state", path, log)
	f(exitInput, "does not exist", "--state", filepath.Join(dir, "new.db"), log+"x")
	if _, err := os.Stat(filepath.Join(dir, "new.db")); err == nil {
		t.Error("a file was left though nothing was learnt")
	}
}
