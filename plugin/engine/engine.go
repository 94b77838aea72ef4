// Package engine sets up what a configuration asks for: a detector, the history
// it starts with, and where that is kept.
package engine

import (
	"time"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/state"
	"github.com/secretwatch/secretwatch/plugin/config"
	"github.com/secretwatch/secretwatch/plugin/pipeline"
)

// Engine is a detector together with what has to be closed after it.
type Engine struct {
	*detector.Detector
	history  *state.History // nil where history is only in memory
	learning time.Duration
}

// Open returns a detector with the history of cfg, reading it from a state file
// or learning it from a baseline first. The error says which property is wrong;
// a history that cannot be read is a line in the log instead.
func Open(cfg *config.Config, log pipeline.Logger) (*Engine, error) {
	// Wrong properties are found before a file is touched.
	if _, err := detector.New(cfg.Detector); err != nil {
		return nil, err
	}
	e := &Engine{learning: cfg.Detector.LearningPeriod}
	memory, fresh := (*detector.Memory)(nil), true
	if cfg.StatePath != "" {
		e.history = state.Open(state.Options{Path: cfg.StatePath, Flush: cfg.StateFlush, Log: log}, cfg.Detector)
		memory, fresh = e.history.Memory(), e.history.Fresh()
	} else {
		memory = detector.NewMemory(cfg.Detector)
	}
	if fresh && len(cfg.Baseline) > 0 {
		b := Baseline{Config: cfg, Memory: memory, Log: log, Until: time.Now().Add(cfg.BaselineTimeout)}
		b.Load()
	}
	if e.history != nil {
		e.history.Start()
	}
	d, err := detector.NewWith(cfg.Detector, memory)
	if err != nil {
		_ = e.Close()
		return nil, err
	}
	e.Detector = d
	return e, nil
}

// Close writes what has changed. The detector must not be used any more. Further
// calls do nothing.
func (e *Engine) Close() error {
	if e.history == nil {
		return nil
	}
	return e.history.Close()
}
