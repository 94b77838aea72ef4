package e2e

import (
	"os"
	"os/exec"
	"testing"
)

// The loader host, the tool and, where there is one, Fluent Bit give the same
// verdicts for the same log.
func TestSameVerdicts(t *testing.T) {
	rec := loadRecorded(t)
	log := rec.file(t)

	tool := run(t, nil, replay, "replay", "--output", "json", "--learning-period", rec.learning, log)
	if tool.code != 0 {
		t.Fatalf("replay: exit status %d: %s", tool.code, tail(tool.stderr))
	}
	want := parseRecords(t, tool.stdout)
	rec.checkVerdicts(t, want)

	for _, generation := range generations {
		r := run(t, nil, hostBinary(generation), "--prop", "learning_period="+rec.learning, pluginSO, log)
		if r.code != 0 {
			t.Fatalf("host %s: exit status %d: %s", generation, r.code, tail(r.stderr))
		}
		compareVerdicts(t, "replay", want, "the host "+generation, parseRecords(t, r.stdout))
	}
	r := run(t, nil, hostBinary("v5"), "--structured", "--prop", "learning_period="+rec.learning, pluginSO, log)
	compareVerdicts(t, "replay", want, "structured records", parseRecords(t, r.stdout))

	if _, err := exec.LookPath("fluent-bit"); err != nil && os.Getenv("FLUENT_BIT") == "" {
		t.Log("no Fluent Bit to compare with: neither is FLUENT_BIT set nor fluent-bit on PATH")
		return
	}
	compareVerdicts(t, "replay", want, "Fluent Bit", runRecorded(t, rec, filterConfiguration))
}
