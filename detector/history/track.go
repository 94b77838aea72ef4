package history

import (
	"sync/atomic"

	"github.com/cespare/xxhash/v2"
)

// Table is a kind of records that a store is kept as.
type Table string

// Tables. Their names and keys are part of the form in which a store is kept.
const (
	Principals  Table = "principals"     // by name
	Common      Table = "common"         // what principals share, by what that is
	Forgotten   Table = "forgotten"      // principals that had to make room, by shard
	MintedTable Table = "minted"         // tokens, by who asked for them
	Suspects    Table = "suspicious"     // addresses, by who they were used as
	Addresses   Table = "node-addresses" // by node
	About       Table = "about"          // the store as a whole
)

// Tables lists all, in the order in which Changes goes through them.
var Tables = []Table{Principals, Forgotten, Common, MintedTable, Suspects, Addresses, About}

// Emit takes one record that changed: what stands under key from now on, or nil
// if nothing does. value is only valid during the call.
type Emit func(table Table, key string, value []byte)

// mark is what is noted of a principal for whoever keeps the store.
type mark struct {
	touched uint64 // the order in which principals were last used
	dirty   bool   // in its shard's list of changes
	saved   bool   // was emitted
}

// changes are a shard's since they were last taken. The shard's lock protects
// them.
type changes struct {
	clock     *atomic.Uint64 // nil while nobody keeps the store
	dirty     []*Principal   // some of them displaced by now
	gone      []string       // names of saved ones that were displaced, some of whom came again
	forgotten bool           // ghosts changed
}

// touch notes that p is about to be used, and maybe changed.
func (sh *Shard) touch(p *Principal) {
	c := &sh.changes
	if c.clock == nil {
		return
	}
	p.mark.touched = c.clock.Add(1)
	if p.mark.dirty {
		return
	}
	// Who is displaced stays in the list, so that it has to be swept should
	// nobody take it.
	if len(c.dirty) >= 64+2*sh.n {
		held := c.dirty[:0]
		for _, d := range c.dirty {
			if d.at.in != nil {
				held = append(held, d)
			} else {
				d.mark.dirty = false
			}
		}
		clear(c.dirty[len(held):])
		c.dirty = held
	}
	p.mark.dirty = true
	c.dirty = append(c.dirty, p)
}

// left notes that p is no longer remembered.
func (sh *Shard) left(p *Principal) {
	if sh.changes.clock != nil && p.mark.saved {
		sh.changes.gone = append(sh.changes.gone, p.Name)
	}
}

// Track makes the store note from now on what changes, for Changes. To be called
// before the store is used.
func (s *Store) Track() {
	for i := range s.shards {
		s.shards[i].changes.clock = &s.clock
	}
	s.Minted.track()
	s.Suspicious.track()
	s.NodeAddrs.track()
}

// Unsaved is how many principals changed since the last call of Changes: 0 where
// nobody keeps the store.
func (s *Store) Unsaved() (n int) {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.Lock()
		n += len(sh.changes.dirty)
		sh.Unlock()
	}
	return n
}

// Changes emits the records that changed since the last call, or with all every
// record there is. Records are written at once, each under its own lock: others
// may change meanwhile and will be emitted by the next call. One call at a time;
// emit must not use the store.
func (s *Store) Changes(all bool, emit Emit) {
	w := &writer{}
	for i := range s.shards {
		s.shards[i].emit(w, all, emit)
	}
	for i := range s.shards {
		s.shards[i].emitForgotten(w, i, len(s.shards), all, emit)
	}
	for i, c := range s.common() {
		w.begin()
		c.Lock()
		c.Principal.code(w)
		c.Unlock()
		// What is shared has no mark: it is small, and changes all the time.
		if sum := xxhash.Sum64(w.b); all || sum != s.emitted[i] {
			s.emitted[i] = sum
			emit(Common, commonNames[i], w.b)
		}
	}
	s.Minted.emit(w, all, MintedTable, emit, (*Minted).code)
	s.Suspicious.emit(w, all, Suspects, emit, (*Suspicion).code)
	s.NodeAddrs.emit(w, all, Addresses, emit, codeAddr)
	if start := s.start.Load(); all || start != s.emittedStart {
		s.emittedStart = start
		w.begin()
		(&startRecord{start}).code(w)
		emit(About, aboutStart, w.b)
	}
}

const aboutStart = "start"

var commonNames = [...]string{"nodes", "forwarders", "accounts", "people"}

// common returns the shared records in the order of commonNames.
func (s *Store) common() [len(commonNames)]*Shared {
	return [...]*Shared{&s.Nodes, &s.Forwarders, &s.Accounts, &s.People}
}

// begin starts a record.
func (w *writer) begin() {
	w.b, w.last = append(w.b[:0], format), 0
}

// emit emits principals, few at a time so that nobody waits long for the lock.
func (sh *Shard) emit(w *writer, all bool, emit Emit) {
	sh.Lock()
	c := &sh.changes
	if all {
		c.gone = nil
		c.dirty = make([]*Principal, 0, sh.n)
		add := func(p *Principal) { c.dirty = append(c.dirty, p) }
		sh.known.each(add)
		sh.fresh.each(add)
	}
	dirty, gone := c.dirty, c.gone
	c.dirty, c.gone = nil, nil
	held := gone[:0]
	for _, name := range gone {
		if _, ok := sh.Peek(name); !ok {
			held = append(held, name)
		}
	}
	for _, p := range dirty {
		p.mark.dirty = true // no second entry before it is written
	}
	sh.Unlock()
	for _, name := range held {
		emit(Principals, RecordKey(name), nil)
	}

	const batch = 8
	type record struct {
		name string
		end  int
	}
	var buf []byte
	for len(dirty) > 0 {
		var records [batch]record
		n := 0
		buf = buf[:0]
		sh.Lock()
		for n < batch && len(dirty) > 0 {
			p := dirty[0]
			dirty = dirty[1:]
			p.mark.dirty = false
			if p.at.in == nil {
				continue
			}
			p.mark.saved = true
			w.begin()
			r := principalRecord{known: p.at.in == &sh.known, touched: p.mark.touched, p: p}
			r.code(w)
			buf = append(buf, w.b...)
			records[n] = record{p.Name, len(buf)}
			n++
		}
		sh.Unlock()
		from := 0
		for _, r := range records[:n] {
			emit(Principals, RecordKey(r.name), buf[from:r.end])
			from = r.end
		}
	}
}

// emitForgotten emits the ghosts of a shard, oldest first.
func (sh *Shard) emitForgotten(w *writer, i, shards int, all bool, emit Emit) {
	sh.Lock()
	if !sh.changes.forgotten && !all {
		sh.Unlock()
		return
	}
	sh.changes.forgotten = false
	r := forgottenRecord{shards: int64(shards), lost: sh.lost}
	r.ghosts = append(append(r.ghosts, sh.ghosts[sh.next:]...), sh.ghosts[:sh.next]...)
	sh.Unlock()
	w.begin()
	r.code(w)
	emit(Forgotten, string(rune('a'+i)), w.b)
}
