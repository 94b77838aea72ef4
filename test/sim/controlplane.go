package sim

import (
	"fmt"

	"github.com/secretwatch/secretwatch/detector/audit"
)

// controllerManager is the kube-controller-manager: one of three leads. Its
// controllers work under service accounts of kube-system with tokens it mints
// for them.
type controllerManager struct {
	id          *identity
	controllers map[string]*identity
	names       []string
	host        int
	gen         int
}

func (s *simulation) buildControlPlane() {
	r := s.random("control plane")
	m := &controllerManager{controllers: map[string]*identity{}, host: 2}
	m.id = s.newID(r, audit.User{Username: "system:kube-controller-manager", Groups: []string{authenticated}, CredentialID: x509ID(r)})
	for _, n := range []string{"namespace-controller", "resourcequota-controller", "generic-garbage-collector", "legacy-service-account-token-cleaner", "service-account-controller", "ttl-controller"} {
		m.controllers[n] = s.newID(r, saUser("kube-system", n, uuid(r)))
		m.names = append(m.names, n)
	}
	s.manager = m
	for i := range s.servers {
		s.after(between(r, 0, second), func() { s.serverWatch(i, s.label("control-plane", "apiserver watch"), false) })
	}
	s.managerStart(s.label("control-plane", "controller manager start"))
	// The leader moves to another control plane node now and then.
	for range 3 * s.cfg.Days / 30 {
		s.at(between(r, s.start, s.end), func() {
			m.host = 2 + (m.host-1)%3
			s.managerStart(s.label("control-plane", "leader changed"))
		})
	}
}

func (s *simulation) restartControlPlane(behaviour string) {
	for i := range s.servers {
		s.after(int64(i)*5*minute, func() { s.serverWatch(i, s.label("control-plane", behaviour), true) })
	}
	s.manager.host = 2 + (s.manager.host-1)%3
	s.after(10*minute, func() { s.managerStart(s.label("control-plane", behaviour)) })
}

// serverWatch is the API server watching its own secrets over loopback.
func (s *simulation) serverWatch(i int, l *Label, again bool) {
	srv := s.servers[i]
	hold := between(srv.rng, 50*minute, 100*minute)
	q := "allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&sendInitialEvents=true"
	if l.Behaviour == "informer" {
		q = fmt.Sprintf("allowWatchBookmarks=true&resourceVersion=%d", between(srv.rng, 1e6, 9e6))
	}
	s.send(request{who: srv.self, agent: s.serverAgent(), ips: loopback, verb: "watch",
		query: q + timeout(300+srv.rng.Int64N(300)) + "&watch=true", hold: hold, label: l})
	if again {
		return // the running loop goes on
	}
	s.after(hold, func() { s.serverWatch(i, s.label("control-plane", "informer"), false) })
}

func (s *simulation) managerAgent(part string) string {
	return clientGo("kube-controller-manager", s.version, linux) + "/" + part
}

func (m *controllerManager) ips() []string { return []string{ip4(10, 0, 255, m.host)} }

// managerStart is a controller manager that begins to lead.
func (s *simulation) managerStart(l *Label) {
	m := s.manager
	m.gen++
	gen := m.gen
	r := s.random(fmt.Sprintf("kcm%d", gen))
	mint := func(n string, l *Label) {
		jti := "JTI=" + uuid(r)
		m.controllers[n].user.CredentialID = jti
		s.send(request{who: m.id, agent: s.managerAgent("kube-controller-manager"), ips: m.ips(), verb: "create",
			resource: "serviceaccounts", ns: "kube-system", name: n, sub: "token", code: 201, issued: jti, label: l})
	}
	for _, n := range m.names {
		mint(n, l)
		live := func() bool { return m.gen == gen }
		s.repeat(r, 50*minute, live, func() { mint(n, s.label("control-plane", "mints controller tokens")) })
	}
	var watch func(l *Label, q string)
	watch = func(l *Label, q string) {
		hold := between(r, 50*minute, 100*minute)
		s.send(request{who: m.id, agent: s.managerAgent("shared-informers"), ips: m.ips(), verb: "watch",
			query: q + timeout(300+r.Int64N(300)) + "&watch=true", hold: hold, label: l})
		s.after(hold, func() {
			if m.gen == gen {
				watch(s.label("control-plane", "informer"), fmt.Sprintf("allowWatchBookmarks=true&resourceVersion=%d", between(r, 1e6, 9e6)))
			}
		})
	}
	s.after(2*second, func() {
		watch(l, "allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&sendInitialEvents=true")
		// The garbage collector watches metadata of everything.
		s.send(request{who: m.id, agent: s.managerAgent("metadata-informers"), ips: m.ips(), verb: "watch",
			query: "allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&sendInitialEvents=true" + timeout(500) + "&watch=true", hold: hour, label: l})
	})
}

// namespaceDeleted empties a namespace.
func (s *simulation) namespaceDeleted(ns *namespace) {
	m := s.manager
	l := s.label("control-plane", "namespace deleted")
	who := m.controllers["namespace-controller"]
	agent := s.managerAgent("system:serviceaccount:kube-system:namespace-controller")
	s.send(request{who: who, agent: agent, ips: m.ips(), verb: "deletecollection", ns: ns.name, label: l})
	s.send(request{who: who, agent: agent, ips: m.ips(), verb: "list", ns: ns.name, label: l})
}
