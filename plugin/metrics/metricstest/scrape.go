// Package metricstest scrapes the plugin's metrics as Prometheus does, for tests.
package metricstest

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Get returns what is served under /metrics at an address, host:port.
func Get(address string) (status int, body []byte, err error) {
	client := http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get("http://" + address + "/metrics")
	if err != nil {
		return 0, nil, err
	}
	defer r.Body.Close()
	body, err = io.ReadAll(r.Body)
	return r.StatusCode, body, err
}

// Scrape returns all series by their text, such as
// secretwatch_chunks_total{name="secretwatch.0",plugin="filter"}: labels in the order
// of their names, those that are empty left out; of histograms only the count.
func Scrape(address string) (map[string]float64, error) {
	status, body, err := Get(address)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("status %d: %s", status, body)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	all := map[string]float64{}
	for name, f := range families {
		for _, m := range f.Metric {
			var labels []string
			for _, l := range m.Label {
				if l.GetValue() != "" {
					labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
				}
			}
			slices.Sort(labels)
			all[name+"{"+strings.Join(labels, ",")+"}"] = value(m)
		}
	}
	return all, nil
}

func value(m *dto.Metric) float64 {
	switch {
	case m.Counter != nil:
		return m.Counter.GetValue()
	case m.Gauge != nil:
		return m.Gauge.GetValue()
	case m.Histogram != nil:
		return float64(m.Histogram.GetSampleCount())
	case m.Summary != nil:
		return float64(m.Summary.GetSampleCount())
	}
	return math.NaN()
}

// Lint returns what promlint has against the names, types and texts of a scrape.
func Lint(body []byte) (problems []string, err error) {
	found, err := promlint.New(bytes.NewReader(body)).Lint()
	for _, p := range found {
		problems = append(problems, p.Metric+": "+p.Text)
	}
	return problems, err
}
