package history

// Burst follows how many objects new to a principal it reads within a sliding
// span of time, and how many are its habit. The zero value is empty and ready.
type Burst struct {
	recent []reading // in order of arrival, at most maxRecent
	habit  int32     // most new objects in one span that counted as ordinary
	before int32     // the same, in the window before this one
	since  int64     // when habit began to be counted
	trial  int32     // a size that was called out at flagged, not habit before its probation ends
	flag   int64
}

type reading struct {
	key uint64
	ns  uint64
	t   int64
}

// maxRecent bounds the readings kept; a count that reaches it means "or more".
const maxRecent = 512

// Note records that an object new to the principal was read at t in a namespace
// and returns how many distinct ones that makes within span, and over how many
// namespaces.
func (b *Burst) Note(key, ns uint64, t, span int64) (count, namespaces int) {
	n := 0
	dup := false
	for _, r := range b.recent {
		if r.t < t-span {
			continue // too old, and out of order events are near
		}
		if r.key == key {
			dup = true
		}
		b.recent[n] = r
		n++
	}
	b.recent = b.recent[:n]
	if !dup {
		if n == maxRecent {
			copy(b.recent, b.recent[1:])
			b.recent[n-1] = reading{key, ns, t}
		} else {
			b.recent = append(b.recent, reading{key, ns, t})
		}
	}
	return b.count()
}

// Recent is how many distinct objects were read within span before t, as far as
// Note has seen them.
func (b *Burst) Recent(t, span int64) (n int) {
	for i := range b.recent {
		if b.recent[i].t >= t-span {
			n++
		}
	}
	return n
}

func (b *Burst) count() (count, namespaces int) {
	var seen [4]uint64
	for _, r := range b.recent {
		known := false
		for _, s := range seen[:namespaces] {
			known = known || s == r.ns
		}
		if !known && namespaces < len(seen) {
			seen[namespaces] = r.ns
			namespaces++
		}
	}
	return len(b.recent), namespaces
}

// Unnote takes a reading back: the principal made the object itself.
func (b *Burst) Unnote(key uint64) {
	for i := range b.recent {
		if b.recent[i].key == key {
			b.recent = append(b.recent[:i], b.recent[i+1:]...)
			return
		}
	}
}

// Habit is the most new objects in one span that counted as ordinary lately.
func (b *Burst) Habit() int { return int(max(b.habit, b.before)) }

// Learn makes count part of the habit.
func (b *Burst) Learn(bounds *Bounds, count int, t int64) {
	if b.since == 0 {
		b.since = t
	}
	if t-b.since > bounds.Window {
		b.before, b.habit, b.since = b.habit, 0, t
	}
	b.habit = max(b.habit, int32(count))
}

// Flag records a burst that was called out, and reports whether one of at
// least half its size already was within the probation (a repeat). A size that
// comes again after its probation becomes habit.
func (b *Burst) Flag(bounds *Bounds, count int, t int64) (repeat bool) {
	if b.flag != 0 && t > addTime(b.flag, bounds.Probation) {
		if !expired(b.flag, t, bounds.Window) {
			b.Learn(bounds, int(b.trial), t)
		}
		b.trial, b.flag = 0, 0
	}
	repeat = b.flag != 0 && int(b.trial)*2 >= count
	if b.flag == 0 {
		b.flag = t
	}
	b.trial = max(b.trial, int32(count))
	return repeat
}
