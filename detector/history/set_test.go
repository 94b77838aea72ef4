package history

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	day    = int64(24 * time.Hour)
	minute = int64(time.Minute)
	// epoch is when the tests begin: any time will do that is no special case.
	epoch = int64(1_700_000_000e9)
)

func bounds(values int) *Bounds {
	return &Bounds{Window: 7 * day, Probation: day, MaxValues: values}
}

func TestSetStatus(t *testing.T) {
	b := bounds(4)
	f := func(want Status, at int64, s *Set) {
		t.Helper()
		require.Equal(t, want, s.Status(b, 1, "one", at))
	}
	var s Set
	f(New, epoch, &s)
	s.Teach(b, 1, "one", epoch)
	f(Known, epoch, &s)
	f(Known, epoch-day, &s) // a late event of the day before
	f(Known, epoch+b.Window, &s)
	f(Expired, epoch+b.Window+1, &s)
	require.Equal(t, New, s.Status(b, 1, "other text behind the same key", epoch))
	require.Equal(t, Known, s.Status(b, 1, "", epoch), "no text to compare matches any")

	// What expired and is called out goes on probation, and is remembered to
	// have been there before.
	back := epoch + b.Window + day
	require.True(t, s.Find(1, "one").Returns(b, back))
	s.Flag(b, 1, "one", back)
	f(Probation, back, &s)
	require.True(t, s.Find(1, "one").Returns(b, back))
	require.False(t, s.Established(1, "one"))
	require.Zero(t, s.Len())
}

func TestSetProbation(t *testing.T) {
	b := bounds(4)
	var s Set
	s.Flag(b, 1, "one", epoch)
	for at := epoch; at <= epoch+b.Probation; at += b.Probation / 24 {
		require.Equal(t, Probation, s.Status(b, 1, "one", at))
		s.Teach(b, 1, "one", at) // using it does not shorten it
	}
	require.False(t, s.Established(1, "one"))
	after := epoch + b.Probation + 1
	require.Equal(t, Known, s.Status(b, 1, "one", after))
	s.Teach(b, 1, "one", after)
	require.True(t, s.Established(1, "one"))
	require.Equal(t, uint16(25), s.Find(1, "one").Hours)

	// Flagged once more while on probation is a use of it.
	s.Flag(b, 2, "two", epoch)
	s.Flag(b, 2, "two", epoch+day/2)
	require.Equal(t, epoch, s.Find(2, "two").Flagged)
	require.Equal(t, uint32(2), s.Find(2, "two").Count)

	// Probation begins anew for what was not seen for a window since.
	later := epoch + day/2 + b.Window + 1
	s.Flag(b, 2, "two", later)
	require.Equal(t, Probation, s.Status(b, 2, "two", later+b.Probation))
	require.True(t, s.Find(2, "two").Again)
}

// Junk pushes out junk, whatever there is of it, and what was pushed out is
// called new again rather than known.
func TestSetJunk(t *testing.T) {
	b := bounds(64)
	var s Set
	for i := range uint64(64) {
		s.Teach(b, i, fmt.Sprint(i), epoch+int64(i))
	}
	for i := range uint64(100_000) {
		s.Flag(b, 1000+i, fmt.Sprint(1000+i), epoch+minute+int64(i))
	}
	for i := range uint64(64) {
		require.Equal(t, Known, s.Status(b, i, fmt.Sprint(i), epoch+minute))
	}
	require.False(t, s.Forgetful())
	require.Len(t, s.others().trial, junk(64))
	require.Equal(t, New, s.Status(b, 1000, "1000", epoch+minute))
	require.Equal(t, Probation, s.Status(b, 100_999, "100999", epoch+minute))

	// Nor do values that served their probation take the place of one in use.
	served := epoch + 2*day
	s.Teach(b, 100_999, "100999", served)
	require.Equal(t, 64, s.Len())
	require.False(t, s.Forgetful())
	require.Equal(t, Known, s.Status(b, 100_999, "100999", served))
}

// While learning there is no telling junk from the rest: what came more than
// once outlives what came once, and what went is not called new.
func TestSetDisplaced(t *testing.T) {
	b := bounds(4)
	var s Set
	for i := range uint64(3) {
		s.Teach(b, i, "", epoch)
		s.Teach(b, i, "", epoch+1)
	}
	for i := range uint64(1000) {
		s.Teach(b, 100+i, "", epoch+2+int64(i))
	}
	for i := range uint64(3) {
		require.Equal(t, Known, s.Status(b, i, "", epoch+minute))
	}
	require.True(t, s.Forgetful())
	require.Len(t, s.others().ghost, ghosts(4))
	require.Equal(t, Unsure, s.Status(b, 100, "", epoch+minute))
	require.Equal(t, Unsure, s.Status(b, 7777, "", epoch+minute), "never seen, but who knows")
	require.Equal(t, New, s.Status(b, 7777, "", epoch+b.Window+minute), "what was forgotten would have expired")
}

func TestSetRemove(t *testing.T) {
	b := bounds(4)
	var s Set
	s.Teach(b, 1, "one", epoch)
	s.Teach(b, 2, "two", epoch)
	s.Flag(b, 3, "three", epoch)
	require.True(t, s.Remove(1, "one"))
	require.True(t, s.Remove(3, "three"))
	require.False(t, s.Remove(1, "one"))
	require.Equal(t, New, s.Status(b, 1, "one", epoch))
	require.Equal(t, New, s.Status(b, 3, "three", epoch))
	require.Equal(t, Known, s.Status(b, 2, "two", epoch))
	n := 0
	s.Each(func(*Value) { n++ })
	require.Equal(t, 1, n)
}

func TestSetRefresh(t *testing.T) {
	b := bounds(4)
	var s Set
	s.Refresh(1, "one", epoch)
	require.Nil(t, s.Find(1, "one"))
	s.Teach(b, 1, "one", epoch)
	s.Refresh(1, "one", epoch+day)
	s.Refresh(1, "one", epoch)
	require.Equal(t, epoch+day, s.Find(1, "one").Last)
	require.Equal(t, uint32(1), s.Find(1, "one").Count)
}

// A text may be as long as a request URI: no more of it is kept than any name in
// Kubernetes has, and that is still found.
func TestSetLongText(t *testing.T) {
	b := bounds(4)
	var s Set
	long := strings.Repeat("x", 200<<10)
	s.Teach(b, 1, Cut(long), epoch)
	require.LessOrEqual(t, len(s.Find(1, "").Text), 256)
	require.Equal(t, Known, s.Status(b, 1, long, epoch))
	require.Equal(t, New, s.Status(b, 2, long, epoch), "the key is that of the whole")
}

// Times at the ends of what int64 holds neither overflow nor keep anything else
// from expiring.
func TestSetExtremeTimes(t *testing.T) {
	b := bounds(4)
	var s Set
	s.Teach(b, 1, "", 1)
	s.Teach(b, 2, "", math.MaxInt64)
	s.Flag(b, 3, "", math.MaxInt64)
	s.Teach(b, 4, "", epoch)
	require.Equal(t, Known, s.Status(b, 1, "", 1))
	require.Equal(t, Expired, s.Status(b, 1, "", epoch))
	require.Equal(t, Known, s.Status(b, 2, "", math.MaxInt64))
	require.Equal(t, Probation, s.Status(b, 3, "", math.MaxInt64))
	require.Equal(t, Known, s.Status(b, 4, "", epoch))
	require.Equal(t, New, s.Status(b, 5, "", epoch))
}

// reference is a Set without bounds: what it would answer if nothing ever had to
// make room. It follows the documented meaning, not the code.
type reference map[uint64]*struct {
	last    int64
	flagged int64 // 0: established
}

func (r reference) status(b *Bounds, key uint64, t int64) Status {
	v, ok := r[key]
	switch {
	case !ok:
		return New
	case v.last < t-b.Window:
		return Expired
	case v.flagged != 0 && t <= v.flagged+b.Probation:
		return Probation
	}
	return Known
}

func (r reference) use(b *Bounds, key uint64, flag bool, t int64) {
	v, ok := r[key]
	if !ok {
		v = new(struct{ last, flagged int64 })
		r[key] = v
		v.last = t
		if flag {
			v.flagged = t
		}
		return
	}
	expired := v.last < t-b.Window
	switch {
	case flag && (expired || v.flagged == 0):
		v.flagged = t
		if !expired {
			break
		}
		v.last = t
		return
	case !flag && v.flagged != 0 && t > v.flagged+b.Probation:
		v.flagged = 0
	}
	v.last = max(v.last, t)
}

// A bounded set answers as an unbounded one does as long as nothing was
// evicted, and afterwards either so or that it cannot tell, in whatever order
// events come. Values on probation are the exception: who is pushed out of
// there is new again, never known.
func TestSetAgainstReference(t *testing.T) {
	f := func(seed uint64, maxValues, keys int, disorder int64) (told, unsure int) {
		t.Helper()
		rng := rand.New(rand.NewPCG(seed, uint64(maxValues)))
		b := bounds(maxValues)
		var s Set
		ref := reference{}
		now := epoch
		established, onTrial := map[uint64]bool{}, map[uint64]bool{}
		for range 4000 {
			now += rng.Int64N(6 * int64(time.Hour))
			at := now - rng.Int64N(disorder+1)
			key := uint64(rng.IntN(keys))
			text := fmt.Sprint(key)
			got, want := s.Status(b, key, text, at), ref.status(b, key, at)
			evicted := len(established) > maxValues || len(onTrial) > junk(maxValues)
			switch {
			case got == want:
			case !evicted:
				t.Fatalf("seed %d: %v, want %v, and nothing was evicted", seed, got, want)
			case got == Unsure:
			case got == New && want == Expired:
			case got == Probation && want == Known:
				// Served, but for want of a place still among those on probation:
				// an event from before its end sees it there.
				require.LessOrEqual(t, at, s.Find(key, text).Flagged+b.Probation)
			case got == New && ref[key].flagged != 0: // pushed out by other junk
			default:
				t.Fatalf("seed %d, %d values, %d keys, disorder %d: %v, want %v: %+v at %d", seed, maxValues, keys, disorder, got, want, *ref[key], at)
			}
			told++
			if got == Unsure {
				unsure++
			}
			// As the detector does: what is news is called out or, where no rule
			// minds, taught; the rest is taught.
			flag := (want == New || want == Expired) && got != Unsure && rng.IntN(2) == 0
			if flag {
				s.Flag(b, key, text, at)
				onTrial[key] = true
			} else {
				s.Teach(b, key, text, at)
				established[key] = true
			}
			ref.use(b, key, flag, at)
			if got == Unsure || got != want {
				// The two differ in what they remember from here on: what the
				// set has just learnt is all it can know.
				v := s.Find(key, text)
				ref[key].last, ref[key].flagged = v.Last, v.Flagged
			}
			require.LessOrEqual(t, len(s.vals), maxValues)
			require.LessOrEqual(t, len(s.others().trial), junk(maxValues))
			require.LessOrEqual(t, len(s.others().ghost), ghosts(maxValues))
		}
		return told, unsure
	}
	for seed := range uint64(12) {
		for _, disorder := range []int64{0, minute, day, 9 * day} {
			if _, unsure := f(seed, 16, 16, disorder); unsure > 0 {
				t.Errorf("seed %d: unsure %d times, with room for all", seed, unsure)
			}
			f(seed, 8, 30, disorder)
			f(seed, 2, 40, disorder)
		}
	}
}
