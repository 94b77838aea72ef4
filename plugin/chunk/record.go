// Package chunk reads and edits the chunks that Fluent Bit hands to filters and
// outputs: runs of MessagePack arrays, one a record.
//
// Two shapes occur (fluent-bit/src/flb_log_event_decoder.c): V2
// [[timestamp, {metadata}], {body}] and the older [timestamp, {body}]. The
// timestamp is an ext of type 0 (seconds and nanoseconds, 4 bytes each, big
// endian), an integer of seconds, or a float of seconds.
//
// Nothing is decoded that nobody asks for, and what is not edited is copied
// byte for byte.
package chunk

import (
	"fmt"
	"math"

	"github.com/secretwatch/secretwatch/detector/msgpack"
)

// Error says where a chunk stops being MessagePack.
type Error struct {
	Offset int // in bytes, of the object that could not be read
	Err    error
}

func (e *Error) Error() string { return fmt.Sprintf("undecodable at byte %d: %v", e.Offset, e.Err) }

func (e *Error) Unwrap() error { return e.Err }

// Span is the place of a record in its chunk, chunk[Start:End].
type Span struct {
	Start, End int
}

// Next returns the span of the record that starts at chunk[at]; at is the End
// of the one before. It reads no more than the record's outline. The error is
// an *Error.
func Next(chunk []byte, at int) (Span, error) {
	_, body := header(chunk[at:])
	if body > 0 {
		if _, text := line(chunk[at+body:]); text.End > 0 {
			return Span{at, at + body + text.End}, nil
		}
	}
	end, err := msgpack.Skip(chunk, at+body)
	if err != nil {
		return Span{}, &Error{end, err}
	}
	return Span{at, end}, nil
}

// Kind tells records from what else stands in a chunk.
type Kind uint8

// Kinds of records.
const (
	// Foreign is a well-formed object that is no record. It must pass as it is.
	Foreign Kind = iota
	// Log is an ordinary record.
	Log
	// GroupStart and GroupEnd enclose records that share metadata, as inputs
	// for OpenTelemetry write them: timestamps -1 and -2
	// (FLB_LOG_EVENT_GROUP_START and _END, flb_log_event.h). They must pass as
	// they are.
	GroupStart
	GroupEnd
)

// Record is one record taken apart. Its slices alias the chunk.
type Record struct {
	Kind Kind
	// Time is the timestamp in nanoseconds since the Unix epoch, 0 if there is
	// none that can be read.
	Time      int64
	Timestamp []byte // as written
	Metadata  []byte // as written; nil in the older shape
	Body      []byte // as written, a map in any record that Fluent Bit made
	BodyAt    int    // offset of Body in the chunk
}

// Read takes apart the record at s, which must come from Next on the same chunk.
func Read(chunk []byte, s Span) Record {
	b := chunk[:s.End]
	n, at, ok := msgpack.ReadArrayHeader(b, s.Start)
	if !ok || n != 2 {
		return Record{}
	}
	var r Record
	stamp, ok := at, true
	if n, next, isArray := msgpack.ReadArrayHeader(b, at); isArray {
		if n != 2 {
			return Record{}
		}
		stamp = next
		at, ok = skip(b, stamp)
		from := at
		at, ok = skipIf(ok, b, at)
		r.Metadata = b[from:at:at]
		r.Timestamp = b[stamp:from:from]
	} else {
		at, ok = skip(b, at)
		r.Timestamp = b[stamp:at:at]
	}
	if !ok {
		return Record{}
	}
	r.BodyAt, r.Body = at, b[at:len(b):len(b)]
	r.Time, r.Kind = readTime(r.Timestamp)
	return r
}

func skip(b []byte, at int) (int, bool) {
	end, err := msgpack.Skip(b, at)
	return end, err == nil
}

func skipIf(ok bool, b []byte, at int) (int, bool) {
	if !ok {
		return at, false
	}
	return skip(b, at)
}

// readTime reads a timestamp object, which must be complete.
func readTime(b []byte) (ns int64, kind Kind) {
	var sec, nsec int64
	switch {
	case len(b) == 10 && b[0] == 0xd7 && b[1] == 0:
		sec, nsec = eventTime(b[2:])
	case len(b) == 11 && b[0] == 0xc7 && b[1] == 8 && b[2] == 0:
		sec, nsec = eventTime(b[3:])
	default:
		if v, _, ok := msgpack.ReadInt(b, 0); ok {
			sec = v
			break
		}
		v, _, ok := msgpack.ReadFloat(b, 0)
		if !ok {
			if t := msgpack.TypeOf(b[0]); t != msgpack.Uint && t != msgpack.Float {
				return 0, Foreign
			}
			return 0, Log
		}
		whole, part := math.Modf(v)
		if !(math.Abs(whole) <= maxSeconds) {
			return 0, Log
		}
		sec, nsec = int64(whole), int64(math.Round(part*1e9))
	}
	switch {
	case sec == -1:
		return 0, GroupStart
	case sec == -2:
		return 0, GroupEnd
	case sec < 0 || sec > maxSeconds:
		return 0, Log
	}
	return sec*1e9 + nsec, Log
}

// maxSeconds is the last second whose nanoseconds fit int64, less one.
const maxSeconds = math.MaxInt64/1_000_000_000 - 1

// eventTime reads Fluentd's EventTime. Markers of groups have their -1 or -2 in
// the 32 bits of the seconds; any other value there is unsigned.
func eventTime(b []byte) (sec, nsec int64) {
	s := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	n := uint32(b[4])<<24 | uint32(b[5])<<16 | uint32(b[6])<<8 | uint32(b[7])
	if s >= math.MaxUint32-1 {
		return int64(int32(s)), 0
	}
	return int64(s), int64(n)
}

// AppendRecordHeader appends the beginning of a V2 record with empty metadata;
// the body follows. ns is nanoseconds since the Unix epoch.
func AppendRecordHeader(dst []byte, ns int64) []byte {
	s, n := uint32(ns/1e9), uint32(ns%1e9)
	return append(dst, 0x92, 0x92, 0xd7, 0x00,
		byte(s>>24), byte(s>>16), byte(s>>8), byte(s),
		byte(n>>24), byte(n>>16), byte(n>>8), byte(n),
		0x80)
}
