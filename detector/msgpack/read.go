// Package msgpack reads, skips and writes MessagePack in byte slices. It knows
// no reflection and no intermediate values: what is read aliases the input,
// what is written is appended. Nothing in it recurses, so no input can exhaust
// the stack.
//
// Format: https://github.com/msgpack/msgpack/blob/master/spec.md
package msgpack

import "errors"

// Errors of Skip. They carry no offset: Skip returns it beside them.
var (
	ErrTruncated = errors.New("MessagePack ends within an object")
	ErrInvalid   = errors.New("byte 0xc1 is no MessagePack")
)

// Type is the family of a MessagePack object.
type Type uint8

// Families of objects. Int is every integer that is written as signed or as a
// positive fixint, Uint the unsigned forms.
const (
	Invalid Type = iota
	Nil
	Bool
	Int
	Uint
	Float
	Str
	Bin
	Array
	Map
	Ext
)

// TypeOf tells the family of the object that starts with byte c.
func TypeOf(c byte) Type { return families[c] }

var families = func() (t [256]Type) {
	set := func(from, to int, f Type) {
		for c := from; c <= to; c++ {
			t[c] = f
		}
	}
	set(0x00, 0x7f, Int)
	set(0x80, 0x8f, Map)
	set(0x90, 0x9f, Array)
	set(0xa0, 0xbf, Str)
	set(0xc0, 0xc0, Nil)
	set(0xc2, 0xc3, Bool)
	set(0xc4, 0xc6, Bin)
	set(0xc7, 0xc9, Ext)
	set(0xca, 0xcb, Float)
	set(0xcc, 0xcf, Uint)
	set(0xd0, 0xd3, Int)
	set(0xd4, 0xd8, Ext)
	set(0xd9, 0xdb, Str)
	set(0xdc, 0xdd, Array)
	set(0xde, 0xdf, Map)
	set(0xe0, 0xff, Int)
	return t
}()

// layouts says for every first byte how many bytes the object has without its
// children (low byte) and how many children follow (high byte). 0 stands for
// lengths that are written behind the first byte.
var layouts = func() (t [256]uint16) {
	for c := range 256 {
		switch {
		case c <= 0x7f, c >= 0xe0, c == 0xc0, c == 0xc2, c == 0xc3:
			t[c] = 1
		case c <= 0x8f:
			t[c] = 1 | uint16(2*(c&0x0f))<<8
		case c <= 0x9f:
			t[c] = 1 | uint16(c&0x0f)<<8
		case c <= 0xbf:
			t[c] = uint16(1 + c&0x1f)
		}
	}
	t[0xca], t[0xcb] = 5, 9
	t[0xcc], t[0xcd], t[0xce], t[0xcf] = 2, 3, 5, 9
	t[0xd0], t[0xd1], t[0xd2], t[0xd3] = 2, 3, 5, 9
	t[0xd4], t[0xd5], t[0xd6], t[0xd7], t[0xd8] = 3, 4, 6, 10, 18
	return t
}()

// Skip returns the offset just behind the object that starts at b[at]. On
// error it returns the offset of the object that could not be read, or len(b) if
// b ends before or within it.
//
// It counts the objects that are still to come instead of descending, so its
// cost is linear in the bytes skipped and independent of nesting. A container
// that claims more children than bytes are left is refused at once.
func Skip(b []byte, at int) (int, error) {
	for left := 1; left > 0; left-- {
		if uint(at) >= uint(len(b)) {
			return len(b), ErrTruncated
		}
		c := b[at]
		// Short strings are most of what there is, and the branch on them is
		// cheaper than waiting for the table.
		if c&0xe0 == 0xa0 {
			at += 1 + int(c&0x1f)
			continue
		}
		if c == 0xd9 && at+1 < len(b) {
			at += 2 + int(b[at+1])
			continue
		}
		if t := layouts[c]; t != 0 {
			at += int(t & 0xff)
			left += int(t >> 8)
			continue
		}
		rest := b[at:]
		var head, size, children uint64
		switch c {
		case 0xd9, 0xc4, 0xc7:
			if len(rest) < 2 {
				return at, ErrTruncated
			}
			head, size = 2, uint64(rest[1])
			if c == 0xc7 {
				head++
			}
		case 0xda, 0xc5, 0xc8:
			if len(rest) < 3 {
				return at, ErrTruncated
			}
			head, size = 3, be16(rest[1:])
			if c == 0xc8 {
				head++
			}
		case 0xdb, 0xc6, 0xc9:
			if len(rest) < 5 {
				return at, ErrTruncated
			}
			head, size = 5, be32(rest[1:])
			if c == 0xc9 {
				head++
			}
		case 0xdc:
			if len(rest) < 3 {
				return at, ErrTruncated
			}
			head, children = 3, be16(rest[1:])
		case 0xdd:
			if len(rest) < 5 {
				return at, ErrTruncated
			}
			head, children = 5, be32(rest[1:])
		case 0xde:
			if len(rest) < 3 {
				return at, ErrTruncated
			}
			head, children = 3, 2*be16(rest[1:])
		case 0xdf:
			if len(rest) < 5 {
				return at, ErrTruncated
			}
			head, children = 5, 2*be32(rest[1:])
		default:
			return at, ErrInvalid
		}
		// Every child takes a byte at least.
		if head+size+children > uint64(len(rest)) {
			return at, ErrTruncated
		}
		at += int(head + size)
		left += int(children)
	}
	if at > len(b) {
		return len(b), ErrTruncated
	}
	return at, nil
}

// ReadStr reads the str object at b[at]: its bytes, which alias b, and the
// offset behind it. ok is false, and nothing else meant, if there is another
// object or b ends.
func ReadStr(b []byte, at int) (s []byte, next int, ok bool) {
	if uint(at) >= uint(len(b)) {
		return nil, at, false
	}
	var size uint64
	switch c := b[at]; {
	case c&0xe0 == 0xa0:
		size, next = uint64(c&0x1f), at+1
	case c == 0xd9 && len(b)-at >= 2:
		size, next = uint64(b[at+1]), at+2
	case c == 0xda && len(b)-at >= 3:
		size, next = be16(b[at+1:]), at+3
	case c == 0xdb && len(b)-at >= 5:
		size, next = be32(b[at+1:]), at+5
	default:
		return nil, at, false
	}
	if size > uint64(len(b)-next) {
		return nil, at, false
	}
	end := next + int(size)
	return b[next:end:end], end, true
}

// ReadBin reads the bin object at b[at] the way ReadStr reads a str.
func ReadBin(b []byte, at int) (s []byte, next int, ok bool) {
	if uint(at) >= uint(len(b)) {
		return nil, at, false
	}
	var size uint64
	switch c := b[at]; {
	case c == 0xc4 && len(b)-at >= 2:
		size, next = uint64(b[at+1]), at+2
	case c == 0xc5 && len(b)-at >= 3:
		size, next = be16(b[at+1:]), at+3
	case c == 0xc6 && len(b)-at >= 5:
		size, next = be32(b[at+1:]), at+5
	default:
		return nil, at, false
	}
	if size > uint64(len(b)-next) {
		return nil, at, false
	}
	end := next + int(size)
	return b[next:end:end], end, true
}

// ReadMapHeader reads the header of the map at b[at]: the number of pairs and
// the offset of the first key. ok is false if there is another object or the
// pairs cannot fit in what is left of b.
func ReadMapHeader(b []byte, at int) (pairs, next int, ok bool) {
	if uint(at) >= uint(len(b)) {
		return 0, at, false
	}
	var n uint64
	switch c := b[at]; {
	case c&0xf0 == 0x80:
		n, next = uint64(c&0x0f), at+1
	case c == 0xde && len(b)-at >= 3:
		n, next = be16(b[at+1:]), at+3
	case c == 0xdf && len(b)-at >= 5:
		n, next = be32(b[at+1:]), at+5
	default:
		return 0, at, false
	}
	if 2*n > uint64(len(b)-next) {
		return 0, at, false
	}
	return int(n), next, true
}

// ReadArrayHeader reads the header of the array at b[at] the way ReadMapHeader
// reads that of a map.
func ReadArrayHeader(b []byte, at int) (n, next int, ok bool) {
	if uint(at) >= uint(len(b)) {
		return 0, at, false
	}
	var size uint64
	switch c := b[at]; {
	case c&0xf0 == 0x90:
		size, next = uint64(c&0x0f), at+1
	case c == 0xdc && len(b)-at >= 3:
		size, next = be16(b[at+1:]), at+3
	case c == 0xdd && len(b)-at >= 5:
		size, next = be32(b[at+1:]), at+5
	default:
		return 0, at, false
	}
	if size > uint64(len(b)-next) {
		return 0, at, false
	}
	return int(size), next, true
}
