package history

import (
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"
)

// Minted is a service account token somebody asked for.
type Minted struct {
	Minter string
	Source uint64     // normalised source of the request
	Addr   netip.Addr // its address
	Target string     // user name of the service account
	Clean  bool       // from the minter's established source and client
	At     int64
}

// Suspicion is an address from which something of medium severity or more came.
type Suspicion struct {
	At int64
}

// Store holds the history of all principals. Safe for concurrent use: one lock
// a shard of principals, and one each for what principals share.
type Store struct {
	Bounds Bounds
	// Wide bounds what many principals share.
	Wide Bounds
	// Minted finds tokens by their credential id.
	Minted *Fair[Minted]
	// Suspicious finds addresses by key.
	Suspicious *Fair[Suspicion]

	// NodeAddrs holds the address of each node by the key of its name.
	NodeAddrs *Fair[netip.Addr]

	shards []Shard
	start  atomic.Int64 // time of the first event, 0 before
	texts  texts

	clock        atomic.Uint64            // of Principal.mark
	emitted      [len(commonNames)]uint64 // hashes of the shared records as they were emitted
	emittedStart int64

	// Shared habits, each under its own lock, always taken after a shard's.
	Nodes      Shared // what all nodes have in common
	Forwarders Shared // peers that forward for others, as sources
	Accounts   Shared // what all service accounts have in common: addresses out of the cluster
	People     Shared // what people have in common, each counted once: sources, clients
}

// Shared is a Principal record that many principals contribute to.
type Shared struct {
	sync.Mutex
	Principal
}

// With calls f with the shared record, under its lock: also if f panics, since
// whoever recovers that goes on working.
func (s *Shared) With(f func(p *Principal)) {
	s.Lock()
	defer s.Unlock()
	f(&s.Principal)
}

// Shard is a part of the principals under one lock.
type Shard struct {
	sync.Mutex
	roster // known and slots in one cache line with the lock
	bounds *Bounds
	cap    int // of known
	ghosts []ghost
	next   int
	lost   int64

	changes changes

	_ [24]byte // no cache line in common with the next one
}

// maxShards is how many locks principals are spread over where there are enough
// principals for the bound to stay near exact.
const maxShards = 16

// NewStore returns an empty store for at most principals principals that are
// known, and room for an eighth as many that are not yet.
func NewStore(b Bounds, principals int) *Store {
	b.evicted = new(evictions)
	wide := b
	wide.MaxValues = max(b.MaxValues, 1024)
	s := &Store{
		Bounds:     b,
		Wide:       wide,
		Minted:     NewFair[Minted](1024, 256),
		Suspicious: NewFair[Suspicion](1024, 32),
		NodeAddrs:  NewFair[netip.Addr](8192, 1),
	}
	n := 1
	if principals >= 1024 {
		n = maxShards
	}
	s.shards = make([]Shard, n)
	each := (principals + n - 1) / n
	for i := range s.shards {
		sh := &s.shards[i]
		sh.bounds = &s.Bounds
		sh.cap = each
		sh.roster.init()
	}
	return s
}

// Start returns the time of the earliest event, t included. An event with a time
// in the future, seen first, must not keep the store learning until then.
func (s *Store) Start(t int64) int64 {
	for {
		start := s.start.Load()
		if start != 0 && start <= t {
			return start
		}
		if s.start.CompareAndSwap(start, t) {
			return t
		}
	}
}

// Shard returns the shard a principal belongs to. Lock it before anything else.
func (s *Store) Shard(name string) *Shard {
	if len(s.shards) == 1 {
		return &s.shards[0]
	}
	return &s.shards[xxhash.Sum64String(name)%uint64(len(s.shards))]
}

// Place is where the record of a principal is, or would be.
type Place struct {
	*Shard
	name string
	sum  uint64 // of the name, as the shard's roster counts
}

// Expect returns the place of a principal and asks the processor for it: Get a moment
// later need not wait. The name is not copied.
func (s *Store) Expect(name string) Place {
	sh := s.Shard(name)
	at := Place{sh, name, sh.sum(name)}
	sh.expect(at.sum)
	return at
}

// Get returns the record of a principal, a new one if there is none. It is
// valid while the shard is locked. unsure says that the principal is not
// remembered but may have been known: the shard had to forget principals.
func (sh *Shard) Get(name string, t int64) (p *Principal, unsure bool) {
	return Place{sh, name, sh.sum(name)}.Get(t)
}

// Is says whether it is the place of a name.
func (at Place) Is(name string) bool { return at.name == name }

// Get is Get of the shard, which is locked.
func (at Place) Get(t int64) (p *Principal, unsure bool) {
	sh, name := at.Shard, at.name
	if p := sh.find(name, at.sum); p != nil {
		sh.move(p.at.in, p)
		sh.touch(p)
		return p, false
	}
	p = &Principal{Name: strings.Clone(name)}
	if old := sh.addFresh(p); old != nil && !expired(old.Last, t, sh.bounds.Window) {
		sh.bounds.evicted.newcomers.Add(1)
	}
	sh.touch(p)
	key := xxhash.Sum64String(name)
	for _, g := range sh.ghosts {
		if g.key == key && !expired(g.last, t, sh.bounds.Window) {
			return p, true
		}
	}
	return p, sh.lost != 0 && !expired(sh.lost, t, sh.bounds.Window)
}

// Peek returns the record of a principal if there is one, without counting that
// as a use. It is valid while the shard is locked.
func (sh *Shard) Peek(name string) (p *Principal, ok bool) {
	p = sh.find(name, sh.sum(name))
	return p, p != nil
}

// addFresh adds a principal that is not known and returns the one that had to
// make room for it, or nil.
func (sh *Shard) addFresh(p *Principal) (displaced *Principal) {
	if sh.fresh.n >= max(sh.cap/8, 8) {
		displaced = sh.fresh.oldest
		sh.drop(displaced)
	}
	sh.add(&sh.fresh, p)
	return displaced
}

// drop forgets a principal.
func (sh *Shard) drop(p *Principal) {
	sh.remove(p)
	sh.left(p)
}

// Teach records that an access of p at t fits. Once p is known, and not on
// probation, it takes a place among the known, which others on probation
// cannot displace. It reports whether p became known with this.
func (sh *Shard) Teach(p *Principal, t int64, learning bool) bool {
	if p.First == 0 || t < p.First {
		p.First = t
	}
	p.Last = max(p.Last, t)
	if p.Flagged != 0 {
		if t <= addTime(p.Flagged, sh.bounds.Probation) {
			return false
		}
		p.Flagged = 0
	}
	if p.at.in == &sh.known {
		return false
	}
	if old := sh.known.oldest; sh.full() {
		gone := expired(old.Last, t, sh.bounds.Window)
		if !gone && !learning {
			return false
		}
		sh.drop(old)
		if !gone {
			sh.forget(old)
			sh.bounds.evicted.principals.Add(1)
		}
	}
	sh.move(&sh.known, p)
	return true
}

// full says whether somebody has to go for one more to become known.
func (sh *Shard) full() bool { return sh.known.n >= sh.cap }

// maxGhosts is how many forgotten principals a shard goes on recognising.
const maxGhosts = 1024

func (sh *Shard) forget(p *Principal) {
	sh.recall(ghost{xxhash.Sum64String(p.Name), p.Last})
}

// recall goes on recognising a forgotten principal, if need be instead of the
// one that was forgotten first.
func (sh *Shard) recall(g ghost) {
	sh.changes.forgotten = true
	if len(sh.ghosts) < maxGhosts {
		sh.ghosts = append(sh.ghosts, g)
		return
	}
	sh.lost = max(sh.lost, sh.ghosts[sh.next].last)
	sh.ghosts[sh.next] = g
	sh.next = (sh.next + 1) % maxGhosts
}

// Each calls f for all principals, shard by shard under its lock.
func (s *Store) Each(f func(p *Principal)) {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.Lock()
		sh.known.each(f)
		sh.fresh.each(f)
		sh.Unlock()
	}
}

// Cap is how many principals may be known at most.
func (s *Store) Cap() int { return len(s.shards) * s.shards[0].cap }

// Len counts known principals and those that are not known yet.
func (s *Store) Len() (known, fresh int) {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.Lock()
		known += sh.known.n
		fresh += sh.fresh.n
		sh.Unlock()
	}
	return known, fresh
}
