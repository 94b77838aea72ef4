package metrics

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/msgpack"
	"github.com/secretwatch/secretwatch/plugin/chunk"
	"github.com/secretwatch/secretwatch/plugin/pipeline"
)

// benchmarkProcess takes chunks of 1,000 events, of which secret are secret accesses
// and judged, through a pipeline without metrics and one with them, in turns, and
// reports the medians.
func benchmarkProcess(b *testing.B, secret int) {
	event := func(n int, resource string) []byte {
		line := fmt.Sprintf(`{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"id-%08d","stage":"ResponseComplete",`+
			`"requestURI":"/api/v1/namespaces/prod/%s/db","verb":"get","user":{"username":"alice","groups":["dev"]},`+
			`"sourceIPs":["203.0.113.9"],"userAgent":"kubectl/v1.30.0 (linux/amd64) kubernetes/abc","objectRef":{"resource":"%[2]s","namespace":"prod","name":"db","apiVersion":"v1"},`+
			`"responseStatus":{"metadata":{},"code":200},"requestReceivedTimestamp":"2026-11-23T04:05:37.705785Z",`+
			`"annotations":{"authorization.k8s.io/decision":"allow","padding":"%s"}}`, n, resource, strings.Repeat("x", 400))
		record := chunk.AppendRecordHeader(nil, 0)
		return msgpack.AppendStr(msgpack.AppendStr(msgpack.AppendMapHeader(record, 1), "log"), line)
	}
	var in []byte
	var ids []int // of secret accesses: where they are in in
	for n := range 1000 {
		resource := "configmaps"
		if secret > 0 && n%(1000/secret) == 0 {
			resource = "secrets"
			ids = append(ids, len(in)+bytes.Index(event(n, resource), []byte(`"id-`))+len(`"id-`))
		}
		in = append(in, event(n, resource)...)
	}
	// No request comes twice.
	next := uint32(0)
	renew := func() {
		for _, at := range ids {
			next++
			for digit, rest := 7, next; digit >= 0; digit, rest = digit-1, rest/10 {
				in[at+digit] = byte('0' + rest%10)
			}
		}
	}
	pipelines := [2]*pipeline.Pipeline{}
	for i := range pipelines {
		judge, err := detector.New(detector.DefaultConfig())
		if err != nil {
			b.Fatal(err)
		}
		opts := pipeline.Options{Judge: judge, SeverityKey: "severity", Split: true, Redact: true}
		if i == 1 {
			opts.Metrics = (&Member{endpoint: &Endpoint{times: newDurations()}}).PipelineTimes()
		}
		if pipelines[i], err = pipeline.New(opts, nil); err != nil {
			b.Fatal(err)
		}
	}
	out := make([]byte, 2*len(in))
	var took [2][]time.Duration
	b.ReportAllocs()
	for b.Loop() {
		for i, p := range pipelines {
			renew()
			began := time.Now()
			p.Process(in, func(n int) []byte { return out[:n] })
			took[i] = append(took[i], time.Since(began))
		}
	}
	var median [2]float64
	for i := range took {
		slices.Sort(took[i])
		median[i] = float64(took[i][len(took[i])/2].Nanoseconds()) / 1000
	}
	b.ReportMetric(median[0], "ns/record-off")
	b.ReportMetric(median[1], "ns/record-on")
	b.ReportMetric(median[1]/median[0], "x-off")
}

// BenchmarkProcessNothing is the worst for metrics: records are counted that
// otherwise are only scanned.
func BenchmarkProcessNothing(b *testing.B) { benchmarkProcess(b, 0) }

// BenchmarkProcess has an access to secrets in each fiftieth record.
func BenchmarkProcess(b *testing.B) { benchmarkProcess(b, 20) }

// BenchmarkProcessSecrets has nothing else.
func BenchmarkProcessSecrets(b *testing.B) { benchmarkProcess(b, 1000) }

// BenchmarkScrape reads and encodes what ten instances count.
func BenchmarkScrape(b *testing.B) {
	var e Endpoint
	e.setup.Do(e.init)
	for i := range 10 {
		m := &Member{endpoint: &e, id: Identity{"filter", fmt.Sprint(i), ""}}
		m.Watch(full().source())
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.registry.Gather(); err != nil {
			b.Fatal(err)
		}
	}
}
