package pipeline

import (
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/plugin/pipeline/tree"
)

// elasticPrefix is where Elastic's Kubernetes integration puts an audit event.
const elasticPrefix = "kubernetes.audit."

// elastic is the shape of Elastic's Kubernetes integration: the event in
// kubernetes.audit, as objects within objects, or flat, in members named
// kubernetes.audit.verb, kubernetes.audit.user.username and so on, or anything
// in between. The names of annotations have underscores there instead of dots.
func (p *Pipeline) elastic(s *scratch, v tree.Value, l *layout) found {
	if event := l.kubernetes.Get("audit"); event.Kind() == tree.Object && p.event(s, event) {
		return single
	}
	if !l.flat {
		return nothing
	}
	f := audit.Fill(&s.event)
	for m := v.Members(); m.Next(); {
		if len(m.Key) > len(elasticPrefix) && string(m.Key[:len(elasticPrefix)]) == elasticPrefix {
			fill(s, &f, s.path(m.Key[len(elasticPrefix):]), m.Value, 0)
		}
	}
	if f.Done() {
		return single
	}
	return nothing
}

// fill sets the field at path, or all fields below it.
func fill(s *scratch, f *audit.Filler, path string, v tree.Value, depth int) {
	switch v.Kind() {
	case tree.String:
		f.Text(path, alias(v.Text(&s.text)))
	case tree.Array:
		for e := v.Elements(); e.Next(); {
			if e.Value.Kind() == tree.String {
				f.Add(path, alias(e.Value.Text(&s.text)))
			}
		}
	case tree.Object:
		// The deepest that matters is user.extra.NAME.
		for m := v.Members(); m.Next() && depth < 2; {
			from := len(s.text)
			s.text = append(append(append(s.text, path...), '.'), m.Key...)
			fill(s, f, alias(s.text[from:len(s.text):len(s.text)]), m.Value, depth+1)
		}
	default:
		if n, ok := v.Int(); ok {
			f.Number(path, n)
		}
	}
}

// path copies a member's name to where it lasts.
func (s *scratch) path(key []byte) string {
	from := len(s.text)
	s.text = append(s.text, key...)
	return alias(s.text[from:len(s.text):len(s.text)])
}
