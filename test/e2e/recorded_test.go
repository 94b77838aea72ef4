package e2e

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// recording is test/data: the recorded log and what is known about it.
type recording struct {
	lines []string
	// redacted are the lines without the values of secrets and tokens, which
	// never come out.
	redacted []string
	// labels of each request, by request.
	labels map[request]label
	// learning is a learning_period that ends just before the first scenario.
	learning string
	// scenarios begin at this time.
	scenarios time.Time
}

// request identifies a request of the recorded log. The audit ID alone does not:
// clients choose it.
type request struct {
	AuditID  string `json:"auditID"`
	Received string `json:"requestReceivedTimestamp"`
}

type label struct {
	request
	Scenario string `json:"scenario"`
	Label    string `json:"label"`
	Secret   bool   `json:"secret"`
}

var recorded = sync.OnceValues(func() (*recording, error) {
	r := &recording{labels: map[request]label{}}
	text, err := gunzip("../data/audit.jsonl.gz")
	if err != nil {
		return nil, err
	}
	r.lines = strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	for _, line := range r.lines {
		r.redacted = append(r.redacted, withoutObjects(line))
	}

	text, err = gunzip("../data/labels.jsonl.gz")
	if err != nil {
		return nil, err
	}
	first := time.Time{} // request for a secret, with which learning starts
	for dec := json.NewDecoder(bytes.NewReader(text)); dec.More(); {
		var l label
		if err := dec.Decode(&l); err != nil {
			return nil, err
		}
		r.labels[l.request] = l
		at, err := time.Parse(time.RFC3339Nano, l.Received)
		if err != nil {
			return nil, err
		}
		if l.Secret && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}

	text, err = os.ReadFile("../data/scenarios.jsonl")
	if err != nil {
		return nil, err
	}
	var start struct {
		Start float64 `json:"start"`
	}
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&start); err != nil {
		return nil, err
	}
	r.scenarios = time.UnixMicro(int64(start.Start * 1e6))
	r.learning = fmt.Sprintf("%.3fs", r.scenarios.Sub(first).Truncate(time.Millisecond).Seconds())
	return r, nil
})

func loadRecorded(t *testing.T) *recording {
	t.Helper()
	r, err := recorded()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// file writes the recorded log into a new directory and returns its path.
func (r *recording) file(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "audit.log")
	if err := os.WriteFile(path, []byte(strings.Join(r.lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func gunzip(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// withoutObjects cuts requestObject and responseObject, which stand one behind the
// other, out of an event about a secret or token as the API server writes it.
func withoutObjects(line string) string {
	before, _, _ := strings.Cut(line, `"responseStatus"`)
	if !strings.Contains(before, `"objectRef":{"resource":"secrets"`) && !strings.Contains(before, `"subresource":"token"}`) {
		return line
	}
	from := strings.Index(line, `,"requestObject":`)
	if from < 0 {
		from = strings.Index(line, `,"responseObject":`)
	}
	if from < 0 {
		return line
	}
	return line[:from] + line[strings.LastIndex(line, `,"requestReceivedTimestamp":`):]
}

// verdict is what a tagged record gains. Maps, so that no field is overlooked
// when verdicts are compared.
type verdict map[string]any

func (v verdict) rules() []string {
	var rules []string
	list, _ := v["rules"].([]any)
	for _, r := range list {
		rules = append(rules, fmt.Sprint(r))
	}
	return rules
}

func (v verdict) has(rule string) bool { return slices.Contains(v.rules(), rule) }

// judged is one record as it came out.
type judged struct {
	event    map[string]any // the audit event
	original any            // the record without what was added
	verdict  verdict        // nil if it was not tagged
	severity any            // the top-level field
}

// key identifies the event of a record within a log.
func (j judged) key() string {
	return fmt.Sprint(j.event["auditID"], " ", j.event["requestReceivedTimestamp"], " ", j.event["stage"])
}

func (j judged) request() request {
	id, _ := j.event["auditID"].(string)
	at, _ := j.event["requestReceivedTimestamp"].(string)
	return request{id, at}
}

// parseRecords reads records printed as JSON lines, either {"log": event as a
// string} or the event itself, each perhaps tagged.
func parseRecords(t *testing.T, out []byte) []judged {
	t.Helper()
	var records []judged
	s := bufio.NewScanner(bytes.NewReader(out))
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		if len(bytes.TrimSpace(s.Bytes())) == 0 {
			continue
		}
		var record map[string]any
		if err := decode(s.Bytes(), &record); err != nil {
			t.Fatalf("%v in record %.300s", err, s.Text())
		}
		j := judged{severity: record["severity"]}
		if v, ok := record["secretwatch"].(map[string]any); ok {
			delete(v, "redacted")
			if len(v) > 0 {
				j.verdict = v
			}
			delete(record, "secretwatch")
			delete(record, "severity")
		}
		if log, ok := record["log"].(string); ok {
			j.original = log
			if err := decode([]byte(log), &j.event); err != nil {
				t.Fatalf("%v in log %.300s", err, log)
			}
		} else {
			j.original, j.event = record, record
		}
		records = append(records, j)
	}
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
	return records
}

// decode keeps numbers as written.
func decode(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return d.Decode(v)
}

// checkUnchanged fails unless the records are the recorded lines in order, apart
// from what tags added and from the values of secrets.
func (r *recording) checkUnchanged(t *testing.T, records []judged) {
	t.Helper()
	checkLines(t, r.redacted, records)
}

// checkLines fails unless the records are the given lines in order, apart from
// what tags added.
func checkLines(t *testing.T, lines []string, records []judged) {
	t.Helper()
	if len(records) != len(lines) {
		t.Fatalf("%d records came out, %d went in", len(records), len(lines))
	}
	for i, line := range lines {
		if log, ok := records[i].original.(string); ok {
			if log != line {
				t.Fatalf("record %d is changed or out of order:\n%.500s\n%.500s", i, log, line)
			}
			continue
		}
		var want map[string]any
		if err := decode([]byte(line), &want); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(records[i].original, want) {
			t.Fatalf("record %d is changed or out of order:\n%v\n%v", i, records[i].original, want)
		}
	}
}

// novelty are the rules that raise nothing while learning.
var novelty = []string{"unusual-user-agent", "new-source-ip", "unusual-user", "new-namespace"}

// checkVerdicts fails unless the verdicts over the whole recorded log tell its
// stories, given its learning period.
func (r *recording) checkVerdicts(t *testing.T, records []judged) {
	t.Helper()
	attack, both, upgrade := 0, 0, 0
	for _, j := range records {
		l, labelled := r.labels[j.request()]
		if !labelled {
			t.Fatalf("no label for %s", j.key())
		}
		at, err := time.Parse(time.RFC3339Nano, l.Received)
		if err != nil {
			t.Fatal(err)
		}
		if l.Scenario == "look-kubectl-upgrade" && l.Secret && j.event["stage"] == "ResponseComplete" {
			upgrade++
		}
		if j.verdict == nil {
			continue
		}
		if j.severity != j.verdict["severity"] {
			t.Errorf("%s: severity %v at the top, %v in the verdict", j.key(), j.severity, j.verdict["severity"])
		}
		for _, rule := range j.verdict.rules() {
			if at.Before(r.scenarios) && slices.Contains(novelty, rule) {
				t.Errorf("%s: %s while learning: %v", j.key(), rule, j.verdict["reason"])
			}
		}
		switch l.Scenario {
		case "a":
			attack++
			serious := slices.Contains([]any{"medium", "high", "critical"}, j.verdict["severity"])
			if serious && j.verdict.has("unusual-user-agent") && j.verdict.has("new-source-ip") {
				both++
			}
		case "look-kubectl-upgrade":
			if j.verdict.has("unusual-user-agent") {
				t.Errorf("%s: a kubectl upgrade is called an unusual user agent: %v", j.key(), j.verdict["reason"])
			}
		}
	}
	if both == 0 {
		t.Errorf("attack a: %d records tagged, none medium or higher by user agent and source at once", attack)
	}
	if upgrade == 0 {
		t.Error("the recorded log lacks the kubectl upgrade")
	}
}

// compareVerdicts fails unless both runs gave the same verdicts for the same
// events.
func compareVerdicts(t *testing.T, nameA string, a []judged, nameB string, b []judged) {
	t.Helper()
	index := func(records []judged) map[string]verdict {
		m := map[string]verdict{}
		for _, j := range records {
			if j.verdict != nil {
				m[j.key()] = j.verdict
			}
		}
		return m
	}
	va, vb := index(a), index(b)
	if len(va) == 0 {
		t.Errorf("%s tagged nothing", nameA)
	}
	differ := 0
	for key, v := range va {
		if !reflect.DeepEqual(v, vb[key]) {
			if differ++; differ < 5 {
				t.Errorf("%s: %s says\n%v\n%s says\n%v", key, nameA, v, nameB, vb[key])
			}
		}
	}
	for key, v := range vb {
		if va[key] == nil {
			if differ++; differ < 5 {
				t.Errorf("%s: only %s says %v", key, nameB, v)
			}
		}
	}
	if differ > 0 {
		t.Errorf("%d verdicts of %s and %s differ", differ, nameA, nameB)
	}
}
