package engine

import (
	"time"

	"github.com/secretwatch/secretwatch/detector/history"
	"github.com/secretwatch/secretwatch/detector/measure"
	"github.com/secretwatch/secretwatch/detector/replica"
)

// Stats say how the history does.
type Stats struct {
	Known, New int // identities remembered: those with a habit, and others
	Limit      int // of Known
	Evicted    history.Evictions

	// LearningEnds is the event time from which on novelty is raised. Zero before
	// the first event, and where a baseline was loaded.
	LearningEnds time.Time

	Stores []StoreStats

	// Shared says how the sharing of the history does; nil where it is not shared.
	Shared *replica.Stats
}

// StoreStats say how one place does that history is kept in besides memory.
type StoreStats struct {
	Store     string            // kind of place: file or redis
	Available bool              // the last attempt to use it worked
	Failures  map[string]uint64 // by operation
	Current   time.Time         // when it last had everything; zero for never
	Pending   int               // changes that it does not have yet
	Bytes     int64             // its size; 0 if not known
}

// Stats may be called at any time, also after Close. It waits for nothing but
// locks that are held for a short time.
func (e *Engine) Stats() Stats {
	store := e.Store()
	s := Stats{Limit: store.Cap(), Evicted: store.Evicted()}
	s.Known, s.New = store.Len()
	if start, ok := store.Started(); ok {
		s.LearningEnds = time.Unix(0, start).Add(e.learning)
	}
	if e.file != nil {
		f := e.file.Stats()
		s.Stores = append(s.Stores, StoreStats{
			Store: storeFile, Available: f.Writable, Failures: map[string]uint64{opWrite: f.Failures},
			Current: f.Current, Pending: f.Pending, Bytes: f.Bytes,
		})
	}
	if e.shared != nil {
		r := e.shared.Stats()
		s.Shared = &r
		s.Stores = append(s.Stores, StoreStats{
			Store: storeRedis, Available: r.Up, Failures: map[string]uint64{opExchange: r.Failures, opWrite: r.NotSaved},
			Current: r.Current, Pending: r.Pending,
		})
	}
	return s
}

// Kinds of stores and of operations on them.
const (
	storeFile  = "file"
	storeRedis = "redis"

	opWrite    = "write"
	opExchange = "exchange" // of observations with other replicas
)

// Watch has observe hand out, for each kind of store and operation, who is told
// how long the operations take from now on. It is to be called once.
func (e *Engine) Watch(observe func(store, operation string) measure.Observer) {
	if e.file != nil {
		e.file.Observe(observe(storeFile, opWrite))
	}
	if e.shared != nil {
		e.shared.Observe(observe(storeRedis, opExchange), observe(storeRedis, opWrite))
	}
}
