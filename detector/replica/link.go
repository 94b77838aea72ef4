package replica

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/secretwatch/secretwatch/detector"
)

// link keeps one memory the same as those of other replicas.
type link struct {
	o     Options
	cfg   detector.Config
	name  string // the key in open.links
	users int    // guarded by open
	id    string // of the replica, anew each time

	store  *store
	memory *detector.Memory
	// detector learns from what others observed.
	detector *detector.Detector

	told  *told
	stats counters

	// up says that the server answers. While it does not, nobody waits for it.
	up atomic.Bool

	startOnce sync.Once
	stop      chan struct{} // closed by close
	ended     sync.WaitGroup
	context   context.Context // of all that the goroutines do
	cancel    context.CancelFunc

	asking  chan struct{} // has an element when there is a request
	telling chan struct{} // or when there is something in the outbox

	// mu guards what is to be sent and what is told of the server.
	mu       sync.Mutex
	requests []*request
	outbox   outbox
	look     bool      // the place in the log is to be looked after, whether or not there is something to send
	since    time.Time // of the first failure in a row, zero if there is none
	said     error     // failure that the log was told of
	quiet    time.Time // no line about failures before

	// order guards the place in the log. What is before it has been learnt.
	order   sync.Mutex
	settled *sync.Cond // on order: judging or flying changed
	joined  bool
	learned times // observations learnt from lately, by hash: what is sent twice counts once
	head
	rejoin  bool // the history is to be read anew
	judging int  // sessions that were answered and have not ended
	flying  bool // an exchange is under way

	saver saver
}

// newLink reads the history.
func newLink(o Options, cfg detector.Config) (*link, error) {
	s, err := newStore(&o, &cfg)
	if err != nil {
		return nil, err
	}
	l := &link{
		o: o, cfg: cfg, id: randomID(), store: s, memory: detector.NewMemory(cfg), told: newTold(int64(cfg.Window)),
		stop: make(chan struct{}), asking: make(chan struct{}, 1), telling: make(chan struct{}, 1),
	}
	l.settled = sync.NewCond(&l.order)
	l.memory.Track()
	if l.detector, err = detector.NewWith(cfg, l.memory); err != nil {
		return nil, errors.Join(err, s.close())
	}
	l.context, l.cancel = context.WithCancel(context.Background())
	began := time.Now()
	if err := l.ping(); err != nil {
		l.trip(err)
		return l, nil
	}
	ctx, cancel := context.WithTimeout(l.context, loadTimeout)
	defer cancel()
	if err := l.join(ctx); err != nil {
		l.trip(err)
		return l, nil
	}
	known, fresh := l.memory.Store().Len()
	if known+fresh == 0 {
		o.Log.Infof("redis_url %s: no history there yet, it begins now", o.Server)
	} else {
		o.Log.Infof("redis_url %s: history of %d identities read in %s", o.Server, known+fresh, time.Since(began).Round(time.Millisecond))
	}
	l.up.Store(true)
	return l, nil
}

// ping asks the server for an answer, with time to make a connection, which may
// take longer than an answer may.
func (l *link) ping() error {
	ctx, cancel := context.WithTimeout(l.context, connectTimeout)
	defer cancel()
	return l.store.client.Ping(ctx).Err()
}

// join takes the history over from Redis, if there is more to be known of it
// there than here.
func (l *link) join(ctx context.Context) error {
	now, err := l.store.join(ctx)
	if err != nil {
		return err
	}
	since := l.memory.Store().Since()
	l.order.Lock()
	known := l.joined && now.epoch != l.epoch && since != 0 && (now.generation == "" || since <= now.start)
	l.order.Unlock()
	if known {
		// It was flushed. What this replica knows is more; who knows most of all
		// writes the records anew.
		l.order.Lock()
		l.head = head{epoch: now.epoch, at: begin}
		l.rejoin = false
		l.order.Unlock()
		l.mu.Lock()
		l.outbox.again(begin)
		l.mu.Unlock()
		l.told.forget()
		l.o.Log.Warnf("redis_url %s: the history there was removed; it is written anew from memory", l.o.Server)
		return nil
	}
	m, h, at, err := l.store.load(ctx, l.cfg, nil)
	if err != nil {
		return err
	}
	return l.adopt(m, h, at)
}

// adopt replaces the history by one that was read, together with what was learnt
// here and others may not know.
func (l *link) adopt(m *detector.Memory, h head, at string) error {
	l.order.Lock()
	defer l.order.Unlock()
	for l.judging > 0 || l.flying {
		l.settled.Wait()
	}
	d, err := detector.NewWith(l.cfg, m)
	if err != nil {
		return err
	}
	// What was sent is in the log that was read, or in the records, together with
	// what was wished since, unless it is another history now.
	var unknown [][]byte
	l.mu.Lock()
	if h.epoch != l.epoch {
		for _, e := range l.outbox.sent {
			unknown = append(unknown, e.entry)
		}
	}
	l.mu.Unlock()
	// Whoever has something to tell meanwhile, on a thread of the host, does not
	// wait for what may take long.
	for puts := uint64(0); ; {
		for _, e := range unknown {
			l.learn(m, d, &entry{observed: string(e)})
		}
		l.mu.Lock()
		if unknown = l.outbox.since(&puts); len(unknown) == 0 {
			// Learning that ended here, with a baseline, does not begin again.
			if since := l.memory.Store().Since(); since != 0 {
				m.Store().Start(since)
			}
			l.memory.Adopt(m)
			l.mu.Unlock()
			break
		}
		l.mu.Unlock()
	}
	h.at = at
	l.head, l.joined, l.rejoin = h, true, false
	l.told.forget()
	return nil
}

// learn does what an entry says. A broken one is counted.
func (l *link) learn(m *detector.Memory, d *detector.Detector, e *entry) {
	if err := e.apply(m, d); err != nil {
		if l.stats.broken.Add(1) == 1 {
			l.o.Log.Warnf("redis_url %s: replica %.16q: %v; replicas of different versions may not learn from each other", l.o.Server, e.origin, err)
		}
		return
	}
	if e.edits() {
		l.told.forget()
	}
}

func (l *link) start() {
	l.startOnce.Do(func() {
		for _, f := range [...]func(){l.send, l.follow, l.save} {
			l.ended.Add(1)
			go func() {
				defer l.ended.Done()
				for !l.run(f) && l.rest(longPause) {
				}
			}()
		}
	})
}

// run calls f and reports whether it returned, rather than panicked.
func (l *link) run(f func()) (done bool) {
	defer func() {
		if r := recover(); r != nil {
			l.o.Log.Warnf("redis_url %s: internal error: %v", l.o.Server, r)
		}
	}()
	f()
	return true
}

// close sends what is left and ends all goroutines.
func (l *link) close() error {
	close(l.stop)
	l.cancel()
	_ = l.store.follower.Close() // which waits for the server
	ended := make(chan struct{})
	go func() {
		l.ended.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(endTimeout):
		// A call in progress heeds no context, but ends with its connection.
		l.up.Store(false)
		_ = l.store.client.Close()
		<-ended
	}
	err := l.last()
	if closed := l.store.client.Close(); !errors.Is(closed, redis.ErrClosed) {
		err = errors.Join(err, closed)
	}
	return err
}

// last sends what is left, if the server answers.
func (l *link) last() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if l.up.Load() {
		for {
			l.mu.Lock()
			batch := l.outbox.take(maxBatch)
			l.mu.Unlock()
			if len(batch) == 0 {
				break
			}
			status, err := l.exchange(ctx, batch, nil)
			for err == nil && status == statusMore {
				status, err = l.exchange(ctx, batch, nil)
			}
			if err != nil || status != statusOK {
				l.mu.Lock()
				l.outbox.back(batch)
				l.mu.Unlock()
				if err != nil {
					l.up.Store(false)
				}
				break
			}
		}
	}
	l.finish(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := l.outbox.len(); n > 0 {
		return fmt.Errorf("redis_url %s: %d observations were not sent", l.o.Server, n)
	}
	return nil
}

// tell sends an observation when it suits.
func (l *link) tell(entry []byte) {
	l.mu.Lock()
	before := l.outbox.dropped
	l.outbox.put(entry)
	l.stats.dropped.Add(l.outbox.dropped - before)
	l.mu.Unlock()
	wake(l.telling)
}

// ask sends a request at once.
func (l *link) ask(r *request) {
	l.mu.Lock()
	l.requests = append(l.requests, r)
	l.mu.Unlock()
	wake(l.asking)
}

// lookAfter makes who sends look after the place in the log.
func (l *link) lookAfter() {
	l.mu.Lock()
	l.look = true
	l.mu.Unlock()
	wake(l.asking)
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// judged notes that a session that was answered has ended.
func (l *link) judged() {
	l.order.Lock()
	l.judging--
	l.settled.Broadcast()
	l.order.Unlock()
}

// quietFor is how far apart lines about a server that comes and goes are.
const quietFor = 10 * time.Second

// trip notes that the server does not answer as it should.
func (l *link) trip(err error) {
	if errors.Is(err, context.Canceled) {
		return // it is the end here, not there
	}
	l.up.Store(false)
	wake(l.telling) // who sends looks for the server
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if l.since.IsZero() {
		l.since = now
	}
	err = plain(err)
	if l.said != nil && l.said.Error() == err.Error() || now.Before(l.quiet) {
		return
	}
	l.said, l.quiet = err, now.Add(quietFor)
	l.o.Log.Warnf("redis_url %s: %v; the history at hand decides until it answers, and what is learnt is sent then", l.o.Server, err)
}

// recovered notes that the server answers again.
func (l *link) recovered() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.said != nil {
		l.o.Log.Infof("redis_url %s: it answers again after %s, %d observations are sent now",
			l.o.Server, time.Since(l.since).Round(10*time.Millisecond), l.outbox.len())
	}
	l.since, l.said = time.Time{}, nil
	l.up.Store(true)
}
