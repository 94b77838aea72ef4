package pipeline

import (
	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/msgpack"
)

// verdictKey is the top-level key of the native format.
const verdictKey = "secretwatch"

// native is the default format: the severity at top level and everything in one
// map, always with all keys in one order, but for those of marks.
type native struct {
	severityKey string
	top         []string
	cluster     string
}

// field is one entry of the native map, and, under a prefix, of the flat format.
// One of its functions is set.
type field struct {
	name string
	text func(v *detector.Verdict) string
	list func(v *detector.Verdict) []string
	num  func(v *detector.Verdict) int
	flag func(v *detector.Verdict) bool
}

func newNative(opts *Options) format {
	n := &native{severityKey: opts.SeverityKey, cluster: opts.Cluster, top: []string{verdictKey}}
	if n.severityKey == verdictKey {
		n.severityKey = ""
	}
	if n.severityKey != "" {
		n.top = []string{n.severityKey, verdictKey}
	}
	return n
}

func (n *native) keys() []string { return n.top }

func (n *native) appendFields(dst []byte, t *tag) ([]byte, int) {
	if n.severityKey != "" {
		dst = appendText(dst, n.severityKey)
		dst = msgpack.AppendStr(dst, t.verdict.Severity.String())
	}
	dst = msgpack.AppendStr(dst, verdictKey)
	return n.appendMap(dst, t), len(n.top)
}

// appendMap appends the map alone.
func (n *native) appendMap(dst []byte, t *tag) []byte {
	all := [...]bool{n.cluster != "", t.events > 0, t.events > 0, t.redacted}
	pairs := len(nativeFields)
	for _, is := range all {
		if is {
			pairs++
		}
	}
	dst = msgpack.AppendMapHeader(dst, pairs)
	for i := range nativeFields {
		f := &nativeFields[i]
		dst = msgpack.AppendStr(dst, f.name)
		dst = f.append(dst, t.verdict)
	}
	return appendMarks(dst, "", n.cluster, t)
}

// appendMarks appends what only some records gain: the cluster where one is
// configured, the counts of a list that stays one record, and that something was
// removed.
func appendMarks(dst []byte, prefix, cluster string, t *tag) []byte {
	if cluster != "" {
		dst = appendText(msgpack.AppendStr(dst, prefix+"cluster"), cluster)
	}
	if t.events > 0 {
		dst = msgpack.AppendInt(msgpack.AppendStr(dst, prefix+"events"), int64(t.events))
		dst = msgpack.AppendInt(msgpack.AppendStr(dst, prefix+"findings"), int64(t.findings))
	}
	if t.redacted {
		dst = msgpack.AppendBool(msgpack.AppendStr(dst, prefix+"redacted"), true)
	}
	return dst
}

func (n *native) appendRedacted(dst []byte) []byte {
	dst = msgpack.AppendStr(dst, verdictKey)
	dst = msgpack.AppendStr(msgpack.AppendMapHeader(dst, 1), "redacted")
	return msgpack.AppendBool(dst, true)
}

func (n *native) rebuilds() bool                        { return false }
func (n *native) rebuild(_, body []byte, _ *tag) []byte { return body }

func (f *field) append(dst []byte, v *detector.Verdict) []byte {
	switch {
	case f.text != nil:
		return appendText(dst, f.text(v))
	case f.num != nil:
		return msgpack.AppendInt(dst, int64(f.num(v)))
	case f.flag != nil:
		return msgpack.AppendBool(dst, f.flag(v))
	}
	return appendTexts(dst, f.list(v))
}

func appendTexts(dst []byte, all []string) []byte {
	dst = msgpack.AppendArrayHeader(dst, len(all))
	for _, s := range all {
		dst = appendText(dst, s)
	}
	return dst
}

// nativeFields are the entries of the map, in order.
var nativeFields = []field{
	{name: "severity", text: func(v *detector.Verdict) string { return v.Severity.String() }},
	{name: "risk_score", num: func(v *detector.Verdict) int { return v.RiskScore }},
	{name: "title", text: func(v *detector.Verdict) string { return v.Title }},
	{name: "rules", list: func(v *detector.Verdict) []string { return v.Rules }},
	{name: "reason", text: func(v *detector.Verdict) string { return v.Reason }},
	{name: "first", flag: func(v *detector.Verdict) bool { return v.First }},
	{name: "fingerprint", text: func(v *detector.Verdict) string { return v.Fingerprint }},
	{name: "history", text: func(v *detector.Verdict) string { return v.History }},
	{name: "user", text: func(v *detector.Verdict) string { return v.User }},
	{name: "effective_user", text: func(v *detector.Verdict) string { return v.EffectiveUser }},
	{name: "source_ip", text: func(v *detector.Verdict) string { return v.SourceIP }},
	{name: "user_agent", text: func(v *detector.Verdict) string { return v.UserAgent }},
	{name: "verb", text: func(v *detector.Verdict) string { return v.Verb }},
	{name: "namespace", text: func(v *detector.Verdict) string { return v.Namespace }},
	{name: "secret", text: func(v *detector.Verdict) string { return v.Secret }},
	{name: "outcome", text: func(v *detector.Verdict) string { return v.Outcome }},
	{name: "audit_id", text: func(v *detector.Verdict) string { return v.AuditID }},
	{name: "techniques", list: func(v *detector.Verdict) []string { return v.Techniques }},
}
