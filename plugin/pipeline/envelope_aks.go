package pipeline

import "github.com/secretwatch/secretwatch/plugin/pipeline/tree"

// aks is what Azure Monitor's diagnostic settings deliver, as a batch in an event
// hub or a blob, {"records":[{…},…]}, or one by one:
// {"time":…,"resourceId":…,"category":"kube-audit","operationName":…,
// "properties":{"log":"{…}","stream":"stdout","pod":"kube-apiserver-…"}}
// with the event as JSON text in properties.log. Exports that flatten the
// properties leave a text in properties, or log at top level, one of the usual
// fields.
func (p *Pipeline) aks(s *scratch, v tree.Value, l *layout, depth int) found {
	if l.records.Kind() == tree.Array {
		e := l.records.Elements()
		if e.Next() && e.Value.Kind() == tree.Object && e.Value.Get("properties").Kind() != tree.Broken {
			s.list = eventsIn{array: l.records, object: v, member: "records", depth: depth}
			return several
		}
	}
	properties := l.nested
	if properties.Kind() == tree.String {
		properties, _ = tree.JSON(properties.Text(&s.text))
	}
	if log := properties.Get("log"); log.Kind() == tree.String {
		return p.document(s, log.Text(&s.text), depth+1)
	}
	return nothing
}
