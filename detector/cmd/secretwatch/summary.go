package main

import (
	"fmt"
	"io"
	"time"

	"github.com/secretwatch/secretwatch/detector/rule"
	"github.com/secretwatch/secretwatch/plugin/pipeline"
)

// summary tells what was read and found, and what went wrong only if it did.
func (r *replayer) summary(w io.Writer, took time.Duration) {
	s := r.pipe.Stats()
	rate := float64(r.records) / max(took.Seconds(), 1e-6)
	fmt.Fprintf(w, "%d records (%.1f MB) in %s, %.0f records/s\n", r.records, float64(r.progress.bytes)/1e6, took.Round(time.Millisecond), rate)
	fmt.Fprintf(w, "%d requests judged", s.Judged)
	if r.rec.from != 0 {
		span := time.Duration(r.rec.to - r.rec.from)
		fmt.Fprintf(w, ", from %s to %s (%s)", stamp(r.rec.from), stamp(r.rec.to), span.Round(time.Second))
	}
	fmt.Fprintf(w, "; %d duplicates\n", s.Duplicates)
	fmt.Fprintf(w, "%d findings, %d of them repeats", s.Findings(), s.Findings()-s.First)
	for severity, sep := rule.Critical, ": "; severity >= rule.Low; severity, sep = severity-1, ", " {
		fmt.Fprintf(w, "%s%d %s", sep, s.Found[severity], severity)
	}
	fmt.Fprintln(w)
	for _, id := range r.rec.rulesByCount() {
		fmt.Fprintf(w, "  %6d  %s\n", r.rec.byRule[id], id)
	}
	switch {
	case r.records > 0 && s.Judged+s.Duplicates == 0:
		fmt.Fprintln(w, "no request for secrets is among them: are these audit events, one a line, and does the audit policy log secrets?")
	case r.rec.learning > 0 && r.rec.learning == int(s.Judged):
		fmt.Fprintln(w, "all of it fell in the learning period, in which new values are learnt and raise nothing; see --learning-period")
	}
	for _, c := range []struct {
		n    uint64
		what string
	}{
		{s.Unparsable, "events in broken JSON, passed on as they are"},
		{uint64(r.oddLines), "lines left out"},
		{s.Undecodable + s.Panics + s.Refused, "chunks passed on unjudged"},
	} {
		if c.n > 0 {
			fmt.Fprintf(w, "%d %s\n", c.n, c.what)
		}
	}
}

func stamp(ns int64) string { return time.Unix(0, ns).UTC().Format("2006-01-02T15:04:05Z") }

// progress is a line on a terminal that is written over.
type progress struct {
	w     io.Writer // nil where there is no terminal
	next  time.Time
	shown bool
	bytes int
}

func newProgress(w io.Writer) *progress {
	if terminalWidth(w) == 0 {
		return &progress{}
	}
	return &progress{w: w}
}

// show adds bytes to what was read and, now and then, shows where things stand.
func (p *progress) show(records, bytes int, pipe *pipeline.Pipeline) {
	p.bytes += bytes
	if p.w == nil {
		return
	}
	now := time.Now()
	if now.Before(p.next) {
		return
	}
	s := pipe.Stats()
	fmt.Fprintf(p.w, "\r\x1b[K%d records, %.1f MB, %d requests judged, %d findings", records, float64(p.bytes)/1e6, s.Judged, s.Findings())
	p.next, p.shown = now.Add(200*time.Millisecond), true
}

// clear takes the line away before something else is written.
func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}
