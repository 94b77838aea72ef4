package main

import (
	"slices"
	"testing"

	"github.com/valyala/fastjson"

	"github.com/secretwatch/secretwatch/detector/msgpack"
)

func TestAppendTagged(t *testing.T) {
	keys := []string{"a", "b"}
	body := append(msgpack.AppendMapHeader(nil, 3), "\xa1x\x01\xa1a\x07\xa1b\xa1y"...)
	f := func(text, want string) {
		t.Helper()
		got, ok := appendTagged([]byte("> "), []byte(text), body, keys)
		if string(got) != "> "+want || ok != (want != "") {
			t.Fatalf("%s became %s, %v, want %s", text, got, ok, want)
		}
	}
	const added = `"a":7,"b":"y"`
	f(`{}`, `{`+added+`}`)
	f(` { } `, ` { `+added+`} `)
	f(`{"x":1}`, `{"x":1,`+added+`}`)
	f(`{"x":{"a":1}}`, `{"x":{"a":1},`+added+`}`)
	f(`{"a":1}`, `{`+added+`}`)
	f(`{"a":1,"b":2}`, `{`+added+`}`)
	f(`{"a":1,"x":2}`, `{"x":2,`+added+`}`)
	f(`{"x":2,"a":1}`, `{"x":2,`+added+`}`)
	f(`{"x":2,"a":1,"b":1}`, `{"x":2,`+added+`}`)
	f(`{"a":1,"x":2,"b":[1,{"c":"]}"}],"a":null,"y":3}`, `{"x":2,"y":3,`+added+`}`)
	f(`{"\u0061":1,"x":"\\"}`, `{"x":"\\",`+added+`}`)
	f(`{ "x" : 1.5e3 , "a" : true , "y" : "z" }`, `{ "x" : 1.5e3 , "y" : "z" ,`+added+`}`)
	f(``, ``)
	f(`[]`, ``)
	f(`"x"`, ``)
	f(`{"x"`, ``)
	f(`{"x":`, ``)
	f(`{"x":1`, ``)
	f(`{"x":"`, ``)
	f(`{"x\`, ``)
	f(`{"x":[[}`, ``)
	if _, ok := appendTagged(nil, []byte(`{}`), []byte{0x80}, keys); ok {
		t.Fatal("nothing was added")
	}
}

func FuzzAppendTagged(f *testing.F) {
	f.Add(`{"a":1,"x":{"b":[1,2]},"\u0061":"}"}`)
	f.Add(` { "x" : "\\\"" , "b":{} } `)
	keys := []string{"a", "b"}
	body := append(msgpack.AppendMapHeader(nil, 2), "\xa1a\x07\xa1b\xa1y"...)
	f.Fuzz(func(t *testing.T, text string) {
		out, ok := appendTagged(nil, []byte(text), body, keys)
		v, err := fastjson.Parse(text)
		if err != nil || v.Type() != fastjson.TypeObject {
			return
		}
		if !ok {
			t.Fatalf("%q was refused", text)
		}
		got, err := fastjson.ParseBytes(out)
		if err != nil {
			t.Fatalf("%q became %q: %v", text, out, err)
		}
		want := v.GetObject()
		var names []string
		want.Visit(func(key []byte, v *fastjson.Value) {
			if !slices.Contains(keys, string(key)) {
				names = append(names, string(key)+string(v.MarshalTo(nil)))
			}
		})
		names = append(names, "a7", `b"y"`)
		var have []string
		got.GetObject().Visit(func(key []byte, v *fastjson.Value) {
			have = append(have, string(key)+string(v.MarshalTo(nil)))
		})
		if !slices.Equal(names, have) {
			t.Fatalf("%q became %q", text, out)
		}
	})
}
