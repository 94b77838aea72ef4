package main

import (
	"bytes"

	"github.com/valyala/fastjson"

	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/detector/msgpack"
	"github.com/secretwatch/secretwatch/plugin/chunk"
)

// batch is a chunk made of lines, one record a line, as Fluent Bit's inputs
// would make it.
type batch struct {
	chunk []byte
	text  []byte // the lines, one behind the other
	lines []line
	size  int // bytes of input, newlines included
}

// line is one line of a batch.
type line struct {
	from, to int  // in batch.text
	last     bool // there was no newline behind it
}

func (b *batch) reset() {
	const most = 8 << 20
	if cap(b.text) > most || cap(b.chunk) > most {
		*b = batch{}
		return
	}
	b.chunk, b.text, b.lines, b.size = b.chunk[:0], b.text[:0], b.lines[:0], 0
}

// full tells that the batch is as large as chunks of Fluent Bit tend to be.
func (b *batch) full() bool { return len(b.text) >= 1<<20 }

// recordMaker turns lines into records.
type recordMaker struct {
	key    string // field for lines that are events
	events audit.Parser
	event  audit.Event
	json   fastjson.Parser
}

// add appends the line that stands at b.text[from:] to the batch, as a record
// of time now, in nanoseconds since the Unix epoch.
//
// An audit event becomes a field of a record, as in_tail makes it. Another JSON
// object is taken as a record that some pipeline wrote, and everything else as
// text.
func (m *recordMaker) add(b *batch, from int, last bool, now int64) {
	text := b.text[from:]
	b.lines = append(b.lines, line{from, len(b.text), last})
	b.size += len(text) + 1
	b.chunk = chunk.AppendRecordHeader(b.chunk, now)
	if v := m.record(text); v != nil {
		b.chunk = msgpack.AppendValue(b.chunk, v)
		return
	}
	b.chunk = msgpack.AppendMapHeader(b.chunk, 1)
	b.chunk = msgpack.AppendStr(b.chunk, m.key)
	b.chunk = msgpack.AppendStr(b.chunk, text)
}

// record returns the line as the record that it is, or nil.
func (m *recordMaker) record(text []byte) *fastjson.Value {
	if !bytes.HasPrefix(bytes.TrimLeft(text, " \t\r"), []byte("{")) ||
		m.events.ParseJSON(text, &m.event) != audit.ErrNotAudit {
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
