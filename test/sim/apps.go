package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// How an application reads secrets.
const (
	onStart   = iota // once, when a pod starts
	polls            // when a pod starts and periodically
	informs          // watches its namespace
	selects          // a sidecar that watches by label
	jobs             // a pod a run, on a schedule
	manages          // an operator of its own namespace: watches, creates, updates
	custom           // has a behaviour of its own, see infra.go
	mountsAll        // never by API: its kubelet does it
)

// app is a workload with a service account of its own.
type app struct {
	name   string
	nsName string
	ns     *namespace // nil for the platform's
	uid    string
	rng    *rand.Rand
	kind   int

	lib     library
	version int // index into lib.versions
	agent   string

	replicas    int
	stateful    bool
	everyNode   bool // a daemon set
	hostNetwork bool // pods use their node's address
	mounts      []string
	reads       []string
	every       int64 // period of polls and jobs
	pods        []*pod
	hash        string
	alive       bool
	released    int // revision of its Helm release
	ordinal     int

	begin func(p *pod, l *Label) // for custom
	s     *simulation
	gens  map[*pod]int
}

func (a *app) namespaceName() string { return a.nsName }

// callsAPI is true for applications whose running pods call for secrets.
func (a *app) callsAPI() bool { return a.kind != mountsAll && a.kind != jobs }

func (a *app) podName(n *node) string {
	switch {
	case a.stateful:
		a.ordinal = (a.ordinal + 1) % max(a.replicas, 1)
		return fmt.Sprintf("%s-%d", a.name, a.ordinal)
	case a.everyNode, a.kind == jobs:
		return a.name + "-" + suffix(a.rng, 5)
	}
	return a.name + "-" + a.hash + "-" + suffix(a.rng, 5)
}

func (s *simulation) buildApps() {
	n := 400 - len(s.apps)
	for i := range n {
		ns := s.namespaces[i%len(s.namespaces)]
		a := s.newApp(ns, s.appName(ns))
		s.launch(a, between(a.rng, 0, 10*minute), "start")
	}
	r := s.random("apps")
	// New applications in namespaces that exist.
	for range 12 * s.cfg.Days / 30 {
		s.at(between(r, s.start+day, s.end), func() {
			ns := pick(r, s.namespaces)
			a := s.newApp(ns, s.appName(ns))
			s.deploy(a, "new application")
		})
	}
	// New namespaces, with tenants that GitOps has not met.
	for i := range 6 * s.cfg.Days / 30 {
		s.at(between(r, s.start+day, s.end), func() {
			team := r.IntN(len(teamNames))
			ns := s.addNamespace(fmt.Sprintf("%s-project%d", teamNames[team], i+1), team,
				pick(r, []string{byFlux, byArgo, byHelmCI}))
			s.onboard(ns)
			for range 2 + r.IntN(4) {
				a := s.newApp(ns, s.appName(ns))
				s.after(between(r, minute, 2*hour), func() { s.deploy(a, "new namespace") })
			}
		})
	}
	// A few applications are rewritten on another library.
	for range 5 * s.cfg.Days / 30 {
		s.at(between(r, s.start+day, s.end), func() {
			a := pick(r, s.apps)
			if a.ns == nil || a.kind == mountsAll {
				return
			}
			a.lib, a.version = s.drawLibrary(r, a.kind != polls && a.kind != onStart), 0
			a.setAgent()
			s.deploy(a, "library changed")
		})
	}
	// A third upgrade theirs.
	for range 130 * s.cfg.Days / 30 {
		s.at(s.workingTime(r), func() {
			a := pick(r, s.apps)
			if a.ns == nil {
				return
			}
			a.version++
			a.setAgent()
			s.deploy(a, "library upgraded")
		})
	}
	// Ordinary deploys in working hours, evictions at any time.
	s.daily(func(d int) {
		workday := d%7 < 5
		for _, a := range append([]*app(nil), s.apps...) {
			if a.ns == nil || !a.alive {
				continue
			}
			if workday && chance(a.rng, 0.12) {
				s.after(between(a.rng, 7*hour, 18*hour), func() { s.deploy(a, "deploy") })
			}
			if a.kind != jobs && !a.everyNode && chance(a.rng, 0.03) {
				s.after(between(a.rng, 0, day), func() { s.restartPod(a, nil, "evicted") })
			}
		}
		if workday {
			for range r.IntN(6) {
				s.after(between(r, 7*hour, 18*hour), func() { s.preview(r) })
			}
		}
	})
	// A release train: many applications of two teams within minutes.
	s.daily(func(d int) {
		if d%7 == 3 {
			s.after(13*hour, func() {
				for _, a := range append([]*app(nil), s.apps...) {
					if a.ns != nil && a.alive && (a.ns.team == 0 || a.ns.team == 2 || a.ns.team == 9) && strings.HasSuffix(a.ns.name, "-prod") {
						s.after(between(a.rng, 0, 6*minute), func() { s.deploy(a, "release train") })
					}
				}
			})
		}
	})
}

// workingTime draws a time on a working day after the first, or of the first
// where it is the only one.
func (s *simulation) workingTime(r *rand.Rand) int64 {
	from := s.start + day
	if from >= s.end {
		from = s.start
	}
	for {
		t := between(r, from, s.end)
		d := (t - s.start) / day
		h := (t - s.start) % day / hour
		if d%7 < 5 && h >= 7 && h < 18 {
			return t
		}
	}
}

func (s *simulation) appName(ns *namespace) string {
	for {
		name := pick(s.rng, appNames)
		if chance(s.rng, 0.3) {
			name = teamNames[ns.team] + "-" + name
		}
		taken := false
		for _, a := range ns.apps {
			taken = taken || a.name == name
		}
		if !taken {
			return name
		}
	}
}

func (s *simulation) drawLibrary(r *rand.Rand, watches bool) library {
	for {
		n := r.IntN(100)
		for _, l := range libraries {
			if n -= l.share; n < 0 {
				if watches && !l.watches {
					break
				}
				return l.library
			}
		}
	}
}

func (a *app) setAgent() { a.agent = a.lib.agentFor(a.name, a.version) }

// newApp makes an application of a namespace; launch or deploy starts it.
func (s *simulation) newApp(ns *namespace, name string) *app {
	r := s.random("app " + ns.name + "/" + name)
	a := &app{name: name, nsName: ns.name, ns: ns, uid: uuid(r), rng: r, s: s, alive: true,
		replicas: 1 + r.IntN(3), hash: suffix(r, 10), stateful: chance(r, 0.15),
		released: 1 + r.IntN(30), gens: map[*pod]int{}}
	switch n := r.IntN(100); {
	case n < 30:
		a.kind = onStart
	case n < 54:
		a.kind = polls
		a.every = pick(r, []int64{10 * minute, 30 * minute, hour, hour, 6 * hour, 12 * hour, day})
	case n < 74:
		a.kind = informs
	case n < 79:
		a.kind = selects
	case n < 90:
		a.kind = jobs
		a.every = pick(r, []int64{hour, 6 * hour, day, day, 7 * day})
	default:
		a.kind = manages
	}
	switch a.kind {
	case jobs:
		a.lib = pick(r, scripts)
	case selects:
		a.lib = library{name: "k8s-sidecar", agent: "OpenAPI-Generator/%s/python", versions: []string{"27.2.0", "30.1.0"}}
	case manages:
		a.lib = library{name: "controller-runtime", agent: "manager/v0.0.0 (linux/amd64) kubernetes/$Format", versions: []string{"v0.16", "v0.19"}}
	default:
		a.lib = s.drawLibrary(r, a.kind == informs)
	}
	a.setAgent()
	for range 1 + r.IntN(4) {
		a.reads = append(a.reads, pick(r, ns.secrets))
	}
	for range r.IntN(3) {
		a.mounts = append(a.mounts, pick(r, ns.secrets))
	}
	ns.apps = append(ns.apps, a)
	s.apps = append(s.apps, a)
	return a
}

// launch starts all pods of an application, or its schedule.
func (s *simulation) launch(a *app, in int64, behaviour string) {
	if a.kind == jobs {
		s.after(in+between(a.rng, 0, min(a.every, day)), func() { s.runJob(a) })
		return
	}
	for range a.replicas {
		s.after(in+between(a.rng, 0, minute), func() { s.startPod(a, nil, s.label("app", behaviour)) })
	}
}

func (s *simulation) runJob(a *app) {
	if !a.alive {
		return
	}
	p := s.startPod(a, nil, s.label("app", "job"))
	s.after(between(a.rng, 2*minute, 10*minute), func() {
		if p != nil {
			s.removePod(p)
		}
	})
	s.after(a.every+between(a.rng, 0, 20*second), func() { s.runJob(a) })
}

// starts is what the program does after its pod started.
func (a *app) starts(p *pod, l *Label) {
	s := a.s
	a.gens[p]++
	gen := a.gens[p]
	live := func() bool { return p.alive && a.gens[p] == gen }
	switch a.kind {
	case onStart, jobs:
		s.call(p, func() { a.readOwn(p, l) })
	case polls:
		s.call(p, func() { a.readOwn(p, l) })
		s.repeat(a.rng, a.every, live, func() {
			s.call(p, func() { a.readOwn(p, s.label("app", "poll")) })
		})
	case informs:
		s.informer(p, live, a.agent, a.nsName, "", l)
	case selects:
		s.informer(p, live, a.agent, a.nsName, "labelSelector=grafana_datasource%3D1", l)
	case manages:
		s.informer(p, live, a.agent, a.nsName, "", l)
		s.repeat(a.rng, 5*hour, live, func() {
			s.call(p, func() {
				name := pick(a.rng, a.reads)
				s.podRequest(p, request{verb: "get", ns: a.nsName, name: name, label: s.label("app", "reconcile")})
				s.podRequest(p, request{verb: "update", ns: a.nsName, name: name, label: s.label("app", "reconcile")})
			})
		})
	case custom:
		a.begin(p, l)
	}
}

// repeat calls do about every period while live.
func (s *simulation) repeat(r *rand.Rand, every int64, live func() bool, do func()) {
	s.after(every*9/10+between(r, 0, every/5), func() {
		if live() {
			do()
			s.repeat(r, every, live, do)
		}
	})
}

func (s *simulation) podRequest(p *pod, rq request) {
	rq.who, rq.ips = p.id, p.ips
	if rq.agent == "" {
		rq.agent = p.app.agent
	}
	s.send(rq)
}

func (a *app) readOwn(p *pod, l *Label) {
	for i, name := range a.reads {
		a.s.after(int64(i)*between(a.rng, 5e6, 900e6), func() {
			if p.alive && a.alive {
				a.s.podRequest(p, request{verb: "get", ns: a.nsName, name: name, label: l})
			}
		})
	}
}

// informer keeps a watch open, in ns or everywhere, and opens it again when it
// ends.
func (s *simulation) informer(p *pod, live func() bool, agent, ns, selector string, l *Label) {
	if selector != "" {
		selector = "&" + selector
	}
	r := p.app.rng
	s.call(p, func() {
		// Half of the clients are too old to stream their first list.
		if len(p.app.uid) > 0 && p.app.uid[0] < '8' {
			s.podRequest(p, request{agent: agent, verb: "list", ns: ns, query: "limit=500&resourceVersion=0" + selector, label: l})
			s.watchLoop(p, live, agent, ns, fmt.Sprintf("allowWatchBookmarks=true%s&resourceVersion=%d", selector, between(r, 1e6, 9e6)), l)
			return
		}
		s.watchLoop(p, live, agent, ns, "allowWatchBookmarks=true"+selector+"&resourceVersionMatch=NotOlderThan&sendInitialEvents=true", l)
	})
}

func (s *simulation) watchLoop(p *pod, live func() bool, agent, ns, query string, l *Label) {
	r := p.app.rng
	hold := between(r, 50*minute, 110*minute)
	s.podRequest(p, request{agent: agent, verb: "watch", ns: ns, query: query + timeout(300+r.Int64N(300)) + "&watch=true", hold: hold, label: l})
	s.after(hold+between(r, 20e6, second), func() {
		if !live() {
			return
		}
		s.call(p, func() {
			if live() {
				s.watchLoop(p, live, agent, ns, fmt.Sprintf("allowWatchBookmarks=true&resourceVersion=%d", between(r, 1e6, 9e6)), s.label(l.Actor, "informer"))
			}
		})
	})
}

// preview is a namespace for a pull request: made by CI, used for some hours,
// then deleted with everything in it.
func (s *simulation) preview(r *rand.Rand) {
	team := r.IntN(6)
	name := fmt.Sprintf("%s-pr-%d", teamNames[team], 1000+r.IntN(9000))
	ns := &namespace{name: name, team: team, rollout: byHelmCI, secrets: []string{"regcred", "db-credentials", "session-key"}}
	s.onboard(ns)
	var apps []*app
	for _, n := range []string{"web", "api"} {
		a := s.newApp(ns, n)
		if a.kind == jobs || a.kind == mountsAll {
			a.kind = onStart
		}
		a.replicas = 1
		apps = append(apps, a)
		s.after(between(r, minute, 5*minute), func() { s.deploy(a, "preview namespace") })
	}
	s.after(between(r, 4*hour, 50*hour), func() {
		ns.gone = true
		for _, a := range apps {
			a.alive = false
			for len(a.pods) > 0 {
				s.removePod(a.pods[0])
			}
		}
		for i := 0; i < len(s.apps); i++ {
			if s.apps[i].ns == ns {
				s.apps = append(s.apps[:i], s.apps[i+1:]...)
				i--
			}
		}
		s.namespaceDeleted(ns)
	})
}
