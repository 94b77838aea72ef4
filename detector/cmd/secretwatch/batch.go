package main

import "github.com/secretwatch/secretwatch/plugin/logfile"

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

// add appends the line that stands at b.text[from:] to the batch, as a record
// of time now, in nanoseconds since the Unix epoch.
func (b *batch) add(m *logfile.Records, from int, last bool, now int64) {
	text := b.text[from:]
	b.lines = append(b.lines, line{from, len(b.text), last})
	b.size += len(text) + 1
	b.chunk = m.Append(b.chunk, text, now)
}
