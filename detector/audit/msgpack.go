package audit

import "github.com/secretwatch/secretwatch/detector/msgpack"

// ParseMsgpack fills ev from one audit event as a MessagePack map, the shape it
// has behind Fluent Bit's JSON parser or its HTTP input. What ev holds aliases
// body and is valid as long as body is.
//
// A field of another type than the API's is taken as absent, and so are keys
// that are no strings. Errors are ErrNotAudit and those of msgpack.Skip; ev is
// then in no defined state.
func ParseMsgpack(body []byte, ev *Event) error {
	ev.Reset()
	end, err := msgpack.Skip(body, 0)
	if err != nil {
		return err
	}
	if msgpack.TypeOf(body[0]) != msgpack.Map {
		return ErrNotAudit
	}
	// From here on everything is known to be complete.
	var s shape
	it := pairsOf(body[:end])
	for it.next() {
		switch it.kind {
		case msgpack.Str:
			ev.setTop(aliasOf(it.key), it.str(), &s)
		case msgpack.Map:
			switch string(it.key) {
			case "user":
				packUser(it.value(), &ev.User)
			case "impersonatedUser":
				packUser(it.value(), &ev.Impersonated)
			case "objectRef":
				for in := pairsOf(it.value()); in.next(); {
					in.set(ev.reference(aliasOf(in.key)))
				}
			case "annotations":
				for in := pairsOf(it.value()); in.next(); {
					in.set(ev.annotation(aliasOf(in.key)))
				}
			case "responseStatus":
				packStatus(it.value(), ev)
			}
		case msgpack.Array:
			if string(it.key) == "sourceIPs" {
				ev.SourceIPs = packStrings(it.value(), ev.SourceIPs[:0])
			}
		}
	}
	if !s.isAudit() {
		return ErrNotAudit
	}
	return nil
}

func packUser(b []byte, u *User) {
	for it := pairsOf(b); it.next(); {
		switch string(it.key) {
		case "username":
			it.set(&u.Username)
		case "uid":
			it.set(&u.UID)
		case "groups":
			if it.kind == msgpack.Array {
				u.Groups = packStrings(it.value(), u.Groups[:0])
			}
		case "extra":
			if it.kind != msgpack.Map {
				continue
			}
			for in := pairsOf(it.value()); in.next(); {
				field := u.extra(aliasOf(in.key))
				if field == nil || in.kind != msgpack.Array {
					continue
				}
				n, at, _ := msgpack.ReadArrayHeader(in.b, in.from)
				if n == 0 {
					continue
				}
				if v, _, ok := msgpack.ReadStr(in.b, at); ok {
					*field = aliasOf(v)
				}
			}
		}
	}
}

func packStatus(b []byte, ev *Event) {
	for it := pairsOf(b); it.next(); {
		switch string(it.key) {
		case "message":
			it.set(&ev.StatusMessage)
		case "code":
			f, _, ok := msgpack.ReadFloat(it.b, it.from)
			if n, _, isInt := msgpack.ReadInt(it.b, it.from); isInt {
				f, ok = float64(n), true
			}
			if n, fits := codeOf(f); ok && fits {
				ev.Code = n
			}
		}
	}
}

// packStrings appends the strings of an array; other elements are left out.
func packStrings(b []byte, dst []string) []string {
	n, at, _ := msgpack.ReadArrayHeader(b, 0)
	for range n {
		if s, next, ok := msgpack.ReadStr(b, at); ok {
			dst, at = append(dst, aliasOf(s)), next
		} else {
			at, _ = msgpack.Skip(b, at)
		}
	}
	return dst
}

// pairs walks the pairs of a complete map whose keys are strings.
type pairs struct {
	b    []byte
	left int // pairs that are still to come
	at   int // offset behind the current pair

	key  []byte       // of the current pair
	kind msgpack.Type // of its value
	from int          // offset of its value
}

func pairsOf(b []byte) pairs {
	n, at, _ := msgpack.ReadMapHeader(b, 0)
	return pairs{b: b, left: n, at: at}
}

func (p *pairs) next() bool {
	for p.left > 0 {
		p.left--
		key, from, ok := msgpack.ReadStr(p.b, p.at)
		if !ok {
			from, _ = msgpack.Skip(p.b, p.at)
		}
		p.at, _ = msgpack.Skip(p.b, from)
		if ok {
			p.key, p.from, p.kind = key, from, msgpack.TypeOf(p.b[from])
			return true
		}
	}
	return false
}

// value returns the current value as written.
func (p *pairs) value() []byte { return p.b[p.from:p.at] }

// str returns the text of the current value, which must be a str.
func (p *pairs) str() string {
	s, _, _ := msgpack.ReadStr(p.b, p.from)
	return aliasOf(s)
}

// set sets a field that may be nil to the current value if that is a str.
func (p *pairs) set(field *string) {
	if field != nil && p.kind == msgpack.Str {
		*field = p.str()
	}
}
