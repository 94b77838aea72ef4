package metrics

import (
	"fmt"
	"runtime"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/secretwatch/secretwatch/plugin/pipeline"
	"github.com/secretwatch/secretwatch/plugin/version"
)

// Names of what is not a family.
const (
	buildInfo        = "build_info"
	chunkDuration    = "chunk_duration_seconds"
	decisionDuration = "decision_duration_seconds"
	storeDuration    = "store_operation_duration_seconds"
)

// durations are the histograms. Unlike counts they live here, so that they too go
// on through a reload.
type durations struct{ chunk, decision, store *prometheus.HistogramVec }

func newDurations() *durations {
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: name, Help: help, Buckets: buckets,
		}, slices.Concat(identityLabels, labels))
	}
	return &durations{
		chunk: histogram(chunkDuration, "How long chunks were held, but for most small ones with nothing of interest.",
			prometheus.ExponentialBuckets(16e-6, 4, 10)), // to 4.2 s
		decision: histogram(decisionDuration,
			fmt.Sprintf("How long judging one event took, without parsing it; one in %d is measured.", pipeline.DecisionSample),
			prometheus.ExponentialBuckets(250e-9, 2, 14)), // to 2 ms
		store: histogram(storeDuration, "How long operations on the store of the history took.",
			prometheus.ExponentialBuckets(100e-6, 3, 12), "store", "operation"), // to 18 s
	}
}

// newRegistry returns all that a scrape shows. It is no default registry: what
// else is linked into the process does not show.
func newRegistry(e *Endpoint) *prometheus.Registry {
	r := prometheus.NewRegistry()
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: namespace, Name: buildInfo, Help: "Version and commit of the library, and the Go version it was built with.",
	}, []string{"version", "commit", "goversion"})
	v, commit := version.Get()
	build.WithLabelValues(v, commit, runtime.Version()).Set(1)
	for _, c := range []prometheus.Collector{
		build, e.times.chunk, e.times.decision, e.times.store, instances{e},
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), // of the host's process
	} {
		r.MustRegister(guarded{c})
	}
	return r
}

// guarded keeps a panic of a collector, which runs on a goroutine of the
// registry, from ending the host: the scrape fails instead.
type guarded struct{ prometheus.Collector }

func (g guarded) Collect(to chan<- prometheus.Metric) {
	defer func() {
		if r := recover(); r != nil {
			to <- prometheus.NewInvalidMetric(failed, fmt.Errorf("internal error: %.200v", r))
		}
	}()
	g.Collector.Collect(to)
}

var failed = prometheus.NewDesc(namespace+"_failed", "Stands for metrics that could not be collected.", nil, nil)

// instances collects what members count.
type instances struct{ e *Endpoint }

func (c instances) Describe(to chan<- *prometheus.Desc) {
	for _, f := range families {
		to <- f.desc
	}
}

func (c instances) Collect(to chan<- prometheus.Metric) {
	for id, r := range c.e.readings() {
		for s, v := range r {
			labels := append(id.values(), s.labels[:s.family.labels]...)
			to <- prometheus.MustNewConstMetric(s.family.desc, s.family.kind, v, labels...)
		}
	}
}
