package history

import (
	"slices"
	"strings"
)

// What people do to a history. Values are named as they are shown: a source or
// network, a client, a namespace, a scope.

// Approved and forgotten values are looked for in all dimensions.
func (p *Principal) each(f func(s *Set, v *Value)) {
	for d := range p.Sets {
		s := &p.Sets[d]
		var all []Value
		s.Each(func(v *Value) { all = append(all, *v) })
		for i := range all {
			f(s, &all[i])
		}
	}
}

// edit calls f with a principal under its lock and reports whether there is such
// a one. It counts as used.
func (s *Store) edit(name string, f func(sh *Shard, p *Principal)) bool {
	sh := s.Shard(name)
	sh.Lock()
	defer sh.Unlock()
	if _, ok := sh.Peek(name); !ok {
		return false
	}
	p, _ := sh.Get(name, 0)
	f(sh, p)
	return true
}

// View calls f with a principal, which f must not change or keep, and reports
// whether there is such a one.
func (s *Store) View(name string, f func(p *Principal)) bool {
	sh := s.Shard(name)
	sh.Lock()
	defer sh.Unlock()
	p, ok := sh.Peek(name)
	if ok {
		f(p)
	}
	return ok
}

// Approve ends the probation of a principal's values, or of one of them if value
// is not empty, at once. Without a value the principal itself is approved too.
// It returns the values; ok says whether there is such a principal.
func (s *Store) Approve(name, value string) (approved []string, ok bool) {
	ok = s.edit(name, func(sh *Shard, p *Principal) {
		p.each(func(set *Set, v *Value) {
			if v.Flagged == 0 || value != "" && v.Text != value {
				return
			}
			set.approve(sh.bounds, v)
			approved = append(approved, v.Text)
		})
		if value != "" {
			return
		}
		p.Flagged = 0
		if p.Last != 0 {
			sh.Teach(p, p.Last, true)
		}
	})
	return approved, ok
}

// approve makes a value on probation an established one.
func (s *Set) approve(b *Bounds, v *Value) {
	trial := find(s.others().trial, v.Key, v.Text)
	if trial == nil {
		return
	}
	moved := *trial
	moved.Flagged, moved.Again = 0, false
	s.dropTrial(trial)
	s.put(b, s.place(b, moved.Last, true), moved)
}

// Forget removes one value of a principal, or the principal and all that came
// from it if value is empty. It returns the values removed; ok says whether
// there is such a principal.
func (s *Store) Forget(name, value string) (removed []string, ok bool) {
	ok = s.edit(name, func(sh *Shard, p *Principal) {
		if value == "" {
			sh.drop(p)
			return
		}
		p.each(func(set *Set, v *Value) {
			if v.Text == value && set.Remove(v.Key, v.Text) {
				removed = append(removed, v.Text)
			}
		})
		// What was said of it may be said again.
		if len(removed) > 0 {
			p.Said = Said{}
		}
	})
	if ok && value == "" {
		s.Minted.forget(name)
		s.Suspicious.forget(name)
		s.NodeAddrs.forget(name)
	}
	return removed, ok
}

// forget removes an owner.
func (f *Fair[V]) forget(owner string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.owners.Remove(owner)
}

// Names returns the names of all principals in order.
func (s *Store) Names() (names []string) {
	s.Each(func(p *Principal) { names = append(names, strings.Clone(p.Name)) })
	slices.Sort(names)
	return names
}

// Newest is the time of the newest access that taught anything.
func (s *Store) Newest() (t int64) {
	s.Each(func(p *Principal) { t = max(t, p.Last) })
	return t
}
