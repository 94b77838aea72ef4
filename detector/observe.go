package detector

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"github.com/secretwatch/secretwatch/detector/access"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/detector/history"
	"github.com/secretwatch/secretwatch/detector/observation"
	"github.com/secretwatch/secretwatch/detector/rule"
)

// Several detectors can share one history by telling each other what they see:
// whoever judges the same accesses in the same order knows the same. This file
// says which accesses others have to hear of, and takes those they tell of.

// Observed is an event, weighed before it is judged.
type Observed struct {
	Weight rule.Weight
	Time   int64 // nanoseconds since the Unix epoch
	// Alike is the same for accesses by the same principal from the same place,
	// with the same client, of the same kind and outcome, in the same namespace;
	// Object besides it for those of the same object.
	Alike, Object uint64
	// Each: every such access counts, however many were alike. The principal was
	// lately called out at a source, or a token was issued.
	Each bool

	object   uint64
	learning bool
}

// Observe weighs an event and reports whether Judge is going to judge it. It
// changes nothing.
func (d *Detector) Observe(ev *audit.Event) (o Observed, ok bool) {
	if !access.Judged(ev) || !d.stands(ev) {
		return o, false
	}
	c := d.cases.Get().(*rule.Case)
	defer d.release(c)
	a := c.Access
	if !a.From(ev, &d.sources, &d.clients) || a.Time == 0 || d.ignored(a) || d.memory.dedup.judged(d.memory.dedup.key(ev)) || d.watchEnds(ev) {
		return o, false
	}
	c.Store = d.memory.Store()
	o = Observed{Weight: rule.Decisive, Time: a.Time, object: a.Object, learning: d.learning(c)}
	o.Alike = alike(a)
	o.Object = xxhash.Sum64(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(make([]byte, 0, 16), o.Alike), a.Object))

	sh := c.Store.Shard(a.Principal)
	sh.Lock()
	defer sh.Unlock()
	if p, known := sh.Peek(a.Principal); known {
		d.prepare(c, p, false)
		o.Weight = c.Weigh()
		o.Each = p.Sets[history.DimSource].OnProbation(&c.Store.Bounds, a.Time) ||
			a.Action == access.Mint && a.Class != access.Node
	}
	return o, true
}

// alike hashes what makes two accesses alike but for their object.
func alike(a *access.Access) uint64 {
	user := &a.Event.User
	b := make([]byte, 0, 256)
	addr := uint64(0)
	if a.Source.Addr.IsValid() {
		addr = access.AddrKey(a.Source.Addr)
	}
	for _, n := range [...]uint64{a.Source.Key, addr, a.ClientKey, uint64(a.Source.Presented),
		uint64(a.Action), uint64(a.Outcome), uint64(a.Event.Code)} {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	kind := byte(0)
	for i, is := range [...]bool{a.Bulk, a.ClusterWide, a.Informer} {
		if is {
			kind |= 1 << i
		}
	}
	b = append(b, kind)
	for _, s := range [...]string{a.Principal, a.Effective, a.Namespace, a.Event.Verb, user.PodUID} {
		b = append(append(b, s...), 0)
	}
	return xxhash.Sum64(b)
}

// Observation fills o with what others need to know of an event that was
// observed. It aliases the event.
func (d *Detector) Observation(ev *audit.Event, seen Observed, o *observation.Observation) {
	o.Of(ev, seen.Time, seen.object, seen.learning)
}

// Apply learns from an access that another detector observed, as if it had been
// judged here.
func (d *Detector) Apply(o *observation.Observation) {
	var ev audit.Event
	o.Event(&ev)
	c := d.cases.Get().(*rule.Case)
	defer d.release(c)
	a := c.Access
	if !a.From(&ev, &d.sources, &d.clients) || d.ignored(a) {
		return
	}
	a.Object = o.Object
	var v Verdict
	c.Store = d.memory.Store()
	d.judge(c, c.Store.Expect(a.Principal), &v, nil, o.Learning)
}
