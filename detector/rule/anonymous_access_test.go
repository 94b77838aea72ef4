package rule_test

import (
	"testing"

	"github.com/secretwatch/secretwatch/detector/audit"
	. "github.com/secretwatch/secretwatch/detector/internal/bench"
)

func TestAnonymousAccess(t *testing.T) {
	f := func(want, reason string, change ...Change) {
		t.Helper()
		// Nothing needs to be learnt for it.
		says(t, want, New(t, Only("anonymous-access")).Send(change...), reason)
		b := Cluster(t, Only("anonymous-access"))
		says(t, want, b.Send(change...), reason)
		says(t, want+" again", b.Send(change...), reason)
		b.Quiet()
	}
	f("critical", "anonymous request was allowed", Anonymous)
	f("critical", "anonymous request was allowed", Named(""))
	f("critical", "anonymous request was authorised", Anonymous, Missing)
	f("low", "anonymous request from 192.0.2.10 was denied", Anonymous, Denied)
	f("low", "request without valid credentials from 192.0.2.10", Unauthenticated)
	f("low", "request without valid credentials from unknown", Unauthenticated, From())
	f("low", "anonymous request from 192.0.2.10 was denied", Anonymous, func(ev *audit.Event) { ev.Code, ev.Decision = 429, "" })

	b := Cluster(t, Only("anonymous-access"))
	says(t, "low", b.Send(Unauthenticated))
	says(t, "low", b.Send(Unauthenticated, From(Outside)), "request without valid credentials from "+Outside)
}
