package detector_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/detector/rule"
)

// lines calls f for each line of a gzipped file of the recorded data.
func lines(t testing.TB, name string, f func(line []byte)) {
	t.Helper()
	file, err := os.Open("../test/data/" + name)
	require.NoError(t, err)
	defer file.Close()
	z, err := gzip.NewReader(file)
	require.NoError(t, err)
	sc := bufio.NewScanner(z)
	sc.Buffer(nil, 64<<20)
	for sc.Scan() {
		f(sc.Bytes())
	}
	require.NoError(t, sc.Err())
}

type label struct {
	AuditID  string `json:"auditID"`
	Time     string `json:"requestReceivedTimestamp"`
	Scenario string `json:"scenario"`
	Label    string `json:"label"`
}

func labels(t testing.TB) map[[2]string]label {
	m := map[[2]string]label{}
	lines(t, "labels.jsonl.gz", func(b []byte) {
		var l label
		require.NoError(t, json.Unmarshal(b, &l))
		m[[2]string{l.AuditID, l.Time}] = l
	})
	return m
}

func recordedConfig(networks bool) detector.Config {
	cfg := detector.DefaultConfig()
	// The log is compressed time: minutes stand for days.
	cfg.LearningPeriod = 255 * time.Second
	cfg.BurstWindow = time.Minute
	if networks {
		for _, n := range [][2]string{{"pods", "10.244.0.0/16"}, {"nodes", "10.0.0.0/24"}, {"ci", "198.51.100.0/24"}} {
			cfg.Networks = append(cfg.Networks, detector.Network{Name: n[0], Prefix: netip.MustParsePrefix(n[1])})
		}
	}
	return cfg
}

func TestRecordedLog(t *testing.T) {
	byRequest := labels(t)
	f := func(networks bool) {
		t.Helper()
		d, err := detector.New(recordedConfig(networks))
		require.NoError(t, err)
		var (
			p      audit.Parser
			ev     audit.Event
			v      detector.Verdict
			caught = map[string]rule.Severity{}
		)
		lines(t, "audit.jsonl.gz", func(line []byte) {
			if p.ParseJSON(line, &ev) != nil {
				return
			}
			var raw struct {
				Time string `json:"requestReceivedTimestamp"`
			}
			if d.Judge(&ev, &v) != detector.Found {
				return
			}
			require.NoError(t, json.Unmarshal(line, &raw))
			l := byRequest[[2]string{ev.AuditID, raw.Time}]
			if v.First {
				t.Logf("%s %-22s %-8s %2d %s %s/%s %s | %s", raw.Time[11:23], l.Scenario, v.Severity, v.RiskScore, v.Verb, v.Namespace, v.Secret, strings.Join(v.Rules, ","), v.Reason)
			}
			caught[l.Scenario] = max(caught[l.Scenario], v.Severity)
			if l.Label != "attack" && l.Label != "odd" && v.History != "learning" && v.Severity >= rule.Medium {
				t.Errorf("benign request of %s flagged %s: %s", l.Scenario, v.Severity, v.Reason)
			}
		})
		for _, attack := range []string{"a", "b", "c", "d"} {
			if caught[attack] < rule.Medium {
				t.Errorf("attack %s: %s", attack, caught[attack])
			}
		}
	}
	f(true)
	f(false)
}
