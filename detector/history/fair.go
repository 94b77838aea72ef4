package history

import (
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Fair is a bounded table whose entries have owners: an owner that floods it
// displaces entries of its own only. Safe for concurrent use.
type Fair[V any] struct {
	mu     sync.Mutex
	owners *simplelru.LRU[string, *owned]
	index  map[uint64]stored[V] // by key
	each   int
	used   atomic.Bool // something was stored

	clock   uint64              // counts calls of Put
	changed map[string]struct{} // owners, also displaced ones; nil while nobody keeps the table
}

// stored is the value of a key. Values stand in the index, so that it takes one
// look to find one.
type stored[V any] struct {
	by    *owned
	value V
}

// owned are the keys of one owner.
type owned struct {
	*simplelru.LRU[uint64, struct{}]
	name    string
	touched uint64 // Fair.clock at the last Put
	saved   bool   // was emitted
}

// NewFair returns a table of at most owners owners with at most each entries.
func NewFair[V any](owners, each int) *Fair[V] {
	f := &Fair[V]{index: make(map[uint64]stored[V]), each: each}
	f.owners, _ = simplelru.NewLRU(owners, func(_ string, l *owned) {
		l.Purge()
		f.left(l)
	})
	return f
}

// Put stores a value, displacing the owner's least recently stored one if it
// has too many. A key has one value, whoever stored it last. owner is copied.
func (f *Fair[V]) Put(owner string, key uint64, v V) {
	f.mu.Lock()
	defer f.mu.Unlock()
	l, ok := f.owners.Get(owner)
	if !ok {
		l = f.add(strings.Clone(owner))
	}
	f.store(l, key, v)
	f.clock++
	l.touched = f.clock
	f.change(owner)
}

// add adds an owner without entries.
func (f *Fair[V]) add(owner string) *owned {
	l := &owned{name: owner}
	l.LRU, _ = simplelru.NewLRU(f.each, func(k uint64, _ struct{}) { delete(f.index, k) })
	f.owners.Add(owner, l)
	return l
}

// store makes an entry the newest of its owner, and of no other.
func (f *Fair[V]) store(l *owned, key uint64, v V) {
	if old, ok := f.index[key]; ok && old.by != l {
		old.by.Remove(key)
		f.change(old.by.name)
	}
	l.Add(key, struct{}{})
	f.index[key] = stored[V]{l, v}
	f.used.Store(true)
}

// Used says whether anything was ever stored.
func (f *Fair[V]) Used() bool { return f.used.Load() }

// Get returns the value of a key and who stored it.
func (f *Fair[V]) Get(key uint64) (v V, owner string, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, ok := f.index[key]
	if !ok {
		return v, "", false
	}
	return s.value, s.by.name, true
}

// Len is the number of entries.
func (f *Fair[V]) Len() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.index)
}

// Each calls f for all entries, oldest first per owner.
func (f *Fair[V]) Each(do func(owner string, key uint64, v V)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, owner := range f.owners.Keys() {
		l, _ := f.owners.Peek(owner)
		for _, k := range l.Keys() {
			do(owner, k, f.index[k].value)
		}
	}
}
