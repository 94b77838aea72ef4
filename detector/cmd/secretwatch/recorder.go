package main

import (
	"slices"
	"strings"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/detector/rule"
	"github.com/secretwatch/secretwatch/plugin/pipeline"
)

// finding is what the table shows of one.
type finding struct {
	time     int64 // of the event, in nanoseconds since the Unix epoch
	severity rule.Severity
	score    int
	first    bool
	user     string
	verb     string
	object   string // namespace/secret
	source   string
	rules    string
	reason   string
}

// recorder stands between the pipeline and the judge and keeps what the table
// and the summary need. Not safe for concurrent use.
type recorder struct {
	judge pipeline.Judger
	all   bool // keep repeats too
	keep  bool // keep findings

	findings []finding
	byRule   map[string]int // findings, not repeats, by rule id
	learning int            // requests judged while novelty was only learnt
	from, to int64          // times of the first and last event judged; 0 if none
}

func (r *recorder) Judge(ev *audit.Event, v *detector.Verdict) detector.Result {
	result := r.judge.Judge(ev, v)
	if result == detector.Skipped || result == detector.Duplicate {
		return result
	}
	if r.from == 0 || ev.Time < r.from {
		r.from = ev.Time
	}
	r.to = max(r.to, ev.Time)
	if v.History == "learning" {
		r.learning++
	}
	if result != detector.Found {
		return result
	}
	if v.First {
		for _, id := range v.Rules {
			r.byRule[strings.Clone(id)]++
		}
	}
	if r.keep && (r.all || v.First) {
		r.findings = append(r.findings, newFinding(ev, v))
	}
	return result
}

// newFinding copies: what ev and v hold does not outlive the chunk.
func newFinding(ev *audit.Event, v *detector.Verdict) finding {
	user := strings.Clone(v.User)
	if v.EffectiveUser != v.User && v.EffectiveUser != "" {
		user += " as " + v.EffectiveUser
	}
	object := v.Namespace + "/" + v.Secret
	switch {
	case v.Namespace == "" && v.Secret == "":
		object = "(all namespaces)"
	case v.Secret == "":
		object += "*"
	}
	return finding{
		time: ev.Time, severity: v.Severity, score: v.RiskScore, first: v.First,
		user: user, verb: strings.Clone(v.Verb), object: object, source: strings.Clone(v.SourceIP),
		rules: strings.Join(v.Rules, ","), reason: strings.Clone(v.Reason),
	}
}

// rulesByCount returns the rules that found something, most findings first.
func (r *recorder) rulesByCount() []string {
	ids := make([]string, 0, len(r.byRule))
	for id := range r.byRule {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int {
		if d := r.byRule[b] - r.byRule[a]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return ids
}
