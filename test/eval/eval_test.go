package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/secretwatch/secretwatch/test/sim"
)

// The recorded log's thresholds, with the cluster's networks and without.
func TestRecorded(t *testing.T) {
	log, err := readRecorded("../data")
	if err != nil {
		t.Fatal(err)
	}
	for _, networks := range []string{recordedNetworks, ""} {
		r, err := log.run(networks)
		if err != nil {
			t.Fatal(err)
		}
		f := r.figures()
		if f.attacks != 4 || f.benign == 0 || f.lookalike == 0 {
			t.Fatalf("%s: the log should have 4 attacks and ordinary requests, got %+v", describe(networks), f)
		}
		for _, x := range r.unmet() {
			t.Error(x)
		}
		if t.Failed() {
			var b bytes.Buffer
			r.print(&b, true)
			t.Log(b.String())
		}
	}
}

// Two runs of one seed print the same.
func TestSimulatedDeterministic(t *testing.T) {
	cfg := sim.DefaultConfig(5)
	cfg.Days, cfg.QuietDays, cfg.Attacks = 3, 1, 8
	f := func() string {
		t.Helper()
		runs, err := runSimulated(cfg, 24*time.Hour, "both", true)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		for _, r := range runs {
			r.print(&b, true)
		}
		return b.String()
	}
	if a, b := f(), f(); a != b {
		t.Errorf("first:\n%s\nthen:\n%s", a, b)
	}
}
