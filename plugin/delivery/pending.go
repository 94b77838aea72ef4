package delivery

import (
	"container/list"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of what is remembered for retries. Fluent Bit waits at most 2000 s
// (scheduler.cap) before one, and never says that it has given a chunk up.
const (
	pendingBytes = 64 << 20
	pendingFor   = 2 * time.Hour
)

// pendingOverhead is about what an entry takes besides its records.
const pendingOverhead = 400

// pendingKey is the content of a chunk and its tag. Nothing else tells chunks
// apart, and collisions must not be possible to make: clients choose part of the
// content.
type pendingKey [sha256.Size]byte

func keyOf(chunk []byte, tag string) (key pendingKey) {
	h := sha256.New()
	var n [8]byte
	binary.LittleEndian.PutUint64(n[:], uint64(len(tag)))
	h.Write(n[:])
	h.Write([]byte(tag))
	h.Write(chunk)
	h.Sum(key[:0])
	return key
}

// pendingChunk is what became of a chunk.
type pendingChunk struct {
	id      string
	changed bool    // otherwise the chunk is sent as it is, and not kept
	records []byte  // as a chunk
	memory  *[]byte // of records, while they are to be recycled

	key   pendingKey
	until time.Time
}

func (c *pendingChunk) size() int { return cap(c.records) + pendingOverhead }

// pending remembers chunks that are to be sent again, least recently put first
// out. Safe for concurrent use.
type pending struct {
	most    int
	keep    time.Duration
	count   atomic.Int64 // of entries
	mu      sync.Mutex
	bytes   int
	entries map[pendingKey]*list.Element
	order   list.List // oldest first
}

func (p *pending) init(most int, keep time.Duration) {
	p.most, p.keep = most, keep
	p.entries = map[pendingKey]*list.Element{}
}

// any reports cheaply whether there are entries.
func (p *pending) any() bool { return p.count.Load() > 0 }

func (p *pending) size() (n, bytes int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.entries), p.bytes
}

// take removes and returns an entry, or nil if there is none.
func (p *pending) take(key pendingKey) *pendingChunk {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.entries[key]
	if e == nil {
		return nil
	}
	return p.remove(e)
}

// put adds an entry and returns how many others had to go for lack of room, or 1
// if it has none itself.
func (p *pending) put(key pendingKey, c *pendingChunk, now time.Time) (lost int) {
	// Its memory is larger than need be where it served larger chunks before.
	if c.changed {
		c.records = append(make([]byte, 0, len(c.records)), c.records...)
		c.memory = nil
	}
	c.key, c.until = key, now.Add(p.keep)
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := p.entries[key]; e != nil {
		p.remove(e)
	}
	for e := p.order.Front(); e != nil && e.Value.(*pendingChunk).until.Before(now); e = p.order.Front() {
		p.remove(e)
	}
	if c.size() > p.most {
		return 1
	}
	for p.bytes+c.size() > p.most {
		p.remove(p.order.Front())
		lost++
	}
	p.entries[key] = p.order.PushBack(c)
	p.bytes += c.size()
	p.count.Add(1)
	return lost
}

func (p *pending) remove(e *list.Element) *pendingChunk {
	c := p.order.Remove(e).(*pendingChunk)
	delete(p.entries, c.key)
	p.bytes -= c.size()
	p.count.Add(-1)
	return c
}
