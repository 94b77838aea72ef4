package history

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// record is what stands under one key of a table.
type record interface {
	code(c coder)
	// key is the key the record belongs under, or "" if that is not in it.
	key() string
}

// principalRecord is a principal with its place among others.
type principalRecord struct {
	known   bool   // among the known, not those on probation
	touched uint64 // mark.touched
	p       *Principal
}

func (r *principalRecord) code(c coder) {
	c.flag("known", &r.known)
	touched := int64(r.touched)
	c.number("touched", &touched)
	r.touched = uint64(touched)
	r.p.code(c)
}

func (r *principalRecord) key() string { return RecordKey(r.p.Name) }

// forgottenRecord is what a shard remembers of principals that made room.
type forgottenRecord struct {
	shards int64   // of which this was one
	ghosts []ghost // oldest first
	lost   int64
}

func (r *forgottenRecord) code(c coder) {
	c.number("shards", &r.shards)
	each(c, "forgotten", &r.ghosts, maxList, 9, (*ghost).code)
	c.time("lost", &r.lost)
}

func (r *forgottenRecord) key() string { return "" }

// commonRecord is what principals share.
type commonRecord struct{ *Principal }

func (r commonRecord) key() string { return "" }

// ownerRecord is what a fair table holds of one owner, oldest first.
type ownerRecord[V any] struct {
	touched uint64 // owned.touched
	owner   string
	entries []entry[V]
	element func(v *V, c coder)
}

type entry[V any] struct {
	key   uint64
	value V
}

func (r *ownerRecord[V]) code(c coder) {
	touched := int64(r.touched)
	c.number("touched", &touched)
	r.touched = uint64(touched)
	c.text("owner", &r.owner)
	each(c, "entries", &r.entries, maxList, 9, func(e *entry[V], c coder) {
		c.hash("key", &e.key)
		r.element(&e.value, c)
	})
}

func (r *ownerRecord[V]) key() string { return RecordKey(r.owner) }

func codeAddr(a *netip.Addr, c coder) { c.addr("addr", a) }

// startRecord says when the store began to learn.
type startRecord struct{ start int64 }

func (r *startRecord) code(c coder) { c.time("start", &r.start) }
func (r *startRecord) key() string  { return aboutStart }

// recordOf returns an empty record of a table, or nil if there is no such table.
func recordOf(table Table) record {
	switch table {
	case Principals:
		return &principalRecord{p: &Principal{}}
	case Forgotten:
		return &forgottenRecord{}
	case Common:
		return commonRecord{&Principal{}}
	case MintedTable:
		return &ownerRecord[Minted]{element: (*Minted).code}
	case Suspects:
		return &ownerRecord[Suspicion]{element: (*Suspicion).code}
	case Addresses:
		return &ownerRecord[netip.Addr]{element: codeAddr}
	case About:
		return &startRecord{}
	}
	return nil
}

// readRecord reads the record of a table from in.
func readRecord(in *reader, table Table, key string) (record, error) {
	rec := recordOf(table)
	if rec == nil {
		return nil, fmt.Errorf("no table %q", table)
	}
	in.header()
	rec.code(in)
	if err := in.done(); err != nil {
		return nil, fmt.Errorf("%s %q: %w", table, key, err)
	}
	if err := checkKey(rec, table, key); err != nil {
		return nil, err
	}
	return rec, nil
}

// checkKey checks that a record may stand under a key.
func checkKey(rec record, table Table, key string) error {
	want := rec.key()
	if want != "" && want != key || table == Common && !slices.Contains(commonNames[:], key) || key == "" {
		return fmt.Errorf("%s: no record %q", table, key)
	}
	return nil
}

// Exported says whether records of the table have a form for people.
func Exported(table Table) bool { return recordOf(table) != nil }

// AppendJSON appends a record that Changes emitted as a JSON object on one line,
// for people and scripts. Times are RFC 3339, hashes 16 hexadecimal digits, and
// what is zero or empty is left out.
func AppendJSON(dst []byte, table Table, key string, value []byte) ([]byte, error) {
	rec, err := readRecord(&reader{b: value}, table, key)
	if err != nil {
		return dst, err
	}
	w := &jsonWriter{b: dst}
	w.record(func() {
		w.string("table", string(table))
		if rec.key() == "" {
			w.string("key", key)
		}
		rec.code(w)
	})
	return w.b, nil
}

// FromJSON reads what AppendJSON wrote.
func FromJSON(text []byte) (table Table, key string, value []byte, err error) {
	r, err := newJSONReader(text)
	if err != nil {
		return "", "", nil, err
	}
	var name string
	r.text("table", &name)
	rec := recordOf(Table(name))
	if r.err == nil && rec == nil {
		return "", "", nil, fmt.Errorf("no table %q", name)
	}
	if r.err == nil {
		rec.code(r)
	}
	if r.err != nil {
		return "", "", nil, r.err
	}
	if key = rec.key(); key == "" {
		r.text("key", &key)
	}
	if r.err != nil {
		return "", "", nil, r.err
	}
	if err := checkKey(rec, Table(name), key); err != nil {
		return "", "", nil, err
	}
	if p, ok := rec.(*principalRecord); ok && p.p.Name == "" {
		return "", "", nil, errors.New("a principal without a name")
	}
	w := &writer{}
	w.begin()
	rec.code(w)
	return Table(name), key, w.b, nil
}

// maxKey is the longest name that is a record's key as it is, in bytes.
const maxKey = 256

// RecordKey is the key of a record by a name of any length.
func RecordKey(name string) string {
	if name != "" && len(name) <= maxKey && name[0] != 0 {
		return name
	}
	var sum [8]byte
	binary.BigEndian.PutUint64(sum[:], xxhash.Sum64String(name))
	return "\x00" + string(sum[:]) + name[:min(len(name), maxKey)]
}
