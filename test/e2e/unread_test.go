package e2e

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var readOfSecret = regexp.MustCompile(`"verb":"(get|list|watch)".*"objectRef":\{"resource":"secrets"`)

const unreadText = "100 MB of records and no get or list of a secret among them"

// unread returns a function that gives more than 100 MB of a log of an API server that
// leaves out reads of secrets, behind a line of its own, and for each such line how
// often the filter tells that there are none.
func unread(t *testing.T) (log func(head string) io.Reader, heads map[string]int) {
	t.Helper()
	var lines []string
	reads := map[string]string{}
	for _, line := range loadRecorded(t).lines {
		if m := readOfSecret.FindStringSubmatch(line); m != nil {
			reads[m[1]] = line + "\n"
		} else {
			lines = append(lines, line)
		}
	}
	text := strings.Join(lines, "\n") + "\n"
	if len(reads) != 3 || !strings.Contains(text, `"objectRef":{"resource":"secrets"`) {
		t.Fatal("want reads of secrets and other requests for them")
	}
	log = func(head string) io.Reader {
		all := []io.Reader{strings.NewReader(head)}
		for n := 0; n < 110_000_000; n += len(text) {
			all = append(all, strings.NewReader(text))
		}
		return io.MultiReader(all...)
	}
	return log, map[string]int{"": 1, reads["get"]: 0, reads["list"]: 0, reads["watch"]: 0}
}

// TestHostUnread: who loads the filter on a log without reads of secrets is told, once.
func TestHostUnread(t *testing.T) {
	log, heads := unread(t)
	for _, generation := range generations {
		t.Run(generation, func(t *testing.T) {
			t.Parallel()
			for head, want := range heads {
				ctx, cancel := context.WithTimeout(context.Background(), deadline)
				defer cancel()
				cmd := exec.CommandContext(ctx, hostBinary(generation), pluginSO)
				var stderr bytes.Buffer
				cmd.Stdin, cmd.Stderr = log(head), &stderr
				err := cmd.Run()
				if n := strings.Count(stderr.String(), unreadText); n != want || err != nil {
					t.Errorf("%.80s: told %d times, want %d; %v: %s", head, n, want, err, tail(stderr.Bytes()))
				}
				ours(t, stderr.Bytes())
			}
		})
	}
}

func TestFluentBitUnread(t *testing.T) {
	fluentBit(t)
	log, heads := unread(t)
	name := filepath.Join(t.TempDir(), "audit.log")
	for head, want := range heads {
		file, err := os.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(file, log(head)); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
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
`, "{parsers}", os.DevNull, "{log}", name, "{tag}", "audit"))
		<-e.ended
		if n := e.count(unreadText); n != want {
			t.Errorf("%.80s: told %d times, want %d: %s", head, n, want, tail([]byte(e.stderr.String())))
		}
		ours(t, []byte(e.stderr.String()))
	}
}
