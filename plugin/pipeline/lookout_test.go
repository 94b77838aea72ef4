package pipeline

import (
	"bytes"
	"strconv"
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

// TestUnread: who never sees a get or list of a secret is told, once.
func TestUnread(t *testing.T) {
	const text = " MB of records and no get or list of a secret"
	other := logRecord("nothing of interest")
	much := bytes.Repeat(other, 100_000)
	// f runs a gigabyte and more behind a record, and compares after how many MB it is
	// told: 0 for never.
	f := func(record []byte, want int) {
		t.Helper()
		log := &lineLog{}
		p, err := New(Options{Judge: fakeJudge{}}, log)
		if err != nil {
			t.Fatal(err)
		}
		told := 0
		p.Process(record, alloc)
		for sum, process := len(record), true; sum < 1.5*watchedAfter; process = !process {
			if process {
				p.Process(much, alloc)
			} else {
				p.Passed(1, uint64(len(much)), 0)
			}
			sum += len(much)
			if told == 0 && strings.Contains(string(log.lines), text) {
				told = sum / 1e6
			}
		}
		n := strings.Count(string(log.lines), text)
		if told/10 != want/10 || n != min(want, 1) || want > 0 && !strings.Contains(string(log.lines), strconv.Itoa(want)+text) {
			t.Errorf("%.300s: told %d times, first after %d MB, want %d: %s", record, n, told, want, log.lines)
		}
	}
	read := event("alice")
	verb := func(verb string) []byte {
		return logRecord(strings.Replace(read, `"verb":"get"`, `"verb":"`+verb+`"`, 1))
	}
	f(other, 100)
	f(logRecord(read), 0)
	f(verb("list"), 0)
	f(verb("watch"), 1000)
	f(append(verb("watch"), verb("list")...), 0)
	f(verb("create"), 100)
	f(logRecord(strings.Replace(read, `"resource":"secrets"`, `"resource":"configmaps","name":"secrets"`, 1)), 100)
	f(logRecord(strings.Replace(read, `"apiVersion":"v1"`, `"apiGroup":"example.com","apiVersion":"v1"`, 1)), 100)
	f(logRecord(`{"kind":"EventList","items":[`+read+`]}`), 0)
	// Where no event is found at all, one line about it is enough.
	f(bytes.Repeat(logRecord(`{"level":"info","msg":"secrets synced"}`), blindAfter), 0)
}
