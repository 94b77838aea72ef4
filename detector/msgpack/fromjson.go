package msgpack

import (
	"strconv"

	"github.com/valyala/fastjson"
)

// AppendValue appends a parsed JSON value the way Fluent Bit's JSON parser
// writes it: integers as integers, other numbers as float64. Object keys keep
// their order and their repetitions. Its recursion is bounded by the depth that
// fastjson accepts, 300.
func AppendValue(dst []byte, v *fastjson.Value) []byte {
	switch v.Type() {
	case fastjson.TypeObject:
		o := v.GetObject()
		dst = AppendMapHeader(dst, o.Len())
		o.Visit(func(key []byte, v *fastjson.Value) {
			dst = AppendStr(dst, key)
			dst = AppendValue(dst, v)
		})
	case fastjson.TypeArray:
		a := v.GetArray()
		dst = AppendArrayHeader(dst, len(a))
		for _, e := range a {
			dst = AppendValue(dst, e)
		}
	case fastjson.TypeString:
		s, _ := v.StringBytes()
		dst = AppendStr(dst, s)
	case fastjson.TypeNumber:
		text := v.MarshalTo(nil)
		if n, err := strconv.ParseInt(string(text), 10, 64); err == nil {
			return AppendInt(dst, n)
		}
		if n, err := strconv.ParseUint(string(text), 10, 64); err == nil {
			return AppendUint(dst, n)
		}
		dst = AppendFloat(dst, v.GetFloat64())
	case fastjson.TypeTrue, fastjson.TypeFalse:
		dst = AppendBool(dst, v.Type() == fastjson.TypeTrue)
	default:
		dst = AppendNil(dst)
	}
	return dst
}
