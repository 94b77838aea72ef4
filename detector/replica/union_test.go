package replica

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/detector"
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

// scatter takes a log through members, each request through any of them, in
// chunks, one after the other.
func scatter(t testing.TB, events []*audit.Event, members []*member, each func(chunk int)) findings {
	const size = 20
	random := rand.New(rand.NewPCG(7, 7))
	found := findings{}
	n := 0
	for chunk := range slices.Chunk(events, size) {
		parts := make([][]*audit.Event, len(members))
		for _, ev := range chunk {
			i := random.IntN(len(members))
			parts[i] = append(parts[i], ev)
		}
		// In the order of time, which is that of a single host.
		for from := 0; from < len(chunk); {
			_ = parts
			to := from + 1
			i := random.IntN(len(members))
			for to < len(chunk) && to-from < 1+random.IntN(5) {
				to++
			}
			members[i].judge(chunk[from:to], func(_ *audit.Event, r detector.Result, v *detector.Verdict) {
				if r == detector.Found {
					found.add(v)
				}
			})
			settle(t, members...)
			from = to
		}
		if each != nil {
			each(n)
		}
		n++
	}
	return found
}

func TestMembersFindWhatOneFinds(t *testing.T) {
	server := redistest.Start(t)
	var members []*member
	for range 3 {
		members = append(members, newMember(t, server.URL()))
	}
	events := simulated(2)
	want := alone(t, events)
	got := scatter(t, events, members, nil)
	t.Logf("%d events, %d first findings", len(events), len(want))
	for i, m := range members {
		t.Logf("member %d: %+v", i, m.h.Stats())
	}
	want.equal(t, got)
}
