package history

import (
	"slices"
	"strings"
)

// track makes the table note which owners' entries change.
func (f *Fair[V]) track() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.changed = map[string]struct{}{}
}

// change notes that the entries of an owner changed. f.mu is held.
func (f *Fair[V]) change(owner string) {
	if f.changed == nil {
		return
	}
	if _, ok := f.changed[owner]; !ok {
		f.changed[strings.Clone(owner)] = struct{}{}
	}
}

// entry is one entry of an owner as it is kept.
type entry[V any] struct {
	key   uint64
	value V
}

// emit emits the entries of each owner as one record.
func (f *Fair[V]) emit(w *writer, all bool, table Table, emit Emit, code func(v *V, c coder)) {
	f.mu.Lock()
	var owners []string
	if all {
		owners = f.owners.Keys()
	} else {
		for owner := range f.changed {
			owners = append(owners, owner)
		}
		slices.Sort(owners)
	}
	clear(f.changed)
	f.mu.Unlock()
	for _, owner := range owners {
		f.mu.Lock()
		l, ok := f.owners.Peek(owner)
		if ok && l.Len() > 0 {
			w.begin()
			touched := l.touched
			w.hash("touched", &touched)
			w.text("owner", &owner)
			entries := make([]entry[V], 0, l.Len())
			for _, k := range l.Keys() {
				v, _ := l.Peek(k)
				entries = append(entries, entry[V]{k, v})
			}
			codeEntries(w, &entries, code)
		} else {
			ok = false
		}
		f.mu.Unlock()
		if ok {
			emit(table, recordKey(owner), w.b)
		} else if !all {
			emit(table, recordKey(owner), nil)
		}
	}
}

func codeEntries[V any](c coder, entries *[]entry[V], code func(v *V, c coder)) {
	each(c, "entries", entries, maxList, 9, func(e *entry[V], c coder) {
		c.hash("key", &e.key)
		code(&e.value, c)
	})
}

// restoreOwner reads a record of a fair table, to be put in its place by Done.
func restoreOwner[V any](r *Restorer, i int, f *Fair[V], key string, code func(v *V, c coder)) {
	in := &r.r
	var touched uint64
	var owner string
	in.hash("", &touched)
	in.text("", &owner)
	var entries []entry[V]
	codeEntries(in, &entries, code)
	if in.err == nil && recordKey(owner) != key {
		in.fail()
	}
	if in.err != nil {
		return
	}
	r.touched[i] = append(r.touched[i], touched)
	r.owners[i] = append(r.owners[i], func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		l := f.add(owner)
		l.touched = touched
		f.clock = max(f.clock, touched)
		for _, e := range entries {
			l.Add(e.key, e.value)
			f.index[e.key] = owner
		}
	})
}
