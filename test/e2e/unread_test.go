package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var readOfSecret = regexp.MustCompile(`"verb":"(get|list|watch)".*"objectRef":\{"resource":"secrets"`)

// unread returns more than 100 MB of a log of an API server that leaves out reads of
// secrets, and one line of a read.
func unread(t *testing.T) (log []byte, read string) {
	t.Helper()
	var lines []string
	size := 0
	for _, line := range loadRecorded(t).lines {
		if readOfSecret.MatchString(line) {
			read = line + "\n"
		} else {
			lines = append(lines, line)
			size += len(line) + 1
		}
	}
	if read == "" || !strings.Contains(strings.Join(lines, "\n"), `"objectRef":{"resource":"secrets"`) {
		t.Fatal("want reads of secrets and other requests for them")
	}
	return []byte(strings.Repeat(strings.Join(lines, "\n")+"\n", 110_000_000/size)), read
}

const unreadText = "100 MB of records and no read of a secret among them"

// TestHostUnread: who loads the filter on a log without reads of secrets is told, once.
func TestHostUnread(t *testing.T) {
	log, read := unread(t)
	forEachHost(t, func(t *testing.T, host func(string, ...string) result) {
		for head, want := range map[string]int{"": 1, read: 0} {
			r := host(head+string(log), pluginSO)
			if n := strings.Count(string(r.stderr), unreadText); n != want || r.code != 0 {
				t.Errorf("told %d times, want %d; exit status %d: %s", n, want, r.code, tail(r.stderr))
			}
			ours(t, r.stderr)
		}
	})
}

func TestFluentBitUnread(t *testing.T) {
	fluentBit(t)
	log, read := unread(t)
	file := filepath.Join(t.TempDir(), "audit.log")
	for head, want := range map[string]int{"": 1, read: 0} {
		if err := os.WriteFile(file, append([]byte(head), log...), 0o644); err != nil {
			t.Fatal(err)
		}
		e := startEngine(t, yaml(service+`
pipeline:
  inputs:`+tailInput+`
      exit_on_eof: true
  filters:
    - name: secretwatch
      match: '*'
  outputs:
    - name: 'null'
      match: '*'
`, "{parsers}", os.DevNull, "{log}", file, "{tag}", "audit"))
		<-e.ended
		if n := e.count(unreadText); n != want {
			t.Errorf("told %d times, want %d: %s", n, want, tail([]byte(e.stderr.String())))
		}
		ours(t, []byte(e.stderr.String()))
	}
}
