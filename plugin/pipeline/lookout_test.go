package pipeline

import (
	"bytes"
	"strings"
	"testing"
)

// TestLookout: who looks for events where there are none is told, once.
func TestLookout(t *testing.T) {
	f := func(key string, first, record []byte, want int) {
		t.Helper()
		log := &lineLog{}
		p, err := New(Options{Judge: fakeJudge{}, Key: key}, log)
		if err != nil {
			t.Fatal(err)
		}
		if first != nil {
			p.Process(first, alloc)
		}
		for range 3 {
			p.Process(bytes.Repeat(record, blindAfter/2), alloc)
		}
		if n := strings.Count(string(log.lines), "none holds an audit event"); n != want {
			t.Errorf("told %d times: %s", n, log.lines)
		}
	}
	known := logRecord(event("alice"))
	f("", nil, known, 0)
	f("other", nil, known, 1)
	f("", nil, logRecord("2026-11-23T04:05:37Z stdout F "+event("alice")), 1)
	f("", nil, logRecord("nothing of interest"), 0)
	f("", nil, logRecord(`{"level":"info","msg":"secrets synced"}`), 1)
	f("", known, logRecord(`{"level":"info","msg":"secrets synced"}`), 0)
}
