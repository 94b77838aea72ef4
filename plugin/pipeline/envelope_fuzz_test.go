package pipeline

import (
	"bytes"
	"testing"

	"github.com/valyala/fastjson"

	"github.com/secretwatch/secretwatch/detector/msgpack"
	"github.com/secretwatch/secretwatch/plugin/chunk"
)

// FuzzEnvelopes: records go in, records come out. A record becomes one, or, if it
// holds a list, as many as that has items, and what comes out is well-formed in
// every format.
func FuzzEnvelopes(f *testing.F) {
	for _, s := range samples(f) {
		f.Add(msgpack.AppendValue(nil, s.record), byte(0))
	}
	for _, wrap := range wrappers {
		b := wrap([]string{withObjects(event("bad"), "djEy"), event("alice")})
		span, err := chunk.Next(b, 0)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(bytes.Clone(chunk.Read(b, span).Body), byte(1))
	}
	f.Add(pack(kv{"message", event("bad")}, kv{"event", 1}, kv{"user", "x"}, kv{"kubernetes", true}), byte(2))
	f.Fuzz(func(t *testing.T, body []byte, how byte) {
		end, err := msgpack.Skip(body, 0)
		if err != nil {
			return
		}
		body = body[:end]
		format := Formats()[int(how)%len(Formats())]
		split := how&0x40 == 0
		p := newPipeline(t, func(o *Options) { o.Format, o.Split, o.TagAll, o.Cluster = format, split, how&0x80 != 0, "west" })
		// Between others, which stay.
		before, after := logRecord("secrets"), logRecord(`"token"`)
		in := append(append(bytes.Clone(before), record(body)...), after...)
		out, modified := process(t, p, in)
		s := p.Stats()
		if s.Panics != 0 || s.Undecodable != 0 {
			t.Fatalf("%+v", s)
		}
		if !modified {
			return
		}
		if !bytes.HasPrefix(out, before) || !bytes.HasSuffix(out, after) {
			t.Fatal("neighbours were changed")
		}
		want := uint64(3)
		if s.Split > 0 {
			want = 2 + s.Items
		}
		if !split && s.Split != 0 {
			t.Fatal("split all the same")
		}
		if got := uint64(len(unpackAll(out))); got != want {
			t.Fatalf("%d records, want %d", got, want)
		}
	})
}

// TestItemsAreRecords: whatever the envelope, what goes in as items comes out as
// records.
func TestItemsAreRecords(t *testing.T) {
	for n := 1; n <= 40; n += 13 {
		var lines []string
		for i := range n {
			line := notSecret(event("alice"))
			if i%5 == 3 {
				line = event("bad")
			}
			lines = append(lines, line)
		}
		f := func(name string, wrap func([]string) []byte) {
			switch name {
			case "GKE", "GKE as text", "GKE in a message", "GKE, objects by type", "truncated", "prefix", "lists in an array", "subscription in text":
				return // other events, none, or lists too deep to be split
			}
			p := newPipeline(t)
			in := wrap(lines)
			out, modified := process(t, p, in)
			if !modified {
				out = in
			}
			all := bodies(t, out)
			found := 0
			for _, b := range all {
				if fastjson.MustParse(b).Get("secretwatch") != nil {
					found++
				}
			}
			if want := (n + 1) / 5; len(all) != n || found != want {
				t.Fatalf("%s: %d events became %d records with %d findings, want %d", name, n, len(all), found, want)
			}
		}
		for name, wrap := range wrappers {
			f(name, wrap)
		}
		for name, wrap := range moreWrappers {
			f(name, wrap)
		}
	}
}
