package tree

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/valyala/fastjson"

	"github.com/secretwatch/secretwatch/detector/msgpack"
)

// show writes a value plainly, whatever its encoding.
func show(v Value) string {
	var buf []byte
	switch v.Kind() {
	case Object:
		s, m := "{", v.Members()
		for m.Next() {
			s += string(m.Key) + "=" + show(m.Value) + ";"
		}
		if m.Broken() {
			return s + "!"
		}
		return s + "}"
	case Array:
		s, e := "[", v.Elements()
		for e.Next() {
			s += show(e.Value) + ";"
		}
		if e.Broken() {
			return s + "!"
		}
		return s + "]"
	case String:
		return "'" + string(v.Text(&buf)) + "'"
	case Broken:
		return "!"
	}
	if n, ok := v.Int(); ok {
		return fmt.Sprint(n)
	}
	if v.True() {
		return "true"
	}
	return "other"
}

func TestValue(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		v, _ := JSON([]byte(text))
		if got := show(v); got != want {
			t.Fatalf("%s: got %s, want %s", text, got, want)
		}
		if strings.Contains(want, "!") {
			return
		}
		p := Packed(msgpack.AppendValue(nil, fastjson.MustParse(text)))
		if got := show(p); got != want {
			t.Fatalf("%s packed: got %s, want %s", text, got, want)
		}
	}
	f(`{}`, `{}`)
	f(" {\t} \n", `{}`)
	f(`[]`, `[]`)
	f(`{"a":1,"b":[true,null,-5,"x"],"c":{"d":"e"}}`, `{a=1;b=[true;other;-5;'x';];c={d='e';};}`)
	f(` { "a" : 1 , "b" : [ 1 , { } ] } `, `{a=1;b=[1;{};];}`)
	f(`{"a\u0062\"":"\\\"\/\n\ud83d\ude00\u00e9"}`, "{ab\"='\\\"/\n😀é';}")
	f(`{"a":"}]{[\\","b":"\\\\\""}`, `{a='}]{[\';b='\\"';}`)
	f(`[1.5,9223372036854775807123]`, `[other;other;]`)
	f(`{"a":1`, `{a=1;!`)
	f(`{"a":[1,2}`, `{a=[1;2;!;!`)
	f(`{"a":"x`, `{!`)
	f(`{"a"}`, `{!`)
	f(`{"a":1,}`, `{a=1;!`)
	f(`{"a":1}x`, `{a=1;!`)
	f(`[1 2]`, `[1;!`)
	f(``, `!`)
	f(`{"a":}`, `{!`)
	if got := show(Packed([]byte{0x81, 0x05, 0xa1, 'x'})); got != "{='x';}" {
		t.Fatal(got)
	}
	if got := show(Packed([]byte{0xc4, 1, 'x'})); got != "'x'" {
		t.Fatal(got)
	}
	deep := strings.Repeat(`[`, 1<<20) + strings.Repeat(`]`, 1<<20)
	v, _ := JSON([]byte(deep))
	if e := v.Elements(); !e.Next() || e.Next() || e.Broken() {
		t.Fatal("deep nesting was not skipped")
	}
}

func TestGet(t *testing.T) {
	v, at := JSON([]byte(`  {"a":1,"b":2,"a":3}`))
	if n, _ := v.Get("a").Int(); n != 3 || at != 2 || v.Get("c").Kind() != Broken {
		t.Fatal(n, at)
	}
}

func TestMapper(t *testing.T) {
	f := func(raw string) {
		t.Helper()
		plain := Unescape(nil, []byte(raw))
		m := NewMapper([]byte(raw))
		for i := 0; i <= len(plain); i++ {
			at := m.Raw(i)
			// What stands before the place means the same in both, unless the
			// offset is within an escape.
			got := Unescape(nil, []byte(raw[:at]))
			if string(got) != string(plain[:len(got)]) || len(got) > i || i-len(got) > 3 {
				t.Fatalf("%q: %d is %d: %q", raw, i, at, got)
			}
		}
	}
	f(``)
	f(`plain`)
	f(`\"a\\b\u00e9\ud83d\ude00\n`)
	f(`\`)
	f(`\u12`)
	f(`\x\ud800z`)
}

func FuzzJSON(f *testing.F) {
	f.Add(`{"a":[1,{"b":"\u0041\\"}],"a":null}`)
	f.Add(` [1 , "x"] `)
	f.Fuzz(func(t *testing.T, text string) {
		v, _ := JSON([]byte(text))
		got := show(v)
		if !json.Valid([]byte(text)) {
			return
		}
		if strings.Contains(got, "!") && !strings.Contains(text, "!") && !strings.Contains(text, "u0021") {
			t.Fatalf("valid text is broken: %s", got)
		}
	})
}
