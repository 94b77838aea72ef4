package replica

import (
	"context"
	"errors"
	"time"

	"github.com/secretwatch/secretwatch/detector/history"
)

// saver is what a replica knows of the records, which one replica at a time
// writes.
type saver struct {
	mine       bool   // this replica wrote the last ones
	generation string // of them
	save       string // what names them
	epoch      string
	failing    error // what the log was told of
}

// save writes the records, as long as this replica is the one to do so.
func (l *link) save() {
	tick := time.NewTicker(l.o.Save)
	defer tick.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-tick.C:
		}
		if !l.up.Load() {
			continue
		}
		l.saved(l.saveOnce(l.context, false))
	}
}

// saved tells when writing records begins to fail, and when it works again. The
// log goes on meanwhile.
func (l *link) saved(err error) {
	s := &l.saver
	switch {
	case l.context.Err() != nil:
	case err != nil:
		l.stats.notSaved.Add(1)
		if s.failing == nil || s.failing.Error() != err.Error() {
			l.o.Log.Warnf("redis_url %s: records were not written: %v; until they are, who starts has only the log to read", l.o.Server, plain(err))
		}
		s.failing = err
	case s.failing != nil:
		l.o.Log.Infof("redis_url %s: records are written again", l.o.Server)
		s.failing = nil
	}
}

// saveOnce writes what changed since the last time, or all if it was not this
// replica that wrote it; with missing, that only if there are no records at all.
func (l *link) saveOnce(ctx context.Context, missing bool) error {
	start := l.memory.Store().Since()
	if start == 0 {
		return nil // nothing to write, and nothing to keep others from writing
	}
	ctxLease, cancel := context.WithTimeout(ctx, saveTimeout)
	lease, err := l.store.lease(ctxLease, l.id, start)
	cancel()
	if err != nil {
		l.saver.mine = false
		return err
	}
	l.order.Lock()
	for l.flying || l.judging > 0 {
		l.settled.Wait()
	}
	h, ready := l.head, l.joined && !l.rejoin
	l.order.Unlock()
	s := &l.saver
	switch {
	case !ready || lease.epoch != h.epoch:
		l.lookAfter()
		return nil
	case !lease.mine:
		s.mine = false
		if lease.generation != "" && lease.start < start && lease.generation != h.generation {
			// Somebody knows more of the past.
			l.order.Lock()
			l.rejoin = true
			l.order.Unlock()
			l.lookAfter()
		}
		return nil
	case missing && !s.mine && lease.generation != "":
		return nil
	}
	// A server that lost what was written last has another save than this replica.
	all := !s.mine || s.epoch != h.epoch || s.generation != lease.generation || s.save != lease.save || lease.generation == ""
	generation, save := s.generation, randomID()
	if all {
		generation = randomID()
	}
	s.mine = false // until it is done
	done := false
	defer func() {
		if all && !done {
			l.abandon(ctx, generation)
		}
	}()
	began := time.Now()
	again := func() error { return l.keepLease(ctx, start) }
	err = l.store.write(ctx, generation, again, func(emit history.Emit) { l.memory.Changes(all, emit) })
	if errors.Is(err, errTaken) {
		return nil
	}
	if err != nil {
		return err
	}
	ctxCommit, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	done, err = l.store.commit(ctxCommit, l.id, lease.save, save, head{epoch: h.epoch, generation: generation, at: h.at, start: start})
	if err != nil || !done {
		return err
	}
	l.stats.saves.Add(1)
	l.stats.save.Took(time.Since(began))
	if all && lease.generation != "" {
		_ = l.store.drop(ctxCommit, lease.generation) // or it expires
	}
	s.mine, s.generation, s.save, s.epoch = true, generation, save, h.epoch
	l.order.Lock()
	if l.epoch == h.epoch {
		l.generation = generation
	}
	l.order.Unlock()
	return nil
}

// errTaken is the error for a lease that somebody else has now.
var errTaken = errors.New("another replica writes the records now")

// keepLease renews the lease, or fails with errTaken.
func (l *link) keepLease(ctx context.Context, start int64) error {
	ctx, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	lease, err := l.store.lease(ctx, l.id, start)
	if err == nil && !lease.mine {
		err = errTaken
	}
	return err
}

// abandon removes records that will not count, also at the end: each attempt to
// write all of them makes new ones.
func (l *link) abandon(ctx context.Context, generation string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	_, _ = l.store.abandon(ctx, generation) // or they expire
}

// finish writes the records a last time, if they are this replica's to write or
// there are none, and leaves them to another.
func (l *link) finish(ctx context.Context) {
	if !l.up.Load() {
		return
	}
	_ = l.saveOnce(ctx, true)
	_ = l.store.release(ctx, l.id)
}
