package pipeline

import "github.com/secretwatch/secretwatch/plugin/pipeline/tree"

// cloudWatch is what a subscription of CloudWatch Logs delivers:
// {"messageType":"DATA_MESSAGE","owner":…,"logGroup":…,"logStream":…,
// "subscriptionFilters":[…],"logEvents":[{"id":…,"timestamp":…,"message":"{…}"},…]}
// with the event as JSON text in message. Where single log events arrive, message
// is one of the usual fields.
//
// CloudWatch cuts events at 256 KB, EKS marks that with a tail "[Truncated...]";
// such events are counted and not judged.
func (p *Pipeline) cloudWatch(s *scratch, v tree.Value, l *layout, depth int) found {
	if l.logEvents.Kind() != tree.Array {
		return nothing
	}
	s.list = eventsIn{array: l.logEvents, object: v, member: "logEvents", depth: depth}
	return several
}
