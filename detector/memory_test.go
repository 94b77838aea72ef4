package detector_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/detector/history"
	"github.com/secretwatch/secretwatch/test/sim"
)

// restarted is a detector that is restarted every so many events, from records
// that are updated with what changed since.
type restarted struct {
	cfg     detector.Config
	memory  *detector.Memory
	judge   *detector.Detector
	records map[history.Table]map[string][]byte
}

func newRestarted(t *testing.T, cfg detector.Config) *restarted {
	r := &restarted{cfg: cfg, records: map[history.Table]map[string][]byte{}}
	for _, table := range detector.Tables() {
		r.records[table] = map[string][]byte{}
	}
	r.restore(t)
	return r
}

func (r *restarted) restore(t *testing.T) {
	t.Helper()
	r.memory = detector.NewMemory(r.cfg)
	restorer := r.memory.Restore()
	for table, records := range r.records {
		for key, value := range records {
			require.NoError(t, restorer.Add(table, key, value))
		}
	}
	restorer.Done()
	r.memory.Track()
	var err error
	r.judge, err = detector.NewWith(r.cfg, r.memory)
	require.NoError(t, err)
}

// save takes what has changed.
func (r *restarted) save(last bool) {
	emit := func(table history.Table, key string, value []byte) {
		if value == nil {
			delete(r.records[table], key)
		} else {
			r.records[table][key] = append([]byte(nil), value...)
		}
	}
	r.memory.Changes(false, emit)
	if last {
		r.memory.Last(emit)
	}
}

// compare judges events with one detector that runs through and one that is
// saved every save events and restarted every restart.
func compare(t *testing.T, cfg detector.Config, save, restart int) (judge func(ev *audit.Event)) {
	through, err := detector.New(cfg)
	require.NoError(t, err)
	r := newRestarted(t, cfg)
	var want, got detector.Verdict
	n := 0
	return func(ev *audit.Event) {
		n++
		if n%save == 0 {
			r.save(false)
		}
		if n%restart == 0 {
			r.save(true)
			r.restore(t)
		}
		a, b := through.Judge(ev, &want), r.judge.Judge(ev, &got)
		if a != b || a == detector.Found && fmt.Sprint(want) != fmt.Sprint(got) {
			t.Fatalf("event %d (%s of %s): without restarts %v\n%v\nwith them %v\n%v", n, ev.Verb, ev.User.Username, a, want, b, got)
		}
	}
}

func TestRestartsChangeNoVerdict(t *testing.T) {
	f := func(principals, values, save, restart int) {
		t.Helper()
		cfg := recordedConfig(true)
		cfg.MaxPrincipals, cfg.MaxValues = principals, values
		judge := compare(t, cfg, save, restart)
		var p audit.Parser
		var ev audit.Event
		lines(t, "audit.jsonl.gz", func(line []byte) {
			if p.ParseJSON(line, &ev) == nil {
				judge(&ev)
			}
		})
	}
	f(10000, 64, 10, 100)
	f(10000, 64, 1000, 1001)
	f(10, 2, 7, 50)
	f(3, 1, 1, 20)
}

func TestRestartsChangeNoVerdictSimulated(t *testing.T) {
	days := 2
	if testing.Short() {
		days = 1
	}
	f := func(principals, values, save, restart int) {
		t.Helper()
		cfg := detector.DefaultConfig()
		cfg.MaxPrincipals, cfg.MaxValues = principals, values
		cfg.LearningPeriod /= 4
		cfg.Probation /= 4
		cfg.Networks = []detector.Network{{Name: "pods", Prefix: netip.MustParsePrefix("10.244.0.0/16")}}
		world := sim.DefaultConfig(7)
		world.Days, world.Attacks, world.QuietDays = days, 10, 1
		judge := compare(t, cfg, save, restart)
		sim.Run(world, func(ev *audit.Event, _ *sim.Label) { judge(ev) })
	}
	f(10000, 64, 500, 5000)
	f(1024, 8, 300, 4000)
	f(60, 4, 1000, 1000)
}

// Bounds that have become tighter hold, and the newest is kept.
func TestRestoreIntoTighterBounds(t *testing.T) {
	cfg := recordedConfig(true)
	r := newRestarted(t, cfg)
	var p audit.Parser
	var ev audit.Event
	var v detector.Verdict
	lines(t, "audit.jsonl.gz", func(line []byte) {
		if p.ParseJSON(line, &ev) == nil {
			r.judge.Judge(&ev, &v)
		}
	})
	r.save(true)
	r.cfg.MaxPrincipals, r.cfg.MaxValues = 5, 2
	r.restore(t)
	known, fresh := r.memory.Store().Len()
	require.Equal(t, 5, known)
	require.LessOrEqual(t, fresh, 8)
	r.memory.Store().Each(func(p *history.Principal) {
		for d := range p.Sets {
			require.LessOrEqual(t, p.Sets[d].Len(), 2)
		}
		require.LessOrEqual(t, p.Objects.Len(), 32)
	})
}
