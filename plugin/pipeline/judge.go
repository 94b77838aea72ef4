package pipeline

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/rule"
	"github.com/secretwatch/secretwatch/plugin/pipeline/tree"
)

// tag is what a record is to be told.
type tag struct {
	verdict  *detector.Verdict
	redacted bool

	// Of a list that stays one record: its events that were judged, and those
	// in which something was found. 0 for a single event.
	events, findings int

	// What the verdict does not say of the event. Empty for a list.
	resource  string
	userID    string
	forwarded string // the address that a client claims to be forwarded for

	// Where the event stands: place, and the name of the field unless it is the
	// record.
	place place
	field string
}

// place is where in its record an event stands.
type place uint8

const (
	elsewhere place = iota // deeper within an envelope
	inRecord               // the record is the event
	inField                // a field is the event
	inText                 // a field is text that is the event or holds it
)

// locate notes where the event in s.event stands in body.
func (t *tag) locate(s *scratch, body []byte) {
	if same(s.packed.Raw(), body) {
		t.place = inRecord
		return
	}
	for m := tree.Packed(body).Members(); m.Next(); {
		switch raw := m.Value.Raw(); {
		case s.packed.Kind() == tree.Object && same(raw, s.packed.Raw()):
			t.place, t.field = inField, alias(m.Key)
		case s.holder.Kind() == tree.String && same(raw, s.holder.Raw()):
			t.place, t.field = inText, alias(m.Key)
		}
	}
}

// judgeFound judges what was found in the body of a record of the given time, in
// nanoseconds since the Unix epoch, and returns what it is to be tagged with, or
// nil.
func (p *Pipeline) judgeFound(s *scratch, what found, body []byte, time int64) *tag {
	switch what {
	case single:
		if !p.judgeEvent(s, time) {
			return nil
		}
		s.tag = tag{verdict: &s.verdict, resource: s.event.Resource, userID: s.event.User.UID}
		if ips := s.event.SourceIPs; len(ips) > 1 && ips[0] != s.verdict.SourceIP {
			if _, err := netip.ParseAddr(ips[0]); err == nil {
				s.tag.forwarded = ips[0]
			}
		}
		if p.format.rebuilds() {
			s.tag.locate(s, body)
		}
		return &s.tag
	case several:
		s.tag = tag{}
		p.judgeList(s, s.list, time, 0)
		if s.tag.verdict != nil {
			return &s.tag
		}
	}
	return nil
}

// judgeEvent judges s.event and reports whether the record is to be tagged with
// s.verdict.
func (p *Pipeline) judgeEvent(s *scratch, time int64) bool {
	if s.event.Time == 0 {
		s.event.Time = s.event.StageTime
	}
	if s.event.Time == 0 {
		s.event.Time = time
	}
	p.blind.see(&s.event)
	switch p.decide(s) {
	case detector.Duplicate:
		p.stats.duplicates.Add(1)
	case detector.Clean:
		p.stats.judged.Add(1)
		return p.tagAll
	case detector.Found:
		p.stats.judged.Add(1)
		p.stats.findings.add(&s.verdict)
		return true
	}
	return false
}

// judgeList judges the events of a list that stays where it is. s.tag gets the
// worst verdict and the counts.
func (p *Pipeline) judgeList(s *scratch, list eventsIn, time int64, depth int) {
	for e := list.array.Elements(); e.Next(); {
		if nextNeedle(e.Value.Raw(), 0) < 0 {
			continue
		}
		switch p.object(s, e.Value, min(depth+1, maxLayers)) {
		case single:
			if !p.judgeEvent(s, time) {
				continue
			}
			s.tag.events++
			if s.verdict.Severity != rule.None {
				s.tag.findings++
			}
			if worst := s.tag.verdict; worst == nil || s.verdict.RiskScore > worst.RiskScore {
				s.tag.verdict = clone(&s.verdict)
			}
		case several:
			if depth < maxLayers {
				p.judgeList(s, s.list, time, depth+1)
			}
		}
	}
}

// clone copies a verdict so that it outlives its event.
func clone(v *detector.Verdict) *detector.Verdict {
	c := *v
	for _, s := range [...]*string{&c.Title, &c.Reason, &c.Fingerprint, &c.History, &c.User, &c.EffectiveUser,
		&c.SourceIP, &c.UserAgent, &c.Verb, &c.Namespace, &c.Secret, &c.Outcome, &c.AuditID} {
		*s = strings.Clone(*s)
	}
	c.Rules, c.Techniques = slices.Clone(v.Rules), slices.Clone(v.Techniques)
	return &c
}
