package metrics

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/secretwatch/secretwatch/detector/replica"
	"github.com/secretwatch/secretwatch/detector/rule"
	"github.com/secretwatch/secretwatch/plugin/engine"
	"github.com/secretwatch/secretwatch/plugin/pipeline"
)

const namespace = "secretwatch"

// family is one metric. Its label values come from the configuration and from
// this code, never from events.
type family struct {
	name   string
	kind   prometheus.ValueType
	desc   *prometheus.Desc
	labels int // besides those of the identity
}

// families lists all that are read at a scrape.
var families []*family

func newFamily(kind prometheus.ValueType, name, help string, labels ...string) *family {
	name = namespace + "_" + name
	f := &family{name, kind, prometheus.NewDesc(name, help, slices.Concat(identityLabels, labels), nil), len(labels)}
	families = append(families, f)
	return f
}

// Names returns the names of all metrics that are the plugin's own.
func Names() []string {
	names := []string{namespace + "_" + buildInfo}
	for _, name := range []string{chunkDuration, decisionDuration, storeDuration} {
		names = append(names, namespace+"_"+name)
	}
	for _, f := range families {
		names = append(names, f.name)
	}
	return names
}

func counter(name, help string, labels ...string) *family {
	return newFamily(prometheus.CounterValue, name, help, labels...)
}

func gauge(name, help string, labels ...string) *family {
	return newFamily(prometheus.GaugeValue, name, help, labels...)
}

var (
	chunksIn  = counter("chunks_total", "Chunks that came in.")
	bytesIn   = counter("bytes_total", "Bytes of the chunks that came in.")
	recordsIn = counter("records_total", "Records that came in.")

	judged     = counter("events_judged_total", "Requests for secrets that were judged.")
	duplicates = counter("duplicate_events_total", "Events of requests that were judged already.")
	findings   = counter("findings_total", "Findings by their highest scored rule and their severity; first is false for repeats.", "rule", "severity", "first")
	matches    = counter("rule_matches_total", "Findings that a rule took part in. A finding counts once for each of its rules.", "rule")

	parseFailures = counter("parse_failures_total", "What could not be parsed and passed on unjudged: events in broken JSON (json), events that CloudWatch cut (truncated), chunks that are no MessagePack (msgpack).", "kind")
	unjudged      = counter("unjudged_chunks_total", "Chunks that passed on without their verdicts: after an internal error (panic), or for lack of memory for the result (memory).", "reason")
	redacted      = counter("redacted_records_total", "Records from which values of secrets were removed.")
	cutTexts      = counter("cut_texts_total", "Texts that could not be parsed and were cut before what may be a secret.")
	lists         = counter("lists_split_total", "Lists of events that became one record an item.")
	listRecords   = counter("list_records_total", "Records that lists of events became.")

	principals   = gauge("history_principals", "Identities remembered: known ones, which have a habit, and new ones.", "standing")
	limit        = gauge("history_principals_limit", "Known identities that are remembered at most (max_principals).")
	evictions    = counter("history_evictions_total", "What had to make room in the history although it was seen within the window: known principals, newcomers, their values (sources, clients, namespaces, scopes) and objects.", "kind")
	learningEnds = gauge("learning_end_timestamp_seconds", "Event time at which learning ends, in seconds since the Unix epoch. Absent before the first event and where a baseline was loaded.")

	available   = gauge("store_available", "Whether the store of the history works (1) or not (0), in which case history stays in memory.", "store")
	failures    = counter("store_failures_total", "Operations on the store of the history that failed.", "store", "operation")
	lastSuccess = gauge("store_last_success_timestamp_seconds", "When the store of the history last had everything, in seconds since the Unix epoch.", "store")
	pending     = gauge("store_pending", "Changes that the store of the history does not have yet.", "store")
	storeSize   = gauge("store_size_bytes", "Size of the store of the history.", "store")

	sharedWaits    = counter("shared_waits_total", "Chunks that waited for other replicas to be asked through Redis.")
	sharedWaited   = counter("shared_wait_seconds_total", "How long chunks waited for that, all together.")
	sharedTrips    = counter("shared_round_trips_total", "Round trips to Redis in which observations were exchanged, most of them with nobody waiting.")
	sharedSent     = counter("shared_observations_sent_total", "Observations that were sent to other replicas.")
	sharedReceived = counter("shared_observations_received_total", "Observations of other replicas that were learnt from.")
	sharedLost     = counter("shared_observations_lost_total", "Observations that found no place while Redis was away (dropped), or that came from other replicas and could not be read (broken).", "reason")
	sharedDegraded = counter("shared_degraded_verdicts_total", "Verdicts for which other replicas should have been asked and could not be.")
	sharedSaves    = counter("shared_saves_total", "Times that this replica wrote the records of the history to Redis.")

	outputChunks  = counter("output_chunks_total", "Attempts to send a chunk: delivered, to be brought again (retried), or given up (dropped).", "result")
	outputRecords = counter("output_records_total", "Records delivered.")
	outputPending = gauge("output_pending_chunks", "Chunks that were judged and are kept to be sent again.")
)

// series is one line of a scrape, but for its identity.
type series struct {
	family *family
	labels [3]string // as many as the family has
}

// reading is the values of one identity.
type reading map[series]float64

func at(f *family, labels ...string) series {
	s := series{family: f}
	copy(s.labels[:], labels)
	return s
}

// count adds to a counter.
func (r reading) count(f *family, n uint64, labels ...string) { r[at(f, labels...)] += float64(n) }

// set sets a gauge.
func (r reading) set(f *family, v float64, labels ...string) { r[at(f, labels...)] = v }

// read adds the source's current values to r.
func (s *Source) read(r reading) {
	r.pipeline(s.Pipeline())
	r.engine(s.Engine())
	if s.Output == nil {
		return
	}
	out := s.Output()
	r.count(outputChunks, out.Delivered, "delivered")
	r.count(outputChunks, out.Retries, "retried")
	r.count(outputChunks, out.Failed, "dropped")
	r.count(outputRecords, out.Records)
	r.set(outputPending, float64(out.Pending))
}

func (r reading) pipeline(s pipeline.Stats) {
	r.count(chunksIn, s.Chunks)
	r.count(bytesIn, s.Bytes)
	r.count(recordsIn, s.Records)
	r.count(judged, s.Judged)
	r.count(duplicates, s.Duplicates)
	for i := range s.Rules {
		r.rule(&s.Rules[i])
	}
	r.count(parseFailures, s.Unparsable, "json")
	r.count(parseFailures, s.Truncated, "truncated")
	r.count(parseFailures, s.Undecodable, "msgpack")
	r.count(unjudged, s.Panics, "panic")
	r.count(unjudged, s.Refused, "memory")
	r.count(redacted, s.Redacted)
	r.count(cutTexts, s.Cut)
	r.count(lists, s.Split)
	r.count(listRecords, s.Items)
}

// rule counts a rule's findings. What a rule has not found yet is there as 0, so
// that the first finding is an increase.
func (r reading) rule(s *pipeline.RuleStats) {
	if s.Rule != "" {
		r.count(matches, s.Matches, s.Rule)
	}
	for severity := rule.Low; severity <= rule.Critical; severity++ {
		if n := s.First[severity]; n > 0 || s.Rule != "" {
			r.count(findings, n, s.Rule, severity.String(), "true")
		}
		if n := s.Repeated[severity]; n > 0 || s.Rule != "" {
			r.count(findings, n, s.Rule, severity.String(), "false")
		}
	}
}

func (r reading) engine(s engine.Stats) {
	r.set(principals, float64(s.Known), "known")
	r.set(principals, float64(s.New), "new")
	r.set(limit, float64(s.Limit))
	r.count(evictions, s.Evicted.Principals, "principal")
	r.count(evictions, s.Evicted.Newcomers, "newcomer")
	r.count(evictions, s.Evicted.Values, "value")
	r.count(evictions, s.Evicted.Objects, "object")
	if !s.LearningEnds.IsZero() {
		r.set(learningEnds, seconds(s.LearningEnds))
	}
	for i := range s.Stores {
		r.store(&s.Stores[i])
	}
	if s.Shared != nil {
		r.shared(s.Shared)
	}
}

func (r reading) store(s *engine.StoreStats) {
	up := 0.0
	if s.Available {
		up = 1
	}
	r.set(available, up, s.Store)
	for operation, n := range s.Failures {
		r.count(failures, n, s.Store, operation)
	}
	if !s.Current.IsZero() {
		r.set(lastSuccess, seconds(s.Current), s.Store)
	}
	r.set(pending, float64(s.Pending), s.Store)
	if s.Bytes > 0 {
		r.set(storeSize, float64(s.Bytes), s.Store)
	}
}

func (r reading) shared(s *replica.Stats) {
	r.count(sharedWaits, s.Asked)
	r[at(sharedWaited)] += s.Waited.Seconds()
	r.count(sharedTrips, s.Exchanges)
	r.count(sharedSent, s.Sent)
	r.count(sharedReceived, s.Applied)
	r.count(sharedLost, s.Dropped, "dropped")
	r.count(sharedLost, s.Broken, "broken")
	r.count(sharedDegraded, s.Degraded)
	r.count(sharedSaves, s.Saves)
}

func seconds(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }
