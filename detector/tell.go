package detector

import (
	"slices"
	"strconv"
	"unsafe"

	"github.com/cespare/xxhash/v2"

	"github.com/secretwatch/secretwatch/detector/access"
	"github.com/secretwatch/secretwatch/detector/rule"
)

// Limits of client-chosen text in verdicts, in bytes. The record itself holds
// the whole.
const (
	maxUserAgent = 256
	maxName      = 253 // a Kubernetes object name's
	maxAuditID   = 128
)

// fill sets what a verdict says of every judged access.
func (d *Detector) fill(c *rule.Case, v *Verdict, score int, severity rule.Severity) {
	a := c.Access
	buf := v.addr[:0]
	if a.Source.Addr.IsValid() {
		buf = a.Source.Addr.AppendTo(buf)
	}
	*v = Verdict{
		Rules:         v.Rules[:0],
		Techniques:    v.Techniques[:0],
		addr:          buf,
		Severity:      severity,
		RiskScore:     score,
		History:       "complete",
		User:          a.Principal,
		EffectiveUser: a.Effective,
		SourceIP:      unsafe.String(unsafe.SliceData(buf), len(buf)),
		UserAgent:     cut(a.Event.UserAgent, maxUserAgent),
		Verb:          cut(a.Event.Verb, 32),
		Namespace:     cut(a.Namespace, maxName),
		Secret:        cut(a.Name, maxName),
		Outcome:       a.Outcome.String(),
		AuditID:       cut(a.Event.AuditID, maxAuditID),
	}
	switch {
	case c.Learning:
		v.History = "learning"
	case c.Unsure:
		v.History = "evicted"
	}
}

// tell adds what was found.
func (d *Detector) tell(c *rule.Case, v *Verdict) {
	var h xxhash.Digest
	h.Reset()
	_, _ = h.WriteString(c.Principal)
	var reason []byte
	var prints []uint64
	for i := range c.Findings {
		f := &c.Findings[i]
		if !slices.Contains(v.Rules, f.Info.ID) {
			v.Rules = append(v.Rules, f.Info.ID)
		}
		for _, t := range f.Info.Techniques {
			if !slices.Contains(v.Techniques, t) {
				v.Techniques = append(v.Techniques, t)
			}
		}
		if i > 0 {
			reason = append(reason, "; "...)
		}
		reason = append(reason, c.Reason(f)...)
		prints = append(prints, xxhash.Sum64String(f.Info.ID)+f.Value)
	}
	slices.Sort(prints)
	for _, p := range prints {
		var b [8]byte
		for i := range b {
			b[i] = byte(p >> (8 * i))
		}
		_, _ = h.Write(b[:])
	}
	print := h.Sum64()
	v.Title = c.Findings[0].Info.Title
	v.Reason = string(reason)
	v.Fingerprint = fingerprint(print)
	span := c.Store.Bounds.Probation
	if c.Outcome == access.Denied {
		// What was refused stays unknown for ever: once a window is enough.
		span = max(span, c.Store.Bounds.Window)
	}
	v.First = c.P.Said.First(print, c.Time, span) && c.Raises()
}

func fingerprint(p uint64) string {
	s := strconv.FormatUint(p, 16)
	const zeros = "0000000000000000"
	return zeros[len(s):] + s
}

// cut shortens client-chosen text. A rune cut in two is made whole by whoever
// encodes the verdict.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return s[:limit]
}
