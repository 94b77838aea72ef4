package history

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBurstNote(t *testing.T) {
	const span = 5 * minute
	var b Burst
	f := func(key, ns uint64, at int64, count, namespaces int) {
		t.Helper()
		c, n := b.Note(key, ns, at, span)
		require.Equal(t, [2]int{count, namespaces}, [2]int{c, n})
	}
	f(1, 1, epoch, 1, 1)
	f(1, 1, epoch+1, 1, 1) // the same once more
	f(2, 1, epoch+1, 2, 1)
	f(3, 2, epoch+2, 3, 2)
	f(4, 2, epoch-minute, 4, 2) // late
	b.Unnote(3)
	b.Unnote(99)
	f(5, 3, epoch+minute, 4, 3)
	f(6, 3, epoch+span+1, 3, 2) // the first ones left the span
	f(7, 4, epoch+2*span+minute, 1, 1)
}

func TestBurstBounded(t *testing.T) {
	var b Burst
	for i := range uint64(100_000) {
		count, namespaces := b.Note(i, i, epoch+int64(i), day)
		require.LessOrEqual(t, count, maxRecent)
		require.LessOrEqual(t, namespaces, 4)
	}
	require.LessOrEqual(t, cap(b.recent), 2*maxRecent)
	b.Learn(bounds(4), math.MaxInt32, epoch)
	require.Equal(t, math.MaxInt32, b.Habit())
}

// A habit holds for the window after the one it was seen in, not for ever.
func TestBurstHabit(t *testing.T) {
	bd := bounds(4)
	var b Burst
	require.Zero(t, b.Habit())
	b.Learn(bd, 30, epoch)
	b.Learn(bd, 5, epoch+day)
	require.Equal(t, 30, b.Habit())
	b.Learn(bd, 5, epoch+bd.Window+1)
	require.Equal(t, 30, b.Habit())
	b.Learn(bd, 5, epoch+2*(bd.Window+1))
	require.Equal(t, 5, b.Habit())
}

func TestBurstFlag(t *testing.T) {
	bd := bounds(4)
	var b Burst
	require.False(t, b.Flag(bd, 20, epoch))
	require.True(t, b.Flag(bd, 21, epoch+1))
	require.True(t, b.Flag(bd, 40, epoch+day), "the size at hand is what counts")
	require.False(t, b.Flag(bd, 100, epoch+day))
	require.Zero(t, b.Habit())

	// What is there again after its probation is habit; what is not soon, is not.
	require.False(t, b.Flag(bd, 30, epoch+day+1))
	require.Equal(t, 100, b.Habit())
	var c Burst
	c.Flag(bd, 20, epoch)
	require.False(t, c.Flag(bd, 20, epoch+bd.Window+day))
	require.Zero(t, c.Habit())
}

// An outlier in time counts once, and drops out of no sum by an overflow.
func TestBurstExtremeTimes(t *testing.T) {
	const span = 5 * minute
	var b Burst
	b.Note(1, 1, math.MaxInt64, span)
	b.Note(2, 1, 1, span)
	count, _ := b.Note(3, 1, epoch, span)
	require.LessOrEqual(t, count, 3)
	count, _ = b.Note(4, 1, epoch+day, span)
	require.LessOrEqual(t, count, 2)
}
