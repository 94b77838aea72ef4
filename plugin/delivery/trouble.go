package delivery

import (
	"sync"
	"time"
)

// repeatEvery is how often a trouble that stays is told again.
const repeatEvery = 30 * time.Second

// trouble tells when delivery begins to fail, that it still does, and when it
// works again.
type trouble struct {
	log Logger

	mu       sync.Mutex
	failures int // since it last worked
	since    time.Time
	told     time.Time
}

func (t *trouble) failed(err error, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failures++; t.failures == 1 {
		t.since = now
	} else if now.Sub(t.told) < repeatEvery {
		return
	}
	t.told = now
	t.log.Warnf("not delivered, to be tried again (%d attempts have failed): %v", t.failures, err)
}

func (t *trouble) over() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failures > 0 {
		t.log.Infof("delivering again, after %d attempts in %s", t.failures, time.Since(t.since).Round(time.Millisecond))
		t.failures = 0
	}
}
