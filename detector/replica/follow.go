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

// next returns the entries after one of the log, or none if there was none for a
// while.
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
	return entries, nil
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
