package history

// Objects remembers which objects a principal has read, as keys only, bounded
// with second-chance eviction: cheaper a value than a Set, and enough to tell
// an object read before from one that was not. The zero value is empty and
// ready.
type Objects struct {
	entries []object
	index   map[uint64]int32 // nil while entries are few
	hand    int
	lost    int64 // newest last of an entry that had to make room while known; 0 for none
}

type object struct {
	key  uint64
	last int64
	used bool
	made bool // created by the principal itself
}

// use records one more read.
func (e *object) use(t int64) {
	e.last = max(e.last, t)
	e.used = true
}

// few is how many entries are searched one by one.
const few = 16

func (o *Objects) find(key uint64) int {
	if o.index != nil {
		if i, ok := o.index[key]; ok {
			return int(i)
		}
		return -1
	}
	for i := range o.entries {
		if o.entries[i].key == key {
			return i
		}
	}
	return -1
}

// Seen says whether the object was read within the window before t.
func (o *Objects) Seen(b *Bounds, key uint64, t int64) bool {
	i := o.find(key)
	return i >= 0 && !expired(o.entries[i].last, t, b.Window)
}

// Len is the number of objects remembered.
func (o *Objects) Len() int { return len(o.entries) }

// MaxObjects is how many objects are remembered where other dimensions hold
// MaxValues values.
func (b *Bounds) MaxObjects() int { return 16 * b.MaxValues }

// Made says whether the principal is remembered to have created the object.
func (o *Objects) Made(key uint64) bool {
	i := o.find(key)
	return i >= 0 && o.entries[i].made
}

// Teach records a read, or with made that the principal created the object.
func (o *Objects) Teach(b *Bounds, key uint64, t int64, made bool) {
	if i := o.find(key); i >= 0 {
		e := &o.entries[i]
		e.use(t)
		e.made = e.made || made
		return
	}
	if len(o.entries) < b.MaxObjects() {
		o.entries = append(o.entries, object{key: key, last: t, made: made})
		o.indexLast()
		return
	}
	for {
		e := &o.entries[o.hand]
		if !e.used || expired(e.last, t, b.Window) {
			break
		}
		e.used = false
		o.hand = (o.hand + 1) % len(o.entries)
	}
	e := &o.entries[o.hand]
	if !expired(e.last, t, b.Window) {
		o.lost = max(o.lost, e.last)
		b.objectEvicted()
	}
	if o.index != nil {
		delete(o.index, e.key)
		o.index[key] = int32(o.hand)
	}
	*e = object{key: key, last: t, made: made}
	o.hand = (o.hand + 1) % len(o.entries)
}

func (o *Objects) indexLast() {
	n := len(o.entries)
	if o.index == nil {
		if n <= few {
			return
		}
		o.index = make(map[uint64]int32, 2*few)
		for i := range o.entries {
			o.index[o.entries[i].key] = int32(i)
		}
		return
	}
	o.index[o.entries[n-1].key] = int32(n - 1)
}
