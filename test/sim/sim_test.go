package sim

import (
	"bytes"
	"hash/fnv"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/secretwatch/secretwatch/detector/audit"
)

func short(seed uint64) Config {
	cfg := DefaultConfig(seed)
	cfg.Days, cfg.QuietDays, cfg.Attacks = 4, 1, 12
	return cfg
}

func digest(cfg Config) (sum uint64, n int, attacks []Attack) {
	h := fnv.New64a()
	var line []byte
	attacks = Run(cfg, func(ev *audit.Event, l *Label) {
		n++
		line = AppendJSON(line[:0], ev)
		line = append(line, l.Behaviour...)
		h.Write(line)
	})
	return h.Sum64(), n, attacks
}

// A seed names one log, byte for byte, and another seed another one.
func TestDeterministic(t *testing.T) {
	a, n, attacks := digest(short(1))
	b, _, again := digest(short(1))
	if a != b || !reflect.DeepEqual(attacks, again) {
		t.Fatalf("seed 1 gave two different logs: %x and %x", a, b)
	}
	if c, _, _ := digest(short(2)); c == a {
		t.Fatal("seeds 1 and 2 gave the same log")
	}
	if n < 100000 {
		t.Fatalf("only %d events in 5 days", n)
	}
}

// The struct path and the JSON path carry the same content.
func TestJSONIsTheSame(t *testing.T) {
	var (
		p    audit.Parser
		got  audit.Event
		line []byte
		n    int
	)
	cfg := short(3)
	cfg.Days = 2
	Run(cfg, func(ev *audit.Event, l *Label) {
		n++
		if n%7 != 0 && l.Attack == 0 && ev.Impersonated.Username == "" {
			return
		}
		line = AppendJSON(line[:0], ev)
		if err := p.ParseJSON(line, &got); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		a, b := *ev, got
		if !same(&a, &b) {
			t.Fatalf("parsed:\n%+v\nsent:\n%+v\nline: %s", b, a, line)
		}
	})
}

// same compares with nil and empty slices alike.
func same(a, b *audit.Event) bool {
	for _, ev := range []*audit.Event{a, b} {
		for _, l := range []*[]string{&ev.SourceIPs, &ev.User.Groups, &ev.Impersonated.Groups} {
			if len(*l) == 0 {
				*l = nil
			}
		}
	}
	return reflect.DeepEqual(a, b)
}

// Events are what an API server could have written.
func TestEventsAreSane(t *testing.T) {
	type seen struct{ started, complete bool }
	watches := map[string]*seen{}
	var last, disturbed, n, attacked int64
	stages := map[audit.Stage]int{}
	Run(short(4), func(ev *audit.Event, l *Label) {
		n++
		stages[ev.Stage]++
		fail := func(what string) {
			t.Helper()
			t.Fatalf("%s: %s", what, AppendJSON(nil, ev))
		}
		if l.Attack > 0 {
			attacked++
		}
		if ev.AuditID == "" || ev.Verb == "" || ev.Resource == "" || ev.Time == 0 || ev.StageTime < ev.Time {
			fail("a field is missing")
		}
		if ev.Time%1000 != 0 || ev.StageTime%1000 != 0 {
			fail("finer than microseconds")
		}
		if len(ev.SourceIPs) == 0 {
			fail("no source address")
		}
		for _, ip := range ev.SourceIPs {
			if a, err := netip.ParseAddr(ip); err != nil || a.String() != ip {
				fail("a source address is not canonical: " + ip)
			}
		}
		switch {
		case ev.Stage == audit.StageRequestReceived:
			if ev.Code != 0 || ev.Decision != "" || ev.Impersonated.Username != "" || ev.StatusMessage != "" {
				fail("known too early")
			}
		case ev.Code == 401:
			if ev.User.Username != "" || ev.Decision != "" || ev.Stage != audit.StageResponseStarted {
				fail("a 401 with a user")
			}
		default:
			if ev.User.Username == "" || ev.Decision == "" || (ev.Decision == "forbid") != (ev.Code == 403) {
				fail("user, decision and code do not fit")
			}
			if len(ev.User.Groups) == 0 {
				fail("no groups")
			}
		}
		if strings.HasPrefix(ev.User.Username, "system:serviceaccount:") && ev.User.PodName != "" && !strings.HasPrefix(ev.User.CredentialID, "JTI=") {
			fail("a pod's token without id")
		}
		if ev.Verb == "get" && (ev.Name == "" || !strings.HasSuffix(ev.RequestURI, "/"+ev.Name)) {
			fail("a get of nothing")
		}
		if ev.Verb == "watch" && ev.Code == 200 {
			w := watches[ev.AuditID]
			if w == nil {
				w = &seen{}
				watches[ev.AuditID] = w
			}
			switch ev.Stage {
			case audit.StageResponseStarted:
				w.started = true
			case audit.StageResponseComplete:
				w.complete = true
			}
		}
		if ev.StageTime < last {
			disturbed++
		}
		last = max(last, ev.StageTime)
	})
	for id, w := range watches {
		if !w.started || !w.complete {
			t.Fatalf("watch %s: started %v, complete %v", id, w.started, w.complete)
		}
	}
	if disturbed == 0 || disturbed > n/4 {
		t.Errorf("%d of %d events are out of order", disturbed, n)
	}
	if attacked == 0 {
		t.Error("no attack")
	}
	for _, s := range []audit.Stage{audit.StageRequestReceived, audit.StageResponseStarted, audit.StageResponseComplete} {
		if stages[s] == 0 {
			t.Errorf("no event at stage %d", s)
		}
	}
}

// In a month every attack comes to pass.
func TestEveryAttackHappens(t *testing.T) {
	if testing.Short() {
		t.Skip("a month")
	}
	byKind := map[string]int{}
	for _, a := range Run(DefaultConfig(1), func(*audit.Event, *Label) {}) {
		byKind[a.Kind]++
		if a.Requests == 0 || a.Story == "" {
			t.Errorf("attack %d, %s, did not happen", a.ID, a.Kind)
		}
	}
	if len(byKind) < 25 {
		t.Errorf("only %d kinds of attacks", len(byKind))
	}
}

func TestAppendJSONIsOneLine(t *testing.T) {
	line := AppendJSON(nil, &audit.Event{Stage: audit.StageResponseComplete, UserAgent: "a\n\"b", Decision: "allow"})
	if bytes.ContainsRune(line, '\n') {
		t.Errorf("%s", line)
	}
}
