package chunk

import "github.com/secretwatch/secretwatch/detector/msgpack"

// SetFields plans that the map at chunk[at:end] gains pairs key-value pairs,
// whose MessagePack stands in fields. Pairs that the map has under one of keys
// are dropped, so that no key is there twice; all others stay byte for byte.
// keys should name the keys in fields. It reports false, and plans nothing, if
// there is no complete map.
func (e *Edits) SetFields(chunk []byte, at, end int, keys []string, pairs int, fields []byte) bool {
	b := chunk[:end]
	have, first, ok := msgpack.ReadMapHeader(b, at)
	if !ok {
		return false
	}
	// A first pass counts: the new header stands before the pairs it counts.
	dropped, pos := 0, first
	for range have {
		drop, next, ok := matchPair(b, pos, keys)
		if !ok {
			return false
		}
		if drop {
			dropped++
		}
		pos = next
	}
	if pos != end {
		return false
	}
	var header [5]byte
	e.Replace(at, first-at, msgpack.AppendMapHeader(header[:0], have-dropped+pairs))
	for pos := first; dropped > 0; {
		drop, next, _ := matchPair(b, pos, keys)
		if drop {
			e.Replace(pos, next-pos, nil)
			dropped--
		}
		pos = next
	}
	e.Replace(end, 0, fields)
	return true
}

// matchPair reports whether the pair at b[at] has one of keys, and where the
// next one starts.
func matchPair(b []byte, at int, keys []string) (match bool, next int, ok bool) {
	key, value, ok := msgpack.ReadStr(b, at)
	if ok {
		for _, k := range keys {
			if string(key) == k {
				match = true
			}
		}
	} else {
		var err error
		if value, err = msgpack.Skip(b, at); err != nil {
			return false, at, false
		}
	}
	next, err := msgpack.Skip(b, value)
	return match, next, err == nil
}
