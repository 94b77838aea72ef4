package detector

// keySet is a set of hashes, none of which is 0. It takes half the time of a map:
// the hashes need no hashing, and what is looked for lies in one place. The zero
// value is empty and ready.
type keySet struct {
	slots []uint64 // a power of two of them, at most half in use; 0 is a free one
	n     int
}

// slot returns where key is or would be.
func (s *keySet) slot(key uint64) *uint64 {
	mask := uint64(len(s.slots) - 1)
	for i := key; ; i++ {
		if p := &s.slots[i&mask]; *p == key || *p == 0 {
			return p
		}
	}
}

func (s *keySet) has(key uint64) bool { return s.n > 0 && *s.slot(key) == key }

func (s *keySet) add(key uint64) {
	if 2*s.n >= len(s.slots) {
		old := s.slots
		s.slots = make([]uint64, max(2*len(old), 64))
		for _, k := range old {
			if k != 0 {
				*s.slot(k) = k
			}
		}
	}
	if p := s.slot(key); *p == 0 {
		*p = key
		s.n++
	}
}

// reset empties the set and keeps its memory.
func (s *keySet) reset() {
	clear(s.slots)
	s.n = 0
}

// each calls f for all keys.
func (s *keySet) each(f func(key uint64)) {
	for _, k := range s.slots {
		if k != 0 {
			f(k)
		}
	}
}
