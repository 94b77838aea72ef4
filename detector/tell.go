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
	v.SourceIP = a.Source.Written
	if v.SourceIP == "" && a.Source.Addr.IsValid() {
		v.addr = a.Source.Addr.AppendTo(v.addr[:0])
		v.SourceIP = unsafe.String(unsafe.SliceData(v.addr), len(v.addr))
	}
	// One by one, as a literal would be made elsewhere and copied.
	v.Severity, v.RiskScore, v.History = severity, score, "complete"
	v.Title, v.Reason, v.First, v.Fingerprint = "", "", false, ""
	v.Rules, v.Techniques = v.Rules[:0], v.Techniques[:0]
	v.User, v.EffectiveUser = a.Principal, a.Effective
	v.UserAgent = cut(a.Event.UserAgent, maxUserAgent)
	v.Verb = cut(a.Event.Verb, 32)
	v.Namespace = cut(a.Namespace, maxName)
	v.Secret = cut(a.Name, maxName)
	v.Outcome = a.Outcome.String()
	v.AuditID = cut(a.Event.AuditID, maxAuditID)
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
