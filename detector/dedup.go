package detector

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"

	"github.com/cespare/xxhash/v2"

	"github.com/secretwatch/secretwatch/detector/audit"
)

// dedup remembers the requests judged lately: webhook batches are sent again
// whole after an error, some clouds log an event in two categories, and a watch
// has an event at its start and one at its end.
//
// The audit id alone does not identify a request, since the client may choose
// it (Audit-ID header); user, verb, URI and the time at which the API server
// received the request belong to the key.
type dedup struct {
	mu   sync.Mutex
	seed uint64 // random, so that nobody can make keys collide
	keys keySets
	cur  int // the set of the newer generation; the other is that before
}

// dedupSize is how many requests a generation holds. Two are kept.
const dedupSize = 1 << 15

func newDedup() *dedup {
	return &dedup{seed: rand.Uint64()}
}

// seen reports whether the request was there before, and remembers it.
func (d *dedup) seen(ev *audit.Event) bool {
	key := d.key(ev)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.keys.has(d.cur, key) {
		return true
	}
	before := d.keys.has(1-d.cur, key)
	if d.keys.n[d.cur] >= dedupSize {
		d.cur = 1 - d.cur
		d.keys.reset(d.cur)
	}
	d.keys.add(d.cur, key)
	return before
}

// judged reports whether the request was there before.
func (d *dedup) judged(ev *audit.Event) bool {
	key := d.key(ev)
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.keys.has(d.cur, key) || d.keys.has(1-d.cur, key)
}

// key identifies a request. It is never 0.
func (d *dedup) key(ev *audit.Event) uint64 {
	at := ev.Time
	if at <= 0 {
		// Or the client's audit id would decide alone.
		at = ev.StageTime
	}
	var short [512]byte
	b := binary.LittleEndian.AppendUint64(short[:0], d.seed)
	b = binary.LittleEndian.AppendUint64(b, uint64(at))
	for _, s := range [...]string{ev.AuditID, ev.User.Username, ev.Verb, ev.RequestURI} {
		b = append(append(b, s...), 0)
	}
	return max(xxhash.Sum64(b), 1)
}
