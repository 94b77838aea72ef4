package main

import (
	"fmt"
	"io"
	"sort"
	"strings"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/rule"
)

// tally counts by name.
type tally map[string]int

// print writes the counts, largest first.
func (t tally) print(w io.Writer, indent string, limit int) {
	names := make([]string, 0, len(t))
	for n := range t {
		names = append(names, n)
	}
	sort.Slice(names, func(i, j int) bool {
		if t[names[i]] != t[names[j]] {
			return t[names[i]] > t[names[j]]
		}
		return names[i] < names[j]
	})
	rest, more := 0, 0
	for i, n := range names {
		if i >= limit {
			rest += t[n]
			more++
			continue
		}
		fmt.Fprintf(w, "%s%6d  %s\n", indent, t[n], n)
	}
	if more > 0 {
		fmt.Fprintf(w, "%s%6d  of %d other kinds\n", indent, rest, more)
	}
}

// flagged is what is said of a number of requests.
type flagged struct {
	requests int
	low      int // flagged low
	medium   int // flagged medium or higher
	highest  rule.Severity
	rules    map[string]bool
	reason   string // of the highest
}

func (f *flagged) add(v *detector.Verdict) {
	if v.Severity == rule.Low {
		f.low++
	} else if v.Severity > rule.Low {
		f.medium++
	}
	if v.Severity > f.highest || f.reason == "" {
		f.highest = v.Severity
		f.reason = strings.Clone(v.Reason)
	}
	if f.rules == nil {
		f.rules = map[string]bool{}
	}
	for _, r := range v.Rules {
		f.rules[r] = true
	}
}

func (f *flagged) ruleList() string {
	list := make([]string, 0, len(f.rules))
	for r := range f.rules {
		list = append(list, r)
	}
	sort.Strings(list)
	return strings.Join(list, ", ")
}
