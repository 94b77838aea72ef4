package history

import (
	"fmt"
	"math"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// use lets a principal make an access that fits, flagged as new or not, as the
// detector does.
func use(s *Store, name string, at int64, flag, learning bool) (status Status, unsure bool) {
	sh := s.Shard(name)
	sh.Lock()
	defer sh.Unlock()
	p, unsure := sh.Get(name, at)
	status = p.Status(&s.Bounds, at)
	if flag {
		p.Flagged = at
	}
	sh.Teach(p, at, learning)
	return status, unsure
}

// Principals on probation, however many, displace nobody who is known.
func TestStoreFlood(t *testing.T) {
	for _, principals := range []int{4, 2000} {
		s := NewStore(*bounds(4), principals)
		for i := range principals {
			use(s, fmt.Sprint("known", i), epoch, false, true)
		}
		known, _ := s.Len()
		for i := range 100_000 {
			use(s, fmt.Sprint("junk", i), epoch+minute, true, false)
			// Also those who were never flagged, a rule being off.
			use(s, fmt.Sprint("more", i), epoch+minute, false, false)
		}
		after, fresh := s.Len()
		require.GreaterOrEqual(t, after, known)
		require.LessOrEqual(t, after, principals+len(s.shards))
		require.LessOrEqual(t, fresh, max(principals/8, 8*len(s.shards))+len(s.shards))
		for i := range principals {
			if status, unsure := use(s, fmt.Sprint("known", i), epoch+day, false, false); status != Known {
				// Names spread unevenly over shards: what went in the learning
				// period already must be admitted.
				require.True(t, unsure)
			}
		}
	}
}

// While learning, the newest displace the oldest, who are then not called new.
func TestStoreForgets(t *testing.T) {
	s := NewStore(*bounds(4), 10)
	for i := range 20 {
		use(s, fmt.Sprint(i), epoch+int64(i), false, true)
	}
	known, _ := s.Len()
	require.Equal(t, 10, known)
	at := epoch + minute
	f := func(name string, want Status, wantUnsure bool, at int64) {
		t.Helper()
		status, unsure := use(s, name, at, true, false)
		require.Equal(t, want, status)
		require.Equal(t, wantUnsure, unsure)
	}
	f("19", Known, false, at)
	f("0", New, true, at)
	f("never seen", New, false, at)
	f("1", New, false, at+s.Bounds.Window)

	// Beyond the ghosts nobody can be told from the forgotten.
	for i := range 3 * maxGhosts {
		use(s, fmt.Sprint("more", i), at+int64(i), false, true)
	}
	f("who", New, true, at+minute)
	f("who else", New, false, at+minute+s.Bounds.Window)
}

// Who served the probation and is known cannot be displaced by who did not, but
// takes the place of one that expired.
func TestStoreProbation(t *testing.T) {
	s := NewStore(*bounds(4), 8)
	for i := range 8 {
		use(s, fmt.Sprint(i), epoch, false, true)
	}
	at := epoch + day
	use(s, "newcomer", at, true, false)
	status, _ := use(s, "newcomer", at+day, false, false)
	require.Equal(t, Probation, status)
	status, _ = use(s, "newcomer", at+day+1, false, false)
	require.Equal(t, Known, status)
	known, fresh := s.Len()
	require.Equal(t, [2]int{8, 1}, [2]int{known, fresh})

	late := epoch + s.Bounds.Window + day
	use(s, "newcomer", late, false, false)
	known, fresh = s.Len()
	require.Equal(t, [2]int{8, 0}, [2]int{known, fresh})
}

// Learning begins with the earliest event: an outlier from the future, seen
// first, does not keep it going.
func TestStoreStart(t *testing.T) {
	s := NewStore(*bounds(4), 8)
	require.Equal(t, int64(math.MaxInt64), s.Start(math.MaxInt64))
	require.Equal(t, epoch, s.Start(epoch))
	require.Equal(t, epoch, s.Start(epoch+day))
}

// A place needs no lock until it is used, whatever the others do meanwhile, and it is
// the same before and after its shard has grown.
func TestStoreExpect(t *testing.T) {
	const users, threads = 20000, 4
	s := NewStore(*bounds(4), 2*users)
	early := make([]Place, users)
	for i := range early {
		early[i] = s.Expect(fmt.Sprint("user ", i))
	}
	get := func(at Place) *Principal {
		at.Lock()
		defer at.Unlock()
		p, unsure := at.Get(1)
		assert.False(t, unsure)
		at.Teach(p, 1, true)
		return p
	}
	found := make([]map[string]*Principal, threads)
	var all sync.WaitGroup
	for i := range found {
		found[i] = map[string]*Principal{}
		all.Add(1)
		go func() {
			defer all.Done()
			for j := range users {
				name := fmt.Sprint("user ", (j+i*users/threads)%users)
				found[i][name] = get(s.Expect(name))
			}
		}()
	}
	all.Wait()
	for i, at := range early {
		name := fmt.Sprint("user ", i)
		require.True(t, at.Is(name))
		p := get(at)
		require.Equal(t, name, p.Name)
		for _, f := range found {
			require.Same(t, f[name], p)
		}
	}
	known, fresh := s.Len()
	require.Equal(t, [2]int{users, 0}, [2]int{known, fresh})
}
