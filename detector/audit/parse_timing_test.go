package audit

import (
	"testing"

	"github.com/valyala/fastjson"

	"github.com/secretwatch/secretwatch/detector/msgpack"
)

func BenchmarkParseJSON(b *testing.B) {
	text := []byte(full)
	var p Parser
	var ev Event
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if err := p.ParseJSON(text, &ev); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFastjson is the part of ParseJSON that is fastjson's.
func BenchmarkFastjson(b *testing.B) {
	text := []byte(full)
	var p fastjson.Parser
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.ParseBytes(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseMsgpack(b *testing.B) {
	packed := msgpack.AppendValue(nil, fastjson.MustParse(full))
	var ev Event
	b.SetBytes(int64(len(packed)))
	b.ReportAllocs()
	for b.Loop() {
		if err := ParseMsgpack(packed, &ev); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseTime(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if ParseTime("2026-11-23T04:05:37.705785Z") == 0 {
			b.Fatal("not parsed")
		}
	}
}
