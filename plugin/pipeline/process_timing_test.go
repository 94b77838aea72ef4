package pipeline

import (
	"bytes"
	"testing"

	"github.com/valyala/fastjson"

	"github.com/secretwatch/secretwatch/detector/msgpack"
)

// benchmarkProcess takes chunks of 1,000 records through, one in fifty of them
// around text. It is scan, walk and parse, and the edits if judge finds anything.
func benchmarkProcess(b *testing.B, judge Judger, of func(event string) []byte, user string) {
	p := newPipeline(b, func(o *Options) { o.Judge = judge })
	other := bytes.ReplaceAll([]byte(event("alice")), []byte("secrets"), []byte("leases!"))
	chunk := bytes.Repeat(append(bytes.Repeat(of(string(other)), 49), of(event(user))...), 20)
	out := make([]byte, 2*len(chunk))
	b.SetBytes(int64(len(chunk)))
	b.ReportAllocs()
	for b.Loop() {
		p.Process(chunk, func(n int) []byte { return out[:n] })
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/record")
}

func structured(event string) []byte {
	return record(msgpack.AppendValue(nil, fastjson.MustParse(event)))
}

func BenchmarkProcessLog(b *testing.B) { benchmarkProcess(b, skipJudge{}, logRecord, "alice") }

func BenchmarkProcessStructured(b *testing.B) {
	benchmarkProcess(b, skipJudge{}, structured, "alice")
}

// BenchmarkProcessTagged has a finding in each fiftieth record.
func BenchmarkProcessTagged(b *testing.B) { benchmarkProcess(b, fakeJudge{}, logRecord, "bad") }

// BenchmarkFields is the rendering of one verdict.
func BenchmarkFields(b *testing.B) {
	p := newPipeline(b)
	s := &scratch{judge: p.judge}
	body := pack(kv{"log", event("bad")})
	t := p.judgeFound(s, p.body(s, body), body, recordTime)
	if t == nil {
		b.Fatal("not judged")
	}
	b.ReportAllocs()
	for b.Loop() {
		s.fields, _ = p.format.appendFields(s.fields[:0], t)
	}
	b.SetBytes(int64(len(s.fields)))
}

// BenchmarkProcessNothing has nothing of interest: it is a scan.
func BenchmarkProcessNothing(b *testing.B) {
	p := newPipeline(b)
	other := bytes.ReplaceAll([]byte(event("alice")), []byte("secrets"), []byte("leases!"))
	chunk := bytes.Repeat(logRecord(string(other)), 1000)
	b.SetBytes(int64(len(chunk)))
	b.ReportAllocs()
	for b.Loop() {
		p.Process(chunk, alloc)
	}
}
