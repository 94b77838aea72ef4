package detector_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/detector/observation"
	"github.com/secretwatch/secretwatch/detector/rule"
	"github.com/secretwatch/secretwatch/test/sim"
)

func days(n int) sim.Config {
	cfg := sim.DefaultConfig(42)
	cfg.Days, cfg.Attacks = n, n
	return cfg
}

// Nothing is found first in what is not decisive, and nothing at all in what is
// familiar: nobody asks others of it.
func TestNothingIsFoundFirstInWhatIsNotDecisive(t *testing.T) {
	d, err := detector.New(detector.DefaultConfig())
	require.NoError(t, err)
	var v detector.Verdict
	var weights [3]int
	wrong := 0
	sim.Run(days(8), func(ev *audit.Event, _ *sim.Label) {
		seen, will := d.Observe(ev)
		result := d.Judge(ev, &v)
		judged := result == detector.Clean || result == detector.Found
		if will != judged {
			t.Errorf("observed: %v, judged: %v", will, judged)
		}
		if !judged {
			return
		}
		weights[seen.Weight]++
		if seen.Weight == rule.Familiar && v.Severity != rule.None || seen.Weight == rule.Teaching && v.First {
			if wrong++; wrong < 10 {
				t.Errorf("%d of %s: %s", seen.Weight, ev.User.Username, v.Reason)
			}
		}
	})
	t.Logf("familiar %d, teaching %d, decisive %d", weights[0], weights[1], weights[2])
	require.Less(t, weights[rule.Decisive]*20, weights[rule.Familiar]+weights[rule.Teaching])
}

// Detectors that tell each other all that is not familiar say first what one
// detector alone says.
func TestDetectorsThatTellEachOther(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	one, err := detector.New(detector.DefaultConfig())
	require.NoError(t, err)
	var all [3]*detector.Detector
	for i := range all {
		all[i], err = detector.New(detector.DefaultConfig())
		require.NoError(t, err)
	}
	type finding struct{ print, user string }
	want, got := map[finding]string{}, map[finding]string{}
	var v detector.Verdict
	sim.Run(days(8), func(ev *audit.Event, _ *sim.Label) {
		if one.Judge(ev, &v) == detector.Found && v.First {
			want[finding{v.Fingerprint, v.User}] = v.Reason
		}
		i := random.IntN(len(all))
		seen, ok := all[i].Observe(ev)
		var o observation.Observation
		if ok {
			all[i].Observation(ev, seen, &o)
			b := o.Append(nil)
			require.NoError(t, o.Decode(b))
		}
		if all[i].Judge(ev, &v) == detector.Found && v.First {
			got[finding{v.Fingerprint, v.User}] = v.Reason
		}
		if ok {
			for j := range all {
				if j != i {
					all[j].Apply(&o)
				}
			}
		}
	})
	for f, reason := range want {
		if _, ok := got[f]; !ok {
			t.Errorf("missing: %s", reason)
		}
	}
	for f, reason := range got {
		if _, ok := want[f]; !ok {
			t.Errorf("besides: %s", reason)
		}
	}
}
