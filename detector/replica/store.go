package replica

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/history"
)

// store is a history in Redis.
type store struct {
	client   redis.UniversalClient
	follower redis.UniversalClient // for commands that wait at the server
	keys     keys
	keep     time.Duration // how long keys last that nobody uses
}

func newStore(o *Options, cfg *detector.Config) (*store, error) {
	client, err := o.Server.client(o.Access)
	if err != nil {
		return nil, err
	}
	follower, err := o.Server.client(o.Access)
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	// Beyond the window and what probation adds, nothing in it counts.
	return &store{client: client, follower: follower, keys: keysOf(o.Cluster), keep: cfg.Window + cfg.Probation + 24*time.Hour}, nil
}

func (s *store) close() error { return errors.Join(s.client.Close(), s.follower.Close()) }

// head is what is known of the history as a whole.
type head struct {
	epoch      string
	generation string        // of the records, "" before there are any
	at         string        // entry of the log that the records include
	start      int64         // when who wrote them began to learn
	age        time.Duration // since the history began
}

// join returns the head of the history, which begins now if there is none.
func (s *store) join(ctx context.Context) (h head, err error) {
	reply, err := joinScript.Run(ctx, s.client, []string{s.keys.meta()}, randomID(), s.keep.Milliseconds()).StringSlice()
	if err != nil {
		return h, err
	}
	if len(reply) != 5 || reply[0] == "" {
		return h, errAnswer
	}
	age, err := strconv.ParseInt(reply[4], 10, 64)
	if err != nil {
		return h, errAnswer
	}
	h = head{epoch: reply[0], generation: reply[1], at: reply[2], age: time.Duration(age) * time.Second}
	if h.start, err = strconv.ParseInt(reply[3], 10, 64); err != nil {
		return h, errAnswer
	}
	return h, checkID(h.at)
}

// load reads a history into a new memory: the records, and what was observed
// since. It returns the entry of the log up to which it is complete. keep, if not
// nil, becomes the records as they were read.
func (s *store) load(ctx context.Context, cfg detector.Config, keep *recordSet) (m *detector.Memory, h head, at string, err error) {
	const tries = 3
	for try := 1; ; try++ {
		if h, err = s.join(ctx); err != nil {
			return nil, h, "", err
		}
		m = detector.NewMemory(cfg)
		if h.generation != "" {
			restorer := m.Restore()
			add := restorer.Add
			if keep != nil {
				*keep = recordSet{}
				add = keep.before(add)
			}
			if err = s.records(ctx, h.generation, add); err != nil {
				return nil, h, "", err
			}
			restorer.Done()
		}
		// The records may have been replaced while they were read.
		now, err := s.join(ctx)
		if err != nil {
			return nil, h, "", err
		}
		if now.epoch == h.epoch && now.generation == h.generation {
			break
		}
		if try == tries {
			return nil, h, "", fmt.Errorf("the records changed %d times while they were read", tries)
		}
	}
	m.Track()
	d, err := detector.NewWith(cfg, m)
	if err != nil {
		return nil, h, "", err
	}
	at, err = s.replay(ctx, h, func(e *entry) { _ = e.apply(m, d) })
	return m, h, at, err
}

// replay calls f for the entries of the log that the records do not include and
// returns the last one's id.
func (s *store) replay(ctx context.Context, h head, f func(e *entry)) (at string, err error) {
	for at = h.at; ; {
		o, err := s.exchange(ctx, h.epoch, at, "", nil)
		if err != nil {
			return at, err
		}
		switch o.status {
		case statusEpoch:
			return at, fmt.Errorf("the history was removed while it was read")
		case statusLost:
			if at == begin {
				return at, errAnswer
			}
			// A flood has pushed out what comes next to the records.
			at = begin
			continue
		}
		for i := range o.others {
			f(&o.others[i])
		}
		if at = o.last; o.status == statusOK {
			return at, nil
		}
	}
}

// records calls add once for each record of a generation.
func (s *store) records(ctx context.Context, generation string, add addRecord) error {
	for _, table := range detector.Tables() {
		// What changes while it is read can come more than once. What came first will
		// do: the log has the rest.
		seen := map[string]struct{}{}
		var cursor uint64
		for {
			pairs, next, err := s.client.HScan(ctx, s.keys.state(generation, table), cursor, "", 1000).Result()
			if err != nil {
				return err
			}
			for i := 0; i+1 < len(pairs); i += 2 {
				if _, again := seen[pairs[i]]; again {
					continue
				}
				seen[pairs[i]] = struct{}{}
				if err := add(table, pairs[i], []byte(pairs[i+1])); err != nil {
					return fmt.Errorf("records: %w", err)
				}
			}
			if cursor = next; cursor == 0 {
				break
			}
		}
	}
	return nil
}

// write writes records into a generation: those that changed, or into a new one
// all of them. It calls again, whose error ends it, before every part but the
// first: parts may take long. After an error some may be there.
func (s *store) write(ctx context.Context, generation string, again func() error, changes func(emit history.Emit)) error {
	const most, mostBytes = 512, 1 << 20
	pipe := s.client.Pipeline()
	bytes := 0
	tables := map[history.Table]bool{}
	var failed error
	first := true
	flush := func() {
		if failed == nil && pipe.Len() > 0 && !first {
			failed = again()
		}
		if first = false; failed == nil && pipe.Len() > 0 {
			// What is never committed goes by itself.
			for table := range tables {
				pipe.PExpire(ctx, s.keys.state(generation, table), s.keep)
			}
			clear(tables)
			ctx, cancel := context.WithTimeout(ctx, saveTimeout)
			_, failed = pipe.Exec(ctx)
			cancel()
		}
		pipe.Discard()
		bytes = 0
	}
	changes(func(table history.Table, key string, value []byte) {
		if failed != nil {
			return
		}
		tables[table] = true
		if value == nil {
			pipe.HDel(ctx, s.keys.state(generation, table), key)
		} else {
			// The pipeline keeps what it is given.
			pipe.HSet(ctx, s.keys.state(generation, table), key, strings.Clone(string(value)))
		}
		if bytes += len(key) + len(value); pipe.Len() >= most || bytes >= mostBytes {
			flush()
		}
	})
	flush()
	return failed
}

// lease is who may write records.
type lease struct {
	mine bool
	head
	save string // of the records that were written last, "" before there are any
}

// leaseTime is how long a lease lasts without being renewed.
const leaseTime = 30 * time.Second

// lease takes or renews the lease. start is when the replica began to learn.
func (s *store) lease(ctx context.Context, id string, start int64) (l lease, err error) {
	reply, err := leaseScript.Run(ctx, s.client, []string{s.keys.lease(), s.keys.meta()}, id, leaseTime.Milliseconds(), start).Slice()
	if err != nil {
		return l, err
	}
	if len(reply) != 5 {
		return l, errAnswer
	}
	mine, ok := reply[0].(int64)
	text := func(i int) string { t, _ := reply[i].(string); return t }
	l = lease{mine: mine == 1, head: head{epoch: text(1), generation: text(2)}, save: text(4)}
	l.start, err = strconv.ParseInt(text(3), 10, 64)
	if !ok || err != nil {
		return l, errAnswer
	}
	return l, nil
}

// commit makes the records of a generation count, which include the log up to at.
// save names what was written, and before what was when the lease was taken. It
// reports false if somebody else has the lease or had it since, or the server lost
// what was written before.
func (s *store) commit(ctx context.Context, id, before, save string, h head) (bool, error) {
	names := append([]string{s.keys.meta(), s.keys.lease(), s.keys.log()}, s.hashes(h.generation)...)
	n, err := commitScript.Run(ctx, s.client, names, id, h.epoch, h.generation, h.at, h.start, oldestKept(h.at), s.keep.Milliseconds(), before, save).Int()
	return n == 1, err
}

// drop removes the records of a generation.
func (s *store) drop(ctx context.Context, generation string) error {
	return s.client.Unlink(ctx, s.hashes(generation)...).Err()
}

// hashes returns the keys of a generation's records.
func (s *store) hashes(generation string) (names []string) {
	for _, table := range detector.Tables() {
		names = append(names, s.keys.state(generation, table))
	}
	return names
}

// release gives the lease up.
func (s *store) release(ctx context.Context, id string) error {
	return releaseScript.Run(ctx, s.client, []string{s.keys.lease()}, id).Err()
}

// wish appends somebody's wish to the log. It reports false if the history is
// another one than that of the epoch.
func (s *store) wish(ctx context.Context, epoch, field, principal, value string) (bool, error) {
	n, err := wishScript.Run(ctx, s.client, []string{s.keys.log(), s.keys.meta()},
		epoch, maxLog, s.keep.Milliseconds(), field, principal, value).Int()
	return n == 1, err
}

// create begins a history with the records of a generation. It reports false if
// there is a history already.
func (s *store) create(ctx context.Context, generation string, start int64) (bool, error) {
	names := append([]string{s.keys.meta(), s.keys.log()}, s.hashes(generation)...)
	n, err := createScript.Run(ctx, s.client, names, randomID(), generation, start, s.keep.Milliseconds()).Int()
	return n == 1, err
}

// abandon removes the records of a generation that was to be created or committed.
// It reports false, and removes nothing, if it was.
func (s *store) abandon(ctx context.Context, generation string) (bool, error) {
	names := append([]string{s.keys.meta()}, s.hashes(generation)...)
	n, err := abandonScript.Run(ctx, s.client, names, generation).Int()
	return n == 1, err
}
