package main

import (
	"testing"
	"time"
)

// setNow sets a time that C has: tests cannot name its type.
func setNow[T ~int64](at *T, now time.Duration) { *at = T(now) }

func TestPace(t *testing.T) {
	// f has calls come in gap apart, the first of them after a long pause, and returns
	// how many pass through the scheduler.
	f := func(gap time.Duration, calls int) (passes int) {
		t.Helper()
		var p pace
		now := time.Hour
		var last time.Duration
		for range calls {
			setNow(&p.now, now)
			if p.due() {
				if d := now - last; passes > 0 && d > paceEvery {
					t.Errorf("calls every %v: %v between two passes, want at most %v", gap, d, paceEvery)
				}
				p.passed, last = p.now, now
				passes++
			}
			now += gap
		}
		return passes
	}
	for _, w := range []struct {
		gap           time.Duration
		calls, passes int
	}{
		{30 * time.Microsecond, 1, 0},
		{30 * time.Microsecond, 10, 0},    // not yet known to come often
		{30 * time.Microsecond, 20, 1},    // known
		{30 * time.Microsecond, 3020, 11}, // 90 ms
		{time.Millisecond, 100, 11},       // 8 ms apart: one more might be 10
		{3 * time.Millisecond, 100, 39},   // 6 ms apart: one more would be 9, which is too late
		{pacePause, 100, 0},
		{time.Second, 100, 0},
	} {
		if n := f(w.gap, w.calls); n < w.passes-1 || n > w.passes+1 {
			t.Errorf("%d calls every %v: %d passes, want about %d", w.calls, w.gap, n, w.passes)
		}
	}
}

// TestPaceOfRareCalls: a few calls that come together do not make calls frequent.
func TestPaceOfRareCalls(t *testing.T) {
	var p pace
	now := time.Hour
	for i := range 1000 {
		if now += 50 * time.Millisecond; i%4 > 0 {
			now -= 49 * time.Millisecond
		}
		setNow(&p.now, now)
		if p.due() {
			t.Fatalf("call %d passes through the scheduler", i)
		}
	}
}
