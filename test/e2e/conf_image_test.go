package e2e

import (
	"strings"
	"testing"
)

// What the image made of Fluent Bit starts with prints the findings, and only those.
func TestConfImage(t *testing.T) {
	fluentBit(t)
	log := loadRecorded(t).file(t)
	r := run(t, nil, replay, "replay", "--output", "json", log)
	var want []judged
	for _, record := range parseRecords(t, r.stdout) {
		if record.severity != nil {
			want = append(want, record)
		}
	}
	e := loadExample(t, "../image/secretwatch.yaml", log).start(t)
	e.await("all findings", func() bool { return strings.Count(e.stdout.String(), `"secretwatch":{`) >= len(want) })
	e.terminate()
	records := parseRecords(t, jsonLines(e.stdout.String()))
	if len(records) != len(want) || len(want) == 0 {
		t.Errorf("%d records, %d findings", len(records), len(want))
	}
	compareVerdicts(t, "replay", want, "the image's configuration", records)
}
