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

// left notes that an owner was displaced. What nobody saved need not be removed, and
// there may be nobody who saves. f.mu is held.
func (f *Fair[V]) left(l *owned) {
	if l.saved {
		f.change(l.name)
	} else {
		delete(f.changed, l.name)
	}
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
			l.saved = true
			r := ownerRecord[V]{touched: l.touched, owner: owner, element: code}
			for _, k := range l.Keys() {
				r.entries = append(r.entries, entry[V]{k, f.index[k].value})
			}
			w.begin()
			r.code(w)
		} else {
			ok = false
		}
		f.mu.Unlock()
		if ok {
			emit(table, RecordKey(owner), w.b)
		} else if !all {
			emit(table, RecordKey(owner), nil)
		}
	}
}

// restoreOwner keeps a record of a fair table, to be put in its place by Done.
func restoreOwner[V any](r *Restorer, i int, f *Fair[V], rec *ownerRecord[V]) {
	r.touched[i] = append(r.touched[i], rec.touched)
	r.owners[i] = append(r.owners[i], func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		l := f.add(rec.owner)
		l.touched, l.saved = rec.touched, true
		f.clock = max(f.clock, rec.touched)
		for _, e := range rec.entries {
			f.store(l, e.key, e.value)
		}
	})
}
