package history

import (
	"math"
	"net/netip"
)

// coder takes the fields of a record one after the other, in a fixed order, to
// write them or to read them. There is one description of each record, its code
// method, and a coder for each form: binary for the state file, JSON for people.
// A coder that reads keeps its first error and gives zeros from then on.
type coder interface {
	// reads says whether fields are set rather than written.
	reads() bool

	flag(name string, v *bool)
	number(name string, v *int64)
	count(name string, v *uint32)
	hash(name string, v *uint64) // a key: any of its values is as likely
	time(name string, v *int64)  // ns since the Unix epoch; 0 is common and stands for none
	text(name string, v *string)
	addr(name string, v *netip.Addr)

	// open and close enclose a record within the record.
	open(name string)
	close()
	// list begins a list of n elements, each of least bytes or more, and returns
	// how many there are: n, or when reading as many as follow, at most limit.
	// item comes before each element, end after the last.
	list(name string, n, limit, least int) int
	item()
	end()
}

// each codes a list, f one element of it.
func each[T any](c coder, name string, s *[]T, limit, least int, f func(e *T, c coder)) {
	n := c.list(name, len(*s), limit, least)
	if c.reads() {
		*s = nil
		if n > 0 {
			*s = make([]T, n)
		}
	}
	for i := range *s {
		c.item()
		f(&(*s)[i], c)
	}
	c.end()
}

// small codes an int32 that is never negative.
func small(c coder, name string, v *int32) {
	n := int64(*v)
	c.number(name, &n)
	*v = int32(max(0, min(n, 1<<31-1)))
}

// count16 codes a count of 16 bits.
func count16(c coder, name string, v *uint16) {
	n := uint32(*v)
	c.count(name, &n)
	*v = uint16(min(n, math.MaxUint16))
}

// place codes the index of a ring that has size elements when read.
func place(c coder, name string, v *int, size int) {
	n := int64(*v)
	c.number(name, &n)
	if !c.reads() {
		return
	}
	if n < 0 || n >= int64(size) {
		n = 0
	}
	*v = int(n)
}

// Most elements that a list of a record may have: far more than bounds allow,
// which may have been larger when it was written.
const maxList = 1 << 24

func (p *Principal) code(c coder) {
	c.text("name", &p.Name)
	c.time("first", &p.First)
	c.time("last", &p.Last)
	c.time("flagged", &p.Flagged)
	c.flag("returned", &p.Returned)
	c.hash("last_source", &p.LastSource)
	c.time("last_at", &p.LastAt)
	count16(c, "switches", &p.Switches)
	for d := range p.Sets {
		c.open(Dim(d).String())
		p.Sets[d].code(c)
		c.close()
	}
	c.open("objects")
	p.Objects.code(c)
	c.close()
	for _, b := range [...]struct {
		name string
		*Burst
	}{{"burst", &p.Burst}, {"strange", &p.Strange}, {"deleted", &p.Deleted}} {
		c.open(b.name)
		b.code(c)
		c.close()
	}
	each(c, "denials", &p.Denials.list, maxDenials, 10, func(d *denial, c coder) {
		c.hash("key", &d.key)
		c.time("first", &d.first)
		c.time("last", &d.last)
	})
	each(c, "homes", &p.Homes.list, maxList, 22, (*Home).code)
	each(c, "said", &p.Said.prints, maxSaid, 9, func(s *said, c coder) {
		c.hash("print", &s.print)
		c.time("at", &s.at)
	})
}

func (s *Set) code(c coder) {
	each(c, "established", &s.vals, maxList, 15, (*Value).code)
	r := s.others()
	if c.reads() {
		r = new(rest)
	}
	each(c, "probation", &r.trial, maxList, 15, (*Value).code)
	each(c, "forgotten", &r.ghost, maxList, 9, (*ghost).code)
	place(c, "next", &r.next, len(r.ghost))
	c.time("lost", &r.lost)
	if c.reads() {
		s.rest = nil
		if len(r.trial) > 0 || len(r.ghost) > 0 || r.lost != 0 {
			s.rest = r
		}
	}
}

func (v *Value) code(c coder) {
	c.hash("key", &v.Key)
	c.text("text", &v.Text)
	c.time("first", &v.First)
	c.time("last", &v.Last)
	c.count("count", &v.Count)
	c.time("flagged", &v.Flagged)
	c.flag("again", &v.Again)
	count16(c, "hours", &v.Hours)
}

func (g *ghost) code(c coder) {
	c.hash("key", &g.key)
	c.time("last", &g.last)
}

func (o *Objects) code(c coder) {
	each(c, "entries", &o.entries, maxList, 11, func(e *object, c coder) {
		c.hash("key", &e.key)
		c.time("last", &e.last)
		c.flag("used", &e.used)
		c.flag("made", &e.made)
	})
	place(c, "hand", &o.hand, len(o.entries))
	c.time("lost", &o.lost)
	if c.reads() {
		o.reindex()
	}
}

// reindex makes the index anew.
func (o *Objects) reindex() {
	o.index = nil
	if len(o.entries) > few {
		o.index = make(map[uint64]int32, len(o.entries))
		for i := range o.entries {
			o.index[o.entries[i].key] = int32(i)
		}
	}
}

func (b *Burst) code(c coder) {
	each(c, "recent", &b.recent, maxRecent, 17, func(r *reading, c coder) {
		c.hash("key", &r.key)
		c.hash("namespace", &r.ns)
		c.time("at", &r.t)
	})
	small(c, "habit", &b.habit)
	small(c, "before", &b.before)
	c.time("since", &b.since)
	small(c, "trial", &b.trial)
	c.time("flagged", &b.flag)
}

func (h *Home) code(c coder) {
	c.hash("key", &h.Key)
	c.hash("token", &h.Token)
	c.addr("addr", &h.Addr)
	c.addr("other", &h.Other)
	c.time("last", &h.Last)
	c.addr("away", &h.Away)
	c.time("away_at", &h.AwayAt)
}

func (m *Minted) code(c coder) {
	c.text("minter", &m.Minter)
	c.hash("source", &m.Source)
	c.addr("addr", &m.Addr)
	c.text("target", &m.Target)
	c.flag("clean", &m.Clean)
	c.time("at", &m.At)
}

func (s *Suspicion) code(c coder) { c.time("at", &s.At) }
