package detector

import "github.com/secretwatch/secretwatch/detector/prefetch"

// keySets are two bounded sets of hashes, none of which is 0. They take half the
// time of maps: the hashes need no hashing, and what is looked for in both lies in
// one place.
type keySets struct {
	slots [][2]uint64 // a power of two of them, never another slice; 0 is a free one
	n     [2]int
	max   int
}

// newKeySets returns two empty sets of max keys each, a power of two.
func newKeySets(max int) keySets { return keySets{slots: make([][2]uint64, 2*max), max: max} }

// slot returns where key of a set is or would be.
func (s *keySets) slot(set int, key uint64) *uint64 {
	mask := uint64(len(s.slots) - 1)
	for i := key; ; i++ {
		if p := &s.slots[i&mask][set&1]; *p == key || *p == 0 {
			return p
		}
	}
}

// prefetch may be called while others change the sets.
func (s *keySets) prefetch(key uint64) { prefetch.Value(&s.slots[key&uint64(len(s.slots)-1)]) }

func (s *keySets) has(set int, key uint64) bool { return s.n[set] > 0 && *s.slot(set, key) == key }

func (s *keySets) full(set int) bool { return s.n[set] >= s.max }

// add adds a key to a set that is not full; to one that is it adds nothing.
func (s *keySets) add(set int, key uint64) {
	if p := s.slot(set, key); *p == 0 && !s.full(set) {
		*p = key
		s.n[set]++
	}
}

// reset empties a set.
func (s *keySets) reset(set int) {
	for i := range s.slots {
		s.slots[i][set] = 0
	}
	s.n[set] = 0
}

// each calls f for all keys of a set.
func (s *keySets) each(set int, f func(key uint64)) {
	for i := range s.slots {
		if k := s.slots[i][set]; k != 0 {
			f(k)
		}
	}
}
