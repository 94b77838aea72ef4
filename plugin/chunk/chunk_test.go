package chunk

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/secretwatch/secretwatch/detector/msgpack"
)

func alloc(n int) []byte { return make([]byte, n) }

func TestRead(t *testing.T) {
	body := []byte{0x81, 0xa1, 'k', 1}
	f := func(head []byte, want Record) {
		t.Helper()
		// Behind another object, so that offsets matter.
		b := append(append([]byte{0xc0, 0x92}, head...), body...)
		s, err := Next(append(b, 0xc0), 1)
		if err != nil || s != (Span{1, len(b)}) {
			t.Fatalf("span %v, %v", s, err)
		}
		got := Read(b, s)
		if want.Kind == Foreign {
			if got.Kind != Foreign {
				t.Fatalf("% x: got %+v", head, got)
			}
			return
		}
		if got.Kind != want.Kind || got.Time != want.Time || !bytes.Equal(got.Body, body) ||
			got.BodyAt != len(b)-len(body) || !bytes.Equal(got.Timestamp, want.Timestamp) ||
			!bytes.Equal(got.Metadata, want.Metadata) || (got.Metadata == nil) != (want.Metadata == nil) {
			t.Fatalf("% x: got %+v", head, got)
		}
	}
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	meta := []byte{0x81, 0xa1, 'm', 0x80}
	stamp := func(kind Kind, ns int64, stamp ...byte) {
		t.Helper()
		f(stamp, Record{Kind: kind, Time: ns, Timestamp: stamp})
		f(join([]byte{0x92}, stamp, meta), Record{Kind: kind, Time: ns, Timestamp: stamp, Metadata: meta})
	}
	stamp(Log, 0x01020304*1e9+0x05060708, 0xd7, 0, 1, 2, 3, 4, 5, 6, 7, 8)
	stamp(Log, 0x01020304*1e9+0x05060708, 0xc7, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8)
	stamp(Log, 0xfffffffd*1e9, 0xd7, 0, 0xff, 0xff, 0xff, 0xfd, 0, 0, 0, 0)
	stamp(GroupStart, 0, 0xd7, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0)
	stamp(GroupEnd, 0, 0xd7, 0, 0xff, 0xff, 0xff, 0xfe, 0, 0, 0, 0)
	stamp(GroupStart, 0, 0xff)
	stamp(GroupEnd, 0, 0xfe)
	stamp(Log, 0, 0xfd)
	stamp(Log, 5e9, 5)
	stamp(Log, 0, 0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	stamp(Log, 0, 0xd3, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	stamp(Log, 1_700_000_000_500_000_000, msgpack.AppendFloat(nil, 1_700_000_000.5)...)
	stamp(GroupStart, 0, msgpack.AppendFloat(nil, -1)...)
	stamp(Log, 0, 0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0)
	stamp(Log, 0, 0xcb, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0)
	f([]byte{0xc0}, Record{})
	f([]byte{0xa1, 'x'}, Record{})
	f([]byte{0xd7, 1, 1, 2, 3, 4, 5, 6, 7, 8}, Record{})
	f([]byte{0xd6, 0, 1, 2, 3, 4}, Record{})
	f([]byte{0x91, 5}, Record{})
	f([]byte{0x90}, Record{})
	f([]byte{0x93, 5, 0x80, 0x80}, Record{})
}

func TestRecordHeader(t *testing.T) {
	b := append(AppendRecordHeader(nil, 1_700_000_000_123_456_789), 0x80)
	r := Read(b, Span{0, len(b)})
	if r.Kind != Log || r.Time != 1_700_000_000_123_456_789 || string(r.Metadata) != "\x80" || string(r.Body) != "\x80" {
		t.Fatalf("%+v", r)
	}
}

func TestNextError(t *testing.T) {
	_, err := Next([]byte{0x80, 0x92, 1, 0xc1}, 1)
	var e *Error
	if !errors.As(err, &e) || e.Offset != 3 || !errors.Is(err, msgpack.ErrInvalid) {
		t.Fatal(err)
	}
	if err.Error() != "undecodable at byte 3: byte 0xc1 is no MessagePack" {
		t.Fatal(err)
	}
}

// TestEdits checks against the same edits made one by one, from the end.
func TestEdits(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var e Edits
	for range 2000 {
		src := make([]byte, r.IntN(60))
		for i := range src {
			src[i] = byte('a' + i%26)
		}
		e.Reset()
		type step struct {
			at, n int
			with  string
		}
		var steps []step
		for at := 0; at <= len(src) && r.IntN(6) > 0; {
			s := step{at: at + r.IntN(len(src)-at+1)}
			s.n = r.IntN(min(len(src)-s.at, 5) + 1)
			s.with = strings.Repeat("X", r.IntN(4))
			steps, at = append(steps, s), s.at+s.n
			e.Replace(s.at, s.n, []byte(s.with))
		}
		want := string(src)
		for i := len(steps) - 1; i >= 0; i-- {
			s := steps[i]
			want = want[:s.at] + s.with + want[s.at+s.n:]
		}
		if e.Empty() != (len(steps) == 0) || e.Size(src) != len(want) {
			t.Fatalf("size %d, want %d", e.Size(src), len(want))
		}
		if got := e.Apply(src, alloc); string(got) != want || got == nil {
			t.Fatalf("%v on %q: got %q, want %q", steps, src, got, want)
		}
	}
}

func TestEditsOutOfOrder(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Fatal("no panic")
		}
	}()
	var e Edits
	e.Replace(5, 2, nil)
	e.Replace(6, 0, nil)
}

func TestEditsGiveMemoryBack(t *testing.T) {
	var e Edits
	e.Replace(0, 0, make([]byte, 4<<20))
	e.Reset()
	if cap(e.buf) != 0 || e.Size(nil) != 0 {
		t.Fatal("kept")
	}
}

func TestSetFields(t *testing.T) {
	keys := []string{"a", "b"}
	fields := []byte{0xa1, 'a', 0x07, 0xa1, 'b', 0x08}
	f := func(object []byte, want string) {
		t.Helper()
		in := append(append([]byte{0xc3}, object...), 0xc2)
		var e Edits
		ok := e.SetFields(in, 1, 1+len(object), keys, 2, fields)
		if !ok {
			if want != "" || !e.Empty() {
				t.Fatalf("% x: refused", object)
			}
			return
		}
		out := e.Apply(in, alloc)
		got, next, _ := msgpack.AppendJSON(nil, out, 1)
		if string(got) != want || out[0] != 0xc3 || next != len(out)-1 || out[next] != 0xc2 {
			t.Fatalf("% x: got %s, want %s", out, got, want)
		}
	}
	f([]byte{0x80}, `{"a":7,"b":8}`)
	f([]byte{0xdf, 0, 0, 0, 0}, `{"a":7,"b":8}`)
	f([]byte{0x81, 0xa1, 'c', 1}, `{"c":1,"a":7,"b":8}`)
	f([]byte{0x81, 0xa1, 'a', 1}, `{"a":7,"b":8}`)
	f([]byte{0x83, 0xa1, 'a', 0x91, 1, 0xa1, 'c', 1, 0xd9, 1, 'a', 0x80}, `{"c":1,"a":7,"b":8}`)
	f([]byte{0x83, 0xa1, 'c', 1, 0xdb, 0, 0, 0, 1, 'b', 3, 0x01, 2}, `{"c":1,"1":2,"a":7,"b":8}`)
	f([]byte{0x81, 0xc4, 1, 'a', 1}, `{"YQ==":1,"a":7,"b":8}`)
	f([]byte{0xc0}, "")
	f([]byte{0x90}, "")
	f([]byte{0x80, 0x80}, "") // more than a map
	for _, n := range []int{13, 14, 15, 16, 65533, 65534, 65535, 65536} {
		object, want := msgpack.AppendMapHeader(nil, n), []byte("{")
		for i := range n {
			object = msgpack.AppendInt(msgpack.AppendStr(object, fmt.Sprintf("k%d", i)), int64(i))
			want = fmt.Appendf(want, `"k%d":%d,`, i, i)
		}
		f(object, string(want)+`"a":7,"b":8}`)
	}
	// Cut anywhere, a map is refused.
	object := []byte{0x82, 0xa1, 'a', 0x91, 1, 0xa1, 'c', 0xcd, 0, 1}
	for i := range object {
		f(object[:i], "")
	}
}

// headers are records up to their only key, as AppendRecordHeader, Fluent Bit 5.1.1
// and 2.2.3 write them.
var headers = [][]byte{
	append(AppendRecordHeader(nil, 1), 0x81),
	[]byte("\x92\x92\xd7\x00\x6b\x04\x33\x67\x04\x29\xcd\xfb\xdf\x00\x00\x00\x00\xdf\x00\x00\x00\x01"),
	[]byte("\xdd\x00\x00\x00\x02\xdd\x00\x00\x00\x02\xd7\x00\x6b\x04\x33\x67\x05\x5b\xfe\x3e\xdf\x00\x00\x00\x00\xdf\x00\x00\x00\x01"),
}

// What is found at a glance is what walking finds, and with what Fluent Bit writes
// it is found at a glance.
func TestNextOfLines(t *testing.T) {
	for _, header := range headers {
		for _, size := range []int{0, 1, 31, 32, 255, 256, 1000, 65535, 65536, 70000} {
			b := msgpack.AppendStr(append(header[:len(header):len(header)], 0xa3, 'l', 'o', 'g'), strings.Repeat("x", size))
			at := len(header) + 4
			l, ok := ReadLine(append([]byte{0xc0}, b...), 1)
			if size >= 256 && (!ok || string(b[l.Key.Start:l.Key.End]) != "log" || l.Text != (Span{len(b) - size, len(b)}) ||
				!bytes.Equal(b[l.Time-2:l.Time], []byte{0xd7, 0}) || l.Key.End != at) {
				t.Errorf("% x and a line of %d bytes: taken apart as %+v, %v", header, size, l, ok)
			}
			for cut := range min(len(b), 100) {
				if s, err := Next(b[:len(b)-cut], 0); (err == nil) != (cut == 0) || err == nil && s.End != len(b) {
					t.Fatalf("% x and a line of %d bytes, %d missing: %v, %v", header, size, cut, s, err)
				}
			}
		}
	}
}

func FuzzChunk(f *testing.F) {
	f.Add(append(AppendRecordHeader(nil, 1), 0x81, 0xa3, 'l', 'o', 'g', 0xa1, 'x'))
	f.Add([]byte{0x92, 0x05, 0xdf, 0, 0, 0, 1, 0xa1, 'a', 0xc0, 0xc1})
	for _, header := range headers {
		line := append(header[:len(header):len(header)], 0xa3, 'l', 'o', 'g')
		text := strings.Repeat("x", 300)
		f.Add(append(append(line[:len(line):len(line)], 0xda, 1, 300-256), text...))
		f.Add(append(append(line[:len(line):len(line)], 0xdb, 0, 0, 1, 300-256), text...))
		f.Add(append(append(line[:len(line):len(line)], 0xdb, 0xff, 0xff, 0xff, 0xff), text...))
		f.Add(append(line[:len(line):len(line)], 0xa1, 'x'))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var e Edits
		keys, fields := []string{"a"}, []byte{0xa1, 'a', 0x07}
		records := 0
		for at := 0; at < len(b); records++ {
			s, err := Next(b, at)
			if end, plain := msgpack.Skip(b, at); (err == nil) != (plain == nil) || err == nil && s.End != end {
				t.Fatalf("span %v, %v; it ends at %d, %v", s, err, end, plain)
			}
			if err != nil {
				if o := err.(*Error).Offset; o < at || o > len(b) {
					t.Fatalf("offset %d of %d", o, len(b))
				}
				return
			}
			if s.Start != at || s.End <= at || s.End > len(b) {
				t.Fatalf("span %v behind %d", s, at)
			}
			if r := Read(b, s); r.Kind == Log {
				e.SetFields(b, r.BodyAt, r.BodyAt+len(r.Body), keys, 1, fields)
			}
			at = s.End
		}
		out := e.Apply(b, alloc)
		for at := 0; at < len(out); records-- {
			s, err := Next(out, at)
			if err != nil {
				t.Fatal(err)
			}
			at = s.End
		}
		if records != 0 {
			t.Fatalf("%d records lost", records)
		}
	})
}
