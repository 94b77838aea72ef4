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

// TestPaceOfChunks: what C takes the time between chunks for.
func TestPaceOfChunks(t *testing.T) {
	var p pace
	setNow(&p.mean, paceLong)
	now := time.Hour
	f := func(gap time.Duration, chunks int, least, most time.Duration) {
		t.Helper()
		for range chunks {
			now += gap
			p.note(1, now)
		}
		if mean := time.Duration(p.mean); mean < least || mean > most || time.Duration(p.now) != now {
			t.Errorf("%d chunks %v apart: mean %v, want %v to %v", chunks, gap, mean, least, most)
		}
	}
	f(0, 1, paceLong, paceLong) // the first
	f(time.Hour, 10, paceLong, paceLong)
	f(30*time.Microsecond, 10, 5*time.Millisecond, 6*time.Millisecond) // as few do not make them frequent
	f(30*time.Microsecond, 200, 30*time.Microsecond, 31*time.Microsecond)
	f(time.Hour, 1, paceLong/paceOf, paceLong/paceOf+50*time.Microsecond) // nor one pause seldom
	f(time.Hour, 2, 6*time.Millisecond, 7*time.Millisecond)
	f(10*time.Millisecond, 200, 9999*time.Microsecond, 10*time.Millisecond)
	f(0, 300, 0, paceOf) // a clock that stands still
}

// TestPaceOfInstances: chunks are as far apart as they come, also where several
// instances have each of them.
func TestPaceOfInstances(t *testing.T) {
	var p pace
	now := time.Hour
	for range 200 {
		now += 10 * time.Millisecond
		for handle := range uintptr(5) {
			now += 2 * time.Microsecond
			p.note(handle+7, now)
		}
	}
	if mean := time.Duration(p.mean); mean < 10*time.Millisecond || mean > 10010*time.Microsecond {
		t.Errorf("mean %v, want 10 ms", mean)
	}
}
