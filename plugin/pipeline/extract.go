package pipeline

import (
	"errors"

	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/detector/msgpack"
)

// usualFields are the fields in which audit events arrive when no key is
// configured, the likeliest first: log from in_tail, message from CloudWatch
// and others, msg, event and audit from processors on the way, body from
// OpenTelemetry.
var usualFields = [...]string{"log", "message", "msg", "event", "audit", "body"}

// extract looks for an audit event in the body of a record and fills s.event,
// which then aliases body or s.parser. It reports whether there is one.
func (p *Pipeline) extract(s *scratch, body []byte) bool {
	pairs, at, ok := msgpack.ReadMapHeader(body, 0)
	if !ok {
		return false
	}
	// One pass over the top level notes where the fields of interest are.
	// Offset 0 is the map itself and so stands for an absent field.
	var fields [len(usualFields)]int
	event := 0 // fields that only an audit event has
	for range pairs {
		key, value, ok := msgpack.ReadStr(body, at)
		if !ok {
			value, _ = msgpack.Skip(body, at)
		} else if p.key != "" {
			if string(key) == p.key {
				fields[0] = value
			}
		} else {
			switch string(key) {
			case "kind", "apiVersion", "auditID", "stage", "verb":
				event++
			default:
				for i := range usualFields {
					if string(key) == usualFields[i] {
						fields[i] = value
					}
				}
			}
		}
		at, _ = msgpack.Skip(body, value)
	}
	// kind and apiVersion, or what the items of a webhook have.
	if event >= 2 && p.packed(s, body) {
		return true
	}
	for _, at := range fields {
		if at != 0 && p.value(s, body, at) {
			return true
		}
	}
	return false
}

// value looks for an event in one field, as JSON text or as a map.
func (p *Pipeline) value(s *scratch, body []byte, at int) bool {
	if text, _, ok := msgpack.ReadStr(body, at); ok {
		return p.text(s, text)
	}
	if text, _, ok := msgpack.ReadBin(body, at); ok {
		return p.text(s, text)
	}
	end, err := msgpack.Skip(body, at)
	return err == nil && p.packed(s, body[at:end])
}

func (p *Pipeline) packed(s *scratch, b []byte) bool {
	return audit.ParseMsgpack(b, &s.event) == nil
}

// text looks for an event in JSON text. Text that is no object is not meant to
// be one; an object that does not parse is counted.
func (p *Pipeline) text(s *scratch, text []byte) bool {
	i := 0
	for i < len(text) && (text[i] == ' ' || text[i] == '\t' || text[i] == '\n' || text[i] == '\r') {
		i++
	}
	if i == len(text) || text[i] != '{' {
		return false
	}
	err := s.parser.ParseJSON(text[i:], &s.event)
	if errors.Is(err, audit.ErrSyntax) {
		p.stats.unparsable.Add(1)
	}
	return err == nil
}
