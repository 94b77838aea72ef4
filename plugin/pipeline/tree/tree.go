// Package tree reads one value after another out of MessagePack or out of JSON
// text through the same few calls, so that what looks into records is written
// once. Nothing is decoded that nobody asks for, everything aliases the input,
// and every value knows where it stands, so that it can be cut out.
//
// JSON is read leniently: what is between the values that are asked for is
// skipped by its quotes and brackets alone. Text that is broken in a way that
// matters for finding the end of a value is reported as such.
package tree

import (
	"bytes"

	"github.com/secretwatch/secretwatch/detector/msgpack"
)

// Kind is the family of a value.
type Kind uint8

// Families of values. Broken is what cannot be read.
const (
	Broken Kind = iota
	Object
	Array
	String
	Other
)

// Value is one value as written. The zero Value is Broken.
type Value struct {
	b    []byte
	json bool
}

// Packed is the value at the start of b, which must be one complete MessagePack
// object.
func Packed(b []byte) Value { return Value{b, false} }

// JSON is the value that the text holds. Blanks around it are left out: the
// second result is the offset of its first byte in text.
func JSON(text []byte) (Value, int) {
	at := blank(text, 0)
	end := len(text)
	for end > at && isBlank(text[end-1]) {
		end--
	}
	return Value{text[at:end:end], true}, at
}

// IsJSON tells the encoding.
func (v Value) IsJSON() bool { return v.json }

// Raw is the value as written.
func (v Value) Raw() []byte { return v.b }

// Kind tells the family.
func (v Value) Kind() Kind {
	if len(v.b) == 0 {
		return Broken
	}
	if v.json {
		switch v.b[0] {
		case '{':
			return Object
		case '[':
			return Array
		case '"':
			return String
		}
		return Other
	}
	switch msgpack.TypeOf(v.b[0]) {
	case msgpack.Map:
		return Object
	case msgpack.Array:
		return Array
	case msgpack.Str, msgpack.Bin:
		return String
	case msgpack.Invalid:
		return Broken
	}
	return Other
}

// Content is what stands between the quotes of a String as written, and its
// offset in Raw. plain says that it is also what the string means: that is so
// for MessagePack and for JSON without escapes.
func (v Value) Content() (raw []byte, at int, plain bool) {
	if v.json {
		if len(v.b) < 2 || v.b[0] != '"' || v.b[len(v.b)-1] != '"' {
			return nil, 0, true
		}
		raw = v.b[1 : len(v.b)-1]
		return raw, 1, bytes.IndexByte(raw, '\\') < 0
	}
	s, end, ok := msgpack.ReadStr(v.b, 0)
	if !ok {
		s, end, _ = msgpack.ReadBin(v.b, 0)
	}
	return s, end - len(s), true
}

// Text is what a String means, or nil for any other value. It aliases the input
// or, where there were escapes, *buf, to which it is appended.
func (v Value) Text(buf *[]byte) []byte {
	if v.Kind() != String {
		return nil
	}
	raw, _, plain := v.Content()
	if plain {
		return raw
	}
	from := len(*buf)
	*buf = Unescape(*buf, raw)
	return (*buf)[from:len(*buf):len(*buf)]
}

// Int is an integer value; ok is false for any other.
func (v Value) Int() (n int64, ok bool) {
	if !v.json {
		n, _, ok = msgpack.ReadInt(v.b, 0)
		if f, _, isFloat := msgpack.ReadFloat(v.b, 0); isFloat && f == float64(int64(f)) {
			return int64(f), true
		}
		return n, ok
	}
	b := v.b
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		b = b[1:]
	}
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if negative {
		n = -n
	}
	return n, true
}

// True reports whether the value is true.
func (v Value) True() bool {
	if v.json {
		return string(v.b) == "true"
	}
	return len(v.b) > 0 && v.b[0] == 0xc3
}

// Get returns the member of an Object, the last of that name as decoders do, or
// a Broken value.
func (v Value) Get(key string) (found Value) {
	for m := v.Members(); m.Next(); {
		if string(m.Key) == key {
			found = m.Value
		}
	}
	return found
}

// Iterator walks the members of an Object or the elements of an Array. The zero
// Iterator has none.
type Iterator struct {
	b     []byte
	left  int // MessagePack: what is still to come
	at    int
	state uint8
	json  bool
	keys  bool

	// Key is a member's name. It aliases the input unless there are escapes.
	Key []byte
	// Value is a member's value, or an element.
	Value Value
	// From and To are the offsets in Raw of a member or element, separators
	// left out. ValueAt is that of Value.
	From, ValueAt, To int
}

// States of an Iterator over JSON.
const (
	walking uint8 = iota
	first
	done
	broken
)

// Members walks an Object, and nothing of any other value.
func (v Value) Members() Iterator { return v.walk(Object) }

// Elements walks an Array, and nothing of any other value.
func (v Value) Elements() Iterator { return v.walk(Array) }

func (v Value) walk(k Kind) (it Iterator) {
	if v.Kind() != k {
		return it
	}
	it.b, it.json, it.keys = v.b, v.json, k == Object
	if v.json {
		it.at, it.state = 1, first
		return it
	}
	if it.keys {
		it.left, it.at, _ = msgpack.ReadMapHeader(v.b, 0)
	} else {
		it.left, it.at, _ = msgpack.ReadArrayHeader(v.b, 0)
	}
	return it
}

// Broken says, once Next returned false, that it did so before the value's end.
func (it *Iterator) Broken() bool { return it.state == broken }

// Next goes to the next member or element.
func (it *Iterator) Next() bool {
	if it.json {
		return it.nextJSON()
	}
	if it.left == 0 {
		return false
	}
	it.left--
	it.From, it.Key = it.at, nil
	at := it.at
	if it.keys {
		key, next, ok := msgpack.ReadStr(it.b, at)
		if !ok {
			var err error
			if next, err = msgpack.Skip(it.b, at); err != nil {
				return it.fail()
			}
		}
		it.Key, at = key, next
	}
	end, err := msgpack.Skip(it.b, at)
	if err != nil {
		return it.fail()
	}
	it.Value, it.ValueAt, it.To, it.at = Value{it.b[at:end:end], false}, at, end, end
	return true
}

func (it *Iterator) fail() bool {
	it.left, it.state = 0, broken
	return false
}

func (it *Iterator) nextJSON() bool {
	if it.state >= done {
		return false
	}
	b := it.b
	at := blank(b, it.at)
	end := byte(']')
	if it.keys {
		end = '}'
	}
	if at < len(b) && b[at] == end {
		it.state = done
		if blank(b, at+1) != len(b) {
			it.state = broken
		}
		return false
	}
	if it.state != first {
		if at >= len(b) || b[at] != ',' {
			return it.fail()
		}
		at = blank(b, at+1)
	}
	it.state, it.From = walking, at
	if it.keys {
		if at >= len(b) || b[at] != '"' {
			return it.fail()
		}
		next, ok := skipString(b, at)
		if !ok {
			return it.fail()
		}
		it.Key = b[at+1 : next-1]
		if bytes.IndexByte(it.Key, '\\') >= 0 {
			it.Key = Unescape(nil, it.Key)
		}
		if at = blank(b, next); at >= len(b) || b[at] != ':' {
			return it.fail()
		}
		at = blank(b, at+1)
	}
	next, ok := skipJSON(b, at)
	if !ok {
		return it.fail()
	}
	it.Value, it.ValueAt, it.To, it.at = Value{b[at:next:next], true}, at, next, next
	return true
}
