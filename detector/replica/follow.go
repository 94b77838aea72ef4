package replica

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// followBlock is how long the server holds an answer back for want of news.
	followBlock = time.Second
	// followPause is between attempts when following does not work.
	followPause = 500 * time.Millisecond
	followCount = 512
)

// follow learns from what others observe, as it happens, so that little is news
// when somebody asks.
func (l *link) follow() {
	for {
		select {
		case <-l.stop:
			return
		default:
		}
		l.order.Lock()
		ready, at := l.joined && !l.rejoin, l.at
		l.order.Unlock()
		if !ready || !l.up.Load() {
			if !l.rest(followPause) {
				return
			}
			continue
		}
		entries, err := l.store.next(l.context, at)
		if errors.Is(err, errGap) {
			l.lookAfter() // who sends reads the history again
		}
		if err != nil {
			// Whether the server answers is for those to say who send.
			if !l.rest(followPause) {
				return
			}
			continue
		}
		l.followed(at, entries)
	}
}

// errGap is the error for a log that does not go back to where it was read last.
var errGap = errors.New("the log begins later")

// next returns the entries after one of the log, or none if there was none for a
// while, or errGap.
func (s *store) next(ctx context.Context, at string) (entries []entry, err error) {
	ctx, cancel := context.WithTimeout(ctx, followBlock+connectTimeout)
	defer cancel()
	streams, err := s.follower.XRead(ctx, &redis.XReadArgs{
		Streams: []string{s.keys.log(), at}, Count: followCount, Block: followBlock,
	}).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, stream := range streams {
		for _, m := range stream.Messages {
			entries = append(entries, entryOf(m))
		}
	}
	if len(entries) == 0 || at == begin {
		return entries, nil
	}
	// Asked after reading: as long as the log goes back to at, none in between is
	// gone.
	held, err := s.follower.XRange(ctx, s.keys.log(), at, at).Result()
	if err == nil && len(held) == 0 {
		err = errGap
	}
	return entries, err
}

// followed learns from entries that were read after at, unless the place in the
// log is another one by now. What this replica itself is sending may be among
// them, so that comes first.
func (l *link) followed(at string, entries []entry) {
	if len(entries) == 0 {
		return
	}
	l.order.Lock()
	defer l.order.Unlock()
	for l.flying || l.judging > 0 {
		l.settled.Wait()
	}
	if l.at != at || !l.joined || l.rejoin {
		return
	}
	l.apply(entries)
	l.at = entries[len(entries)-1].id
}
