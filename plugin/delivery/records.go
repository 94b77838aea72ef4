package delivery

import (
	"bytes"
	"slices"

	"github.com/secretwatch/secretwatch/detector/msgpack"
	"github.com/secretwatch/secretwatch/plugin/chunk"
)

// eachRecord calls f for the ordinary records of a chunk whose body is a map, and
// counts in sent what f takes and what is left out. f must not keep r. The error is
// one that stays.
func eachRecord(b []byte, sent *Sent, f func(r *chunk.Record) bool) error {
	var r chunk.Record // one for all, since f makes it escape
	for at := 0; at < len(b); {
		span, err := chunk.Next(b, at)
		if err != nil {
			return permanentError{err}
		}
		at = span.End
		r = chunk.Read(b, span)
		switch {
		case r.Kind == chunk.GroupStart || r.Kind == chunk.GroupEnd:
		case r.Kind == chunk.Log && msgpack.TypeOf(r.Body[0]) == msgpack.Map && f(&r):
			sent.Records++
		default:
			sent.Unfit++
		}
	}
	return nil
}

// appendFindings appends the records of b that carry a finding, however it came
// to them: one from a filter before counts as well. What is no MessagePack is
// appended for the target to refuse. dst may be a prefix of b's memory.
func appendFindings(dst, b []byte) []byte {
	if !bytes.Contains(b, []byte("secretwatch")) {
		return dst
	}
	for at := 0; at < len(b); {
		span, err := chunk.Next(b, at)
		if err != nil {
			return append(dst, b[at:]...)
		}
		if r := chunk.Read(b, span); r.Kind == chunk.Log && hasFinding(r.Body) {
			dst = append(dst, b[span.Start:span.End]...)
		}
		at = span.End
	}
	return dst
}

// severities of findings. A verdict that was asked for by tag_all may have none.
var severities = []string{"low", "medium", "high", "critical"}

// hasFinding looks for what every format adds to a record with a finding:
// secretwatch.severity, or secretwatch_severity where there is only one level.
func hasFinding(body []byte) bool {
	verdict, flat := member(body, "secretwatch"), member(body, "secretwatch_severity")
	for _, severity := range [][]byte{member(verdict, "severity"), flat} {
		if s, _, ok := msgpack.ReadStr(severity, 0); ok && slices.Contains(severities, string(s)) {
			return true
		}
	}
	return false
}

// member returns the value under a key of a complete map, or nil.
func member(b []byte, name string) []byte {
	pairs, at, ok := msgpack.ReadMapHeader(b, 0)
	if !ok {
		return nil
	}
	for range pairs {
		key, value, isStr := msgpack.ReadStr(b, at)
		if !isStr {
			value, _ = msgpack.Skip(b, at)
		}
		end, err := msgpack.Skip(b, value)
		if err != nil {
			return nil
		}
		if isStr && string(key) == name {
			return b[value:end]
		}
		at = end
	}
	return nil
}
