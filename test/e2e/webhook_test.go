package e2e

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestFluentBitWebhook posts bodies as the API server's webhook backend does to
// Fluent Bit's in_http: first bodies that a real API server posted, then the
// recorded log as event lists. Items in are records out, and the verdicts, also of
// what is no finding, are those of the log of the same requests.
func TestFluentBitWebhook(t *testing.T) {
	fluentBit(t)
	rec := loadRecorded(t)
	reference := func(t *testing.T, lines []string) []judged {
		t.Helper()
		r := run(t, []byte(strings.Join(lines, "\n")+"\n"), hostBinary("v5"), "--prop", "learning_period="+rec.learning, "--prop", "tag_all=on", pluginSO)
		if r.code != 0 {
			t.Fatalf("%s", tail(r.stderr))
		}
		return parseRecords(t, r.stdout)
	}

	send := func(t *testing.T, bodies []string) []judged {
		t.Helper()
		items := 0
		for _, body := range bodies {
			items += len(itemsOf(t, body))
		}
		out := filepath.Join(t.TempDir(), "out.jsonl")
		port := freePort(t)
		e := startEngine(t, yaml(strings.Replace(service, "  parsers_file: {parsers}\n", "", 1)+`
pipeline:
  inputs:
    - name: http
      listen: 127.0.0.1
      port: {port}
      tag: audit
      buffer_max_size: 16M
  filters:
    - name: secretwatch
      match: '*'
      learning_period: {learning}
      tag_all: on
  outputs:`+fileOutput, "{port}", port, "{out}", out, "{learning}", rec.learning, "{tag}", "audit"))
		e.await("start", func() bool { return e.count("] version ") == 1 })
		for _, body := range bodies {
			for limit := time.Now().Add(deadline); !post("http://127.0.0.1:"+port+"/", body); {
				if time.Now().After(limit) {
					t.Fatalf("not taken: %s", tail([]byte(e.stderr.String())))
				}
				time.Sleep(5 * time.Millisecond) // the listener comes up after the filter
			}
		}
		e.await("output of all items", func() bool { return countLines(out) >= items })
		e.stop()
		records := parseRecords(t, readFile(t, out))
		if len(records) != items {
			t.Fatalf("%d items went in, %d records came out", items, len(records))
		}
		return records
	}

	t.Run("posted by an API server", func(t *testing.T) {
		var bodies, lines []string
		posted := map[string]bool{}
		for _, name := range []string{"webhook-body-1.json.gz", "webhook-body-2.json.gz"} {
			body, err := gunzip("../data/" + name)
			if err != nil {
				t.Fatal(err)
			}
			bodies = append(bodies, string(body))
			for _, j := range itemsOf(t, string(body)) {
				posted[j.key()] = true
			}
		}
		for i, j := range parseRecords(t, []byte(strings.Join(rec.lines, "\n"))) {
			if posted[j.key()] {
				lines = append(lines, rec.lines[i])
			}
		}
		if len(lines) != len(posted) {
			t.Errorf("%d of %d items are in the log", len(lines), len(posted))
		}
		compareVerdicts(t, "the log", reference(t, lines), "the webhook", send(t, bodies))
	})
	t.Run("the recorded log as lists", func(t *testing.T) {
		var bodies []string
		for lines := rec.lines; len(lines) > 0; {
			n := min(len(lines), 100)
			bodies = append(bodies, `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[`+strings.Join(lines[:n], ",")+`]}`)
			lines = lines[n:]
		}
		compareVerdicts(t, "the log", reference(t, rec.lines), "the webhook", send(t, bodies))
	})
}

// itemsOf returns the items of an EventList as events.
func itemsOf(t *testing.T, body string) (items []judged) {
	t.Helper()
	var list struct{ Items []map[string]any }
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		t.Fatal(err)
	}
	for _, event := range list.Items {
		items = append(items, judged{event: event})
	}
	return items
}
