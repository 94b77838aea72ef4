package audit

import (
	"testing"

	"github.com/valyala/fastjson"

	"github.com/secretwatch/secretwatch/detector/msgpack"
)

func FuzzParseJSON(f *testing.F) {
	f.Add(full)
	f.Add(`{"auditID":"a","stage":"Panic","verb":"get","sourceIPs":["\ud83d\ude00",null],"user":{"extra":{"x":[1]}}}`)
	f.Add(`{"kind":"Event","apiVersion":"audit.k8s.io/v1","responseStatus":{"code":4.03e2}}`)
	f.Add(`{"kind":"Event","apiVersion":"audit.k8s.io/v1","x":[true,{"a":nan,"b":[-inf]},"\\\""],"verb":"\u0067\/\x"}`)
	f.Fuzz(func(t *testing.T, text string) {
		compare(t, text)
		_, _ = parseBoth(t, text)
	})
}

func FuzzParseMsgpack(f *testing.F) {
	f.Add(msgpack.AppendValue(nil, fastjson.MustParse(full)))
	f.Add([]byte{0xdf, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0x82, 0xa4, 'k', 'i', 'n', 'd', 0xc0, 0x01, 0x91, 0xc4, 0x01, 0x00})
	f.Fuzz(func(t *testing.T, b []byte) {
		var ev Event
		if err := ParseMsgpack(b, &ev); err != nil {
			return
		}
		// The same again, and from reused memory.
		if err := ParseMsgpack(b, &ev); err != nil {
			t.Fatal(err)
		}
	})
}
