package detector

// keySets are two sets of hashes, none of which is 0. They take half the time of
// maps: the hashes need no hashing, and what is looked for in both lies in one
// place. The zero value is two empty sets.
type keySets struct {
	slots [][2]uint64 // a power of two of them, at most half in use by each set; 0 is a free one
	n     [2]int
}

// slot returns where key of a set is or would be.
func (s *keySets) slot(set int, key uint64) *uint64 {
	mask := uint64(len(s.slots) - 1)
	for i := key; ; i++ {
		if p := &s.slots[i&mask][set&1]; *p == key || *p == 0 {
			return p
		}
	}
}

func (s *keySets) has(set int, key uint64) bool { return s.n[set] > 0 && *s.slot(set, key) == key }

func (s *keySets) add(set int, key uint64) {
	if 2*s.n[set] >= len(s.slots) {
		old := s.slots
		s.slots = make([][2]uint64, max(2*len(old), 64))
		for _, keys := range old {
			for set, k := range keys {
				if k != 0 {
					*s.slot(set, k) = k
				}
			}
		}
	}
	if p := s.slot(set, key); *p == 0 {
		*p = key
		s.n[set]++
	}
}

// reset empties a set and keeps its memory.
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
