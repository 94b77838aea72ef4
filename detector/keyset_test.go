package detector

import (
	"math/rand/v2"
	"testing"
)

func TestKeySets(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	s := newKeySets(1 << 13)
	want := [2]map[uint64]bool{{}, {}}
	for i := range 100000 {
		set := r.IntN(2)
		// Near each other too, so that places are contended, and in both sets.
		key := r.Uint64()>>(r.IntN(60)) | 1
		if s.has(set, key) != want[set][key] {
			t.Fatalf("key %#x: %v", key, s.has(set, key))
		}
		if s.full(set) {
			s.add(set, key)
			if s.has(set, key) != want[set][key] {
				t.Fatalf("key %#x went into a full set", key)
			}
			continue
		}
		s.add(set, key)
		want[set][key] = true
		if !s.has(set, key) || s.n[set] != len(want[set]) {
			t.Fatalf("key %#x is lost, or %d keys are not %d", key, s.n[set], len(want[set]))
		}
		if i%20000 == 19999 {
			s.each(set, func(key uint64) {
				if !want[set][key] {
					t.Fatalf("key %#x was never added", key)
				}
				delete(want[set], key)
			})
			if len(want[set]) > 0 {
				t.Fatalf("%d keys are missing", len(want[set]))
			}
			s.reset(set)
			if other := 1 - set; s.n[other] != len(want[other]) {
				t.Fatal("the other set has changed")
			}
		}
	}
}
