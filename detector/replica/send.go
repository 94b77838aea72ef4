package replica

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/cespare/xxhash/v2"
)

const (
	// maxBatch is how many observations are sent at once besides those that
	// somebody waits for.
	maxBatch = 256
	// gather is how long what nobody waits for is gathered before it is sent.
	gather = 50 * time.Millisecond
)

// Waits between attempts to reach a server that does not answer. Each is shortened
// at random by up to half, so that replicas do not come all at once.
const (
	firstPause = 250 * time.Millisecond
	longPause  = 2 * time.Second
)

// send sends what is asked and told, and looks for the server when it is away.
func (l *link) send() {
	defer l.refuse()
	for pause := firstPause; ; {
		if !l.up.Load() {
			l.refuse()
			if !l.rest(pause/2 + rand.N(pause/2)) {
				return
			}
			pause = min(2*pause, longPause)
			if err := l.probe(); err != nil {
				l.trip(err)
				continue
			}
			l.recovered()
			pause = firstPause
			wake(l.telling)
		}
		select {
		case <-l.stop:
			return
		case <-l.asking:
		case <-l.telling:
			if !l.gather() {
				return
			}
		}
		if l.context.Err() != nil {
			return // what is left is sent at the end
		}
		l.flush()
	}
}

// gather waits for more to tell, until somebody asks or it was long enough. It
// reports false when all is over.
func (l *link) gather() bool {
	l.mu.Lock()
	full := l.outbox.len() >= maxBatch
	l.mu.Unlock()
	if full {
		return true
	}
	t := time.NewTimer(gather)
	defer t.Stop()
	select {
	case <-l.stop:
		return false
	case <-l.asking:
	case <-t.C:
	}
	return true
}

// rest waits and reports false when all is over.
func (l *link) rest(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-l.stop:
		return false
	case <-t.C:
		return true
	}
}

// refuse tells all who ask that there will be no answer. What they asked is told
// later.
func (l *link) refuse() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.requests {
		for _, e := range r.entries {
			l.outbox.put(e)
		}
		r.finish(refused)
	}
	l.requests = nil
}

// flush sends what there is to send.
func (l *link) flush() {
	l.mu.Lock()
	batch := l.outbox.take(maxBatch)
	requests := l.requests
	l.requests = nil
	for _, r := range requests {
		batch = append(batch, r.entries...)
	}
	l.outbox.flying = len(batch)
	more, look := l.outbox.len() > 0, l.look
	l.look = false
	l.mu.Unlock()
	if len(batch) == 0 && len(requests) == 0 && !look {
		return
	}
	ctx, cancel := context.WithTimeout(l.context, l.o.Timeout)
	defer cancel()
	status, err := l.exchange(ctx, batch, requests)
	if lost(err) {
		// The connection was closed while nobody used it. Who asks still waits.
		status, err = l.exchange(ctx, batch, requests)
	}
	for err == nil && status == statusMore {
		status, err = l.exchange(ctx, batch, requests)
	}
	if err == nil && status == statusOK {
		if more {
			wake(l.telling)
		}
		return
	}
	l.mu.Lock()
	l.outbox.back(batch)
	l.mu.Unlock()
	for _, r := range requests {
		r.finish(refused)
	}
	if err == nil {
		err = l.find(status)
	}
	if err != nil {
		l.trip(err)
		return
	}
	wake(l.telling)
}

// lost says whether an error is that a connection ended, rather than the server's
// answer or the lack of one.
func lost(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// find finds the place in the log again after an exchange that could not.
func (l *link) find(status string) error {
	ctx, cancel := context.WithTimeout(l.context, loadTimeout)
	defer cancel()
	if status == statusEpoch {
		return l.join(ctx)
	}
	l.order.Lock()
	again := l.rejoin
	l.order.Unlock()
	if again {
		return l.join(ctx)
	}
	return nil
}

var errBehind = errors.New("more is observed elsewhere than can be read")

// probe looks whether the server answers, in time, and takes what it is sent.
func (l *link) probe() error {
	if err := l.ping(); err != nil {
		return err
	}
	l.order.Lock()
	join := !l.joined || l.rejoin
	l.order.Unlock()
	if join {
		ctx, cancel := context.WithTimeout(l.context, loadTimeout)
		defer cancel()
		if err := l.join(ctx); err != nil {
			return err
		}
	}
	const attempts = 64 // of reading what others observed meanwhile
	slow := false
	for range attempts {
		l.mu.Lock()
		batch := l.outbox.take(maxBatch)
		l.mu.Unlock()
		// Reading much of what others observed may take longer than an answer may.
		ctx, cancel := context.WithTimeout(l.context, connectTimeout)
		began := time.Now()
		status, err := l.exchange(ctx, batch, nil)
		took := time.Since(began)
		cancel()
		if err == nil && status == statusOK {
			if took <= l.o.Timeout {
				return nil
			}
			if slow {
				return errSlow{l.o.Timeout}
			}
			slow = true // there is little left to read now
			continue
		}
		l.mu.Lock()
		l.outbox.back(batch)
		l.mu.Unlock()
		if err == nil && status != statusMore {
			err = l.find(status)
		}
		if err != nil {
			return err
		}
	}
	return errBehind
}

// lossSpan is more than a replica of a server lags behind it when it takes over.
const lossSpan = 10 * time.Second

// exchange sends a batch, which ends with what the requests ask, learns from what
// others observed before it, and answers the requests if all of it came about.
func (l *link) exchange(ctx context.Context, batch [][]byte, requests []*request) (status string, err error) {
	l.order.Lock()
	for l.flying {
		l.settled.Wait()
	}
	if l.rejoin || !l.joined {
		l.rejoin = true
		l.order.Unlock()
		return statusLost, nil
	}
	l.flying = true
	epoch, at := l.epoch, l.at
	l.order.Unlock()
	defer l.landed() // also after a panic: others, and the end, wait for it

	began := time.Now()
	o, err := l.store.exchange(ctx, epoch, at, l.id, batch)
	l.stats.exchange.Took(time.Since(began))
	l.stats.exchanges.Add(1)
	if err != nil {
		l.stats.failures.Add(1)
		return "", err
	}
	l.came(ctx, at, &o, batch, requests)
	return o.status, nil
}

// landed notes that an exchange is over.
func (l *link) landed() {
	l.order.Lock()
	defer l.order.Unlock()
	l.flying = false
	l.settled.Broadcast()
}

// came does what follows from an exchange that was answered.
func (l *link) came(ctx context.Context, at string, o *outcome, batch [][]byte, requests []*request) {
	l.order.Lock()
	defer l.order.Unlock()
	switch o.status {
	case statusLost:
		if later(at, o.last) {
			// A server took over that had not heard of all. Whoever observed what it
			// lacks sends it again.
			l.at = o.last
			l.mu.Lock()
			l.outbox.again(o.last)
			l.mu.Unlock()
			return
		}
		l.rejoin = true
		// It may be both: entries lost, and others appended since.
		l.mu.Lock()
		l.outbox.again(earlier(at, lossSpan))
		l.mu.Unlock()
		return
	case statusOK, statusMore:
	default:
		return
	}
	l.await(ctx)
	l.apply(o.others)
	l.at = o.last
	if o.status != statusOK {
		return
	}
	l.stats.sent.Add(uint64(len(batch)))
	l.mu.Lock()
	l.outbox.done(batch, o.last)
	if l.outbox.len() == 0 {
		l.stats.current.Store(time.Now().UnixNano())
	}
	l.mu.Unlock()
	for _, r := range requests {
		if r.finish(answered) {
			l.judging++
		}
	}
}

// await waits for sessions that were answered before to end, so that what others
// observed after them is learnt after them; but no longer than somebody waits.
// order is held.
func (l *link) await(ctx context.Context) {
	if l.judging == 0 {
		return
	}
	stop := context.AfterFunc(ctx, func() {
		l.order.Lock()
		l.settled.Broadcast()
		l.order.Unlock()
	})
	defer stop()
	for l.judging > 0 && ctx.Err() == nil {
		l.settled.Wait()
	}
}

// apply learns from what others observed. order is held.
func (l *link) apply(others []entry) {
	for i := range others {
		e := &others[i]
		if e.origin == l.id {
			continue // from an exchange whose answer got lost
		}
		if !e.edits() && !l.learned.due(xxhash.Sum64String(e.observed), 0, 1) {
			continue
		}
		l.stats.applied.Add(1)
		l.learn(l.memory, l.detector, e)
	}
}
