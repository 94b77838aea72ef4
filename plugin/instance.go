package main

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/secretwatch/secretwatch/plugin/config"
	"github.com/secretwatch/secretwatch/plugin/delivery"
	"github.com/secretwatch/secretwatch/plugin/engine"
	"github.com/secretwatch/secretwatch/plugin/metrics"
	"github.com/secretwatch/secretwatch/plugin/pipeline"
)

// instance is one configured filter or output. A host may call it from several
// threads.
type instance struct {
	log      *hostLog
	pipeline *pipeline.Pipeline
	engine   *engine.Engine
	metrics  *metrics.Member // nil where none are served
	handle   uintptr         // of a filter, see quiet.go

	output   *delivery.Output // nil of a filter
	forwards bool             // the output may have to wait
	warned   atomic.Bool      // about where it waits
}

// newInstance sets up what a configuration asks for.
func newInstance(cfg *config.Config, log *hostLog) (*instance, error) {
	e, err := engine.Open(cfg, log)
	if err != nil {
		return nil, err
	}
	ins := &instance{log: log, engine: e}
	opts := pipeline.OptionsOf(cfg, e.Judger())
	if cfg.MetricsListen != "" {
		id := metrics.Identity{Plugin: log.plugin, Name: log.instance, Cluster: cfg.Cluster}
		ins.metrics = endpoint.Join(cfg.MetricsListen, id, log)
		opts.Metrics = ins.metrics.PipelineTimes()
		e.Watch(ins.metrics.StoreTime)
	}
	if ins.pipeline, err = pipeline.New(opts, log); err != nil {
		ins.leaveMetrics()
		return nil, errors.Join(err, e.Close())
	}
	return ins, nil
}

// endpoint serves the metrics of all instances that want it.
var endpoint metrics.Endpoint

// showMetrics lets the counts of an instance be seen, if they are to be. Nothing
// of the instance is set after it.
func (ins *instance) showMetrics() {
	if ins.metrics == nil {
		return
	}
	source := metrics.Source{Pipeline: ins.stats, Engine: ins.engine.Stats}
	if ins.output != nil {
		source.Output = ins.output.Stats
	}
	ins.metrics.Watch(source)
}

func (ins *instance) leaveMetrics() {
	if ins.metrics != nil {
		ins.metrics.Leave()
	}
}

// close ends what newInstance began. The instance must not be used any more.
func (ins *instance) close() error {
	var sent error
	if ins.output != nil {
		sent = ins.output.Close()
	}
	err := errors.Join(sent, ins.pipeline.Close(), ins.engine.Close())
	ins.leaveMetrics() // last, so that nothing is missing
	return err
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
