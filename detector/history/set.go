// Package history remembers, within bounds, what each principal was seen doing.
//
// All times are event times in nanoseconds since the Unix epoch; nothing here
// looks at a clock. Events may come in any order.
package history

import (
	"math"
	"time"
)

// Status is what a set can say of a value at a time.
type Status uint8

// Statuses. Unsure stands for a value that is not remembered in a set that had
// to forget values younger than the window: it may have been known.
const (
	New       Status = iota // never seen
	Expired                 // last seen more than the window ago
	Known                   // seen within the window
	Probation               // flagged less than the probation ago
	Unsure                  // the set has forgotten too much to tell
)

func (s Status) String() string {
	return [...]string{"new", "expired", "known", "probation", "evicted"}[s]
}

// Value is one remembered value of a dimension.
type Value struct {
	Key   uint64
	Text  string // for people; empty where only the key is kept
	First int64
	Last  int64
	Count uint32
	// Flagged is when the value was called out, 0 for one that never was or
	// has served its probation.
	Flagged int64
	// Again: it was established or called out once, then not seen for longer
	// than the window.
	Again bool
	// Hours counts the clock hours in which the value was used.
	Hours uint16
}

// Bounds of sets and how long values count.
type Bounds struct {
	Window    int64 // ns a value stays known after it was last seen
	Probation int64 // ns a flagged value stays on probation
	MaxValues int   // established values a set

	evicted *evictions // of the store; nil where nobody counts
}

// Equal says whether two bounds are the same.
func (b Bounds) Equal(other Bounds) bool {
	b.evicted, other.evicted = nil, nil
	return b == other
}

// junk is the room a set of max established values has for values on probation:
// enough to follow an intruder, too little to matter.
func junk(max int) int {
	return min(max, 16)
}

// ghosts is how many keys of forgotten values a set goes on recognising.
func ghosts(max int) int { return 4 * max }

// Set remembers values of one dimension: established ones, bounded and evicted
// in LRU order, and apart from them values on probation, so that junk only
// ever pushes out junk. The zero Set is empty and ready. It has no lock: who
// owns it has one.
type Set struct {
	vals []Value // established, in no order
	rest *rest   // nil where it would be empty
}

// rest is what most sets do not have. It is kept apart so that those of a
// principal that is as usual are in few cache lines.
type rest struct {
	trial []Value // on probation
	ghost []ghost // values that had to make room
	next  int     // next ghost to overwrite
	lost  int64   // newest last of a ghost that was overwritten; 0 for none
}

// noRest is that of sets without one.
var noRest rest

// others returns the rest of the set, only to be read.
func (s *Set) others() *rest {
	if s.rest == nil {
		return &noRest
	}
	return s.rest
}

// change returns the rest of the set, to be changed.
func (s *Set) change() *rest {
	if s.rest == nil {
		s.rest = new(rest)
	}
	return s.rest
}

// ghost is what remains of a value that had to make room.
type ghost struct {
	key  uint64
	last int64
}

// Len is the number of established values.
func (s *Set) Len() int { return len(s.vals) }

// Forgetful says whether values had to make room for others.
func (s *Set) Forgetful() bool { return len(s.others().ghost) > 0 }

// Each calls f for all established values, then for those on probation.
func (s *Set) Each(f func(v *Value)) {
	for i := range s.vals {
		f(&s.vals[i])
	}
	trial := s.others().trial
	for i := range trial {
		f(&trial[i])
	}
}

// maxText is how much of a text is kept, in bytes: no name in Kubernetes is
// longer, but what stands in a request's path may be.
const maxText = 256

// Cut returns what is kept of a text. Keys are those of the whole.
func Cut(s string) string { return s[:min(len(s), maxText)] }

// find looks for a key. Where a client chooses the text behind the key, match
// is that text and has to be equal too: the keys are no cryptographic hashes.
// An empty match matches any text.
func find(vals []Value, key uint64, match string) *Value {
	match = Cut(match)
	for i := range vals {
		if vals[i].Key == key && (match == "" || vals[i].Text == match) {
			return &vals[i]
		}
	}
	return nil
}

// Find returns the value with the key (and text, unless match is empty), or
// nil. It is valid until the set next changes.
func (s *Set) Find(key uint64, match string) *Value {
	if v := find(s.vals, key, match); v != nil {
		return v
	}
	return find(s.others().trial, key, match)
}

// Returns says whether the value was established or called out once and then not
// seen for longer than the window, whatever it is now. v may be nil.
func (v *Value) Returns(b *Bounds, t int64) bool {
	return v != nil && (v.Again || expired(v.Last, t, b.Window))
}

// Established says whether the value is one of the established.
func (s *Set) Established(key uint64, match string) bool {
	return find(s.vals, key, match) != nil
}

// OnProbation says whether any value is on probation at t.
func (s *Set) OnProbation(b *Bounds, t int64) bool {
	trial := s.others().trial
	for i := range trial {
		if v := &trial[i]; t <= addTime(v.Flagged, b.Probation) && !expired(v.Last, t, b.Window) {
			return true
		}
	}
	return false
}

// Status says what a value is at time t.
func (s *Set) Status(b *Bounds, key uint64, match string, t int64) Status {
	_, status := s.Look(b, key, match, t)
	return status
}

// Look is Find and Status at once.
func (s *Set) Look(b *Bounds, key uint64, match string, t int64) (*Value, Status) {
	if v := find(s.vals, key, match); v != nil {
		if expired(v.Last, t, b.Window) {
			return v, Expired
		}
		return v, Known
	}
	r := s.others()
	if v := find(r.trial, key, match); v != nil {
		switch {
		case expired(v.Last, t, b.Window):
			return v, Expired
		case t <= addTime(v.Flagged, b.Probation):
			return v, Probation
		}
		return v, Known
	}
	for _, g := range r.ghost {
		if g.key == key && !expired(g.last, t, b.Window) {
			return nil, Unsure
		}
	}
	if r.lost != 0 && !expired(r.lost, t, b.Window) {
		return nil, Unsure
	}
	return nil, New
}

func expired(last, t, window int64) bool {
	return last < t-window && t-window < t
}

func addTime(t, d int64) int64 {
	if t > math.MaxInt64-d {
		return math.MaxInt64
	}
	return t + d
}

// Teach records that a value was seen and fits: it is established, or stays
// so, or has served its probation. text is kept: pass a string that lasts.
func (s *Set) Teach(b *Bounds, key uint64, text string, t int64) {
	match := text
	if v := find(s.vals, key, match); v != nil {
		v.Touch(t)
		return
	}
	if v := find(s.others().trial, key, match); v != nil {
		v.Touch(t)
		if t <= addTime(v.Flagged, b.Probation) {
			return
		}
		// Served. It may take a free or an expired place among the established,
		// never that of one still in use.
		if i := s.place(b, t, false); i >= 0 {
			moved := *v
			moved.Flagged, moved.Again = 0, false
			s.dropTrial(v)
			s.put(b, i, moved)
		}
		return
	}
	i := s.place(b, t, true)
	s.put(b, i, Value{Key: key, Text: text, First: t, Last: t, Count: 1, Hours: 1})
}

// Flag records that a value was seen and called out: its probation begins, or
// begins again if it had expired.
func (s *Set) Flag(b *Bounds, key uint64, text string, t int64) {
	match := text
	r := s.change()
	v := find(r.trial, key, match)
	if v == nil {
		again := false
		if old := find(s.vals, key, match); old != nil {
			again = true
			s.dropEstablished(old)
		}
		if len(r.trial) < junk(b.MaxValues) {
			r.trial = append(r.trial, Value{})
			v = &r.trial[len(r.trial)-1]
		} else {
			v = oldest(r.trial)
			if max(t, v.Last) > addTime(v.Flagged, b.Probation) {
				// It had served, for want of a place among the established.
				s.forget(ghost{v.Key, v.Last}, b.MaxValues)
			}
		}
		*v = Value{Key: key, Text: text, First: t, Last: t, Count: 1, Flagged: t, Again: again, Hours: 1}
		return
	}
	if expired(v.Last, t, b.Window) {
		// It was called out before, and nobody minded.
		v.Again = true
		v.First, v.Count, v.Flagged, v.Hours = t, 0, t, 0
	}
	v.Touch(t)
}

// Refresh records that a remembered value is still in use, without counting.
func (s *Set) Refresh(key uint64, match string, t int64) {
	if v := s.Find(key, match); v != nil {
		v.Last = max(v.Last, t)
	}
}

// Remove forgets a value and reports whether it was there.
func (s *Set) Remove(key uint64, match string) bool {
	if v := find(s.vals, key, match); v != nil {
		s.dropEstablished(v)
		return true
	}
	if v := find(s.others().trial, key, match); v != nil {
		s.dropTrial(v)
		return true
	}
	return false
}

const hour = int64(time.Hour)

// Touch records that an established value was seen and fits: what Set.Teach does
// with one.
func (v *Value) Touch(t int64) {
	if t/hour > v.Last/hour && v.Hours < math.MaxUint16 {
		v.Hours++
	}
	v.First = min(v.First, t)
	v.Last = max(v.Last, t)
	if v.Count < math.MaxUint32 {
		v.Count++
	}
}

// place finds room for one more established value: len(vals) to append, the
// index of one to overwrite, or -1 if none may be displaced. Displaced goes
// first what expired, then what was seen only once, then the least recently
// seen.
func (s *Set) place(b *Bounds, t int64, displace bool) int {
	if len(s.vals) < b.MaxValues {
		return len(s.vals)
	}
	gone, once, lru := -1, -1, -1
	for i := range s.vals {
		v := &s.vals[i]
		if expired(v.Last, t, b.Window) && (gone < 0 || v.Last < s.vals[gone].Last) {
			gone = i
		}
		if v.Count == 1 && (once < 0 || v.Last < s.vals[once].Last) {
			once = i
		}
		if lru < 0 || v.Last < s.vals[lru].Last {
			lru = i
		}
	}
	switch {
	case gone >= 0:
		return gone
	case !displace:
		return -1
	case once >= 0:
		lru = once
	}
	b.valueEvicted()
	return lru
}

// put stores v at i as found by place, remembering what it displaces.
func (s *Set) put(b *Bounds, i int, v Value) {
	if i == len(s.vals) {
		s.vals = append(s.vals, v)
		return
	}
	// Also what expired by now: an event that comes late may still ask for it.
	s.forget(ghost{s.vals[i].Key, s.vals[i].Last}, b.MaxValues)
	s.vals[i] = v
}

func (s *Set) forget(g ghost, maxValues int) {
	r := s.change()
	if len(r.ghost) < ghosts(maxValues) {
		r.ghost = append(r.ghost, g)
		return
	}
	r.lost = max(r.lost, r.ghost[r.next].last)
	r.ghost[r.next] = g
	r.next = (r.next + 1) % len(r.ghost)
}

func oldest(vals []Value) *Value {
	o := &vals[0]
	for i := range vals {
		if vals[i].Last < o.Last {
			o = &vals[i]
		}
	}
	return o
}

func (s *Set) dropTrial(v *Value) {
	r := s.change()
	last := len(r.trial) - 1
	*v = r.trial[last]
	r.trial[last] = Value{}
	r.trial = r.trial[:last]
}

func (s *Set) dropEstablished(v *Value) {
	last := len(s.vals) - 1
	*v = s.vals[last]
	s.vals[last] = Value{}
	s.vals = s.vals[:last]
}
