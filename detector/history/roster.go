package history

import (
	"hash/maphash"
	"sync/atomic"
	"unsafe"

	"github.com/secretwatch/secretwatch/detector/prefetch"
)

// roster finds the principals of a shard by name and keeps each in one of its
// lists, in the order of use. The links are the principals' own, so that a
// decision needs one lookup and few cache lines; simplelru, with a map and an
// element of its own for each entry, needs three times as many of both.
//
// init makes one ready. The shard's lock protects it, but for expect.
type roster struct {
	known list         // taught, and not on probation
	slots []slot       // a power of two of them, at most three quarters in use
	seed  maphash.Seed // secret: nobody can choose names that collide
	n     int
	fresh list // everybody else

	ahead struct {
		first atomic.Uintptr // address of slots
		mask  atomic.Uint64
	}
}

type slot struct {
	sum uint64
	p   *Principal // nil for a free slot
}

// list is one of the lists of a roster.
type list struct {
	newest, oldest *Principal
	n              int
}

// links are where in its roster a principal stands. The zero value is: nowhere.
type links struct {
	in           *list
	newer, older *Principal
}

// firstSlots is the size of an empty roster.
const firstSlots = 16

func (r *roster) init() {
	r.seed = maphash.MakeSeed()
	r.grow(firstSlots)
}

// grow makes room for n slots, all of them free.
func (r *roster) grow(n int) {
	r.slots = make([]slot, n)
	r.ahead.first.Store(address(unsafe.SliceData(r.slots)))
	r.ahead.mask.Store(uint64(n - 1))
}

// expect asks the processor for the slot of a hash. It needs no lock: between two
// tables it asks for what nobody needs.
func (r *roster) expect(sum uint64) {
	prefetch.Address(r.ahead.first.Load() + uintptr(sum&r.ahead.mask.Load())*unsafe.Sizeof(slot{}))
}

// sum is the hash of a name, which nobody can make collide.
func (r *roster) sum(name string) uint64 { return maphash.String(r.seed, name) }

// bySum returns the principal whose name has a hash, or nil.
func (r *roster) bySum(sum uint64) *Principal {
	mask := uint64(len(r.slots) - 1)
	for i := sum; ; i++ {
		if s := &r.slots[i&mask]; s.p == nil || s.sum == sum {
			return s.p
		}
	}
}

// find returns the principal of a name, or nil. sum is its hash.
func (r *roster) find(name string, sum uint64) *Principal {
	mask := uint64(len(r.slots) - 1)
	for i := sum; ; i++ {
		switch s := &r.slots[i&mask]; {
		case s.p == nil:
			return nil
		case s.sum == sum && s.p.Name == name:
			return s.p
		}
	}
}

// add makes a principal, whose name no other one in the roster has, the newest
// of a list.
func (r *roster) add(l *list, p *Principal) {
	if 4*r.n >= 3*len(r.slots) {
		old := r.slots
		r.grow(2 * len(old))
		for _, s := range old {
			if s.p != nil {
				r.put(s)
			}
		}
	}
	r.put(slot{r.sum(p.Name), p})
	r.n++
	l.push(p)
}

func (r *roster) put(s slot) {
	mask := uint64(len(r.slots) - 1)
	i := s.sum
	for r.slots[i&mask].p != nil {
		i++
	}
	r.slots[i&mask] = s
}

// remove takes a principal out, if it is in.
func (r *roster) remove(p *Principal) {
	if p.at.in == nil {
		return
	}
	p.at.in.pull(p)
	mask := uint64(len(r.slots) - 1)
	hole := r.sum(p.Name)
	for r.slots[hole&mask].p != p {
		hole++
	}
	// Whoever was put further on because the place was taken moves up.
	for i := hole + 1; ; i++ {
		s := r.slots[i&mask]
		if s.p == nil {
			break
		}
		if (i-s.sum)&mask >= (i-hole)&mask {
			r.slots[hole&mask] = s
			hole = i
		}
	}
	r.slots[hole&mask] = slot{}
	r.n--
}

// move makes a principal of the roster the newest of a list.
func (r *roster) move(l *list, p *Principal) {
	if l.newest == p {
		return
	}
	p.at.in.pull(p)
	l.push(p)
}

func (l *list) push(p *Principal) {
	p.at = links{in: l, older: l.newest}
	if l.newest != nil {
		l.newest.at.newer = p
	} else {
		l.oldest = p
	}
	l.newest = p
	l.n++
}

func (l *list) pull(p *Principal) {
	at := p.at
	if at.newer != nil {
		at.newer.at.older = at.older
	} else {
		l.newest = at.older
	}
	if at.older != nil {
		at.older.at.newer = at.newer
	} else {
		l.oldest = at.newer
	}
	p.at = links{}
	l.n--
}

// each calls f for all principals of the list, the oldest first. f may not change
// the list.
func (l *list) each(f func(p *Principal)) {
	for p := l.oldest; p != nil; p = p.at.newer {
		f(p)
	}
}
