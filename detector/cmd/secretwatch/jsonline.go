package main

import (
	"slices"

	"github.com/valyala/fastjson"

	"github.com/secretwatch/secretwatch/detector/msgpack"
	"github.com/secretwatch/secretwatch/plugin/pipeline"
)

// appendRecord appends a record as a line of JSON. text is the line it was made of
// and was the body it had then. What can be kept of the line is kept byte for byte:
// the line itself where the record only gained fields, and the event's own text
// where that is a field of it.
func (r *replayer) appendRecord(dst, text, was, body []byte) []byte {
	keys := r.pipe.Keys()
	if !r.make.Structured {
		if line, ok := lineOf(was, r.make.Key); ok && string(line) == string(text) {
			// The text of the line was a field, and may have become shorter or an
			// item of what it was.
			if event, ok := fieldOf(body, r.make.Key); ok {
				if tagged, ok := appendTagged(dst, event, body, keys); ok {
					return tagged
				}
				return append(dst, event...)
			}
		} else if onlyGained(was, body, keys) {
			if tagged, ok := appendTagged(dst, text, body, keys); ok {
				return tagged
			}
		}
	}
	dst, _, _ = msgpack.AppendJSON(dst, body, 0)
	return dst
}

// lineOf returns the text of a body that has nothing but the field key.
func lineOf(body []byte, key string) ([]byte, bool) {
	if pairs, _, ok := msgpack.ReadMapHeader(body, 0); !ok || pairs != 1 {
		return nil, false
	}
	return fieldOf(body, key)
}

// fieldOf returns the text of the field key.
func fieldOf(body []byte, key string) ([]byte, bool) {
	pairs, at, _ := msgpack.ReadMapHeader(body, 0)
	for range pairs {
		name, value, ok := msgpack.ReadStr(body, at)
		if !ok {
			value, _ = msgpack.Skip(body, at)
		}
		if string(name) == key {
			text, _, ok := msgpack.ReadStr(body, value)
			return text, ok
		}
		at, _ = msgpack.Skip(body, value)
	}
	return nil, false
}

// onlyGained reports whether every pair of was is in body as it was, up to those
// called one of keys, which made way for new ones.
func onlyGained(was, body []byte, keys []string) bool {
	a, from, _ := msgpack.ReadMapHeader(was, 0)
	_, to, ok := msgpack.ReadMapHeader(body, 0)
	for ; a > 0 && ok; a-- {
		value, err := msgpack.Skip(was, from)
		if err != nil {
			return false
		}
		end, err := msgpack.Skip(was, value)
		if err != nil {
			return false
		}
		pair := was[from:end]
		if len(body)-to >= len(pair) && string(body[to:to+len(pair)]) == string(pair) {
			to += len(pair)
		} else if key, _, ok := msgpack.ReadStr(was, from); !ok || !slices.Contains(keys, string(key)) {
			return false
		}
		from = end
	}
	return ok
}

// appendTagged appends a line with the fields that its record gained: members of
// the same names are cut out of the line, the new ones set before the last brace,
// and the rest is kept byte for byte. body is the record's body with the fields;
// keys are their names. It reports false, and appends nothing, if the line is no
// JSON object; it cannot have been tagged then.
func appendTagged(dst, text, body []byte, keys []string) ([]byte, bool) {
	members, end, ok := membersOf(text)
	if !ok {
		return dst, false
	}
	added, n := fieldsOf(body, keys)
	if n == 0 {
		return dst, false
	}
	// What stands before, between and behind the members is kept with them.
	behind, kept := 0, 0
	for i, m := range members {
		if i == 0 {
			dst = append(dst, text[:m.from]...)
		}
		if !slices.Contains(keys, m.key) {
			if kept++; kept > 1 {
				dst = append(dst, text[behind:m.from]...)
			}
			dst = append(dst, text[m.from:m.to]...)
		}
		behind = m.to
	}
	dst = append(dst, text[behind:end]...)
	if kept > 0 {
		dst = append(dst, ',')
	}
	dst = pipeline.AppendMembers(dst, added, n)
	return append(dst, text[end:]...), true
}

// fieldsOf returns the pairs of a map that follow its first pair under one of
// keys, which are those that were added, and their number.
func fieldsOf(body []byte, keys []string) (fields []byte, n int) {
	pairs, at, _ := msgpack.ReadMapHeader(body, 0)
	for i := range pairs {
		key, _, _ := msgpack.ReadStr(body, at)
		if slices.Contains(keys, string(key)) {
			return body[at:], pairs - i
		}
		at, _ = msgpack.Skip(body, at)
		at, _ = msgpack.Skip(body, at)
	}
	return nil, 0
}

// member is one member of an object, text[from:to].
type member struct {
	from, to int
	key      string
}

// membersOf finds the members of the JSON object in text and its closing brace.
// text must be accepted by fastjson.
func membersOf(text []byte) (all []member, end int, ok bool) {
	at := blank(text, 0)
	if at == len(text) || text[at] != '{' {
		return nil, 0, false
	}
	for at = blank(text, at+1); at < len(text) && text[at] == '"'; {
		m := member{from: at}
		at = stringEnd(text, at)
		key, err := fastjson.ParseBytes(text[m.from:at])
		if err != nil {
			return nil, 0, false
		}
		m.key = string(key.GetStringBytes())
		at = valueEnd(text, blank(text, at)+1)
		m.to = at
		all = append(all, m)
		if at = blank(text, at); at < len(text) && text[at] == ',' {
			at = blank(text, at+1)
		}
	}
	return all, at, at < len(text) && text[at] == '}'
}

func blank(text []byte, at int) int {
	for at < len(text) && (text[at] == ' ' || text[at] == '\t' || text[at] == '\n' || text[at] == '\r') {
		at++
	}
	return at
}

// stringEnd returns the offset behind the string that starts at text[at].
func stringEnd(text []byte, at int) int {
	for at++; at < len(text); at++ {
		switch text[at] {
		case '\\':
			at++
		case '"':
			return at + 1
		}
	}
	return len(text)
}

// valueEnd returns the offset behind the value at or behind text[at].
func valueEnd(text []byte, at int) int {
	for depth, at := 0, min(blank(text, at), len(text)); ; {
		if at >= len(text) {
			return len(text)
		}
		switch text[at] {
		case '"':
			if at = stringEnd(text, at); depth == 0 {
				return at
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return at
			}
			if depth--; depth == 0 {
				return at + 1
			}
		case ',', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return at
			}
		}
		at++
	}
}
