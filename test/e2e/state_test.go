package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// kills is how often TestStateSurvivesKill kills: STATE_KILLS, else a few.
func kills() int {
	if n, err := strconv.Atoi(os.Getenv("STATE_KILLS")); err == nil {
		return n
	}
	return 12
}

// printsIn returns the fingerprints that a state file knows as reported. The
// file must be sound.
func printsIn(t *testing.T, path string) map[string]bool {
	t.Helper()
	prints := map[string]bool{}
	r := run(t, nil, replay, "history", "export", "--state", path)
	if r.code != 0 {
		t.Fatalf("the state file cannot be read: %s", r.stderr)
	}
	for _, line := range bytes.Split(bytes.TrimSpace(r.stdout), []byte("\n")) {
		var record struct {
			Said []struct{ Print string }
		}
		if len(line) == 0 {
			continue
		}
		if err := json.Unmarshal(line, &record); err != nil {
			t.Fatalf("%v in %.200s", err, line)
		}
		for _, s := range record.Said {
			prints[s.Print] = true
		}
	}
	return prints
}

// The host is killed at random moments while records pass. Whatever comes out is
// what went in, in order; the state file always opens; what is in it is never
// raised for the first time again; and what was raised longer than the flush
// interval ago is in it.
func TestStateSurvivesKill(t *testing.T) {
	rec := loadRecorded(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "state.db")
	// The scenarios alone, so that there is something to find from the start.
	lines, expected := rec.lines[len(rec.lines)/2:], rec.redacted[len(rec.lines)/2:]
	input := []byte(strings.Join(lines, "\n") + "\n")
	const flush = 100 * time.Millisecond
	rnd := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	durable := map[string]bool{}
	firsts, records := 0, 0
	for n := range kills() {
		if n%8 == 0 {
			// Or there would soon be nothing left that was not found before.
			_ = os.Remove(path)
			durable = map[string]bool{}
		}
		cmd := exec.Command(hostBinary("v5"), "--flush", "--records-per-chunk", "5", "--repeat", "1000000",
			"--prop", "state_path="+path, "--prop", "state_flush=0.1", "--prop", "learning_period=0", pluginSO, filepath.Join(dir, "log"))
		if n == 0 {
			if err := os.WriteFile(filepath.Join(dir, "log"), input, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		kill := time.AfterFunc(time.Duration(rnd.Int64N(int64(6*flush))), func() { _ = cmd.Process.Kill() })
		raised := map[string]time.Time{} // for the first time, and when that was read
		r := bufio.NewReaderSize(stdout, 1<<20)
		for i := 0; ; i++ {
			line, err := r.ReadBytes('\n')
			if err != nil {
				if err != io.EOF {
					t.Fatal(err)
				}
				break // the rest of a line that was cut by the kill
			}
			records++
			var record struct {
				Log     string `json:"log"`
				Verdict *struct {
					First       bool   `json:"first"`
					Fingerprint string `json:"fingerprint"`
				} `json:"secretwatch"`
			}
			if err := json.Unmarshal(line, &record); err != nil {
				t.Fatalf("run %d, record %d: %v: %.300s", n, i, err, line)
			}
			if want := expected[i%len(lines)]; record.Log != want {
				t.Fatalf("run %d: record %d is lost or changed at byte %d:\n%.300q\n%.300q", n, i, differ(record.Log, want), record.Log[max(0, differ(record.Log, want)-50):], want[max(0, differ(record.Log, want)-50):])
			}
			if v := record.Verdict; v != nil && v.First {
				firsts++
				if durable[v.Fingerprint] {
					t.Fatalf("run %d: %s was kept, and is raised for the first time again", n, v.Fingerprint)
				}
				raised[v.Fingerprint] = time.Now()
			}
		}
		kill.Stop()
		_ = cmd.Wait()
		killed := time.Now()
		if s := stderr.String(); strings.Contains(s, "warn]") || strings.Contains(s, "error]") {
			t.Fatalf("run %d: %s", n, s)
		}
		if _, err := os.Stat(path); err != nil {
			continue // killed before there was a file
		}
		durable = printsIn(t, path)
		// Generous: a disk and a machine may be busy.
		for print, at := range raised {
			if !durable[print] && killed.Sub(at) > flush+5*time.Second {
				t.Errorf("run %d: %s was raised %s before the kill and is not kept", n, print, killed.Sub(at))
			}
		}
	}
	if len(durable) == 0 || firsts == 0 {
		t.Error("nothing was found or kept")
	}
	t.Logf("%d kills, %d records, %d findings raised for the first time, %d kept", kills(), records, firsts, len(durable))
}

// The same log in parts, with restarts or reloads between, gives the verdicts of
// one run.
func TestStateOverRestartsAndReloads(t *testing.T) {
	rec := loadRecorded(t)
	dir := t.TempDir()
	log := rec.file(t)
	learning := "learning_period=" + rec.learning
	whole := run(t, nil, hostBinary("v5"), "--prop", learning, pluginSO, log)
	want := parseRecords(t, whole.stdout)
	rec.checkVerdicts(t, want)

	f := func(name string, got []judged) {
		t.Helper()
		rec.checkUnchanged(t, got)
		compareVerdicts(t, "one run", want, name, got)
	}
	checked := func(r result) []byte {
		t.Helper()
		if r.code != 0 || bytes.Contains(r.stderr, []byte("warn")) {
			t.Fatalf("exit status %d: %s", r.code, tail(r.stderr))
		}
		return r.stdout
	}
	for _, parts := range []int{2, 7} {
		var byHost, byTool []byte
		for i := range parts {
			part := rec.lines[len(rec.lines)*i/parts : len(rec.lines)*(i+1)/parts]
			input := []byte(strings.Join(part, "\n") + "\n")
			state := filepath.Join(dir, fmt.Sprint("host", parts))
			byHost = append(byHost, checked(run(t, input, hostBinary("v5"), "--prop", learning, "--prop", "state_path="+state, pluginSO))...)
			state = filepath.Join(dir, fmt.Sprint("tool", parts))
			byTool = append(byTool, checked(run(t, input, replay, "replay", "--output", "json", "--learning-period", rec.learning, "--state-path", state, "-"))...)
		}
		f(fmt.Sprintf("the host restarted %d times", parts-1), parseRecords(t, byHost))
		f(fmt.Sprintf("replay in %d parts", parts), parseRecords(t, byTool))
	}
	for _, generation := range generations {
		r := run(t, nil, hostBinary(generation), "--reload-every", "9", "--prop", learning, "--prop", "state_path="+filepath.Join(dir, generation), pluginSO, log)
		f("the host "+generation+" with reloads", parseRecords(t, checked(r)))
	}
}

// Two instances with one file share one history: what the first has said, the
// second does not raise again.
func TestStateSharedByInstances(t *testing.T) {
	rec := loadRecorded(t)
	log := rec.file(t)
	path := filepath.Join(t.TempDir(), "state.db")
	r := run(t, nil, hostBinary("v5"), "--threads", "4", "--prop", "learning_period=0", "--prop", "state_path="+path,
		"--next", "--prop", "learning_period=0", "--prop", "state_path="+path, pluginSO, log)
	if r.code != 0 || bytes.Contains(r.stderr, []byte("warn")) {
		t.Fatalf("exit status %d: %s", r.code, tail(r.stderr))
	}
	seen := map[string]bool{}
	for _, j := range parseRecords(t, r.stdout) {
		if j.verdict != nil && j.verdict["first"] == true {
			print := fmt.Sprint(j.verdict["fingerprint"])
			if seen[print] {
				t.Errorf("%s is raised for the first time twice: %v", print, j.verdict)
			}
			seen[print] = true
		}
	}
	if len(seen) == 0 {
		t.Error("nothing was found")
	}
}

// Whatever is wrong with the file: one warning, and the records pass and are
// judged as without it.
func TestStateCannotBeUsed(t *testing.T) {
	rec := loadRecorded(t)
	log := rec.file(t)
	dir := t.TempDir()
	learning := "learning_period=" + rec.learning
	want := parseRecords(t, run(t, nil, hostBinary("v5"), "--prop", learning, pluginSO, log).stdout)
	f := func(what, path string, limits ...string) {
		t.Helper()
		args := append(limits, hostBinary("v5"), "--prop", learning, "--prop", "state_path="+path, pluginSO, log)
		r := run(t, nil, args[0], args[1:]...)
		if n := bytes.Count(r.stderr, []byte("[ warn]")); r.code != 0 || n < 1 || n > 2 {
			t.Errorf("%s: exit status %d, %d warnings: %s", what, r.code, n, tail(r.stderr))
		}
		got := parseRecords(t, r.stdout)
		rec.checkUnchanged(t, got)
		compareVerdicts(t, "without a file", want, what, got)
	}
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	f("no directory", filepath.Join(dir, "no", "state.db"))
	f("a directory", dir)
	f("a foreign file", file("foreign", []byte("something else\n")))

	sound := filepath.Join(dir, "sound")
	if r := run(t, nil, hostBinary("v5"), "--prop", learning, "--prop", "state_path="+sound, pluginSO, log); r.code != 0 {
		t.Fatal(string(r.stderr))
	}
	content, err := os.ReadFile(sound)
	if err != nil {
		t.Fatal(err)
	}
	f("a file that was cut", file("cut", content[:len(content)/2]))
	if _, err := os.Stat(filepath.Join(dir, "cut.damaged-1")); err != nil {
		t.Error("the cut file was not set aside")
	}
	if _, err := exec.LookPath("bash"); err == nil {
		// A limit of the size of files stands for a full disk.
		f("no room", filepath.Join(dir, "full"), "bash", "-c", `trap "" XFSZ; ulimit -f 40; exec "$0" "$@"`)
	}
}

// differ returns the offset at which a and b differ first.
func differ(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
