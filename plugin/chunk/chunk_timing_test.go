package chunk

import (
	"bytes"
	"strings"
	"testing"

	"github.com/secretwatch/secretwatch/detector/msgpack"
)

// logChunk is 2 MB of what in_tail makes of lines of 1 KB.
func logChunk() []byte {
	line := msgpack.AppendStr(msgpack.AppendStr(nil, "log"), strings.Repeat("x", 1000))
	return bytes.Repeat(append(headers[1][:len(headers[1]):len(headers[1])], line...), 2000)
}

// structuredChunk is 2 MB of records of 1 KB with some 70 objects each.
func structuredChunk() []byte {
	body := msgpack.AppendMapHeader(nil, 14)
	for i := range 14 {
		body = msgpack.AppendStr(body, "requestField")
		switch i % 3 {
		case 0:
			body = msgpack.AppendStr(body, strings.Repeat("v", 60))
		case 1:
			body = msgpack.AppendMapHeader(body, 2)
			for range 2 {
				body = msgpack.AppendStr(body, "username")
				body = msgpack.AppendStr(body, strings.Repeat("u", 24))
			}
		case 2:
			body = msgpack.AppendArrayHeader(body, 3)
			for range 3 {
				body = msgpack.AppendStr(body, "system:authenticated")
			}
		}
	}
	return bytes.Repeat(append(AppendRecordHeader(nil, 1), body...), 2000)
}

func walk(b *testing.B, chunk []byte) {
	b.SetBytes(int64(len(chunk)))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n = 0
		for at := 0; at < len(chunk); n++ {
			s, err := Next(chunk, at)
			if err != nil {
				b.Fatal(err)
			}
			at = s.End
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/record")
}

func BenchmarkWalkLog(b *testing.B) { walk(b, logChunk()) }

func BenchmarkWalkStructured(b *testing.B) { walk(b, structuredChunk()) }

// BenchmarkTag plans and makes an edit in every fiftieth record.
func BenchmarkTag(b *testing.B) {
	chunk := logChunk()
	out := make([]byte, len(chunk)+1<<20)
	keys, fields := []string{"severity", "secretwatch"}, append([]byte{0xa8}, "severity\xa6medium\xabsecretwatch\xc0"...)
	var e Edits
	b.SetBytes(int64(len(chunk)))
	b.ReportAllocs()
	for b.Loop() {
		e.Reset()
		for at, n := 0, 0; at < len(chunk); n++ {
			s, _ := Next(chunk, at)
			if n%50 == 0 {
				r := Read(chunk, s)
				e.SetFields(chunk, r.BodyAt, s.End, keys, 2, fields)
			}
			at = s.End
		}
		e.Apply(chunk, func(n int) []byte { return out[:n] })
	}
}
