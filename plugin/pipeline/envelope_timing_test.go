package pipeline

import (
	"testing"
)

// benchmarkEnvelope takes a list of 400 events through, eight of them secret
// accesses.
func benchmarkEnvelope(b *testing.B, wrap func(lines []string) []byte, change func(*Options)) {
	p := newPipeline(b, func(o *Options) { o.Judge = skipJudge{} }, change)
	other := notSecret(event("alice"))
	var lines []string
	for i := range 400 {
		if i%50 == 0 {
			lines = append(lines, event("alice"))
		} else {
			lines = append(lines, other)
		}
	}
	in := wrap(lines)
	out := make([]byte, 2*len(in))
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		p.Process(in, func(n int) []byte { return out[:n] })
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/400, "ns/event")
}

func asIs(*Options)       {}
func inPlace(o *Options)  { o.Split = false }
func textOnly(o *Options) { o.Split, o.Redact = false, false }

func BenchmarkListStructured(b *testing.B)  { benchmarkEnvelope(b, wrappers["list"], asIs) }
func BenchmarkListText(b *testing.B)        { benchmarkEnvelope(b, wrappers["list as text"], asIs) }
func BenchmarkListInPlace(b *testing.B)     { benchmarkEnvelope(b, wrappers["list"], inPlace) }
func BenchmarkListTextInPlace(b *testing.B) { benchmarkEnvelope(b, wrappers["list as text"], textOnly) }
func BenchmarkSubscription(b *testing.B) {
	benchmarkEnvelope(b, wrappers["subscription as text"], asIs)
}
func BenchmarkAKS(b *testing.B)           { benchmarkEnvelope(b, wrappers["AKS as text"], asIs) }
func BenchmarkElastic(b *testing.B)       { benchmarkEnvelope(b, wrappers["Elastic"], asIs) }
func BenchmarkElasticDotted(b *testing.B) { benchmarkEnvelope(b, wrappers["Elastic, dotted"], asIs) }
func BenchmarkGKE(b *testing.B)           { benchmarkEnvelope(b, wrappers["GKE"], asIs) }

// BenchmarkRedact is one event at level RequestResponse, from which both objects
// are removed.
func BenchmarkRedact(b *testing.B) {
	p := newPipeline(b, func(o *Options) { o.Judge = skipJudge{} })
	in := logRecord(withObjects(event("alice"), "djEy"))
	out := make([]byte, 2*len(in))
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		p.Process(in, func(n int) []byte { return out[:n] })
	}
}

// BenchmarkFormats is the rendering of one finding in a structured record.
func BenchmarkFormats(b *testing.B) {
	for _, name := range Formats() {
		b.Run(name, func(b *testing.B) {
			p := newPipeline(b, func(o *Options) { o.Format = name })
			in := structured(event("bad"))
			out := make([]byte, 4*len(in))
			b.ReportAllocs()
			for b.Loop() {
				p.Process(in, func(n int) []byte { return out[:n] })
			}
		})
	}
}
