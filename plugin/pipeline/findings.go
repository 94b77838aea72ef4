package pipeline

import (
	"slices"
	"sync/atomic"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/rule"
)

// RuleStats are the findings of one rule.
type RuleStats struct {
	Rule string // its id; empty for what no rule is named for
	// First and Repeated count findings of which this was the highest scored rule,
	// by severity of the finding.
	First, Repeated [rule.Critical + 1]uint64
	// Matches counts all findings that the rule took part in.
	Matches uint64
}

// findings counts by rule.
type findings struct {
	ids   []string
	rules []ruleCounters // of ids, and a last one for verdicts that name none of them
}

type ruleCounters struct {
	first, repeated [rule.Critical + 1]atomic.Uint64
	matches         atomic.Uint64
}

func newFindings() findings {
	ids := rule.IDs()
	return findings{ids: ids, rules: make([]ruleCounters, len(ids)+1)}
}

func (f *findings) add(v *detector.Verdict) {
	best := len(f.ids)
	for i, id := range v.Rules {
		r := slices.Index(f.ids, id)
		if r < 0 {
			continue
		}
		f.rules[r].matches.Add(1)
		if i == 0 {
			best = r
		}
	}
	severity := min(v.Severity, rule.Critical)
	if v.First {
		f.rules[best].first[severity].Add(1)
	} else {
		f.rules[best].repeated[severity].Add(1)
	}
}

func (f *findings) stats() []RuleStats {
	all := make([]RuleStats, len(f.rules))
	for i := range all {
		from, to := &f.rules[i], &all[i]
		if i < len(f.ids) {
			to.Rule = f.ids[i]
		}
		to.Matches = from.matches.Load()
		for severity := range to.First {
			to.First[severity] = from.first[severity].Load()
			to.Repeated[severity] = from.repeated[severity].Load()
		}
	}
	return all
}
