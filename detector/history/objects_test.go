package history

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestObjects(t *testing.T) {
	b := bounds(2)
	var o Objects
	require.False(t, o.Seen(b, 1, epoch))
	o.Teach(b, 1, epoch, false)
	require.True(t, o.Seen(b, 1, epoch))
	require.True(t, o.Seen(b, 1, epoch-day), "a late event")
	require.True(t, o.Seen(b, 1, epoch+b.Window))
	require.False(t, o.Seen(b, 1, epoch+b.Window+1))

	// An older use does not make it older; who made it stays known.
	o.Teach(b, 1, epoch-day, true)
	o.Teach(b, 1, epoch, false)
	require.True(t, o.Seen(b, 1, epoch+b.Window))
	require.True(t, o.Made(1))
	require.False(t, o.Made(2))
	require.Equal(t, 1, o.Len())
}

// The index that is made when entries are many answers as the search before it.
func TestObjectsIndex(t *testing.T) {
	b := bounds(8)
	var o Objects
	for i := range uint64(b.MaxObjects()) {
		require.False(t, o.Seen(b, i, epoch))
		o.Teach(b, i, epoch, false)
		for j := range i + 1 {
			require.True(t, o.Seen(b, j, epoch))
		}
	}
	require.Equal(t, b.MaxObjects(), o.Len())
}

// Objects of a flood that are never asked for again make room for each other,
// and those that go on being read outlive it.
func TestObjectsFlood(t *testing.T) {
	b := bounds(64)
	var o Objects
	for i := range uint64(500) {
		o.Teach(b, i, epoch, false)
	}
	for i := range uint64(100_000) {
		o.Teach(b, 1000+i, epoch+int64(i), false)
		o.Teach(b, i%500, epoch+int64(i), false)
	}
	require.Equal(t, b.MaxObjects(), o.Len())
	require.Len(t, o.index, b.MaxObjects())
	for i := range uint64(500) {
		require.True(t, o.Seen(b, i, epoch+day))
	}
}

// What is not forgotten is what an unbounded memory would say; what is forgotten
// is new, never old.
func TestObjectsAgainstReference(t *testing.T) {
	b := bounds(4)
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 0))
		var o Objects
		ref := map[uint64]int64{}
		evicted := false
		for i := range int64(3000) {
			at := epoch + i*minute*10 - rng.Int64N(day)
			key := rng.Uint64N(uint64(b.MaxObjects()) + seed%2*40)
			last, ok := ref[key]
			want := ok && last >= at-b.Window
			got := o.Seen(b, key, at)
			if got && !want || got != want && !evicted {
				t.Fatalf("seed %d: seen %v, want %v, evicted %v", seed, got, want, evicted)
			}
			o.Teach(b, key, at, false)
			ref[key] = max(ref[key], at)
			evicted = evicted || len(ref) > b.MaxObjects()
		}
	}
}
