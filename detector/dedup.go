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
	parts [dedupParts]dedupPart
	seed  uint64 // random, so that nobody can make keys collide
}

// dedupPart holds the requests with keys of its own, so that detectors seldom
// wait for each other.
type dedupPart struct {
	mu   sync.Mutex
	keys keySets
	cur  int // the set of the newer generation; the other is that before
}

const (
	// dedupSize is how many requests a generation holds. Two are kept.
	dedupSize  = 1 << 15
	dedupParts = 16
)

func newDedup() *dedup {
	d := &dedup{seed: rand.Uint64()}
	for i := range d.parts {
		d.parts[i].keys = newKeySets(dedupSize / dedupParts)
	}
	return d
}

// part returns the part a key belongs to.
func (d *dedup) part(key uint64) *dedupPart { return &d.parts[key>>60%dedupParts] }

// expect says that a request is going to be looked for.
func (d *dedup) expect(key uint64) { d.part(key).keys.prefetch(key) }

// seen reports whether a request was there before, and remembers it.
func (d *dedup) seen(key uint64) bool {
	p := d.part(key)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.keys.has(p.cur, key) {
		return true
	}
	before := p.keys.has(1-p.cur, key)
	if p.keys.full(p.cur) {
		p.cur = 1 - p.cur
		p.keys.reset(p.cur)
	}
	p.keys.add(p.cur, key)
	return before
}

// judged reports whether a request was there before.
func (d *dedup) judged(key uint64) bool {
	p := d.part(key)
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.keys.has(p.cur, key) || p.keys.has(1-p.cur, key)
}

// each calls f for all keys of the newer generation, or of the one before.
func (d *dedup) each(newer bool, f func(key uint64)) {
	for i := range d.parts {
		p := &d.parts[i]
		p.mu.Lock()
		p.keys.each(p.generation(newer), f)
		p.mu.Unlock()
	}
}

// restore adds a key to a generation.
func (d *dedup) restore(newer bool, key uint64) {
	p := d.part(key)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys.add(p.generation(newer), key)
}

func (p *dedupPart) generation(newer bool) int {
	if newer {
		return p.cur
	}
	return 1 - p.cur
}

// key identifies a request. It is never 0.
func (d *dedup) key(ev *audit.Event) uint64 {
	at := ev.Time
	if at <= 0 {
		// Or the client's audit id would decide alone.
		at = ev.StageTime
	}
	return d.keyOf(d.asked(ev), ev.AuditID, at)
}

// asked identifies who asked for what.
func (d *dedup) asked(ev *audit.Event) uint64 {
	var short [512]byte
	b := binary.LittleEndian.AppendUint64(short[:0], d.seed)
	for _, s := range [...]string{ev.User.Username, ev.Verb, ev.RequestURI} {
		b = append(append(b, s...), 0)
	}
	return xxhash.Sum64(b)
}

// keyOf is the key of a request that was asked at a time.
func (d *dedup) keyOf(asked uint64, id string, at int64) uint64 {
	var short [128]byte
	b := binary.LittleEndian.AppendUint64(short[:0], d.seed)
	b = binary.LittleEndian.AppendUint64(b, asked)
	b = binary.LittleEndian.AppendUint64(b, uint64(at))
	return max(xxhash.Sum64(append(b, id...)), 1)
}
