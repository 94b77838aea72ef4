package msgpack

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/valyala/fastjson"
)

func str(n int) []byte { return AppendStr(nil, strings.Repeat("x", n)) }

func TestSkip(t *testing.T) {
	f := func(object []byte) {
		t.Helper()
		// Something before and behind it, so that offsets matter.
		b := append(append([]byte{0xc0}, object...), 0xc3)
		if end, err := Skip(b, 1); err != nil || end != 1+len(object) {
			t.Fatalf("Skip(% x) = %d, %v, want %d", object[:min(len(object), 32)], end, err, 1+len(object))
		}
		for i := range object[:min(len(object), 300)] {
			if end, err := Skip(object[:i], 0); err == nil {
				t.Fatalf("Skip of the first %d bytes of % x = %d, want an error", i, object[:min(len(object), 32)], end)
			}
		}
	}
	f([]byte{0x00})
	f([]byte{0x7f})
	f([]byte{0xff})
	f([]byte{0xe0})
	f([]byte{0xc0})
	f([]byte{0xc2})
	f([]byte{0xc3})
	f([]byte{0x80})
	f([]byte{0x90})
	f([]byte{0xa0})
	f([]byte{0xcc, 1})
	f([]byte{0xcd, 1, 2})
	f([]byte{0xce, 1, 2, 3, 4})
	f([]byte{0xcf, 1, 2, 3, 4, 5, 6, 7, 8})
	f([]byte{0xd0, 1})
	f([]byte{0xd1, 1, 2})
	f([]byte{0xd2, 1, 2, 3, 4})
	f([]byte{0xd3, 1, 2, 3, 4, 5, 6, 7, 8})
	f([]byte{0xca, 1, 2, 3, 4})
	f([]byte{0xcb, 1, 2, 3, 4, 5, 6, 7, 8})
	f([]byte{0xd4, 9, 1})
	f([]byte{0xd5, 9, 1, 2})
	f([]byte{0xd6, 9, 1, 2, 3, 4})
	f([]byte{0xd7, 0, 1, 2, 3, 4, 5, 6, 7, 8})
	f(append([]byte{0xd8, 0}, make([]byte, 16)...))
	f([]byte{0xc7, 2, 9, 1, 2})
	f([]byte{0xc8, 0, 2, 9, 1, 2})
	f([]byte{0xc9, 0, 0, 0, 2, 9, 1, 2})
	f([]byte{0xc4, 2, 1, 2})
	f([]byte{0xc5, 0, 2, 1, 2})
	f([]byte{0xc6, 0, 0, 0, 2, 1, 2})
	f(str(1))
	f(str(31))
	f(str(32))
	f(str(255))
	f(str(256))
	f(str(65536))
	f([]byte{0x93, 1, 2, 3})
	f([]byte{0xdc, 0, 2, 1, 2})
	f([]byte{0xdd, 0, 0, 0, 2, 1, 2})
	f([]byte{0x82, 0xa1, 'a', 1, 0xa1, 'b', 0x91, 0x80})
	f([]byte{0xde, 0, 1, 1, 2})
	f([]byte{0xdf, 0, 0, 0, 1, 1, 2})
	f(append(bytes.Repeat([]byte{0x91}, 100000), 0xc0))
	f(append(bytes.Repeat([]byte{0x81, 0xa1, 'k'}, 100000), 0xc0))
}

func TestSkipHostile(t *testing.T) {
	f := func(b []byte, wantAt int, want error) {
		t.Helper()
		if at, err := Skip(b, 0); err != want || at != wantAt {
			t.Fatalf("Skip(% x) = %d, %v, want %d, %v", b, at, err, wantAt, want)
		}
	}
	f(nil, 0, ErrTruncated)
	f([]byte{0x92, 0xd7}, 2, ErrTruncated)
	f([]byte{0xa5, 'x'}, 2, ErrTruncated)
	f([]byte{0xc1}, 0, ErrInvalid)
	f([]byte{0x92, 0xc0, 0xc1}, 2, ErrInvalid)
	for _, c := range []byte{0xdb, 0xc6, 0xc9, 0xdd, 0xdf} {
		f([]byte{c, 0xff, 0xff, 0xff, 0xff, 0, 0}, 0, ErrTruncated)
		f([]byte{c, 0x7f, 0xff, 0xff, 0xff, 0, 0}, 0, ErrTruncated)
		f([]byte{c, 0x80, 0, 0, 0, 0, 0}, 0, ErrTruncated)
	}
}

func TestReadAgreesWithAppend(t *testing.T) {
	for _, n := range []int{0, 1, 15, 16, 31, 32, 255, 256, 65535, 65536} {
		s := strings.Repeat("é", n/2) + strings.Repeat("x", n%2)
		b := AppendStr([]byte{0xc0}, s)
		if got, next, ok := ReadStr(b, 1); !ok || string(got) != s || next != len(b) {
			t.Fatalf("ReadStr of %d bytes: %d bytes, %d, %v", n, len(got), next, ok)
		}
		b = append(AppendMapHeader(nil, n), make([]byte, 2*n)...)
		if got, next, ok := ReadMapHeader(b, 0); !ok || got != n || next != len(b)-2*n {
			t.Fatalf("ReadMapHeader(%d) = %d, %d, %v", n, got, next, ok)
		}
		b = append(AppendArrayHeader(nil, n), make([]byte, n)...)
		if got, next, ok := ReadArrayHeader(b, 0); !ok || got != n || next != len(b)-n {
			t.Fatalf("ReadArrayHeader(%d) = %d, %d, %v", n, got, next, ok)
		}
	}
	for _, v := range []int64{
		0, 1, 127, 128, 255, 256, 65535, 65536, math.MaxUint32, math.MaxUint32 + 1, math.MaxInt64,
		-1, -32, -33, -128, -129, -32768, -32769, math.MinInt32, math.MinInt32 - 1, math.MinInt64,
	} {
		b := AppendInt(nil, v)
		if got, next, ok := ReadInt(b, 0); !ok || got != v || next != len(b) {
			t.Fatalf("ReadInt(% x) = %d, %d, %v, want %d", b, got, next, ok, v)
		}
		if end, err := Skip(b, 0); err != nil || end != len(b) {
			t.Fatalf("Skip(% x) = %d, %v", b, end, err)
		}
	}
	if _, _, ok := ReadInt(AppendUint(nil, math.MaxUint64), 0); ok {
		t.Fatal("ReadInt took 2^64-1")
	}
	b := AppendFloat(nil, 1.5)
	if got, next, ok := ReadFloat(b, 0); !ok || got != 1.5 || next != 9 {
		t.Fatalf("ReadFloat(% x) = %v, %d, %v", b, got, next, ok)
	}
}

func TestReadersRefuse(t *testing.T) {
	// Every reader must survive every first byte with any number of bytes
	// behind it, and never claim more than there is.
	for c := range 256 {
		for n := range 12 {
			b := append([]byte{byte(c)}, bytes.Repeat([]byte{0xff}, n)...)
			check := func(next int, ok bool) {
				if ok && (next < 1 || next > len(b)) {
					t.Fatalf("% x: next is %d", b, next)
				}
			}
			_, next, ok := ReadStr(b, 0)
			check(next, ok)
			_, next, ok = ReadBin(b, 0)
			check(next, ok)
			_, next, ok = ReadMapHeader(b, 0)
			check(next, ok)
			_, next, ok = ReadArrayHeader(b, 0)
			check(next, ok)
			_, next, ok = ReadInt(b, 0)
			check(next, ok)
			_, next, ok = ReadFloat(b, 0)
			check(next, ok)
		}
	}
}

func TestAppendJSON(t *testing.T) {
	f := func(b []byte, want string) {
		t.Helper()
		got, next, ok := AppendJSON([]byte("> "), b, 0)
		if !ok || string(got) != "> "+want || next != len(b) {
			t.Fatalf("AppendJSON(% x) = %s, %d, %v, want %s", b, got, next, ok, want)
		}
		if !json.Valid(got[2:]) {
			t.Fatalf("%s is not valid", got[2:])
		}
	}
	f([]byte{0xc0}, `null`)
	f([]byte{0xc3}, `true`)
	f([]byte{0xc2}, `false`)
	f(AppendInt(nil, -5), `-5`)
	f(AppendUint(nil, math.MaxUint64), `18446744073709551615`)
	f(AppendFloat(nil, 1.5), `1.5`)
	f(AppendFloat(nil, math.NaN()), `null`)
	f([]byte{0xc4, 2, 'h', 'i'}, `"aGk="`)
	f([]byte{0xd4, 0, 1}, `null`)
	f(AppendStr(nil, "a\"b\\\n\r\t\x00\x7fé😀\xff\xe2\x82"), `"a\"b\\\n\r\t\u0000\u007fé😀`+"\ufffd\ufffd\ufffd"+`"`)
	f([]byte{0x80}, `{}`)
	f([]byte{0x90}, `[]`)
	f([]byte{0x93, 1, 0x91, 0xa1, ',', 0x80}, `[1,[","],{}]`)
	f([]byte{0x82, 0xa1, 'a', 0x81, 0xa1, '{', 1, 0xa1, 'b', 0x92, 0xa0, 0xa1, '['}, `{"a":{"{":1},"b":["","["]}`)
	f([]byte{0x84, 1, 2, 0xc3, 2, 0xc0, 2, 0x91, 5, 2}, `{"1":2,"true":2,"null":2,"null":2}`)
	if out, _, ok := AppendJSON([]byte("x"), append(bytes.Repeat([]byte{0x91}, 2000), 0xc0), 0); ok || string(out) != "x" {
		t.Fatal("too deep an object was rendered")
	}
}

func BenchmarkSkip(b *testing.B) {
	object := AppendMapHeader(nil, 15)
	for range 15 {
		object = AppendStr(object, "resourceVersion")
		object = AppendStr(object, strings.Repeat("v", 48))
	}
	b.SetBytes(int64(len(object)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Skip(object, 0); err != nil {
			b.Fatal(err)
		}
	}
}

func TestAppendValue(t *testing.T) {
	f := func(text string) {
		t.Helper()
		v, err := fastjson.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		got, _, ok := AppendJSON(nil, AppendValue(nil, v), 0)
		if !ok || string(got) != text {
			t.Fatalf("%s came back as %s, %v", text, got, ok)
		}
	}
	f(`null`)
	f(`[true,false,null,1,-1,1.5,9223372036854775807,18446744073709551615,"x","é\n"]`)
	f(`{"a":{"b":[{}]},"":[],"a":1}`)
}
