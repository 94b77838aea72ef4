package sim

import (
	"math/rand/v2"
	"strings"

	"github.com/secretwatch/secretwatch/detector/audit"
)

// identity is somebody who authenticates.
type identity struct {
	user   audit.User
	server int // the API server its connections reach
}

// request is one API request; send turns it into audit events.
type request struct {
	who   *identity
	as    *audit.User // impersonated user
	agent string
	ips   []string

	verb     string
	resource string // secrets when empty
	group    string
	ns, name string
	sub      string
	query    string

	code    int   // 200 when 0
	hold    int64 // how long a watch lasts
	issued  string
	legacy  string
	auditID string // drawn when empty
	label   *Label
}

// apiServer is one of the three API servers: a log of its own, shipped with a
// delay of its own.
type apiServer struct {
	lag   int64
	stall int64 // until when its shipper is stuck; what it logged comes then
	self  *identity
	rng   *rand.Rand
}

func (s *simulation) buildServers() {
	for i := range 3 {
		r := s.random("apiserver" + string(rune('0'+i)))
		srv := &apiServer{lag: between(r, 50e6, 900e6), rng: r}
		srv.self = &identity{server: i, user: audit.User{
			Username: "system:apiserver",
			UID:      uuid(r),
			Groups:   []string{"system:authenticated", "system:masters"},
		}}
		s.servers = append(s.servers, srv)
	}
	// Twice a month one of the shippers is restarted and catches up.
	for range 2 {
		t := between(s.rng, s.start, s.end)
		srv := pick(s.rng, s.servers)
		s.at(t, func() { srv.stall = s.now + between(srv.rng, 30*second, 120*second) })
	}
}

// newID returns an identity that reaches one of the API servers.
func (s *simulation) newID(r *rand.Rand, u audit.User) *identity {
	return &identity{user: u, server: r.IntN(len(s.servers))}
}

const authenticated = "system:authenticated"

func saUser(ns, name, uid string) audit.User {
	return audit.User{
		Username: "system:serviceaccount:" + ns + ":" + name,
		UID:      uid,
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:" + ns, authenticated},
	}
}

func (rq *request) uri() string {
	var b strings.Builder
	b.Grow(96)
	if rq.group != "" {
		b.WriteString("/apis/" + rq.group + "/v1")
	} else {
		b.WriteString("/api/v1")
	}
	if rq.ns != "" {
		b.WriteString("/namespaces/")
		b.WriteString(rq.ns)
	}
	b.WriteByte('/')
	b.WriteString(rq.resource)
	// Targeted lists and watches name their object in the query only.
	if rq.name != "" && rq.verb != "list" && rq.verb != "watch" && !(rq.verb == "create" && rq.sub == "") {
		b.WriteByte('/')
		b.WriteString(rq.name)
	}
	if rq.sub != "" {
		b.WriteByte('/')
		b.WriteString(rq.sub)
	}
	if rq.query != "" {
		b.WriteByte('?')
		b.WriteString(rq.query)
	}
	return b.String()
}

func (s *simulation) event() *audit.Event {
	if n := len(s.pool); n > 0 {
		ev := s.pool[n-1]
		s.pool = s.pool[:n-1]
		return ev
	}
	return new(audit.Event)
}

// send logs the events of one request that arrives now.
func (s *simulation) send(rq request) {
	srv := s.servers[rq.who.server]
	r := srv.rng
	if rq.resource == "" {
		rq.resource = "secrets"
	}
	if rq.code == 0 {
		rq.code = 200
	}
	if rq.auditID == "" {
		rq.auditID = uuid(r)
		if rq.label.Attack == 0 && r.IntN(64) == 0 {
			s.recent[s.nth%len(s.recent)] = rq.auditID
			s.nth++
		}
	}
	// The API server writes microseconds.
	now := s.now / 1000 * 1000

	ev := s.event()
	*ev = audit.Event{
		AuditID:    rq.auditID,
		Verb:       rq.verb,
		RequestURI: rq.uri(),
		UserAgent:  rq.agent,
		User:       rq.who.user,
		SourceIPs:  rq.ips,
		Resource:   rq.resource,
		APIGroup:   rq.group,
		Namespace:  rq.ns,
		Name:       rq.name,
		Time:       now,
	}
	ev.Subresource = rq.sub

	if chance(r, s.cfg.ReceivedShare) && rq.code != 401 {
		early := s.event()
		*early = *ev
		early.Stage = audit.StageRequestReceived
		early.StageTime = now
		if rq.verb == "create" && rq.sub == "" {
			early.Name = "" // known only once the body was read
		}
		s.deliver(srv, early, rq.label)
	}

	took := (between(r, 800e3, 12e6) + exponential(r, 2e6)) / 1000 * 1000
	ev.Code = rq.code
	switch rq.code {
	case 401:
		// No user, no annotations, one stage.
		ev.User = audit.User{}
		ev.Stage = audit.StageResponseStarted
		ev.StageTime = now + took
		s.deliver(srv, ev, rq.label)
		return
	case 403:
		ev.Decision = "forbid"
		ev.StatusMessage = forbidden(&rq)
	default:
		ev.Decision = "allow"
		if rq.code == 404 {
			ev.StatusMessage = `secrets "` + rq.name + `" not found`
		}
	}
	if rq.as != nil {
		ev.Impersonated = *rq.as
	}
	if rq.code < 300 {
		ev.IssuedCredentialID = rq.issued
	}
	ev.LegacyToken = rq.legacy

	if rq.verb == "watch" {
		started := s.event()
		*started = *ev
		started.Stage = audit.StageResponseStarted
		started.StageTime = now + took
		s.deliver(srv, started, rq.label)
		if rq.code == 200 {
			took += rq.hold / 1000 * 1000
		}
	}
	ev.Stage = audit.StageResponseComplete
	ev.StageTime = now + took
	s.deliver(srv, ev, rq.label)
}

func forbidden(rq *request) string {
	who := rq.who.user.Username
	if rq.as != nil {
		who = rq.as.Username
	}
	m := rq.resource
	if rq.name != "" {
		m += ` "` + rq.name + `"`
	}
	m += ` is forbidden: User "` + who + `" cannot ` + rq.verb + ` resource "` + rq.resource + `" in API group ""`
	if rq.ns != "" {
		return m + ` in the namespace "` + rq.ns + `"`
	}
	return m + " at the cluster scope"
}

// deliver hands an event over when the shipper of its API server gets to it.
func (s *simulation) deliver(srv *apiServer, ev *audit.Event, label *Label) {
	r := srv.rng
	t := ev.StageTime + srv.lag + exponential(r, 100e6)
	if r.IntN(500) == 0 {
		t += between(r, 1*second, 25*second)
	}
	if t < srv.stall {
		t = srv.stall + between(r, 0, 5*second)
	}
	s.queue.push(item{t: t, ev: ev, label: label})
	if chance(r, s.cfg.ResentShare) {
		again := s.event()
		*again = *ev
		s.queue.push(item{t: t + between(r, 1*second, 30*second), ev: again, label: label})
	}
}
