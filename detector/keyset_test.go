package detector

import (
	"math/rand/v2"
	"testing"
)

func TestKeySet(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var s keySet
	want := map[uint64]bool{}
	for i := range 20000 {
		// Near each other too, so that places are contended.
		key := r.Uint64()>>(r.IntN(60)) | 1
		if s.has(key) != want[key] {
			t.Fatalf("key %#x: %v", key, s.has(key))
		}
		s.add(key)
		want[key] = true
		if !s.has(key) || s.n != len(want) {
			t.Fatalf("key %#x is lost, or %d keys are not %d", key, s.n, len(want))
		}
		if i%7000 == 6999 {
			s.each(func(key uint64) {
				if !want[key] {
					t.Fatalf("key %#x was never added", key)
				}
				delete(want, key)
			})
			if len(want) > 0 {
				t.Fatalf("%d keys are missing", len(want))
			}
			s.reset()
		}
	}
}
