// Package measure tells whoever wants to know how long operations take.
package measure

import (
	"sync"
	"time"
)

// Observer takes the lengths of operations. A prometheus.Histogram is one. Safe
// for concurrent use.
type Observer interface{ Observe(seconds float64) }

// Observers are those of one kind of operation, by who wants to know. The zero
// value has none and is ready. Safe for concurrent use; use no copy.
type Observers[K comparable] struct {
	mu  sync.Mutex
	all map[K]Observer
}

// Set makes o the observer of k.
func (s *Observers[K]) Set(k K, o Observer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[K]Observer{}
	}
	s.all[k] = o
}

// Remove removes the observer of k, if it has one.
func (s *Observers[K]) Remove(k K) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, k)
}

// Took tells all observers how long an operation took.
func (s *Observers[K]) Took(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.all {
		o.Observe(d.Seconds())
	}
}
