package history

import (
	"encoding/binary"
	"errors"
	"net/netip"
)

// format is the first byte of every binary record. It changes with the meaning
// of the bytes behind it.
const format = 1

// errBroken is the error for bytes that are no record.
var errBroken = errors.New("broken record")

// writer is the coder that appends the binary form: varints, times as distances
// from the time before. It cannot fail.
type writer struct {
	b    []byte
	last int64 // time before
}

func (w *writer) reads() bool { return false }

func (w *writer) flag(_ string, v *bool) {
	n := byte(0)
	if *v {
		n = 1
	}
	w.b = append(w.b, n)
}

func (w *writer) number(_ string, v *int64) { w.b = binary.AppendVarint(w.b, *v) }
func (w *writer) count(_ string, v *uint32) { w.b = binary.AppendUvarint(w.b, uint64(*v)) }
func (w *writer) hash(_ string, v *uint64)  { w.b = binary.LittleEndian.AppendUint64(w.b, *v) }

// Codes of times: none, one that stands in full, and from there on zigzag
// distances.
const (
	timeNone = iota
	timeFull
	timeNear
)

func (w *writer) time(_ string, v *int64) {
	if *v == 0 {
		w.b = append(w.b, timeNone)
		return
	}
	d := uint64(*v - w.last)
	near := d<<1 ^ uint64(int64(d)>>63)
	if near > 1<<63 {
		w.b = binary.LittleEndian.AppendUint64(append(w.b, timeFull), uint64(*v))
	} else {
		w.b = binary.AppendUvarint(w.b, near+timeNear)
	}
	w.last = *v
}

func (w *writer) text(_ string, v *string) {
	w.b = binary.AppendUvarint(w.b, uint64(len(*v)))
	w.b = append(w.b, *v...)
}

func (w *writer) addr(_ string, v *netip.Addr) {
	b, _ := v.MarshalBinary() // never fails
	w.b = append(w.b, byte(len(b)))
	w.b = append(w.b, b...)
}

func (w *writer) open(string) {}
func (w *writer) close()      {}
func (w *writer) item()       {}
func (w *writer) end()        {}

func (w *writer) list(_ string, n, _, _ int) int {
	w.b = binary.AppendUvarint(w.b, uint64(n))
	return n
}

// reader is the coder that reads the binary form. What it allocates is bounded
// by a small multiple of the bytes it is given.
type reader struct {
	b     []byte
	last  int64
	err   error
	texts map[string]string // texts read before, shared between records; may be nil
}

// maxTexts bounds the texts that are remembered to be shared.
const maxTexts = 1 << 16

func (r *reader) reads() bool { return true }

func (r *reader) fail() {
	r.b, r.err = nil, errBroken
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.fail()
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) flag(_ string, v *bool) {
	b := r.take(1)
	*v = len(b) == 1 && b[0] == 1
	if len(b) == 1 && b[0] > 1 {
		r.fail()
	}
}

func (r *reader) number(_ string, v *int64) {
	n, size := binary.Varint(r.b)
	if size <= 0 {
		r.fail()
		n, size = 0, 0
	}
	*v, r.b = n, r.b[size:]
}

func (r *reader) count(_ string, v *uint32) {
	n := r.uvarint()
	if n > 1<<32-1 {
		r.fail()
	}
	*v = uint32(n)
}

func (r *reader) hash(_ string, v *uint64) {
	*v = 0
	if b := r.take(8); b != nil {
		*v = binary.LittleEndian.Uint64(b)
	}
}

func (r *reader) time(_ string, v *int64) {
	*v = 0
	switch code := r.uvarint(); {
	case r.err != nil || code == timeNone:
		return
	case code == timeFull:
		var full uint64
		r.hash("", &full)
		*v = int64(full)
	default:
		code -= timeNear
		*v = r.last + int64(code>>1^-(code&1))
	}
	r.last = *v
}

func (r *reader) text(_ string, v *string) {
	*v = ""
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.fail()
		return
	}
	b := r.take(int(n))
	if len(b) == 0 {
		return
	}
	if known, ok := r.texts[string(b)]; ok {
		*v = known
		return
	}
	*v = string(b)
	if r.texts != nil && len(r.texts) < maxTexts {
		r.texts[*v] = *v
	}
}

func (r *reader) addr(_ string, v *netip.Addr) {
	*v = netip.Addr{}
	n := r.take(1)
	if n == nil {
		return
	}
	if v.UnmarshalBinary(r.take(int(n[0]))) != nil {
		r.fail()
	}
}

func (r *reader) open(string) {}
func (r *reader) close()      {}
func (r *reader) item()       {}
func (r *reader) end()        {}

func (r *reader) list(_ string, _, limit, least int) int {
	n := r.uvarint()
	if n > uint64(limit) || n > uint64(len(r.b)/least) {
		r.fail()
		return 0
	}
	return int(n)
}

// header reads the format byte.
func (r *reader) header() {
	if b := r.take(1); b != nil && b[0] != format {
		r.fail()
	}
}

// done returns the error of reading, which bytes left over are too.
func (r *reader) done() error {
	if len(r.b) > 0 {
		r.fail()
	}
	return r.err
}
