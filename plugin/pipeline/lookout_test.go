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

// TestUnread: who never sees a read of a secret is told, once.
func TestUnread(t *testing.T) {
	other := logRecord("nothing of interest")
	much := bytes.Repeat(other, 100_000)
	f := func(record []byte, want int) {
		t.Helper()
		log := &lineLog{}
		p, err := New(Options{Judge: fakeJudge{}}, log)
		if err != nil {
			t.Fatal(err)
		}
		p.Process(record, alloc)
		for sum := len(record); sum < 3*unreadAfter; sum += 2 * len(much) {
			if sum < unreadAfter/2 && strings.Contains(string(log.lines), "no read of a secret") {
				t.Errorf("told after %d bytes: %s", sum, log.lines)
			}
			p.Process(much, alloc)
			p.Passed(1, uint64(len(much)), 0)
		}
		if n := strings.Count(string(log.lines), "no read of a secret"); n != want {
			t.Errorf("%s: told %d times: %s", record, n, log.lines)
		}
	}
	read := event("alice")
	f(other, 1)
	f(logRecord(read), 0)
	f(logRecord(strings.Replace(read, `"verb":"get"`, `"verb":"watch"`, 1)), 0)
	f(logRecord(strings.Replace(read, `"verb":"get"`, `"verb":"create"`, 1)), 1)
	f(logRecord(strings.Replace(read, `"resource":"secrets"`, `"resource":"configmaps","name":"secrets"`, 1)), 1)
	f(logRecord(strings.Replace(read, `"apiVersion":"v1"`, `"apiGroup":"example.com","apiVersion":"v1"`, 1)), 1)
	f(logRecord(`{"kind":"EventList","items":[`+read+`]}`), 0)
	// Where no event is found at all, one line about it is enough.
	f(bytes.Repeat(logRecord(`{"level":"info","msg":"secrets synced"}`), blindAfter), 0)
}
