package detector

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"

	"github.com/secretwatch/secretwatch/detector/history"
)

// Memory is all that a detector remembers between events. Safe for concurrent
// use, also by several detectors.
type Memory struct {
	store atomic.Pointer[history.Store]
	dedup *dedup

	// watchStarts is set once a watch was seen at ResponseStarted: from then on
	// the end of a long watch is known to be no second request.
	watchStarts atomic.Bool

	told  bool     // that watchStarts is set, by Changes
	stale []string // keys of restored records that no longer hold
}

// NewMemory returns an empty memory with the bounds of a configuration.
func NewMemory(cfg Config) *Memory {
	m := &Memory{dedup: newDedup()}
	m.store.Store(newStore(cfg))
	return m
}

func newStore(cfg Config) *history.Store {
	return history.NewStore(boundsOf(cfg), max(cfg.MaxPrincipals, 1))
}

func boundsOf(cfg Config) history.Bounds {
	return history.Bounds{
		Window:    int64(cfg.Window),
		Probation: int64(cfg.Probation),
		MaxValues: max(cfg.MaxValues, 1),
	}
}

// Store is the history as it is now; see Adopt.
func (m *Memory) Store() *history.Store { return m.store.Load() }

// Adopt replaces the history by that of another memory, which must not be used any
// more, with its bounds. Which requests were judged lately is not replaced. Events
// that are being judged meanwhile may still teach the former history.
func (m *Memory) Adopt(from *Memory) {
	if from.watchStarts.Load() {
		m.watchStarts.Store(true)
	}
	m.store.Store(from.Store())
}

// Bounded says whether the memory has the bounds that a configuration asks for.
// The number of principals is not compared.
func (m *Memory) Bounded(cfg Config) bool { return m.Store().Bounds.Equal(boundsOf(cfg)) }

// requests is the table of what is remembered of single requests.
const requests history.Table = "requests"

// Tables lists the tables of the records that a memory is kept as.
func Tables() []history.Table { return append([]history.Table{requests}, history.Tables...) }

// Keys of the table of requests.
const (
	keyWatches = "watches"
	keyNewest  = "newest" // generations of dedup
	keyBefore  = "before"
)

// Track makes the memory note what changes, for Changes. To be called before the
// memory is used.
func (m *Memory) Track() { m.Store().Track() }

// Changes emits the records that changed since the last call, see
// history.Store.Changes.
func (m *Memory) Changes(all bool, emit history.Emit) {
	for _, key := range m.stale {
		emit(requests, key, nil)
	}
	m.stale = nil
	if m.watchStarts.Load() && (all || !m.told) {
		m.told = true
		emit(requests, keyWatches, []byte{1})
	}
	m.Store().Changes(all, emit)
}

// Last emits what is only worth keeping when nothing will be judged any more:
// which requests were judged lately. After a crash it must not be known, since
// records whose verdict was lost come again.
func (m *Memory) Last(emit history.Emit) {
	d := m.dedup
	for _, key := range [...]string{keyNewest, keyBefore} {
		b := binary.LittleEndian.AppendUint64(nil, d.seed)
		d.each(key == keyNewest, func(k uint64) { b = binary.LittleEndian.AppendUint64(b, k) })
		emit(requests, key, b)
	}
}

// Restorer fills an empty memory with records that were emitted.
type Restorer struct {
	m *Memory
	h *history.Restorer
}

// Restore begins to fill an empty memory, which nobody may use before Done.
func (m *Memory) Restore() *Restorer { return &Restorer{m, m.Store().Restore()} }

// Add adds one record, which is not kept. After an error the memory is to be
// thrown away.
func (r *Restorer) Add(table history.Table, key string, value []byte) error {
	if table != requests {
		return r.h.Add(table, key, value)
	}
	m, d := r.m, r.m.dedup
	switch key {
	case keyWatches:
		m.watchStarts.Store(true)
		m.told = true
		return nil
	case keyNewest, keyBefore:
		if len(value) < 8 || len(value)%8 != 0 || len(value)/8-1 > dedupSize {
			return fmt.Errorf("%s %q: %d bytes", table, key, len(value))
		}
		d.seed = binary.LittleEndian.Uint64(value)
		for value = value[8:]; len(value) > 0; value = value[8:] {
			d.restore(key == keyNewest, max(binary.LittleEndian.Uint64(value), 1))
		}
		m.stale = append(m.stale, key)
		return nil
	}
	return fmt.Errorf("%s: no record %q", table, key)
}

// Done makes the memory ready.
func (r *Restorer) Done() { r.h.Done() }
