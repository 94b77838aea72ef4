// Package engine sets up what a configuration asks for: a detector, the history
// it starts with, and where that is kept.
package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/replica"
	"github.com/secretwatch/secretwatch/detector/state"
	"github.com/secretwatch/secretwatch/plugin/config"
	"github.com/secretwatch/secretwatch/plugin/pipeline"
)

// Engine is a detector together with what has to be closed after it.
type Engine struct {
	*detector.Detector
	kept     kept             // nil where history is only in memory
	file     *state.History   // kept, if it is that
	shared   *replica.History // kept, if it is that
	learning time.Duration
}

// kept is a history that is not only in memory.
type kept interface {
	Memory() *detector.Memory
	Fresh() bool // a baseline is to be read
	Start()      // further calls do nothing
	Close() error
}

// Open returns a detector with the history of cfg, taking it from a state file or
// a server, or learning it from a baseline first. The error says which property
// is wrong; a history that cannot be read is a line in the log instead.
func Open(cfg *config.Config, log pipeline.Logger) (*Engine, error) {
	// Wrong properties are found before a file is touched.
	if _, err := detector.New(cfg.Detector); err != nil {
		return nil, err
	}
	e := &Engine{learning: cfg.Detector.LearningPeriod}
	if err := e.open(cfg, log); err != nil {
		return nil, err
	}
	memory, fresh := (*detector.Memory)(nil), true
	if e.kept != nil {
		memory, fresh = e.kept.Memory(), e.kept.Fresh()
	} else {
		memory = detector.NewMemory(cfg.Detector)
	}
	if fresh && len(cfg.Baseline) > 0 {
		b := Baseline{Config: cfg, Memory: memory, Log: log, Until: time.Now().Add(cfg.BaselineTimeout)}
		if e.shared != nil {
			b.Tell = e.shared.Tell
			e.shared.Start() // at once: what may wait to be sent is bounded
		}
		b.Load()
	}
	if e.kept != nil {
		e.kept.Start() // a file only now: half a baseline is none
	}
	d, err := detector.NewWith(cfg.Detector, memory)
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	e.Detector = d
	return e, nil
}

// open opens what the history is kept in, if it is.
func (e *Engine) open(cfg *config.Config, log pipeline.Logger) (err error) {
	switch {
	case !cfg.Redis.None() && cfg.StatePath != "":
		return errors.New("property state_path: not together with redis_url, whose history is kept by Redis; accepted: one of the two")
	case !cfg.Redis.None():
		e.shared, err = replica.Open(replica.Options{
			Server: cfg.Redis, Access: cfg.RedisAccess, Cluster: cfg.Cluster,
			Timeout: cfg.RedisTimeout, Save: cfg.StateFlush, Log: log,
		}, cfg.Detector)
		if err != nil {
			return fmt.Errorf("property redis_url: %w", err)
		}
		e.kept = e.shared
	case cfg.StatePath != "":
		e.file = state.Open(state.Options{Path: cfg.StatePath, Flush: cfg.StateFlush, Log: log}, cfg.Detector)
		e.kept = e.file
	}
	return nil
}

// Judger is what judges the events of a pipeline.
func (e *Engine) Judger() pipeline.Judger {
	if e.shared != nil {
		return sharing{e}
	}
	return e.Detector
}

// sharing is a judge that asks others.
type sharing struct{ *Engine }

// Session implements pipeline.Sharer.
func (s sharing) Session() pipeline.Session { return s.shared.Session(s.Detector) }

// Close writes or sends what has changed. The detector must not be used any more.
// Further calls do nothing.
func (e *Engine) Close() error {
	if e.kept == nil {
		return nil
	}
	return e.kept.Close()
}
