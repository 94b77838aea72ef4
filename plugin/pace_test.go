package main

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	// f has calls come in gap apart, the first of them after a long pause.
	f := func(gap time.Duration, calls, passes int) {
		t.Helper()
		var p pace
		now := time.Hour
		first, last := time.Duration(0), time.Duration(0)
		for range calls {
			if p.due(now) {
				passes--
				if first == 0 {
					first = now
				} else if d := now - last; d > paceEvery {
					t.Errorf("calls every %v: %v between two passes, want at most %v", gap, d, paceEvery)
				}
				p.passed, last = p.called, now
			}
			now += gap
		}
		if passes != 0 {
			t.Errorf("calls every %v: %d passes fewer than wanted", gap, passes)
		}
		if first > time.Hour+gap {
			t.Errorf("calls every %v: the first pass after %v, want it in the second call", gap, first-time.Hour)
		}
	}
	f(30*time.Microsecond, 1, 0)
	f(30*time.Microsecond, 2, 1)
	f(30*time.Microsecond, 3001, 11) // 90 ms
	f(time.Millisecond, 91, 12)      // passes are 8 ms apart: one more might be 10
	f(4*time.Millisecond, 6, 3)      // and 12 would be too late
	f(pacePause, 100, 0)
	f(time.Second, 100, 0)
}
