package history

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFair(t *testing.T) {
	f := NewFair[int](3, 4)
	f.Put("alice", 1, 10)
	f.Put("bob", 2, 20)
	v, owner, ok := f.Get(1)
	require.True(t, ok)
	require.Equal(t, 10, v)
	require.Equal(t, "alice", owner)
	_, _, ok = f.Get(3)
	require.False(t, ok)

	// A key has one value and one owner.
	f.Put("bob", 1, 11)
	v, owner, _ = f.Get(1)
	require.Equal(t, 11, v)
	require.Equal(t, "bob", owner)
	require.Equal(t, 2, f.Len())
	f.Put("alice", 3, 30)
	f.Each(func(owner string, key uint64, v int) {
		if key == 3 {
			require.Equal(t, "alice", owner)
		} else {
			require.Equal(t, "bob", owner)
		}
	})
}

// A flood displaces entries of the flooding owner only.
func TestFairFlood(t *testing.T) {
	f := NewFair[int](3, 4)
	f.Put("alice", 1, 1)
	for i := range uint64(100_000) {
		f.Put("mallory", 10+i, 0)
	}
	_, _, ok := f.Get(1)
	require.True(t, ok)
	require.Equal(t, 1+4, f.Len())

	// Owners displace each other, and take what is theirs along.
	for i := range uint64(1000) {
		f.Put(fmt.Sprint("owner", i), 1_000_000+i, 0)
		require.LessOrEqual(t, f.Len(), 3*4)
	}
	_, _, ok = f.Get(1)
	require.False(t, ok)
	require.Equal(t, 3, f.Len())
}

// What changed is noted within bounds where nobody ever asks for it, and whoever
// keeps the table hears of owners that were displaced.
func TestFairChanges(t *testing.T) {
	f := NewFair[int64](3, 4)
	f.track()
	put := func(from, to int) {
		for i := from; i < to; i++ {
			f.Put(fmt.Sprint("user ", i), uint64(i), int64(i))
		}
	}
	saved := map[string]bool{}
	save := func() {
		f.emit(&writer{}, false, MintedTable, func(_ Table, key string, value []byte) {
			if value == nil {
				require.True(t, saved[key], "%s was never there", key)
				delete(saved, key)
			} else {
				saved[key] = true
			}
		}, func(v *int64, c coder) { c.number("value", v) })
	}
	put(0, 1000)
	require.LessOrEqual(t, len(f.changed), 3)
	save()
	require.Len(t, saved, 3)
	put(1000, 2000)
	require.LessOrEqual(t, len(f.changed), 6)
	save()
	require.Equal(t, map[string]bool{RecordKey("user 1997"): true, RecordKey("user 1998"): true, RecordKey("user 1999"): true}, saved)
}
