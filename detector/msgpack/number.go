package msgpack

import "math"

// ReadInt reads the integer at b[at], in any of its forms. ok is false if there
// is another object, if b ends, or if the value does not fit int64.
func ReadInt(b []byte, at int) (v int64, next int, ok bool) {
	if uint(at) >= uint(len(b)) {
		return 0, at, false
	}
	c, rest := b[at], b[at+1:]
	switch {
	case c <= 0x7f || c >= 0xe0:
		return int64(int8(c)), at + 1, true
	case c == 0xcc && len(rest) >= 1:
		return int64(rest[0]), at + 2, true
	case c == 0xcd && len(rest) >= 2:
		return int64(be16(rest)), at + 3, true
	case c == 0xce && len(rest) >= 4:
		return int64(be32(rest)), at + 5, true
	case c == 0xcf && len(rest) >= 8:
		u := be64(rest)
		return int64(u), at + 9, u <= math.MaxInt64
	case c == 0xd0 && len(rest) >= 1:
		return int64(int8(rest[0])), at + 2, true
	case c == 0xd1 && len(rest) >= 2:
		return int64(int16(be16(rest))), at + 3, true
	case c == 0xd2 && len(rest) >= 4:
		return int64(int32(be32(rest))), at + 5, true
	case c == 0xd3 && len(rest) >= 8:
		return int64(be64(rest)), at + 9, true
	}
	return 0, at, false
}

// ReadFloat reads the float32 or float64 at b[at].
func ReadFloat(b []byte, at int) (v float64, next int, ok bool) {
	if uint(at) >= uint(len(b)) {
		return 0, at, false
	}
	c, rest := b[at], b[at+1:]
	switch {
	case c == 0xca && len(rest) >= 4:
		return float64(math.Float32frombits(uint32(be32(rest)))), at + 5, true
	case c == 0xcb && len(rest) >= 8:
		return math.Float64frombits(be64(rest)), at + 9, true
	}
	return 0, at, false
}

// ReadUint64 reads the uint64 form at b[at], the only one that may not fit
// ReadInt.
func ReadUint64(b []byte, at int) (v uint64, next int, ok bool) {
	if uint(at) >= uint(len(b)) || b[at] != 0xcf || len(b)-at < 9 {
		return 0, at, false
	}
	return be64(b[at+1:]), at + 9, true
}

func be16(b []byte) uint64 { return uint64(b[1]) | uint64(b[0])<<8 }

func be32(b []byte) uint64 {
	_ = b[3]
	return uint64(b[3]) | uint64(b[2])<<8 | uint64(b[1])<<16 | uint64(b[0])<<24
}

func be64(b []byte) uint64 { return be32(b)<<32 | be32(b[4:]) }
