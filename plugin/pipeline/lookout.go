package pipeline

import (
	"sync/atomic"

	"github.com/secretwatch/secretwatch/detector/audit"
)

const (
	// blindAfter is after how many records that name secrets, none of which holds an
	// audit event, that is no accident.
	blindAfter = 1000
	// unreadAfter is the same of bytes of records without a get or list of a secret:
	// some 100,000 events.
	unreadAfter = 100e6
	// watchedAfter is the same where secrets are watched. Informers list before they
	// watch, but seldom again; AKS's kube-audit-admin leaves out get and list only:
	// https://learn.microsoft.com/azure/azure-monitor/reference/tables/aksauditadmin
	watchedAfter = 10 * unreadAfter
)

// lookout tells once that events never show in the records, as when another field
// holds them than the one that is looked at, or that reads of secrets never do, as
// when an audit policy or a category of a provider's log leaves them out.
type lookout struct {
	found   atomic.Bool // an event was found, or it was told
	vain    atomic.Uint64
	read    atomic.Bool // a get or list was seen, or it was told
	watched atomic.Bool
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
	case "get", "list":
		l.read.Store(true)
	case "watch":
		if !l.watched.Load() {
			l.watched.Store(true)
		}
	}
}

// passed takes how many bytes of records there were so far.
func (l *lookout) passed(bytes uint64, log Logger) {
	if l.read.Load() || bytes < unreadAfter {
		return
	}
	limit := uint64(unreadAfter)
	if l.watched.Load() {
		limit = watchedAfter
	}
	if bytes >= limit && l.read.CompareAndSwap(false, true) {
		log.Warnf("%d MB of records and no get or list of a secret among them, though any cluster has some: does the audit policy, or the category of the provider's log, leave them out, is match right?", limit/1e6)
	}
}
