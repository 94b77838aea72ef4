package pipeline

import (
	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/msgpack"
)

// verdictKey is the top-level key of the native format.
const verdictKey = "secretwatch"

// native is the default format: the severity at top level and everything in one
// map, always with all keys in one order.
type native struct {
	severityKey string
	top         []string
	fields      []field
}

// field is one entry of the native map.
type field struct {
	name   string
	append func(dst []byte, v *detector.Verdict) []byte
}

func newNative(opts *Options) format {
	n := &native{severityKey: opts.SeverityKey, top: []string{verdictKey}, fields: nativeFields}
	if n.severityKey == verdictKey {
		n.severityKey = ""
	}
	if n.severityKey != "" {
		n.top = []string{n.severityKey, verdictKey}
	}
	if cluster := opts.Cluster; cluster != "" {
		n.fields = append(n.fields[:len(n.fields):len(n.fields)], field{"cluster", func(dst []byte, _ *detector.Verdict) []byte {
			return appendText(dst, cluster)
		}})
	}
	return n
}

func (n *native) keys() []string { return n.top }

func (n *native) appendFields(dst []byte, v *detector.Verdict) []byte {
	if n.severityKey != "" {
		dst = appendText(dst, n.severityKey)
		dst = msgpack.AppendStr(dst, v.Severity.String())
	}
	dst = msgpack.AppendStr(dst, verdictKey)
	dst = msgpack.AppendMapHeader(dst, len(n.fields))
	for i := range n.fields {
		dst = msgpack.AppendStr(dst, n.fields[i].name)
		dst = n.fields[i].append(dst, v)
	}
	return dst
}

// nativeFields are the entries of the map, in order.
var nativeFields = []field{
	text("severity", func(v *detector.Verdict) string { return v.Severity.String() }),
	{"risk_score", func(dst []byte, v *detector.Verdict) []byte {
		return msgpack.AppendInt(dst, int64(v.RiskScore))
	}},
	text("title", func(v *detector.Verdict) string { return v.Title }),
	list("rules", func(v *detector.Verdict) []string { return v.Rules }),
	text("reason", func(v *detector.Verdict) string { return v.Reason }),
	{"first", func(dst []byte, v *detector.Verdict) []byte { return msgpack.AppendBool(dst, v.First) }},
	text("fingerprint", func(v *detector.Verdict) string { return v.Fingerprint }),
	text("history", func(v *detector.Verdict) string { return v.History }),
	text("user", func(v *detector.Verdict) string { return v.User }),
	text("effective_user", func(v *detector.Verdict) string { return v.EffectiveUser }),
	text("source_ip", func(v *detector.Verdict) string { return v.SourceIP }),
	text("user_agent", func(v *detector.Verdict) string { return v.UserAgent }),
	text("verb", func(v *detector.Verdict) string { return v.Verb }),
	text("namespace", func(v *detector.Verdict) string { return v.Namespace }),
	text("secret", func(v *detector.Verdict) string { return v.Secret }),
	text("outcome", func(v *detector.Verdict) string { return v.Outcome }),
	text("audit_id", func(v *detector.Verdict) string { return v.AuditID }),
	list("techniques", func(v *detector.Verdict) []string { return v.Techniques }),
}

func text(name string, get func(*detector.Verdict) string) field {
	return field{name, func(dst []byte, v *detector.Verdict) []byte { return appendText(dst, get(v)) }}
}

func list(name string, get func(*detector.Verdict) []string) field {
	return field{name, func(dst []byte, v *detector.Verdict) []byte {
		all := get(v)
		dst = msgpack.AppendArrayHeader(dst, len(all))
		for _, s := range all {
			dst = appendText(dst, s)
		}
		return dst
	}}
}
