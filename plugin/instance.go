package main

import (
	"sync"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/plugin/config"
	"github.com/secretwatch/secretwatch/plugin/pipeline"
)

// instance is one configured filter. A host may call it from several threads.
type instance struct {
	log      *hostLog
	pipeline *pipeline.Pipeline
}

// newPipeline sets up what a configuration asks for.
func newPipeline(cfg *config.Config, log pipeline.Logger) (*pipeline.Pipeline, error) {
	judge, err := detector.New(cfg.Detector)
	if err != nil {
		return nil, err
	}
	return pipeline.New(pipeline.OptionsOf(cfg, judge), log)
}

// registry maps handles to instances: C must not hold Go pointers.
type registry struct {
	mu   sync.RWMutex
	next uintptr
	all  map[uintptr]*instance
}

var instances = registry{all: map[uintptr]*instance{}}

// add returns a handle that is never 0 and never used again, so that a handle
// kept beyond exit finds nothing.
func (r *registry) add(ins *instance) uintptr {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next++
	r.all[r.next] = ins
	return r.next
}

func (r *registry) get(handle uintptr) *instance {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.all[handle]
}

func (r *registry) remove(handle uintptr) *instance {
	r.mu.Lock()
	defer r.mu.Unlock()
	ins := r.all[handle]
	delete(r.all, handle)
	return ins
}
