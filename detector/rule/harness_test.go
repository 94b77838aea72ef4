package rule_test

import (
	"testing"
	"time"

	"github.com/secretwatch/secretwatch/detector"
	. "github.com/secretwatch/secretwatch/detector/internal/bench"
)

// says fails the test unless the detector's answer is want: clean, or a severity
// with "again" behind it where the finding is not the first of its kind.
func says(t *testing.T, want string, g Got, reasons ...string) {
	t.Helper()
	if g.String() != want {
		t.Fatalf("%s, want %s: %v %s", g, want, g.Rules, g.Reason)
	}
	for _, r := range reasons {
		if g.Reason != r {
			t.Fatalf("reason\n  %s\nwant\n  %s", g.Reason, r)
		}
	}
}

// learnt returns a bench with one rule alone that has learnt what usual sends,
// four times over, besides what happens in the cluster anyway.
func learnt(t *testing.T, id string, usual func(b *Bench), change ...func(cfg *detector.Config)) *Bench {
	t.Helper()
	b := New(t, append([]func(*detector.Config){Only(id)}, change...)...)
	for range 4 {
		b.Usual()
		if usual != nil {
			usual(b)
		}
		b.After(2 * time.Hour)
	}
	b.Now = Start + int64(25*time.Hour)
	return b
}
