package detector_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/internal/bench"
	"github.com/secretwatch/secretwatch/detector/rule"
)

var update = flag.Bool("update", false, "write testdata/reasons.golden instead of comparing with it")

// TestReasons compares what each rule says with a file that a person has read
// aloud. Run it with -update after a change of words, and read the difference.
func TestReasons(t *testing.T) {
	const name = "testdata/reasons.golden"
	var b bytes.Buffer
	put := func(title string, g bench.Got) {
		fmt.Fprintf(&b, "%s: %s %d\n  %s\n\n", title, g.Severity, g.RiskScore, g.Reason)
	}
	b.WriteString("# One finding of each rule: what it says, and how severe it is.\n\n")
	for _, id := range slices.Sorted(maps.Keys(bench.Scenes)) {
		only := bench.Only(id)
		if id == "identity-switch" {
			only = bench.Only(id, "suspicious-user-agent") // raises the suspicion
		}
		g := bench.Scenes[id](bench.Cluster(t, only))
		require.Equal(t, []string{id}, g.Rules)
		put(id, g)
	}
	b.WriteString("# Several findings at once.\n\n")
	put("stolen kubeconfig", bench.Cluster(t).Send(bench.From(bench.Outside), bench.With(bench.Curl), bench.List("")))
	again := bench.Cluster(t)
	again.Send(bench.From(bench.Outside), bench.With(bench.K9s))
	put("the same once more", again.Send(bench.From(bench.Outside), bench.With(bench.K9s)))

	b.WriteString("# What clients send to confuse whoever reads it is cut and escaped.\n\n")
	hostile := maps.Clone(bench.Hostile)
	hostile["oversized"] = bench.Oversized()
	for _, what := range slices.Sorted(maps.Keys(hostile)) {
		text := hostile[what]
		put("user agent, "+what, bench.Cluster(t).Send(bench.With(text)))
		put("secret name, "+what, bench.Cluster(t).Send(bench.On("shop", text), bench.Denied))
		put("user and target, "+what, bench.Cluster(t).Send(bench.Named("u"+text), bench.Acting(text)))
	}
	got := b.Bytes()
	for _, line := range bytes.Split(got, []byte("\n")) {
		require.Less(t, len(line), 700)
		for _, r := range string(line) {
			require.True(t, r == ' ' || r > ' ' && r != 0x7f && !strings.ContainsRune("\u202e\u2066\u200b\ufffd", r), "%q in %s", r, line)
		}
	}
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(name, got, 0o644))
		return
	}
	want, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "run the test with -update and read the difference")
}

// Every finding names who and what: no reason is empty, ends in a space or has
// one too many.
func TestReasonsAreSentences(t *testing.T) {
	for id, scene := range bench.Scenes {
		g := scene(bench.Cluster(t))
		require.Equal(t, detector.Found, g.Result)
		require.GreaterOrEqual(t, g.Severity, rule.Low)
		for _, part := range strings.Split(g.Reason, "; ") {
			require.NotEmpty(t, part, id)
			require.Equal(t, strings.TrimSpace(part), part, id)
			require.NotContains(t, part, "  ", id)
			require.Equal(t, strings.Count(part, "("), strings.Count(part, ")"), part)
		}
	}
}
