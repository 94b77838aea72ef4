package pipeline

import (
	"sync/atomic"

	"github.com/secretwatch/secretwatch/detector/audit"
)

const (
	// blindAfter is after how many records that name secrets, none of which holds an
	// audit event, that is no accident.
	blindAfter = 1000
	// unreadAfter is the same of bytes of records without a read of a secret: some
	// 100,000 events, while informers alone begin a new watch every few minutes.
	unreadAfter = 100e6
)

// lookout tells once that events never show in the records, as when another field
// holds them than the one that is looked at, or that reads of secrets never do, as
// when an audit policy or a category of a provider's log leaves them out.
type lookout struct {
	found atomic.Bool // an event was found, or it was told
	vain  atomic.Uint64
	read  atomic.Bool // a read was seen, or it was told
}

// note takes what was found in a record that names secrets.
func (l *lookout) note(what found, log Logger) {
	switch {
	case l.found.Load():
	case what != nothing:
		l.found.Store(true)
	case l.vain.Add(1) >= blindAfter && l.found.CompareAndSwap(false, true):
		l.read.Store(true) // it goes without saying
		log.Warnf("%d records name secrets or tokens, but none holds an audit event: is match right, does a filter before this one change the records, is key the name of their field?", blindAfter)
	}
}

// see takes an event that was found.
func (l *lookout) see(ev *audit.Event) {
	if l.read.Load() || ev.Resource != "secrets" || ev.APIGroup != "" {
		return
	}
	switch ev.Verb {
	case "get", "list", "watch":
		l.read.Store(true)
	}
}

// passed takes how many bytes of records there were so far.
func (l *lookout) passed(bytes uint64, log Logger) {
	if !l.read.Load() && bytes >= unreadAfter && l.read.CompareAndSwap(false, true) {
		log.Warnf("%.0f MB of records and no read of a secret among them, though any cluster has some: does the audit policy, or the category of the provider's log, leave out get, list and watch of secrets, is match right?", unreadAfter/1e6)
	}
}
