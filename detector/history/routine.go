package history

import (
	"net/netip"
	"unsafe"

	"github.com/secretwatch/secretwatch/detector/prefetch"
)

// Routine says where in a principal's record the values of an access stand, so
// that the next access with the same values needs no lookups. It is a note, not a
// reference: the record may change and go meanwhile, and nothing is kept alive but
// the store. Trace finds out whether it still holds.
type Routine struct {
	shard *Shard
	sum   uint64 // of the principal's name, as the shard's roster counts
	sets  [DimNamespace + 1]spot
	// Of Objects and Homes.
	object, home spot
	addr         netip.Addr // where the access came from
	// Addresses of what the spots name, and of the principal, at the time. They are
	// only ever handed to the processor, as what it may load ahead.
	hints [DimNamespace + 4]uintptr
}

// spot is a place in one of a principal's lists, and what has to stand there.
type spot struct {
	key  uint64
	text uint32 // of the address of a value's text, which it keeps as long as it is remembered
	at   int32  // negative where the access has no such value
}

// none is the spot of what an access does not have.
var none = spot{at: -1}

// Traced is what a Routine names, as long as the shard is locked.
type Traced struct {
	P      *Principal
	Values [DimNamespace + 1]*Value // nil where the access has no such value
	object *object
	home   *Home
}

// Note fills r for a principal of the shard, which is locked: with values of its
// sets, nil for those that an access does not have, an object, and, unless home is
// 0, the home of a credential. It reports whether all of them are remembered, the
// values as established ones and the home at addr.
func (r *Routine) Note(sh *Shard, p *Principal, values [DimNamespace + 1]*Value, object, home uint64, addr netip.Addr) bool {
	*r = Routine{shard: sh, sum: sh.sum(p.Name), home: none, addr: addr}
	r.hints[0] = address(p)
	for dim, v := range values {
		r.sets[dim] = none
		if v == nil {
			continue
		}
		at := indexOf(p.Sets[dim].vals, v)
		if at < 0 {
			return false
		}
		r.sets[dim] = spot{v.Key, textOf(v), int32(at)}
		r.hints[1+dim] = address(v)
	}
	at := p.Objects.find(object)
	if at < 0 {
		return false
	}
	r.object = spot{key: object, at: int32(at)}
	r.hints[len(r.hints)-2] = address(&p.Objects.entries[at])
	if home != 0 {
		h := p.Homes.Find(home)
		if h == nil || !h.At(addr) {
			return false
		}
		r.home = spot{key: home, at: int32(indexOf(p.Homes.list, h))}
		r.hints[len(r.hints)-1] = address(h)
	}
	return true
}

// Prefetch asks the processor for what r names.
func (r *Routine) Prefetch() {
	for _, a := range r.hints {
		if a != 0 {
			prefetch.Address(a)
		}
	}
}

// Shard is the shard to be locked for Trace.
func (r *Routine) Shard() *Shard { return r.shard }

// Addr is where the access came from.
func (r *Routine) Addr() netip.Addr { return r.addr }

// Trace finds what r names, if at t the principal is known, its values, none of
// which is on probation, and its object too, and nothing has moved. The shard is
// locked.
func (r *Routine) Trace(t int64) (f Traced, ok bool) {
	sh, b := r.shard, r.shard.bounds
	p := sh.bySum(r.sum)
	if p == nil || p.at.in != &sh.known || p.Flagged != 0 || p.Status(b, t) != Known {
		return f, false
	}
	f.P = p
	for dim := range r.sets {
		sp := &r.sets[dim]
		if sp.at < 0 {
			continue
		}
		vals := p.Sets[dim].vals
		if int(sp.at) >= len(vals) {
			return f, false
		}
		v := &vals[sp.at]
		if v.Key != sp.key || textOf(v) != sp.text || v.Flagged != 0 || expired(v.Last, t, b.Window) {
			return f, false
		}
		f.Values[dim] = v
	}
	if int(r.object.at) >= len(p.Objects.entries) {
		return f, false
	}
	f.object = &p.Objects.entries[r.object.at]
	if f.object.key != r.object.key || expired(f.object.last, t, b.Window) {
		return f, false
	}
	if r.home.at >= 0 {
		if int(r.home.at) >= len(p.Homes.list) {
			return f, false
		}
		f.home = &p.Homes.list[r.home.at]
		if f.home.Key != r.home.key || !f.home.At(r.addr) {
			return f, false
		}
	}
	return f, true
}

// Use records the use at t of all that was traced, with the very token that was
// used at the home, as Get, Touch, Settle and the Teach of each would. It leaves out what
// only changes with something new.
func (r *Routine) Use(f *Traced, t int64, token uint64) {
	sh, p := r.shard, f.P
	sh.move(p.at.in, p)
	sh.touch(p)
	for _, v := range f.Values {
		if v != nil {
			v.Touch(t)
		}
	}
	p.Settle(r.sets[DimSource].key, t)
	f.object.use(t)
	if f.home != nil {
		f.home.Stay(token, t)
	}
	sh.Teach(p, t, false)
}

// indexOf is the index of v, which points into vals, or -1 if it does not.
func indexOf[T any](vals []T, v *T) int {
	for i := range vals {
		if &vals[i] == v {
			return i
		}
	}
	return -1
}

func textOf(v *Value) uint32 { return uint32(address(unsafe.StringData(v.Text))) }

func address[T any](p *T) uintptr { return uintptr(unsafe.Pointer(p)) }
