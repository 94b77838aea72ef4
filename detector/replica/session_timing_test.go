package replica

import (
	"testing"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/test/redistest"
)

// What sharing adds to judging what is familiar, and what asking takes.
func BenchmarkSession(b *testing.B) {
	m := newMember(b, redistest.Start(b).URL())
	trained(b, m)
	ignore := func(*audit.Event, detector.Result, *detector.Verdict) {}
	b.Run("alone", func(b *testing.B) {
		ev := accessAt("alice", "192.0.2.1", kubectl, "a", "b", afterwards)
		var v detector.Verdict
		b.ReportAllocs()
		for b.Loop() {
			ev.Time += 1000
			m.d.Judge(ev, &v)
		}
	})
	b.Run("familiar", func(b *testing.B) {
		ev := accessAt("alice", "192.0.2.1", kubectl, "a", "b", afterwards)
		b.ReportAllocs()
		for b.Loop() {
			ev.Time += 1000
			m.judge([]*audit.Event{ev}, ignore)
		}
	})
	b.Run("asked", func(b *testing.B) {
		// Nobody is known to be nobody.
		ev := accessAt("system:anonymous", "203.0.113.1", kubectl, "a", "b", afterwards)
		ev.Code, ev.Decision = 403, "forbid"
		before := m.h.Stats().Asked
		b.ReportAllocs()
		for b.Loop() {
			ev.Time += askAgain
			m.judge([]*audit.Event{ev}, ignore)
		}
		if asked := m.h.Stats().Asked - before; asked != uint64(b.N) {
			b.Errorf("%d of %d asked", asked, b.N)
		}
	})
}
