package logfile

import (
	"bytes"

	"github.com/valyala/fastjson"

	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/detector/msgpack"
	"github.com/secretwatch/secretwatch/plugin/chunk"
)

// Records turns lines into records, as Fluent Bit's inputs would make them. The
// zero value is not usable; set Key. Not safe for concurrent use.
type Records struct {
	Key string // field for lines that are events
	// Structured makes lines that are events the record itself, as behind a
	// JSON parser.
	Structured bool

	events audit.Parser
	event  audit.Event
	json   fastjson.Parser
}

// Append appends a line to a chunk, as a record of time now, in nanoseconds
// since the Unix epoch.
//
// An audit event becomes a field of a record, as in_tail makes it. Another JSON
// object is taken as a record that some pipeline wrote, and everything else as
// text.
func (m *Records) Append(dst, text []byte, now int64) []byte {
	dst = chunk.AppendRecordHeader(dst, now)
	if v := m.record(text); v != nil {
		return msgpack.AppendValue(dst, v)
	}
	dst = msgpack.AppendMapHeader(dst, 1)
	dst = msgpack.AppendStr(dst, m.Key)
	return msgpack.AppendStr(dst, text)
}

// record returns the line as the record that it is, or nil.
func (m *Records) record(text []byte) *fastjson.Value {
	if !bytes.HasPrefix(bytes.TrimLeft(text, " \t\r"), []byte("{")) {
		return nil
	}
	if !m.Structured && m.events.ParseJSON(text, &m.event) != audit.ErrNotAudit {
		return nil
	}
	v, err := m.json.ParseBytes(text)
	if err != nil || len(text) > 1<<20 {
		m.json = fastjson.Parser{}
	}
	if err != nil {
		return nil
	}
	return v
}
