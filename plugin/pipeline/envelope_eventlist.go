package pipeline

import "github.com/secretwatch/secretwatch/plugin/pipeline/tree"

// eventListOwn are the members of an EventList besides its items
// (k8s.io/apiserver/pkg/apis/audit/v1.EventList).
var eventListOwn = []string{"kind", "apiVersion", "metadata"}

// eventList is what the webhook backend posts:
// {"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[{…},…]}.
// Its items carry no kind and no apiVersion.
func (p *Pipeline) eventList(s *scratch, v tree.Value, l *layout, depth int) found {
	if !l.eventList || l.items.Kind() != tree.Array {
		return nothing
	}
	s.list = eventsIn{array: l.items, object: v, member: "items", own: eventListOwn, depth: depth}
	return several
}
