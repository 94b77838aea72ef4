package pipeline

import (
	"bytes"
	"slices"
	"unsafe"

	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/detector/msgpack"
	"github.com/secretwatch/secretwatch/plugin/chunk"
	"github.com/secretwatch/secretwatch/plugin/pipeline/tree"
)

// startsWithList reports whether the first record of a chunk looks like a list of
// events. Lists are split whether or not there is a secret in them, so chunks
// that begin with one are walked even without a needle. Inputs that deliver lists
// deliver nothing else: looking at one record, and at little of it, is enough.
func startsWithList(b []byte) bool {
	at, ok := bodyOfFirst(b)
	if !ok {
		return false
	}
	pairs, at, ok := msgpack.ReadMapHeader(b, at)
	if !ok {
		return false
	}
	const look = 4
	for range min(pairs, look) {
		key, value, ok := msgpack.ReadStr(b, at)
		if !ok {
			return false
		}
		switch string(key) {
		case "messageType", "logEvents", "records":
			return true
		case "kind":
			kind, _, _ := msgpack.ReadStr(b, value)
			if string(kind) == "EventList" {
				return true
			}
		}
		text, next, ok := msgpack.ReadStr(b, value)
		if !ok {
			// Containers are not skipped here: they may be the whole chunk.
			if t := typeAt(b, value); t == msgpack.Map || t == msgpack.Array {
				return t == msgpack.Array || beginsList(b, value)
			}
			if next, ok = skip(b, value); !ok {
				return false
			}
		}
		if textBeginsList(text) {
			return true
		}
		at = next
	}
	return false
}

// bodyOfFirst returns the offset of the body of the first record.
func bodyOfFirst(b []byte) (int, bool) {
	n, at, ok := msgpack.ReadArrayHeader(b, 0)
	if !ok || n != 2 {
		return 0, false
	}
	if n, in, ok := msgpack.ReadArrayHeader(b, at); ok {
		if n != 2 {
			return 0, false
		}
		if at, ok = skip(b, in); !ok {
			return 0, false
		}
	}
	return skip(b, at)
}

func skip(b []byte, at int) (int, bool) {
	end, err := msgpack.Skip(b, at)
	return end, err == nil
}

func typeAt(b []byte, at int) msgpack.Type {
	if at >= len(b) {
		return msgpack.Invalid
	}
	return msgpack.TypeOf(b[at])
}

// beginsList reports whether the map at b[at] begins as a list does.
func beginsList(b []byte, at int) bool {
	_, at, _ = msgpack.ReadMapHeader(b, at)
	key, value, _ := msgpack.ReadStr(b, at)
	kind, _, _ := msgpack.ReadStr(b, value)
	return string(key) == "kind" && string(kind) == "EventList" || string(key) == "messageType" || string(key) == "records"
}

// textBeginsList reports whether JSON text begins as a list does: it is an array
// of objects, or the first member of an object tells.
func textBeginsList(text []byte) bool {
	text = trimLeft(text)
	if len(text) == 0 || text[0] != '{' && text[0] != '[' {
		return false
	}
	rest := trimLeft(text[1:])
	if text[0] == '[' {
		return len(rest) > 0 && rest[0] == '{'
	}
	for _, key := range [...]string{`"messageType"`, `"logEvents"`, `"records"`} {
		if len(rest) >= len(key) && string(rest[:len(key)]) == key {
			return true
		}
	}
	const kind, list = `"kind"`, `"EventList"`
	if len(rest) < len(kind) || string(rest[:len(kind)]) != kind {
		return false
	}
	rest = trimLeft(rest[len(kind):])
	if len(rest) == 0 || rest[0] != ':' {
		return false
	}
	rest = trimLeft(rest[1:])
	return len(rest) >= len(list) && string(rest[:len(list)]) == list
}

func trimLeft(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t' || b[0] == '\n' || b[0] == '\r') {
		b = b[1:]
	}
	return b
}

// splitRecord makes s.records of the list in r that s.list describes: one record
// an item, with the item's own time and r's metadata. An item keeps the other
// fields of the record and the other members of the envelope, unless it has
// members of the same names. It reports false, and the list stays one record, if
// there is an item that is no object or none at all, if the list is not at the top
// of a field, or if what all items share would make the result much larger than
// the list.
func (p *Pipeline) splitRecord(s *scratch, r *chunk.Record) bool {
	list, holder := s.list, s.holder
	if list.depth > 1 {
		return false
	}
	items := 0
	e := list.array.Elements()
	for ; e.Next(); items++ {
		if e.Value.Kind() != tree.Object {
			return false
		}
	}
	whole := same(list.object.Raw(), r.Body)
	copied := len(r.Body) - len(list.array.Raw()) + len(r.Metadata)
	if items == 0 || e.Broken() || copied*items > 8*len(r.Body)+1<<20 {
		return false
	}
	// Gathered once: to find them means to skip the list.
	s.shared = s.shared[:0]
	for m := list.object.Members(); m.Next(); {
		if string(m.Key) != list.member && !slices.Contains(list.own, string(m.Key)) {
			s.shared = append(s.shared, shared{m.Key, list.object.Raw()[m.From:m.To]})
		}
	}
	from, to := placeOf(r.Body, holder)
	s.records = s.records[:0]
	for e := list.array.Elements(); e.Next(); {
		switch {
		case whole:
			s.item = appendJoined(s.item[:0], e.Value, s.shared)
		case holder.Kind() == tree.String:
			s.joined = appendJoined(s.joined[:0], e.Value, s.shared)
			s.item = append(s.item[:0], r.Body[:from]...)
			s.item = msgpack.AppendStr(s.item, s.joined)
			s.item = append(s.item, r.Body[to:]...)
		default:
			s.item = append(s.item[:0], r.Body[:from]...)
			s.item = appendJoined(s.item, e.Value, s.shared)
			s.item = append(s.item, r.Body[to:]...)
		}
		p.appendItem(s, r, e.Value)
	}
	p.stats.split.Add(1)
	p.stats.items.Add(uint64(items))
	return true
}

// appendItem judges s.item, which was made of item, and appends it to s.records.
func (p *Pipeline) appendItem(s *scratch, r *chunk.Record, item tree.Value) {
	time, body := int64(0), s.item
	var t *tag
	redacted := false
	if nextNeedle(body, 0) >= 0 {
		what := p.body(s, body)
		t = p.judgeFound(s, what, body, r.Time)
		if what == single {
			time = s.event.Time
		}
		body, redacted = p.withoutSecrets(s, body)
		body, _ = p.finish(s, body, t, redacted)
	}
	if time == 0 {
		s.text = s.text[:0]
		time = timeOf(s, item, 0)
	}
	// A time that does not fit, or would be a marker, is none.
	const last = (1<<32 - 3) * 1_000_000_000
	var stamp [10]byte
	at := r.Timestamp
	if time > 0 && time <= last {
		at = appendStamp(stamp[:0], time)
	}
	s.records = append(s.records, 0x92)
	if r.Metadata != nil {
		s.records = append(s.records, 0x92)
	}
	s.records = append(s.records, at...)
	s.records = append(s.records, r.Metadata...)
	s.records = append(s.records, body...)
}

// appendStamp appends Fluentd's EventTime.
func appendStamp(dst []byte, ns int64) []byte {
	s, n := uint32(ns/1e9), uint32(ns%1e9)
	return append(dst, 0xd7, 0x00, byte(s>>24), byte(s>>16), byte(s>>8), byte(s), byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

// same reports whether a and b are the same memory.
func same(a, b []byte) bool {
	return len(a) == len(b) && unsafe.SliceData(a) == unsafe.SliceData(b)
}

// shared is a member of a list's object that goes with each item.
type shared struct {
	key []byte
	raw []byte // key and value as written
}

// appendJoined appends an item together with what is said of all items.
func appendJoined(dst []byte, item tree.Value, all []shared) []byte {
	n := 0
	for i := range all {
		if goesWith(&all[i], item) {
			n++
		}
	}
	raw := item.Raw()
	if n == 0 {
		return append(dst, raw...)
	}
	if !item.IsJSON() {
		pairs, first, _ := msgpack.ReadMapHeader(raw, 0)
		dst = msgpack.AppendMapHeader(dst, pairs+n)
		dst = append(dst, raw[first:]...)
	} else {
		dst = append(dst, bytes.TrimRight(raw[:len(raw)-1], " \t\r\n")...)
	}
	for i := range all {
		if !goesWith(&all[i], item) {
			continue
		}
		if item.IsJSON() && dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst = append(dst, all[i].raw...)
	}
	if item.IsJSON() {
		dst = append(dst, '}')
	}
	return dst
}

// goesWith reports whether a member is none that the item has itself.
func goesWith(s *shared, item tree.Value) bool {
	for m := item.Members(); m.Next(); {
		if bytes.Equal(m.Key, s.key) {
			return false
		}
	}
	return true
}

// placeOf returns the offsets in body of a field's value, which aliases it.
func placeOf(body []byte, value tree.Value) (from, to int) {
	for m := tree.Packed(body).Members(); m.Next(); {
		if same(m.Value.Raw(), value.Raw()) {
			return m.ValueAt, m.To
		}
	}
	return 0, len(body)
}

// timeOf returns the time of the event that v is or holds, in nanoseconds since
// the Unix epoch, or 0.
func timeOf(s *scratch, v tree.Value, depth int) int64 {
	var received, stage, outer int64
	var nested tree.Value
	for m := v.Members(); m.Next(); {
		switch string(m.Key) {
		case "requestReceivedTimestamp":
			received = audit.ParseTime(alias(m.Value.Text(&s.text)))
		case "stageTimestamp":
			stage = audit.ParseTime(alias(m.Value.Text(&s.text)))
		case "timestamp", "time":
			if ms, ok := m.Value.Int(); ok {
				if ms > 0 && ms < 1<<43 {
					outer = ms * 1e6 // CloudWatch: milliseconds
				}
			} else {
				outer = audit.ParseTime(alias(m.Value.Text(&s.text)))
			}
		case "message", "log":
			nested = m.Value
		case "properties":
			nested = m.Value.Get("log")
		}
	}
	switch {
	case received > 0:
		return received
	case stage > 0:
		return stage
	}
	if nested.Kind() == tree.String && depth < 2 {
		if t := timeIn(nested); t > 0 {
			return t
		}
		if in, _ := tree.JSON(nested.Text(&s.text)); in.Kind() == tree.Object {
			if t := timeOf(s, in, depth+1); t > 0 {
				return t
			}
		}
	}
	return outer
}

// timeIn finds the time of an event within JSON text without undoing its escapes,
// or returns 0. What clients can choose stands before it in an event.
func timeIn(v tree.Value) int64 {
	const name = "requestReceivedTimestamp"
	raw, _, _ := v.Content()
	i := bytes.LastIndex(raw, []byte(name))
	if i < 0 {
		return 0
	}
	rest := bytes.TrimLeft(raw[i+len(name):], `\": `)
	end := bytes.IndexAny(rest[:min(len(rest), 40)], `\"`)
	if end < 0 {
		return 0
	}
	return audit.ParseTime(alias(rest[:end]))
}
