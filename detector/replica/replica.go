// Package replica shares one history among detectors in several processes
// through Redis or Valkey.
//
// Each replica holds the whole history in memory. They keep it the same by
// judging the same accesses in the same order: whatever may decide about a
// verdict, or teaches something new, goes into one log in Redis. Before a replica
// judges an access that is not familiar to it, it appends it to the log and, in
// the same atomic step, receives what others appended before; so whoever comes
// first in the log sees a value first, and everybody knows it. What is familiar is
// judged without asking, and told of now and then.
//
// Besides the log, one of the replicas keeps the records of the history in Redis
// (see detector.Memory), from which a replica that starts takes it over.
//
// While Redis does not answer, the history at hand decides, and what is learnt is
// sent later. Nothing but the request for what is not familiar is ever waited for,
// never longer than the timeout, and not again before Redis answers.
package replica

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/detector/observation"
)

// Logger receives one-line messages. Safe for concurrent use.
type Logger interface {
	Warnf(format string, args ...any)
	Infof(format string, args ...any)
}

// Options say where a history is shared.
type Options struct {
	Server Server
	Access Access
	// Cluster is the name of the history: that of the cluster the events come from.
	Cluster string
	// Timeout is how long a chunk may wait for Redis; more than 0.
	Timeout time.Duration
	// Save is how long a change may be missing in the records; more than 0. Until
	// then it is in the log.
	Save time.Duration
	// Log is required.
	Log Logger
}

// Bounds of time that nobody waits for but the goroutines here.
const (
	// connectTimeout is for making a connection, and for an answer nobody waits for.
	connectTimeout = 2 * time.Second
	// loadTimeout is how long the start may take to read the history.
	loadTimeout = 20 * time.Second
	// saveTimeout is for one batch of records.
	saveTimeout = 10 * time.Second
	// endTimeout is for what is under way at the end, and closeTimeout for what is
	// then sent and written. Hosts are as patient as 5 s.
	endTimeout   = time.Second
	closeTimeout = 2 * time.Second
)

// History is one user's hold on a history that is shared. Everybody in the
// process who opens the same one holds the same memory.
type History struct {
	l     *link
	fresh bool
	once  sync.Once
}

// open holds the links that are in use.
var open = struct {
	sync.Mutex
	links map[string]*link
}{links: map[string]*link{}}

// Open returns the memory of the history that o names, read from Redis, with the
// bounds of cfg if it is the first to open it. A server that does not answer is a
// warning: the memory is then empty until it does. The error says which of the
// files in o.Access cannot be used.
//
// Nothing is sent before Start.
func Open(o Options, cfg detector.Config) (*History, error) {
	name := fmt.Sprintf("%s %q %q", o.Server, o.Server.user, o.Cluster)
	open.Lock()
	defer open.Unlock()
	if l := open.links[name]; l != nil {
		l.users++
		if !l.memory.Bounded(cfg) {
			o.Log.Warnf("redis_url %s: another instance shares it with another window, probation or max_values, which hold here too", o.Server)
		}
		if o.Timeout != l.o.Timeout || o.Save != l.o.Save {
			o.Log.Warnf("redis_url %s: another instance shares it with redis_timeout %v and state_flush %v, which hold here too", o.Server, l.o.Timeout, l.o.Save)
		}
		return &History{l: l}, nil
	}
	l, err := newLink(o, cfg)
	if err != nil {
		return nil, err
	}
	l.name, l.users = name, 1
	open.links[name] = l
	return &History{l: l, fresh: l.memory.Store().Empty() || l.age < starting}, nil
}

// Memory is what is shared. It is valid until Close.
func (h *History) Memory() *detector.Memory { return h.l.memory }

// Fresh says whether this is the first to open the history, and it began so
// recently that replicas that were started together are still starting.
func (h *History) Fresh() bool { return h.fresh }

// starting is how far apart replicas that are started together may come up.
const starting = 10 * time.Minute

// Tell tells others of an event before it is judged, so that they learn from it
// too; but not at once. d was made with h's memory.
func (h *History) Tell(d *detector.Detector, ev *audit.Event) {
	if o, ok := d.Observe(ev); ok {
		if ask, tell := h.l.told.due(&o); ask || tell {
			if ask {
				h.l.told.done(o.Object, o.Time)
			}
			var told observation.Observation
			d.Observation(ev, o, &told)
			h.l.tell(told.Append(nil))
		}
	}
}

// Start begins to exchange with others.
func (h *History) Start() { h.l.start() }

// Stats returns what happened so far.
func (h *History) Stats() Stats { return h.l.snapshotStats() }

// Close sends what is left and ends the exchange, once the last who opened the
// history closes it. The memory must not be used any more. Further calls do
// nothing.
func (h *History) Close() error {
	var err error
	h.once.Do(func() {
		open.Lock()
		defer open.Unlock()
		defer h.l.stats.forget(h)
		if h.l.users--; h.l.users > 0 {
			return
		}
		delete(open.links, h.l.name)
		err = h.l.close()
	})
	return err
}

// errSlow is the error for a server that did not answer in time.
type errSlow struct{ timeout time.Duration }

func (e errSlow) Error() string { return fmt.Sprintf("no answer within %s", e.timeout) }

// randomID returns 16 hexadecimal digits.
func randomID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// plain shortens an error of the client to what is wrong, on one line.
func plain(err error) error {
	text := err.Error()
	switch {
	case errors.Is(err, redis.ErrClosed):
		return errors.New("closed")
	case strings.ContainsAny(text, "\r\n"): // several Sentinels, one a line
		return errors.New(strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\r' || r == '\n' }), ", "))
	}
	return err
}
