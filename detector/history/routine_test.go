package history

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// A routine holds as long as all it names is remembered, where it was, and counts
// at the time that is asked for.
func TestRoutineTrace(t *testing.T) {
	const now, home, object = int64(1e18), 7, 9
	addr := netip.MustParseAddr("10.0.0.1")
	f := func(what string, holds bool, change func(s *Store, sh *Shard, p *Principal)) {
		t.Helper()
		s := NewStore(Bounds{Window: 1000, Probation: 100, MaxValues: 2}, 2)
		sh := s.Shard("x")
		p, _ := sh.Get("x", now)
		for dim := DimSource; dim <= DimNamespace; dim++ {
			p.Sets[dim].Teach(&s.Bounds, 1, "text", now)
		}
		p.Objects.Teach(&s.Bounds, object, now, false)
		p.Homes.Settle(&s.Bounds, Home{Key: home, Addr: addr, Last: now})
		sh.Teach(p, now, true)
		var values [DimNamespace + 1]*Value
		for dim := range values {
			values[dim] = p.Sets[dim].Find(1, "")
		}
		var r Routine
		require.True(t, r.Note(sh, p, values, object, home, addr))
		r.Prefetch()
		change(s, sh, p)
		found, ok := r.Trace(now + 10)
		require.Equal(t, holds, ok, what)
		if ok {
			require.Same(t, p, found.P)
		}
	}
	f("nothing changed", true, func(*Store, *Shard, *Principal) {})
	f("something was added", true, func(s *Store, _ *Shard, p *Principal) {
		for dim := DimSource; dim <= DimNamespace; dim++ {
			p.Sets[dim].Teach(&s.Bounds, 2, "more", now)
		}
		for key := uint64(100); key < 120; key++ {
			p.Objects.Teach(&s.Bounds, key, now, false)
		}
		p.Homes.Settle(&s.Bounds, Home{Key: 8, Addr: addr, Last: now})
	})

	f("principal on probation", false, func(_ *Store, _ *Shard, p *Principal) { p.Flagged = now })
	f("principal expired", false, func(_ *Store, _ *Shard, p *Principal) { p.Last = now - 2000 })
	f("principal forgotten", false, func(_ *Store, sh *Shard, p *Principal) { sh.drop(p) })
	f("principal not known", false, func(_ *Store, sh *Shard, p *Principal) { sh.move(&sh.fresh, p) })
	f("another of the name", false, func(_ *Store, sh *Shard, p *Principal) {
		sh.drop(p)
		other, _ := sh.Get("x", now)
		sh.Teach(other, now, true)
	})
	for dim := DimSource; dim <= DimNamespace; dim++ {
		f(dim.String()+" expired", false, func(_ *Store, _ *Shard, p *Principal) { p.Sets[dim].vals[0].Last = now - 2000 })
		f(dim.String()+" removed", false, func(_ *Store, _ *Shard, p *Principal) { p.Sets[dim].Remove(1, "") })
		f(dim.String()+" displaced", false, func(s *Store, _ *Shard, p *Principal) {
			p.Sets[dim].Teach(&s.Bounds, 2, "more", now+1)
			p.Sets[dim].Teach(&s.Bounds, 3, "most", now+2)
		})
		f(dim.String()+" called out", false, func(s *Store, _ *Shard, p *Principal) { p.Sets[dim].Flag(&s.Bounds, 1, "text", now) })
		f(dim.String()+" of the same key", false, func(s *Store, _ *Shard, p *Principal) {
			p.Sets[dim].Remove(1, "")
			p.Sets[dim].Teach(&s.Bounds, 1, "forged", now)
		})
	}
	f("object expired", false, func(_ *Store, _ *Shard, p *Principal) { p.Objects.entries[0].last = now - 2000 })
	f("object displaced", false, func(_ *Store, _ *Shard, p *Principal) { p.Objects.entries[0].key = 10 })
	f("objects forgotten", false, func(_ *Store, _ *Shard, p *Principal) { p.Objects = Objects{} })
	f("home displaced", false, func(s *Store, _ *Shard, p *Principal) {
		p.Homes.Settle(&s.Bounds, Home{Key: 8, Last: now + 1})
		p.Homes.Settle(&s.Bounds, Home{Key: 9, Last: now + 1})
	})
	f("home elsewhere", false, func(_ *Store, _ *Shard, p *Principal) { p.Homes.list[0].Addr = addr.Next() })
	f("homes forgotten", false, func(_ *Store, _ *Shard, p *Principal) { p.Homes = Homes{} })
}

// What is not remembered is no routine.
func TestRoutineOfWhatIsNotRemembered(t *testing.T) {
	s := NewStore(Bounds{Window: 1000, Probation: 100, MaxValues: 2}, 2)
	b, sh := &s.Bounds, s.Shard("x")
	p, _ := sh.Get("x", 1)
	addr := netip.MustParseAddr("10.0.0.1")
	var r Routine
	none := [DimNamespace + 1]*Value{}
	require.False(t, r.Note(sh, p, none, 9, 0, addr), "no object")
	p.Objects.Teach(b, 9, 1, false)
	require.True(t, r.Note(sh, p, none, 9, 0, addr))
	require.False(t, r.Note(sh, p, none, 9, 7, addr), "no home")
	p.Homes.Settle(b, Home{Key: 7, Addr: addr.Next()})
	require.False(t, r.Note(sh, p, none, 9, 7, addr), "a home elsewhere")
	p.Sets[DimClient].Flag(b, 1, "text", 1)
	trial := none
	trial[DimClient] = p.Sets[DimClient].Find(1, "")
	require.False(t, r.Note(sh, p, trial, 9, 0, addr), "on probation")
}
