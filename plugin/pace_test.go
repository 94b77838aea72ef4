package main

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	f := func(sinceLast time.Duration, steps bool) {
		t.Helper()
		var p pace
		last := int64(time.Since(started) - sinceLast)
		p.last.Store(last)
		p.step()
		if moved := p.last.Load() != last; moved != steps {
			t.Errorf("%v after the last: passed through the scheduler %v, want %v", sinceLast, moved, steps)
		}
	}
	f(time.Hour, true)
	f(paceEvery, true)
	f(-time.Hour, false) // the clock cannot have come that far
}
