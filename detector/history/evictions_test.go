package history

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// Only what somebody may miss is counted.
func TestEvicted(t *testing.T) {
	s := NewStore(*bounds(4), 10)
	require.Equal(t, 10, s.Cap())
	f := func(want Evictions) {
		t.Helper()
		require.Equal(t, want, s.Evicted())
	}
	for i := range 12 {
		use(s, fmt.Sprint("known", i), epoch+int64(i), false, true)
	}
	want := Evictions{Principals: 2}
	f(want)
	for i := range 9 { // room for eight
		use(s, fmt.Sprint("new", i), epoch+minute, true, false)
	}
	want.Newcomers = 1
	f(want)
	use(s, "later", epoch+minute+s.Bounds.Window+minute, true, false)
	f(want)

	var set Set
	for key := range uint64(5) {
		set.Teach(&s.Bounds, key, "", epoch)
	}
	want.Values = 1
	f(want)
	for key := range uint64(30) {
		set.Flag(&s.Bounds, 100+key, "", epoch)
	}
	f(want)
	set.Teach(&s.Bounds, 7, "", epoch+s.Bounds.Window+minute)
	f(want)

	var objects Objects
	for key := range uint64(s.Bounds.MaxObjects()) + 3 {
		objects.Teach(&s.Bounds, key, epoch, false)
	}
	want.Objects = 3
	f(want)
	objects.Teach(&s.Bounds, 1<<20, epoch+s.Bounds.Window+minute, false)
	f(want)
}
