package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/valyala/fastjson"
)

// jsonWriter is the coder that appends a record as a JSON object, for people and
// scripts: hashes in hexadecimal, times in RFC 3339 with UTC. What is zero or
// empty is left out.
type jsonWriter struct {
	b     []byte
	began []int // where each enclosing object or list begins, with its name
	first bool  // nothing stands yet in the innermost one
	items []bool
}

func (w *jsonWriter) reads() bool { return false }

// record writes one object whose fields f writes.
func (w *jsonWriter) record(f func()) {
	w.b, w.first = append(w.b, '{'), true
	f()
	w.b, w.first = append(w.b, '}'), false
}

func (w *jsonWriter) name(name string) {
	if !w.first {
		w.b = append(w.b, ',')
	}
	w.first = false
	w.b = append(append(append(w.b, '"'), name...), '"', ':')
}

func (w *jsonWriter) string(name, s string) {
	w.name(name)
	q, _ := json.Marshal(s) // strings never fail
	w.b = append(w.b, q...)
}

func (w *jsonWriter) flag(name string, v *bool) {
	if *v {
		w.name(name)
		w.b = append(w.b, "true"...)
	}
}

func (w *jsonWriter) number(name string, v *int64) {
	if *v != 0 {
		w.name(name)
		w.b = strconv.AppendInt(w.b, *v, 10)
	}
}

func (w *jsonWriter) count(name string, v *uint32) {
	n := int64(*v)
	w.number(name, &n)
}

func (w *jsonWriter) hash(name string, v *uint64) {
	if *v != 0 {
		w.string(name, fmt.Sprintf("%016x", *v))
	}
}

func (w *jsonWriter) time(name string, v *int64) {
	if *v != 0 {
		w.string(name, time.Unix(0, *v).UTC().Format(time.RFC3339Nano))
	}
}

func (w *jsonWriter) text(name string, v *string) {
	if *v != "" {
		w.string(name, *v)
	}
}

func (w *jsonWriter) addr(name string, v *netip.Addr) {
	if v.IsValid() {
		w.string(name, v.String())
	}
}

func (w *jsonWriter) open(name string) {
	w.begin(name, '{')
}

func (w *jsonWriter) begin(name string, bracket byte) {
	w.began = append(w.began, len(w.b))
	w.name(name)
	w.b, w.first = append(w.b, bracket), true
}

// finish closes what begin opened, or takes it back if it stayed empty.
func (w *jsonWriter) finish(bracket byte) {
	began := w.began[len(w.began)-1]
	w.began = w.began[:len(w.began)-1]
	if w.first {
		w.b = w.b[:began]
		w.first = began > 0 && (w.b[began-1] == '{')
		return
	}
	w.b = append(w.b, bracket)
}

func (w *jsonWriter) close() { w.finish('}') }

func (w *jsonWriter) list(name string, n, _, _ int) int {
	w.begin(name, '[')
	w.items = append(w.items, false)
	return n
}

func (w *jsonWriter) item() {
	if began := &w.items[len(w.items)-1]; *began {
		w.b = append(w.b, '}', ',')
	} else {
		*began = true
	}
	w.b, w.first = append(w.b, '{'), true
}

func (w *jsonWriter) end() {
	began := w.items[len(w.items)-1]
	w.items = w.items[:len(w.items)-1]
	if began {
		w.b, w.first = append(w.b, '}'), false
	}
	w.finish(']')
}

// jsonReader is the coder that reads what jsonWriter wrote, by name: the order
// of fields does not matter, an absent one is zero.
type jsonReader struct {
	at    []*fastjson.Value // the record that is read, behind those around it
	lists [][]*fastjson.Value
	err   error
}

// newJSONReader returns a reader of the object in text.
func newJSONReader(text []byte) (*jsonReader, error) {
	v, err := fastjson.ParseBytes(text)
	if err != nil {
		return nil, fmt.Errorf("no JSON: %.200s", err.Error())
	}
	if v.Type() != fastjson.TypeObject {
		return nil, errors.New("no JSON object")
	}
	return &jsonReader{at: []*fastjson.Value{v}}, nil
}

func (r *jsonReader) reads() bool { return true }

func (r *jsonReader) get(name string) *fastjson.Value {
	return r.at[len(r.at)-1].Get(name)
}

func (r *jsonReader) fail(name string, v *fastjson.Value, want string) {
	if r.err == nil {
		r.err = fmt.Errorf("field %s: bad value %.100s; accepted: %s", name, v.String(), want)
	}
}

func (r *jsonReader) flag(name string, v *bool) {
	*v = false
	if j := r.get(name); j != nil {
		b, err := j.Bool()
		if err != nil {
			r.fail(name, j, "true or false")
		}
		*v = b
	}
}

func (r *jsonReader) number(name string, v *int64) {
	*v = 0
	if j := r.get(name); j != nil {
		n, err := j.Int64()
		if err != nil {
			r.fail(name, j, "a whole number")
		}
		*v = n
	}
}

func (r *jsonReader) count(name string, v *uint32) {
	var n int64
	r.number(name, &n)
	if n < 0 || n > 1<<32-1 {
		r.fail(name, r.get(name), "a number from 0 to 4294967295")
	}
	*v = uint32(n)
}

func (r *jsonReader) hash(name string, v *uint64) {
	*v = 0
	var s string
	if r.text(name, &s); s != "" {
		n, err := strconv.ParseUint(s, 16, 64)
		if err != nil {
			r.fail(name, r.get(name), "16 hexadecimal digits")
		}
		*v = n
	}
}

func (r *jsonReader) time(name string, v *int64) {
	*v = 0
	var s string
	if r.text(name, &s); s != "" {
		t, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			r.fail(name, r.get(name), "a time such as 2026-08-22T10:11:12.345Z")
			return
		}
		*v = t.UnixNano()
	}
}

func (r *jsonReader) text(name string, v *string) {
	*v = ""
	if j := r.get(name); j != nil {
		b, err := j.StringBytes()
		if err != nil {
			r.fail(name, j, "a string")
		}
		*v = string(b)
	}
}

func (r *jsonReader) addr(name string, v *netip.Addr) {
	*v = netip.Addr{}
	var s string
	if r.text(name, &s); s != "" {
		a, err := netip.ParseAddr(s)
		if err != nil {
			r.fail(name, r.get(name), "an IP address")
		}
		*v = a
	}
}

func (r *jsonReader) open(name string) {
	j := r.get(name)
	if j != nil && j.Type() != fastjson.TypeObject {
		r.fail(name, j, "an object")
	}
	r.at = append(r.at, j) // Get of a nil value is nil
}

func (r *jsonReader) close() { r.at = r.at[:len(r.at)-1] }

func (r *jsonReader) list(name string, _, limit, _ int) int {
	var items []*fastjson.Value
	if j := r.get(name); j != nil {
		a, err := j.Array()
		if err != nil || len(a) > limit {
			r.fail(name, j, fmt.Sprintf("a list of at most %d", limit))
		} else {
			items = a
		}
	}
	r.lists = append(r.lists, items)
	r.at = append(r.at, nil)
	return len(items)
}

func (r *jsonReader) item() {
	list := &r.lists[len(r.lists)-1]
	r.at[len(r.at)-1] = (*list)[0]
	*list = (*list)[1:]
}

func (r *jsonReader) end() {
	r.lists = r.lists[:len(r.lists)-1]
	r.at = r.at[:len(r.at)-1]
}
