// Package metrics serves what the instances in a process count to Prometheus.
//
// The instances count anyway, for the summary at exit; their counts are read when
// somebody scrapes. Only a few durations are measured for the purpose.
package metrics

import (
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/secretwatch/secretwatch/detector/measure"
	"github.com/secretwatch/secretwatch/plugin/delivery"
	"github.com/secretwatch/secretwatch/plugin/engine"
	"github.com/secretwatch/secretwatch/plugin/pipeline"
)

// Endpoint is the one server of a process. It runs while there are members. What
// members that left have counted is kept, and goes on with the next one of that
// identity: a hot reload sets no counter back. Safe for concurrent use; use no
// copy.
type Endpoint struct {
	// life is held while the server is started or stopped. It guards what follows.
	life   sync.Mutex
	server *server   // nil without members
	users  []*Member // in the order in which they joined

	setup    sync.Once // of what follows
	registry *prometheus.Registry
	times    *durations

	// mu guards what follows. It is held for moments only.
	mu      sync.Mutex
	members []*Member // those with a source
	past    map[Identity]reading
}

// Identity tells the series of one instance from those of others.
type Identity struct {
	Plugin  string // filter or output
	Name    string // what the host calls the instance: its alias, or name and number
	Cluster string // may be empty
}

// identityLabels are the names of an identity's labels, in the order of values.
var identityLabels = []string{"plugin", "name", "cluster"}

func (id Identity) values() []string { return []string{id.Plugin, id.Name, id.Cluster} }

// Source is where a member's counts are read. Functions must not block, and go
// on working until Leave has returned.
type Source struct {
	Pipeline func() pipeline.Stats
	Engine   func() engine.Stats
	Output   func() delivery.Stats // nil of a filter
}

// Member is an instance whose metrics are served.
type Member struct {
	endpoint *Endpoint
	address  string
	id       Identity
	log      pipeline.Logger
	source   Source // guarded by endpoint.mu until it is set
	left     bool   // guarded by endpoint.life
}

// Join has a member's metrics served at an address, host:port. If that is not
// possible, it is said in the log, and tried again: nothing of this is an error
// for the member. Members with another address than the first are served at the
// first one's.
func (e *Endpoint) Join(address string, id Identity, log pipeline.Logger) *Member {
	id.Name = strings.ToValidUTF8(id.Name, "\ufffd") // as label values have to be
	m := &Member{endpoint: e, address: address, id: id, log: log}
	e.setup.Do(e.init)
	e.life.Lock()
	defer e.life.Unlock()
	e.users = append(e.users, m)
	if e.server == nil {
		e.server = startServer(address, e.registry, log)
	} else if e.server.address != address {
		log.Warnf("metrics_listen %s: a process has one server, and another instance has it at %s; the metrics of this one are there too",
			address, e.server.address)
	}
	return m
}

// init makes what all members use.
func (e *Endpoint) init() {
	e.past = map[Identity]reading{}
	e.times = newDurations()
	e.registry = newRegistry(e)
}

// PipelineTimes is what a member's pipeline is to measure.
func (m *Member) PipelineTimes() *pipeline.Metrics {
	t := m.endpoint.times
	return &pipeline.Metrics{
		ChunkTime:    t.chunk.WithLabelValues(m.id.values()...),
		DecisionTime: t.decision.WithLabelValues(m.id.values()...),
	}
}

// StoreTime is told how long an operation on a kind of store takes.
func (m *Member) StoreTime(store, operation string) measure.Observer {
	return m.endpoint.times.store.WithLabelValues(append(m.id.values(), store, operation)...)
}

// Watch says where the member's counts are. It is called at most once.
func (m *Member) Watch(s Source) {
	e := m.endpoint
	e.mu.Lock()
	defer e.mu.Unlock()
	m.source = s
	e.members = append(e.members, m)
}

// Leave reads the member's counts for the last time. With the last member the
// server ends, and with it its goroutines. Further calls do nothing.
func (m *Member) Leave() {
	e := m.endpoint
	e.life.Lock()
	defer e.life.Unlock()
	if m.left {
		return
	}
	m.left = true
	e.fold(m)
	e.users = without(e.users, m)
	if len(e.users) == 0 {
		e.server.stop()
		e.server = nil
		return
	}
	for _, u := range e.users {
		if u.address == e.server.address {
			return
		}
	}
	// Nobody left wants it there.
	e.server.stop()
	first := e.users[0]
	e.server = startServer(first.address, e.registry, first.log)
}

// fold adds a member's counts to those of the past.
func (e *Endpoint) fold(m *Member) {
	e.mu.Lock()
	defer e.mu.Unlock()
	before := len(e.members)
	if e.members = without(e.members, m); len(e.members) == before {
		return // without a source
	}
	past := e.past[m.id]
	if past == nil {
		past = reading{}
		e.past[m.id] = past
	}
	m.source.read(past)
	for s := range past {
		if s.family.kind != prometheus.CounterValue {
			delete(past, s)
		}
	}
}

func without(all []*Member, m *Member) []*Member {
	var rest []*Member
	for _, other := range all {
		if other != m {
			rest = append(rest, other)
		}
	}
	return rest
}

// readings returns the current values by identity.
func (e *Endpoint) readings() map[Identity]reading {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := make(map[Identity]reading, len(e.past)+len(e.members))
	at := func(id Identity) reading {
		if all[id] == nil {
			all[id] = reading{}
		}
		return all[id]
	}
	for id, past := range e.past {
		r := at(id)
		for s, v := range past {
			r[s] = v
		}
	}
	for _, m := range e.members {
		m.source.read(at(m.id))
	}
	return all
}
