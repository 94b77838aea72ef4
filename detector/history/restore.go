package history

import (
	"net/netip"
	"slices"
	"sort"
)

// Restorer fills an empty store from the records that Changes of another one
// emitted. Nobody may use the store before Done.
type Restorer struct {
	s          *Store
	texts      map[string]string // see reader
	principals []restored
	forgotten  []forgotten
	owners     [3][]func() // of the fair tables, oldest first once sorted
	touched    [3][]uint64
}

type restored struct {
	p     *Principal
	known bool
}

type forgotten struct {
	key string
	forgottenRecord
}

// Restore begins to fill an empty store.
func (s *Store) Restore() *Restorer {
	return &Restorer{s: s, texts: make(map[string]string)}
}

// Add adds one record, which is not kept. Records of unknown tables and records
// that are broken are errors; the store then is to be thrown away.
func (r *Restorer) Add(table Table, key string, value []byte) error {
	rec, err := readRecord(&reader{b: value, texts: r.texts}, table, key)
	if err != nil {
		return err
	}
	switch rec := rec.(type) {
	case *principalRecord:
		rec.p.mark = mark{touched: rec.touched, saved: true}
		r.principals = append(r.principals, restored{rec.p, rec.known})
	case *forgottenRecord:
		r.forgotten = append(r.forgotten, forgotten{key, *rec})
	case commonRecord:
		r.s.common()[slices.Index(commonNames[:], key)].Principal = *rec.Principal
	case *ownerRecord[Minted]:
		restoreOwner(r, 0, r.s.Minted, rec)
	case *ownerRecord[Suspicion]:
		restoreOwner(r, 1, r.s.Suspicious, rec)
	case *ownerRecord[netip.Addr]:
		restoreOwner(r, 2, r.s.NodeAddrs, rec)
	case *startRecord:
		r.s.start.Store(rec.start)
	}
	return nil
}

// Done brings the records into the order in which they were used, within the
// bounds of the store.
func (r *Restorer) Done() {
	s := r.s
	r.restoreForgotten()
	// Who is displaced by tighter bounds is so in the order of use.
	sort.Slice(r.principals, func(i, j int) bool {
		a, b := r.principals[i].p, r.principals[j].p
		if a.mark.touched != b.mark.touched {
			return a.mark.touched < b.mark.touched
		}
		return a.Last < b.Last
	})
	clock := s.clock.Load()
	for _, e := range r.principals {
		p := e.p
		p.fit(&s.Bounds)
		clock = max(clock, p.mark.touched)
		sh := s.Shard(p.Name)
		if !e.known {
			sh.addFresh(p)
			continue
		}
		if old := sh.known.oldest; sh.full() {
			sh.drop(old)
			sh.forget(old)
		}
		sh.add(&sh.known, p)
	}
	s.clock.Store(clock)
	for _, c := range s.common() {
		c.Principal.fit(&s.Wide)
	}
	for i := range r.owners {
		sort.Stable(byTouched{r.owners[i], r.touched[i]})
		for _, put := range r.owners[i] {
			put()
		}
	}
	*r = Restorer{}
}

type byTouched struct {
	put     []func()
	touched []uint64
}

func (b byTouched) Len() int           { return len(b.put) }
func (b byTouched) Less(i, j int) bool { return b.touched[i] < b.touched[j] }
func (b byTouched) Swap(i, j int) {
	b.put[i], b.put[j] = b.put[j], b.put[i]
	b.touched[i], b.touched[j] = b.touched[j], b.touched[i]
}

// restoreForgotten hands each ghost to the shard its principal would be in.
func (r *Restorer) restoreForgotten() {
	s := r.s
	sort.Slice(r.forgotten, func(i, j int) bool { return r.forgotten[i].key < r.forgotten[j].key })
	for _, f := range r.forgotten {
		for _, g := range f.ghosts {
			s.shards[g.key%uint64(len(s.shards))].recall(g)
		}
		for i := range s.shards {
			// Of another number of shards it is not known whose principals were lost.
			if f.shards != int64(len(s.shards)) || string(rune('a'+i)) == f.key {
				s.shards[i].lost = max(s.shards[i].lost, f.lost)
			}
		}
	}
}

// fit forgets what is beyond bounds that have become tighter.
func (p *Principal) fit(b *Bounds) {
	for d := range p.Sets {
		p.Sets[d].fit(b)
	}
	p.Objects.fit(b)
	if list := p.Homes.list; len(list) > b.MaxValues {
		sort.SliceStable(list, func(i, j int) bool { return list[i].Last > list[j].Last })
		p.Homes.list = slices.Clip(list[:b.MaxValues])
	}
}

func (s *Set) fit(b *Bounds) {
	if r := s.others(); len(r.ghost) > ghosts(b.MaxValues) {
		most := ghosts(b.MaxValues)
		ring := append(append([]ghost(nil), r.ghost[r.next:]...), r.ghost[:r.next]...)
		for _, g := range ring[:len(ring)-most] {
			r.lost = max(r.lost, g.last)
		}
		r.ghost, r.next = slices.Clone(ring[len(ring)-most:]), 0
	}
	latest := func(v []Value) {
		sort.SliceStable(v, func(i, j int) bool { return v[i].Last > v[j].Last })
	}
	if len(s.vals) > b.MaxValues {
		latest(s.vals)
		for _, v := range slices.Backward(s.vals[b.MaxValues:]) {
			s.forget(ghost{v.Key, v.Last}, b.MaxValues)
		}
		s.vals = slices.Clone(s.vals[:b.MaxValues])
	}
	if r, most := s.others(), junk(b.MaxValues); len(r.trial) > most {
		latest(r.trial)
		r.trial = slices.Clone(r.trial[:most])
	}
}

func (o *Objects) fit(b *Bounds) {
	most := b.MaxObjects()
	if len(o.entries) <= most {
		return
	}
	sort.SliceStable(o.entries, func(i, j int) bool { return o.entries[i].last > o.entries[j].last })
	o.lost = max(o.lost, o.entries[most].last)
	o.entries, o.hand = slices.Clone(o.entries[:most]), 0
	o.reindex()
}

// learnt is a start so long ago that no learning period reaches over it.
const learnt = 1

// EndLearning makes the store one that has learnt: a baseline was loaded.
func (s *Store) EndLearning() { s.start.Store(learnt) }

// Started returns the time of the first event, or ok false if there was none
// or the store began with a baseline.
func (s *Store) Started() (t int64, ok bool) {
	t = s.start.Load()
	return t, t > learnt
}

// Since says how far back the store knows, as a time to be compared with that of
// other stores: 0 for one that has seen nothing, the time of the first event, or
// earlier than any for one that began with a baseline.
func (s *Store) Since() int64 { return s.start.Load() }

// Empty says whether the store has seen nothing.
func (s *Store) Empty() bool { return s.start.Load() == 0 }

// Unreported forgets which findings were reported: those made while a baseline
// was read have reached nobody.
func (s *Store) Unreported() {
	s.Each(func(p *Principal) { p.Said = Said{} })
}
