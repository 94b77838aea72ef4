package forward

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// backoff spaces attempts to connect after failures. It is shared by all senders
// of a client, so that many workers do not hammer a receiver that has just come
// back.
type backoff struct {
	first, most time.Duration

	mu       sync.Mutex
	failures int
	at       time.Time // of the next attempt
}

// failed notes a failure at the time now.
func (b *backoff) failed(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	pause := b.first << min(b.failures, 20)
	b.failures++
	pause = min(pause, b.most)
	// Half of it is random, so that senders that failed together part.
	if half := pause / 2; half > 0 {
		pause = half + rand.N(half)
	}
	if at := now.Add(pause); at.After(b.at) {
		b.at = at
	}
}

func (b *backoff) succeeded() {
	b.mu.Lock()
	b.failures, b.at = 0, time.Time{}
	b.mu.Unlock()
}

// next returns the time of the next attempt.
func (b *backoff) next() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.at
}

// wait returns when it is time for the next attempt, at the latest at until, or
// when ctx ends.
func (b *backoff) wait(ctx context.Context, until time.Time) {
	at := b.next()
	if at.After(until) {
		at = until
	}
	pause := time.Until(at)
	if pause <= 0 {
		return
	}
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
