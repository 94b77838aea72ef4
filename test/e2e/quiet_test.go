package e2e

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

// TestHostQuiet: chunks that have nothing of interest do not reach Go, and are in all
// counts.
func TestHostQuiet(t *testing.T) {
	rec := loadRecorded(t)
	var lines []string
	asked := ""
	for _, line := range rec.lines {
		if !strings.Contains(line, "ecret") && !strings.Contains(line, "token") && len(lines) < 5 {
			lines = append(lines, line)
		}
		if asked == "" && strings.Contains(line, `"resource":"secrets"`) && strings.Contains(line, `"stage":"ResponseComplete"`) {
			asked = line
		}
	}
	const labels = `{name="secretwatch.0",plugin="filter"}`
	for _, generation := range generations {
		for _, shape := range []string{"", "--structured"} {
			t.Run(generation+shape, func(t *testing.T) {
				t.Parallel()
				port := freePort(t)
				args := []string{"--records-per-chunk", "1", "--prop", "metrics_listen=127.0.0.1:" + port}
				if shape != "" {
					args = append(args, shape)
				}
				host, in := startHost(t, generation, args...)
				check := func(chunks, looked float64) {
					t.Helper()
					host.await("all records", func() bool { return host.stdout.lines() == int(chunks) })
					got := scrape(t, port)
					for name, want := range map[string]float64{
						"chunks_total": chunks, "records_total": chunks, "chunk_duration_seconds": looked, "events_judged_total": looked,
					} {
						if v, ok := got["secretwatch_"+name+labels]; !ok || v != want {
							t.Errorf("%s is %v, %v; want %v", name, v, ok, want)
						}
					}
					if got["secretwatch_bytes_total"+labels] < 255*chunks {
						t.Errorf("%v bytes", got["secretwatch_bytes_total"+labels])
					}
				}
				io.WriteString(in, strings.Join(lines, "\n")+"\n")
				check(float64(len(lines)), 0)
				io.WriteString(in, asked+"\n")
				check(float64(len(lines)+1), 1)
				io.WriteString(in, lines[0]+"\n")
				check(float64(len(lines)+2), 1)
				in.Close()
				<-host.ended
				if want := fmt.Sprintf("%d chunks, %d records, 1 requests judged, ", len(lines)+2, len(lines)+2); !strings.Contains(host.stderr.String(), want) {
					t.Errorf("no %q in %s", want, tail([]byte(host.stderr.String())))
				}
			})
		}
	}
}
