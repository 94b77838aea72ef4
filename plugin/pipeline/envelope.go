package pipeline

import (
	"bytes"
	"errors"
	"unsafe"

	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/plugin/pipeline/tree"
)

// usualFields are the fields in which audit events arrive when no key is
// configured, the likeliest first: log from in_tail, message from CloudWatch
// and others, msg, event and audit from processors on the way, body from
// OpenTelemetry.
var usualFields = [...]string{"log", "message", "msg", "event", "audit", "body"}

// found says what a value turned out to be.
type found uint8

const (
	nothing found = iota
	single        // one event, in scratch.event
	several       // a list of events, in scratch.list
)

// maxLayers bounds how deep events are looked for: the record, a text in one of
// its fields, an item of a list in it, a text in that.
const maxLayers = 4

// layout is what the members of an object say about the object, gathered in one
// pass. The adapters read it; see the files envelope_*.go.
type layout struct {
	event     int  // members that only an audit event has
	eventList bool // its kind is EventList
	flat      bool // it has members called kubernetes.audit.*

	items, records, logEvents        tree.Value
	protoPayload, kubernetes, nested tree.Value
	fields                           [len(usualFields)]tree.Value
}

// body looks for audit events in the body of a record and fills s.event or
// s.list, which then alias body, s.text or s.parser.
func (p *Pipeline) body(s *scratch, body []byte) found {
	s.text = s.text[:0]
	s.holder, s.packed = tree.Value{}, tree.Value{}
	v := tree.Packed(body)
	if p.key == "" {
		return p.object(s, v, 0)
	}
	if v.Kind() != tree.Object {
		return nothing
	}
	return p.field(s, v.Get(p.key), 0)
}

// object says what an Object is. It looks at its members before anything is
// parsed, so that an envelope of a megabyte is not parsed to learn that it is no
// event.
func (p *Pipeline) object(s *scratch, v tree.Value, depth int) found {
	if depth > maxLayers {
		return nothing
	}
	l := &s.layouts[depth]
	*l = layout{}
	any := false
	m := v.Members()
	for m.Next() {
		switch string(m.Key) {
		case "kind":
			l.event++
			raw, _, _ := m.Value.Content()
			l.eventList = string(raw) == "EventList"
		case "apiVersion", "auditID", "stage", "verb":
			l.event++
		case "items":
			l.items = m.Value
		case "records":
			l.records, any = m.Value, true
		case "logEvents":
			l.logEvents, any = m.Value, true
		case "protoPayload":
			l.protoPayload, any = m.Value, true
		case "kubernetes":
			l.kubernetes, any = m.Value, true
		case "properties":
			l.nested, any = m.Value, true
		default:
			for i := range usualFields {
				if string(m.Key) == usualFields[i] {
					l.fields[i] = m.Value
				}
			}
			if len(m.Key) > len(elasticPrefix) && string(m.Key[:len(elasticPrefix)]) == elasticPrefix {
				l.flat, any = true, true
			}
		}
	}
	if m.Broken() {
		p.broken(s, v)
		return nothing
	}
	if l.event >= 2 && !l.eventList {
		// kind and apiVersion, or what the items of a webhook have.
		if p.event(s, v) {
			return single
		}
	}
	if any || l.eventList {
		if f := p.envelope(s, v, l, depth); f != nothing {
			return f
		}
	}
	for i := range l.fields {
		if f := p.field(s, l.fields[i], depth); f != nothing {
			return f
		}
	}
	return nothing
}

// envelope asks the adapters, each of which costs nothing where its members are
// absent.
func (p *Pipeline) envelope(s *scratch, v tree.Value, l *layout, depth int) found {
	if f := p.eventList(s, v, l, depth); f != nothing {
		return f
	}
	if f := p.cloudWatch(s, v, l, depth); f != nothing {
		return f
	}
	if f := p.gke(s, v, l); f != nothing {
		return f
	}
	if f := p.aks(s, v, l, depth); f != nothing {
		return f
	}
	return p.elastic(s, v, l)
}

// field says what the value of a field is: JSON text, an object, or an array.
func (p *Pipeline) field(s *scratch, v tree.Value, depth int) found {
	if depth == 0 {
		s.holder = v
	}
	switch v.Kind() {
	case tree.String:
		return p.document(s, v.Text(&s.text), depth+1)
	case tree.Object:
		return p.object(s, v, depth+1)
	case tree.Array:
		return p.array(s, v, depth+1)
	}
	return nothing
}

// document says what JSON text is. Text that is no object or array is not meant
// to be one.
func (p *Pipeline) document(s *scratch, text []byte, depth int) found {
	v, _ := tree.JSON(text)
	switch v.Kind() {
	case tree.Object:
		// What API servers write is parsed at once.
		if bytes.HasPrefix(v.Raw(), []byte(`{"kind":"Event",`)) {
			if p.event(s, v) {
				return single
			}
			return nothing
		}
		return p.object(s, v, depth)
	case tree.Array:
		return p.array(s, v, depth)
	}
	return nothing
}

// array takes an array as a list of events if one of its first elements is one
// or holds one.
func (p *Pipeline) array(s *scratch, v tree.Value, depth int) found {
	const look = 8
	e := v.Elements()
	for i := 0; i < look && e.Next(); i++ {
		if e.Value.Kind() == tree.Object && p.object(s, e.Value, depth+1) != nothing {
			s.list = eventsIn{array: v, depth: depth}
			return several
		}
	}
	return nothing
}

// event parses v as one audit event and fills s.event.
func (p *Pipeline) event(s *scratch, v tree.Value) bool {
	if !v.IsJSON() {
		s.packed = v
		return audit.ParseMsgpack(v.Raw(), &s.event) == nil
	}
	err := s.parser.ParseJSON(v.Raw(), &s.event)
	if errors.Is(err, audit.ErrSyntax) {
		p.broken(s, v)
	}
	return err == nil
}

// truncatedTail ends what CloudWatch cut.
const truncatedTail = "[Truncated...]"

// broken counts text that should have been an object. It is passed on untouched,
// but for what redaction takes away.
func (p *Pipeline) broken(s *scratch, v tree.Value) {
	if _, again := s.judge.(seeing); again {
		return
	}
	s.note = false // or it would be counted once only
	if bytes.HasSuffix(v.Raw(), []byte(truncatedTail)) {
		p.stats.truncated.Add(1)
		return
	}
	p.stats.unparsable.Add(1)
}

// eventsIn is a list of events.
type eventsIn struct {
	array  tree.Value
	object tree.Value // that array is a member of; Broken for an array that stands alone
	member string     // its name
	own    []string   // members of object that describe the list and not its items
	depth  int        // 0: object is the record; 1: it is, or array is, what a field holds
}

// alias is b as a string that shares its memory.
func alias(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
