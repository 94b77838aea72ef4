package history

import "sync/atomic"

// Evictions counts what had to make room although it was seen within the window:
// what is judged by less than is asked for. Not counted is what nobody would miss:
// what had expired, and values that were on probation.
type Evictions struct {
	Principals uint64 // known ones
	Newcomers  uint64 // principals that were not known yet
	Values     uint64 // sources, clients, namespaces and scopes
	Objects    uint64
}

// evictions are the counters behind Evictions, one of a store and its Bounds.
type evictions struct{ principals, newcomers, values, objects atomic.Uint64 }

// Evicted returns what had to make room since the store was made.
func (s *Store) Evicted() Evictions {
	e := s.Bounds.evicted
	return Evictions{
		Principals: e.principals.Load(), Newcomers: e.newcomers.Load(),
		Values: e.values.Load(), Objects: e.objects.Load(),
	}
}

func (b *Bounds) valueEvicted() {
	if b.evicted != nil {
		b.evicted.values.Add(1)
	}
}

func (b *Bounds) objectEvicted() {
	if b.evicted != nil {
		b.evicted.objects.Add(1)
	}
}
