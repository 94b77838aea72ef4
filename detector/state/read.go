package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// The file is a bbolt database. bbolt trusts what it maps: on a damaged file it
// may panic, read beyond the end of the file, which is fatal, or write over
// pages in use. So a file is read here first, with plain reads and every offset
// checked, and only a sound one is given to bbolt, for writing.
//
// The format is that of go.etcd.io/bbolt/internal/common (page.go, meta.go,
// bucket.go, inode.go), version 2, in the byte order of the machine.

const (
	pageHeader  = 16 // id u64, flags u16, count u16, overflow u32
	elementSize = 16
	bucketSize  = 16 // root u64, sequence u64

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagMeta     = 0x04
	flagFreelist = 0x10
	flagBucket   = 0x01 // of a leaf element

	boltMagic   = 0xED0CDAED
	boltVersion = 2
	noFreelist  = ^uint64(0)
	maxDepth    = 24
)

var order = binary.NativeEndian

// Kinds of files that cannot be used; errors wrap one of them.
var (
	errForeign = errors.New("not a history of secretwatch")
	errDamaged = errors.New("damaged")
)

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errDamaged, fmt.Sprintf(format, args...))
}

// meta is one of the two pages that say where everything else is. Of the valid
// ones that of the later transaction holds.
type meta struct {
	pageSize       int64
	root, freelist uint64
	high           uint64 // first page beyond those used
	tx             uint64
}

// parseMeta reads a meta page from its first bytes; ok is false if it is none.
func parseMeta(b []byte) (m meta, ok bool) {
	const size = pageHeader + 64
	if len(b) < size {
		return m, false
	}
	b = b[pageHeader:size]
	h := fnv.New64a()
	_, _ = h.Write(b[:56])
	if order.Uint32(b) != boltMagic || order.Uint32(b[4:]) != boltVersion || order.Uint64(b[56:]) != h.Sum64() {
		return m, false
	}
	m = meta{
		pageSize: int64(order.Uint32(b[8:])),
		root:     order.Uint64(b[16:]),
		freelist: order.Uint64(b[32:]),
		high:     order.Uint64(b[40:]),
		tx:       order.Uint64(b[48:]),
	}
	// Sizes are those of memory pages.
	return m, m.pageSize >= 1024 && m.pageSize <= 1<<16 && m.pageSize&(m.pageSize-1) == 0
}

// findMeta returns the meta page that holds.
func findMeta(f io.ReaderAt, size int64) (best meta, err error) {
	var b [128]byte
	found := false
	for at := int64(0); at <= 1<<16 && at < size; at = max(1024, at*2) {
		n, _ := f.ReadAt(b[:], at)
		m, ok := parseMeta(b[:n])
		// The second page is where a page of its size ends.
		if ok && (at == 0 || at == m.pageSize) && (!found || m.tx > best.tx) {
			best, found = m, true
		}
	}
	if !found {
		return best, damaged("no valid meta page")
	}
	if best.high < 4 || best.high > uint64(size/best.pageSize) {
		return best, damaged("%d pages of %d bytes do not fit into %d bytes", best.high, best.pageSize, size)
	}
	return best, nil
}

// tree reads the pages of one transaction.
type tree struct {
	f io.ReaderAt
	meta
	used []uint64 // bits of the pages that were reached
}

// page reads a page together with those it overflows into. Each can be reached
// once.
func (t *tree) page(id uint64) ([]byte, error) {
	if id < 2 || id >= t.high {
		return nil, damaged("page %d of %d", id, t.high)
	}
	var head [pageHeader]byte
	at := int64(id) * t.pageSize
	if _, err := t.f.ReadAt(head[:], at); err != nil {
		return nil, readError(err)
	}
	overflow := uint64(order.Uint32(head[12:]))
	if order.Uint64(head[:]) != id || overflow >= t.high-id {
		return nil, damaged("page %d calls itself %d with %d more", id, order.Uint64(head[:]), overflow)
	}
	for p := id; p <= id+overflow; p++ {
		if t.used[p/64]&(1<<(p%64)) != 0 {
			return nil, damaged("page %d is used twice", p)
		}
		t.used[p/64] |= 1 << (p % 64)
	}
	b := make([]byte, (int64(overflow)+1)*t.pageSize)
	if _, err := t.f.ReadAt(b, at); err != nil {
		return nil, readError(err)
	}
	return b, nil
}

func readError(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return damaged("cut off")
	}
	return err
}

// visit is called for each pair of a bucket in the order of keys. key and value
// are valid during the call.
type visit func(isBucket bool, key, value []byte) error

// walk visits the pairs below a page. last is the key visited before.
func (t *tree) walk(id uint64, depth int, last *[]byte, f visit) error {
	if depth > maxDepth {
		return damaged("more than %d levels", maxDepth)
	}
	b, err := t.page(id)
	if err != nil {
		return err
	}
	if order.Uint16(b[8:]) != flagBranch {
		return leaf(b, last, f)
	}
	n := int(order.Uint16(b[10:]))
	if n == 0 || pageHeader+n*elementSize > len(b) {
		return damaged("branch of %d", n)
	}
	for i := range n {
		at := pageHeader + i*elementSize
		key, err := slice(b, at, order.Uint32(b[at:]), order.Uint32(b[at+4:]))
		if err != nil {
			return err
		}
		if i > 0 && bytes.Compare(key, *last) <= 0 {
			return damaged("keys out of order")
		}
		first := true
		err = t.walk(order.Uint64(b[at+8:]), depth+1, last, func(isBucket bool, k, v []byte) error {
			if first && bytes.Compare(k, key) < 0 {
				return damaged("keys out of order")
			}
			first = false
			return f(isBucket, k, v)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// leaf visits the pairs of a leaf page.
func leaf(b []byte, last *[]byte, f visit) error {
	if len(b) < pageHeader || order.Uint16(b[8:]) != flagLeaf {
		return damaged("neither branch nor leaf")
	}
	n := int(order.Uint16(b[10:]))
	if pageHeader+n*elementSize > len(b) {
		return damaged("leaf of %d", n)
	}
	for i := range n {
		at := pageHeader + i*elementSize
		flags, pos, keySize, valueSize := order.Uint32(b[at:]), order.Uint32(b[at+4:]), order.Uint32(b[at+8:]), order.Uint32(b[at+12:])
		key, err := slice(b, at, pos, keySize)
		if err != nil {
			return err
		}
		value, err := slice(b, at, uint32(min(uint64(pos)+uint64(keySize), 1<<32-1)), valueSize)
		if err != nil {
			return err
		}
		if flags > flagBucket || len(key) == 0 || *last != nil && bytes.Compare(key, *last) <= 0 {
			return damaged("keys out of order")
		}
		*last = append((*last)[:0], key...)
		if err := f(flags == flagBucket, key, value); err != nil {
			return err
		}
	}
	return nil
}

// slice returns size bytes at pos behind the element that starts at at.
func slice(b []byte, at int, pos, size uint32) ([]byte, error) {
	from := uint64(at) + uint64(pos)
	if from+uint64(size) > uint64(len(b)) {
		return nil, damaged("beyond the page")
	}
	return b[from : from+uint64(size)], nil
}

// bucket visits the pairs of a bucket, whose value in its parent is head.
func (t *tree) bucket(head []byte, f visit) error {
	if len(head) < bucketSize {
		return damaged("bucket of %d bytes", len(head))
	}
	last := []byte(nil)
	if root := order.Uint64(head); root != 0 {
		return t.walk(root, 0, &last, f)
	}
	return leaf(head[bucketSize:], &last, f) // small ones stand in their parent
}

// checkFreelist checks that no page in use is called free: bbolt would write
// over it. Files of ours have no such list.
func (t *tree) checkFreelist() error {
	if t.freelist == noFreelist {
		return nil
	}
	b, err := t.page(t.freelist)
	if err != nil {
		return err
	}
	n, at := uint64(order.Uint16(b[10:])), pageHeader
	if n == 0xFFFF {
		n, at = order.Uint64(b[at:]), at+8
	}
	if order.Uint16(b[8:]) != flagFreelist || n > uint64(len(b)-at)/8 {
		return damaged("free list of %d", n)
	}
	for ; n > 0; n, at = n-1, at+8 {
		id := order.Uint64(b[at:])
		if id < 2 || id >= t.high || t.used[id/64]&(1<<(id%64)) != 0 {
			return damaged("page %d is free and used", id)
		}
		t.used[id/64] |= 1 << (id % 64)
	}
	return nil
}
