package pipeline

import (
	"strings"

	"github.com/secretwatch/secretwatch/detector/msgpack"
)

// flatPrefix begins the names of the flat format.
const flatPrefix = "secretwatch_"

// flat is for stores that know no levels, Loki for one: what the native map holds
// as fields of the record itself, secretwatch_severity, secretwatch_rules and so
// on. Lists are joined by commas; no rule id or technique has one.
type flat struct {
	severityKey string
	cluster     string
	names       []string // of nativeFields
	top         []string
}

func newFlat(opts *Options) format {
	f := &flat{severityKey: opts.SeverityKey, cluster: opts.Cluster}
	for i := range nativeFields {
		f.names = append(f.names, flatPrefix+nativeFields[i].name)
	}
	f.top = append(f.top, f.names...)
	for _, mark := range []string{"cluster", "events", "findings", "redacted"} {
		f.top = append(f.top, flatPrefix+mark)
	}
	if f.severityKey != "" {
		f.top = append([]string{f.severityKey}, f.top...)
	}
	return f
}

func (f *flat) keys() []string { return f.top }

func (f *flat) appendFields(dst []byte, t *tag) ([]byte, int) {
	pairs := len(f.names)
	if f.severityKey != "" {
		dst = appendText(dst, f.severityKey)
		dst = msgpack.AppendStr(dst, t.verdict.Severity.String())
		pairs++
	}
	for i := range nativeFields {
		field := &nativeFields[i]
		dst = msgpack.AppendStr(dst, f.names[i])
		if field.list != nil {
			dst = appendText(dst, strings.Join(field.list(t.verdict), ","))
			continue
		}
		dst = field.append(dst, t.verdict)
	}
	if f.cluster != "" {
		pairs++
	}
	if t.events > 0 {
		pairs += 2
	}
	if t.redacted {
		pairs++
	}
	return appendMarks(dst, flatPrefix, f.cluster, t), pairs
}

func (f *flat) appendRedacted(dst []byte) []byte {
	return msgpack.AppendBool(msgpack.AppendStr(dst, flatPrefix+"redacted"), true)
}

func (f *flat) rebuilds() bool                        { return false }
func (f *flat) rebuild(_, body []byte, _ *tag) []byte { return body }
