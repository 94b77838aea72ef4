package rule_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/internal/bench"
	"github.com/secretwatch/secretwatch/detector/rule"
)

// Every rule fires, can be switched off and can be given any severity.
func TestEveryRule(t *testing.T) {
	require.ElementsMatch(t, rule.IDs(), slices.Collect(maps.Keys(bench.Scenes)))
	for id, scene := range bench.Scenes {
		t.Run(id, func(t *testing.T) {
			g := scene(bench.Cluster(t))
			require.True(t, g.Has(id), "%v", g.Rules)
			require.True(t, g.First)
			require.Len(t, g.Fingerprint, 16)
			require.NotEmpty(t, g.Techniques)
			require.NotEmpty(t, g.Title)

			g = scene(bench.Cluster(t, func(cfg *detector.Config) {
				cfg.Severities = map[string]rule.Severity{id: rule.None}
			}))
			require.False(t, g.Has(id), "switched off")

			for s := rule.Low; s <= rule.Critical; s++ {
				only := bench.Only(id)
				if id == "identity-switch" {
					only = bench.Only(id, "suspicious-user-agent") // raises the suspicion
				}
				g = scene(bench.Cluster(t, only, func(cfg *detector.Config) { cfg.Severities[id] = s }))
				require.Equal(t, []string{id}, g.Rules)
				require.Equal(t, s, g.Severity)
				require.Equal(t, s.Score(), g.RiskScore)
			}
		})
	}
}

// What a flagged value brings for the whole probation: it is tagged every time,
// called first once, and known only afterwards.
func TestProbation(t *testing.T) {
	f := func(id string, change ...bench.Change) {
		t.Helper()
		b := bench.Cluster(t, bench.Only(id))
		b.Quiet()
		g := b.Send(change...)
		require.True(t, g.Has(id), id)
		require.True(t, g.First, id)
		require.NotContains(t, g.Reason, "(again)")
		from := b.Now
		for b.Now < from+int64(b.Cfg.Probation)-int64(time.Hour) {
			g := b.After(59 * time.Minute).Send(change...)
			require.True(t, g.Has(id), "%s after %v", id, time.Duration(b.Now-from))
			require.False(t, g.First, id)
			require.Contains(t, g.Reason, "(again)")
			b.Quiet()
		}
		b.Now = from + int64(b.Cfg.Probation)
		require.Equal(t, "clean", b.Send(change...).String(), "%s after probation", id)
		require.Equal(t, "clean", b.Send(change...).String(), id)
		// Not seen for a window, it is news again.
		for range 8 {
			b.After(24 * time.Hour).Quiet()
		}
		g = b.Send(change...)
		require.True(t, g.Has(id), "%s after a window", id)
		require.True(t, g.First, id)
	}
	f("new-source-ip", bench.From(bench.Outside))
	f("unusual-user-agent", bench.With(bench.K9s))
	f("new-namespace", bench.On("pay", "card"))
	f("unusual-user", bench.Mallory)
	f("impersonation", bench.Acting("bob"))
	f("token-minted", bench.Minting("shop", "web", "JTI=x"))
}

func TestScore(t *testing.T) {
	f := func(want int, severities ...rule.Severity) {
		t.Helper()
		var c rule.Case
		for _, s := range severities {
			c.Findings = append(c.Findings, rule.Finding{Severity: s})
		}
		require.Equal(t, want, c.Score())
	}
	f(0)
	f(21, rule.Low)
	f(47, rule.Medium)
	f(58, rule.Medium, rule.Low)
	f(38, rule.Low, rule.Low)
	f(72, rule.Medium, rule.Medium)
	f(73, rule.High)
	f(86, rule.High, rule.Medium)
	f(99, rule.Critical)
	f(99, rule.Critical, rule.High, rule.Medium)
	f(99, rule.High, rule.High, rule.High, rule.High, rule.High)
}

func TestSeverity(t *testing.T) {
	for s := rule.None; s <= rule.Critical; s++ {
		require.Equal(t, s, rule.SeverityOf(s.Score()))
		if s != rule.None {
			require.Equal(t, s-1, rule.SeverityOf(s.Score()-1))
			p, err := rule.ParseSeverity(s.String())
			require.NoError(t, err)
			require.Equal(t, s, p)
		}
	}
	off, err := rule.ParseSeverity("off")
	require.NoError(t, err)
	require.Equal(t, rule.None, off)
	_, err = rule.ParseSeverity("none")
	require.ErrorContains(t, err, `"none"`)
}

func TestAppendText(t *testing.T) {
	f := func(in, want string, limit int) {
		t.Helper()
		require.Equal(t, want, string(rule.AppendText(nil, in, limit)))
	}
	f("", "", 10)
	f("curl/8.5.0", "curl/8.5.0", 10)
	f("curl/8.5.0 ", "curl/8.5.0…", 10)
	f("über", "…", 1) // not within a rune
	f("über", "ü…", 2)
	f("a\x00\x1b[2J\r\n", `a\x00\x1b[2J\x0d\x0a`, 80)
	f(`a"b\c;d`, `a\"b\\c\;d`, 80)
	f("a\u202eb\u2066\u200b", `a\u202eb\u2066\u200b`, 80)
	f("\xff\xc3(", `\xff\xc3(`, 80)
	f("密", "密", 80)
	for text, hostile := range bench.Hostile {
		for _, r := range string(rule.AppendText(nil, hostile, 80)) {
			require.True(t, r >= ' ' && r != 0x7f && r != 0x202e && r != 0x2066, "%s: %q", text, r)
		}
	}
	// A cut of what is no UTF-8 at all ends, too.
	require.NotEmpty(t, rule.AppendText(nil, string(make([]byte, 1000)), 80))
	cont := make([]byte, 100)
	for i := range cont {
		cont[i] = 0x80
	}
	f(string(cont), "…", 80)
}

func TestAppendDuration(t *testing.T) {
	f := func(want string, d time.Duration) {
		t.Helper()
		require.Equal(t, want, string(rule.AppendDuration(nil, d)))
	}
	f("0s", 0)
	f("0s", time.Millisecond)
	f("7d", 7*24*time.Hour)
	f("1d12h", 36*time.Hour)
	f("5m", 5*time.Minute)
	f("1h30m", 90*time.Minute)
	f("1d2h", 26*time.Hour+3*time.Minute)
}
