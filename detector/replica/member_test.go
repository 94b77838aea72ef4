package replica

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
)

// journal keeps log lines.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) Warnf(format string, args ...any) { j.add("warn "+format, args) }
func (j *journal) Infof(format string, args ...any) { j.add("info "+format, args) }
func (j *journal) add(format string, args []any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

func (j *journal) count(part string) (n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, l := range j.lines {
		if strings.Contains(l, part) {
			n++
		}
	}
	return n
}

// member is one replica, as in a process of its own.
type member struct {
	h   *History
	d   *detector.Detector
	log *journal
}

// test timeouts are longer than the default, since tests share processors.
const testTimeout = 2 * time.Second

func newMember(t testing.TB, url string, change ...func(o *Options, cfg *detector.Config)) *member {
	t.Helper()
	server, err := ParseURL(url)
	require.NoError(t, err)
	m := &member{log: &journal{}}
	o := Options{Server: server, Cluster: "test", Timeout: testTimeout, Save: time.Hour, Log: m.log}
	cfg := detector.DefaultConfig()
	for _, f := range change {
		f(&o, &cfg)
	}
	l, err := newLink(o, cfg)
	require.NoError(t, err)
	m.h = &History{l: l}
	m.d, err = detector.NewWith(cfg, m.h.Memory())
	require.NoError(t, err)
	m.h.Start()
	t.Cleanup(func() { _ = m.close() })
	return m
}

func (m *member) close() (err error) {
	m.h.once.Do(func() { err = m.h.l.close() })
	return err
}

// judge takes one chunk through the member.
func (m *member) judge(events []*audit.Event, f func(ev *audit.Event, result detector.Result, v *detector.Verdict)) {
	s := m.h.Session(m.d)
	defer s.End()
	for _, ev := range events {
		s.See(ev)
	}
	s.Ask()
	var v detector.Verdict
	for _, ev := range events {
		f(ev, s.Judge(ev, &v), &v)
	}
}

// settle waits until all members know what each of them observed.
func settle(t testing.TB, members ...*member) {
	t.Helper()
	for range 2 {
		for _, m := range members {
			l := m.h.l
			for more := true; more; {
				l.mu.Lock()
				batch := l.outbox.take(maxBatch)
				more = len(batch) == maxBatch
				l.mu.Unlock()
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
				status, err := l.exchange(ctx, batch, nil)
				if err != nil {
					// The connection may have been lost; it is made anew.
					status, err = l.exchange(ctx, batch, nil)
				}
				cancel()
				require.NoError(t, err)
				if status == statusOK {
					continue
				}
				more = true
				l.mu.Lock()
				l.outbox.back(batch)
				l.mu.Unlock()
				if status != statusMore {
					require.NoError(t, l.find(status))
				}
			}
		}
	}
}

// await waits for something that happens behind a member's back.
func await(t testing.TB, what string, ready func() bool) {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); !ready(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// finding is what makes two findings the same.
type finding struct{ print, user string }

// findings are those that were first, with how often and why.
type findings map[finding][]string

func (f findings) add(v *detector.Verdict) {
	if v.First {
		key := finding{v.Fingerprint, v.User}
		f[key] = append(f[key], fmt.Sprintf("%s [%s] %s", v.User, v.History, v.Reason))
	}
}

func (f findings) equal(t testing.TB, got findings) {
	t.Helper()
	shown := 0
	show := func(what string, reasons []string) {
		if shown++; shown <= 10 {
			t.Errorf("%s: %s", what, strings.Join(reasons, " | "))
		}
	}
	for key, reasons := range f {
		if len(got[key]) != len(reasons) {
			show(fmt.Sprintf("%d times instead of %d", len(got[key]), len(reasons)), reasons)
		}
	}
	for key, reasons := range got {
		if len(f[key]) == 0 {
			show("only when shared", reasons)
		}
	}
	if shown > 10 {
		t.Errorf("and %d more", shown-10)
	}
}

// accessAt is one plain access at a time in seconds.
func accessAt(user, ip, agent, namespace, name string, at int) *audit.Event {
	return &audit.Event{
		AuditID: fmt.Sprint(user, ip, agent, name, at), Stage: audit.StageResponseComplete, Verb: "get",
		RequestURI: "/api/v1/namespaces/" + namespace + "/secrets/" + name, UserAgent: agent,
		User: audit.User{Username: user, Groups: []string{"dev"}}, SourceIPs: []string{ip},
		Resource: "secrets", Namespace: namespace, Name: name, Code: 200, Decision: "allow",
		Time: 1_800_000_000_000_000_000 + int64(at)*int64(time.Second),
	}
}
