package replica

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/access"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/test/redistest"
	"github.com/secretwatch/secretwatch/test/sim"
)

// simulated are the events of some days, to be kept.
func simulated(days int) (events []*audit.Event) {
	cfg := sim.DefaultConfig(42)
	cfg.Days, cfg.Attacks = days, 2*days
	sim.Run(cfg, func(ev *audit.Event, _ *sim.Label) {
		kept := *ev
		kept.SourceIPs = slices.Clone(ev.SourceIPs)
		kept.User.Groups, kept.Impersonated.Groups = slices.Clone(ev.User.Groups), slices.Clone(ev.Impersonated.Groups)
		events = append(events, &kept)
	})
	return events
}

// busy drops most of what service accounts and nodes do again and again after the
// first day, so that a test need not take long.
func busy(events []*audit.Event) (some []*audit.Event) {
	seen := map[string]int{}
	for _, ev := range events {
		key := ev.User.Username + " " + ev.Verb + " " + ev.Namespace + " " + ev.Name
		if seen[key]++; seen[key] < 4 || access.ClassOf(ev.User.Username) == access.Person {
			some = append(some, ev)
		}
	}
	return some
}

// alone are the findings of one detector.
func alone(t testing.TB, events []*audit.Event) findings {
	d, err := detector.New(detector.DefaultConfig())
	require.NoError(t, err)
	found := findings{}
	var v detector.Verdict
	for _, ev := range events {
		if d.Judge(ev, &v) == detector.Found {
			found.add(&v)
		}
	}
	return found
}

// scatter takes a log through members in the order of time, a few requests after
// another through any of them.
func scatter(t testing.TB, events []*audit.Event, members []*member, before func(event int)) findings {
	random := rand.New(rand.NewPCG(7, 7))
	found := findings{}
	for from := 0; from < len(events); {
		to := min(from+1+random.IntN(8), len(events))
		if before != nil {
			before(from)
		}
		members[random.IntN(len(members))].judge(events[from:to], func(_ *audit.Event, r detector.Result, v *detector.Verdict) {
			if r == detector.Found {
				found.add(v)
			}
		})
		settle(t, members...)
		from = to
	}
	return found
}

func TestMembersFindWhatOneFinds(t *testing.T) {
	server := redistest.Start(t)
	var members []*member
	for range 3 {
		members = append(members, newMember(t, server.URL()))
	}
	events := busy(simulated(3))
	want := alone(t, events)
	got := scatter(t, events, members, nil)
	t.Logf("%d events, %d first findings", len(events), len(want))
	for i, m := range members {
		t.Logf("member %d: %+v", i, m.h.Stats())
	}
	want.equal(t, got)
}
