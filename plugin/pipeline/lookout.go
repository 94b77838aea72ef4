package pipeline

import "sync/atomic"

// blindAfter is after how many records that name secrets, none of which holds an
// audit event, that is no accident.
const blindAfter = 1000

// lookout tells once that events never show in the records, as when another field
// holds them than the one that is looked at.
type lookout struct {
	done atomic.Bool // an event was found, or it was told
	vain atomic.Uint64
}

// note takes what was found in a record that names secrets.
func (l *lookout) note(what found, log Logger) {
	switch {
	case l.done.Load():
	case what != nothing:
		l.done.Store(true)
	case l.vain.Add(1) >= blindAfter && l.done.CompareAndSwap(false, true):
		log.Warnf("%d records name secrets or tokens, but none holds an audit event: is match right, does a filter before this one change the records, is key the name of their field?", blindAfter)
	}
}
