package audit

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/valyala/fastjson"
)

// Parser reads audit events from JSON text. The zero value is ready. It may not
// be used from several goroutines at once.
type Parser struct {
	p     fastjson.Parser
	large bool // p holds the memory of a large input
}

// ErrSyntax is wrapped by the errors for text that is no JSON.
var ErrSyntax = errors.New("broken JSON")

// largeInput is the size in bytes from which the parser's memory is given back
// afterwards. fastjson keeps some 100 bytes a value.
const largeInput = 256 << 10

// ParseJSON fills ev from the JSON text of one audit event. data is copied, so
// it may change afterwards; what ev holds aliases the parser's memory and is
// valid until the next call.
//
// A field of another type than the API's is taken as absent. Escapes that are
// no JSON and lone surrogates stay as they are written, invalid UTF-8 is passed
// on. Errors are ErrNotAudit, or wrap ErrSyntax for text that is broken or
// nested deeper than 300 levels; ev is then in no defined state.
func (p *Parser) ParseJSON(data []byte, ev *Event) error {
	if p.large {
		p.p, p.large = fastjson.Parser{}, false
	}
	p.large = len(data) > largeInput
	ev.Reset()
	v, err := p.p.ParseBytes(data)
	if err != nil {
		return fmt.Errorf("%w: %.200s", ErrSyntax, err.Error())
	}
	if v.Type() != fastjson.TypeObject {
		return ErrNotAudit
	}
	var s shape
	v.GetObject().Visit(func(key []byte, v *fastjson.Value) {
		switch v.Type() {
		case fastjson.TypeString:
			ev.setTop(aliasOf(key), jsonString(v), &s)
		case fastjson.TypeObject:
			switch string(key) {
			case "user":
				jsonUser(v, &ev.User)
			case "impersonatedUser":
				jsonUser(v, &ev.Impersonated)
			case "objectRef":
				v.GetObject().Visit(func(key []byte, v *fastjson.Value) {
					jsonSet(ev.reference(aliasOf(key)), v)
				})
			case "annotations":
				v.GetObject().Visit(func(key []byte, v *fastjson.Value) {
					jsonSet(ev.annotation(aliasOf(key)), v)
				})
			case "responseStatus":
				jsonStatus(v, ev)
			}
		case fastjson.TypeArray:
			if string(key) == "sourceIPs" {
				ev.SourceIPs = jsonStrings(v, ev.SourceIPs[:0])
			}
		}
	})
	if !s.isAudit() {
		return ErrNotAudit
	}
	return nil
}

func jsonUser(v *fastjson.Value, u *User) {
	v.GetObject().Visit(func(key []byte, v *fastjson.Value) {
		switch string(key) {
		case "username":
			jsonSet(&u.Username, v)
		case "uid":
			jsonSet(&u.UID, v)
		case "groups":
			if v.Type() == fastjson.TypeArray {
				u.Groups = jsonStrings(v, u.Groups[:0])
			}
		case "extra":
			if v.Type() != fastjson.TypeObject {
				return
			}
			v.GetObject().Visit(func(key []byte, v *fastjson.Value) {
				field := u.extra(aliasOf(key))
				if field == nil || v.Type() != fastjson.TypeArray {
					return
				}
				if a := v.GetArray(); len(a) > 0 {
					jsonSet(field, a[0])
				}
			})
		}
	})
}

func jsonStatus(v *fastjson.Value, ev *Event) {
	v.GetObject().Visit(func(key []byte, v *fastjson.Value) {
		switch string(key) {
		case "message":
			jsonSet(&ev.StatusMessage, v)
		case "code":
			if v.Type() != fastjson.TypeNumber {
				return
			}
			if n, ok := codeOf(v.GetFloat64()); ok {
				ev.Code = n
			}
		}
	})
}

// jsonSet sets a field that may be nil to v if v is a string.
func jsonSet(field *string, v *fastjson.Value) {
	if field != nil && v.Type() == fastjson.TypeString {
		*field = jsonString(v)
	}
}

// jsonStrings appends the strings of an array; other elements are left out.
func jsonStrings(v *fastjson.Value, dst []string) []string {
	for _, e := range v.GetArray() {
		if e.Type() == fastjson.TypeString {
			dst = append(dst, jsonString(e))
		}
	}
	return dst
}

// jsonString returns the text of a string value, aliasing the parser's memory.
func jsonString(v *fastjson.Value) string {
	b, _ := v.StringBytes()
	return aliasOf(b)
}

// aliasOf is b as a string that shares its memory.
func aliasOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
