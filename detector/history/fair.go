package history

import (
	"strings"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Fair is a bounded table whose entries have owners: an owner that floods it
// displaces entries of its own only. Safe for concurrent use.
type Fair[V any] struct {
	mu     sync.Mutex
	owners *simplelru.LRU[string, *owned[V]]
	index  map[uint64]string // key -> owner
	each   int

	clock   uint64              // counts calls of Put
	changed map[string]struct{} // owners, also displaced ones; nil while nobody keeps the table
}

// owned are the entries of one owner.
type owned[V any] struct {
	*simplelru.LRU[uint64, V]
	touched uint64 // Fair.clock at the last Put
}

// NewFair returns a table of at most owners owners with at most each entries.
func NewFair[V any](owners, each int) *Fair[V] {
	f := &Fair[V]{index: make(map[uint64]string), each: each}
	f.owners, _ = simplelru.NewLRU(owners, func(owner string, l *owned[V]) {
		l.Purge()
		f.change(owner)
	})
	return f
}

// Put stores a value, displacing the owner's least recently stored one if it
// has too many. A key has one value, whoever stored it last. owner is copied.
func (f *Fair[V]) Put(owner string, key uint64, v V) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if old, ok := f.index[key]; ok && old != owner {
		if l, ok := f.owners.Peek(old); ok {
			l.Remove(key)
			f.change(old)
		}
	}
	l, ok := f.owners.Get(owner)
	if !ok {
		owner = strings.Clone(owner)
		l = f.add(owner)
	}
	l.Add(key, v)
	f.index[key] = strings.Clone(owner)
	f.clock++
	l.touched = f.clock
	f.change(owner)
}

// add adds an owner without entries.
func (f *Fair[V]) add(owner string) *owned[V] {
	l := new(owned[V])
	l.LRU, _ = simplelru.NewLRU(f.each, func(k uint64, _ V) { delete(f.index, k) })
	f.owners.Add(owner, l)
	return l
}

// Get returns the value of a key and who stored it.
func (f *Fair[V]) Get(key uint64) (v V, owner string, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	owner, ok = f.index[key]
	if !ok {
		return v, "", false
	}
	l, _ := f.owners.Peek(owner)
	v, ok = l.Peek(key)
	return v, owner, ok
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
			v, _ := l.Peek(k)
			do(owner, k, v)
		}
	}
}
