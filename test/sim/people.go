package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/secretwatch/secretwatch/detector/audit"
)

// machine is a computer with its programs.
type machine struct {
	platform string
	kubectl  string
	helm     string
	lens     int
}

// Roles of people.
const (
	developer = iota
	sre       // administers the cluster
	viewer    // support, auditors: reads where they are let
)

// place is where somebody works from.
type place int

const (
	atOffice place = iota
	atHome
	onVPN
	onMobile
	travelling
	onBastion
)

// person reads secrets by hand.
type person struct {
	s        *simulation
	id       *identity
	name     string
	role     int
	rng      *rand.Rand
	zone     int64   // hours east of UTC
	activity float64 // mean sessions a working day
	spaces   []*namespace
	machines []*machine
	tools    []string // drawn from
	lists    bool     // lists the whole cluster habitually
	proxied  bool     // works through the dashboard
	gateway  bool     // works through an access proxy that impersonates

	home4, home6 string
	renews       bool // home4 changes every few days
	dual         bool // reaches the API servers by IPv6 and IPv4 in turn
	officeShare  float64
	vpnShare     float64
	bastion      bool
	hotel        string
	vpn          string
	lastIP       string

	where     place
	awayUntil int64
	firstDay  int64
	lastSeen  int64
	note      string
	noteUntil int64

	// watchers are called once when a session begins: attackers who wait for
	// the owner to be at work.
	watchers []func()
}

var firstNames = []string{
	"alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "karl", "laura", "mallory",
	"nina", "oscar", "peggy", "quentin", "rupert", "sybil", "trent", "ursula", "victor", "wendy", "xavier", "yvonne",
	"zoe", "amir", "bianca", "chen", "divya", "emeka", "fatima", "goran", "hana", "isabel", "jonas", "kavya", "liam",
	"mei", "noor", "olga", "pedro", "qi", "ravi", "sofia", "tomas", "uma", "vera", "wei", "yusuf",
}

var lastNames = []string{"becker", "costa", "dubois", "evans", "ferrari", "garcia", "haas", "ito", "jensen", "kumar", "lopez", "meyer", "novak", "okafor", "patel", "rossi", "schmidt", "tanaka", "usman", "vogel"}

func (s *simulation) buildPeople() {
	for i := range 100 {
		s.addPerson(i, s.start)
	}
	r := s.random("people")
	for i := range 4 * s.cfg.Days / 30 {
		t := s.workingTime(r)
		s.at(t, func() { s.addPerson(100+i, s.now) })
	}
	days := int64(s.cfg.Days)
	some := func(n int, role int, do func(p *person)) {
		for range n * s.cfg.Days / 30 {
			t := s.workingTime(r)
			s.at(t, func() {
				for {
					p := pick(r, s.people)
					if role < 0 || p.role == role {
						do(p)
						return
					}
				}
			})
		}
	}
	// Package managers upgrade programs when they like.
	some(45, -1, func(p *person) {
		m := p.machines[0]
		m.kubectl = map[string]string{"v1.31.4": "v1.33.2", "v1.32.4": "v1.34.1", "v1.33.2": "v1.34.1", "v1.34.1": "v1.35.0", "v1.35.0": "v1.35.1"}[m.kubectl]
		if m.kubectl == "" {
			m.kubectl = "v1.35.1"
		}
		m.helm = "3.15.2"
		m.lens++
	})
	some(3, -1, func(p *person) {
		p.machines[0] = &machine{platform: pick(r, []string{"darwin/arm64", "linux/arm64", "windows/amd64"}), kubectl: "v1.35.1", helm: "3.15.2", lens: 2}
		p.remark("new laptop", 2*day)
	})
	some(5, developer, func(p *person) {
		tool := pick(r, []string{"k9s", "lens", "helm", "view-secret", "stern"})
		p.tools = append(p.tools, tool, tool, tool, tool)
		p.remark("tries a new tool", 3*day)
	})
	some(2, developer, func(p *person) { p.curl() })
	some(2, developer, func(p *person) { p.loop() })
	some(2, sre, func(p *person) {
		if !p.lists {
			p.listAll("kubectl", s.label("person", "lists the cluster for once"))
		}
	})
	some(3, developer, func(p *person) { p.wrongContext() })
	some(2, developer, func(p *person) {
		// A change of team.
		p.spaces = s.teamSpaces(pick(r, s.namespaces).team)
		p.remark("new team", 3*day)
	})
	// The shared certificate for emergencies, from somebody's laptop.
	shared := s.newID(r, audit.User{Username: "kubernetes-admin", Groups: []string{"system:masters", authenticated}, CredentialID: x509ID(r)})
	some(3, sre, func(p *person) {
		m := p.machines[0]
		sh := p.shell(kubectlAgent(m.kubectl, m.platform), s.label("person", "break glass"))
		sh.who = shared
		for range 1 + r.IntN(3) {
			sh.do(0, 2*minute, request{verb: "get", ns: "kube-system", name: pick(r, infraSecrets["kube-system"])})
		}
	})
	// On call: one administrator a week, paged some nights.
	var admins []*person
	for _, p := range s.people {
		if p.role == sre {
			admins = append(admins, p)
		}
	}
	for d := range days {
		p := admins[int(d/7)%len(admins)]
		for range poisson(r, 0.5) {
			s.at(s.start+d*day+(22-p.zone)*hour+between(r, 0, 8*hour), func() {
				if s.now < p.awayUntil {
					return
				}
				p.where = atHome
				if chance(r, 0.2) {
					p.where = onMobile
				}
				p.incident()
			})
		}
	}
}

func (s *simulation) teamSpaces(team int) []*namespace {
	var of []*namespace
	for _, ns := range s.namespaces {
		if ns.team == team {
			of = append(of, ns)
		}
	}
	return of
}

func (s *simulation) addPerson(i int, from int64) *person {
	r := s.random(fmt.Sprintf("person%d", i))
	first, last := firstNames[i%len(firstNames)], lastNames[(i*7+i/len(firstNames))%len(lastNames)]
	p := &person{s: s, rng: r, name: first + "." + last + "@example.com", firstDay: from}
	p.zone = pick(r, []int64{2, 2, 2, 2, 1, 1, -4, -4, -7, 5})
	switch {
	case i < 10:
		p.role = sre
	case i >= 85 && i < 100:
		p.role = viewer
	}
	u := audit.User{Username: p.name, Groups: []string{"oidc:developers", authenticated}}
	team := i % len(teamNames)
	p.spaces = s.teamSpaces(team)
	switch p.role {
	case sre:
		u.Groups = []string{"oidc:platform-admins", authenticated}
		p.spaces = append([]*namespace{{name: "kube-system", secrets: infraSecrets["kube-system"]}, {name: "monitoring", secrets: infraSecrets["monitoring"]}}, s.namespaces...)
		p.activity = 0.8 + 2*r.Float64()
		p.lists = i < 5
	case viewer:
		u.Groups = []string{"oidc:viewers", authenticated}
		p.spaces = append(p.spaces, s.teamSpaces((team+3)%len(teamNames))...)
		p.activity = 0.1 + 0.6*r.Float64()
		p.proxied = chance(r, 0.5)
	default:
		p.gateway = chance(r, 0.08)
		switch n := r.IntN(100); {
		case n < 15:
			p.activity = 1 + 2*r.Float64()
		case n < 75:
			p.activity = 0.25 + 0.75*r.Float64()
		default:
			p.activity = 0.05 + 0.12*r.Float64()
		}
	}
	if i%5 == 0 {
		// A client certificate instead of single sign-on.
		u.Username = first + "-" + last
		u.CredentialID = x509ID(r)
		p.name = u.Username
	}
	p.id = s.newID(r, u)
	platform := pick(r, []string{"darwin/arm64", "darwin/arm64", "darwin/arm64", "darwin/amd64", "linux/amd64", "linux/amd64", "windows/amd64"})
	p.machines = []*machine{{platform: platform, kubectl: pick(r, []string{"v1.31.4", "v1.32.4", "v1.33.2", "v1.34.1", "v1.35.0"}), helm: "3.14.4", lens: r.IntN(2)}}
	if chance(r, 0.1) {
		p.machines = append(p.machines, &machine{platform: "linux/amd64", kubectl: "v1.32.4", helm: "3.14.4"})
	}
	p.drawTools()
	p.home4, p.home6 = homeAddress(r), fmt.Sprintf("2001:db8:%x:%x", r.IntN(0xffff), r.IntN(0xffff))
	p.renews = chance(r, 0.35)
	p.dual = chance(r, 0.12)
	p.officeShare = pick(r, []float64{0, 0.2, 0.4, 0.4, 0.6, 0.9})
	p.vpnShare = pick(r, []float64{0, 0.3, 0.9, 1})
	p.bastion = p.role == sre && chance(r, 0.4) || chance(r, 0.02)
	s.people = append(s.people, p)

	p.live()
	return p
}

// drawTools gives the person one program for most of the work and some for the
// rest.
func (p *person) drawTools() {
	r := p.rng
	add := func(tool string, times int) {
		for range times {
			p.tools = append(p.tools, tool)
		}
	}
	if p.proxied {
		add("dashboard", 9)
		if chance(r, 0.4) {
			add("kubectl", 1)
		}
		return
	}
	switch n := r.IntN(100); {
	case n < 60:
		add("kubectl", 16)
	case n < 86:
		add("k9s", 12)
		add("kubectl", 3)
	default:
		add("lens", 12)
		add("kubectl", 2)
	}
	if chance(r, 0.3) || p.role == sre {
		add("helm", 1)
	}
	if chance(r, 0.3) {
		add("apply", 1) // kubectl apply of secrets
	}
	if p.role == sre {
		add("k9s", 4)
	}
}

// uses reports whether the person works with tool.
func (p *person) uses(tool string) bool { return slices.Contains(p.tools, tool) }

// remark labels what the person does for a while.
func (p *person) remark(behaviour string, d int64) {
	p.note, p.noteUntil = behaviour, p.s.now+d
}

func (p *person) label(behaviour string) *Label {
	s := p.s
	if p.gateway {
		behaviour = "access proxy, " + behaviour
	}
	switch {
	case s.now < p.noteUntil:
		behaviour = p.note
	case p.firstDay > s.start && s.now-p.firstDay < 4*day:
		behaviour = "new hire"
	}
	return s.label("person", behaviour)
}

// live plans the person's days.
func (p *person) live() {
	s, r := p.s, p.rng
	if chance(r, 0.3) {
		begin := s.start + between(r, -10, int64(s.cfg.Days))*day
		end := begin + between(r, 8, 21)*day
		s.at(max(begin, s.now), func() { p.awayUntil = end })
	}
	if p.renews {
		var renew func()
		renew = func() {
			p.home4 = homeAddress(r)
			s.after(between(r, 1, 14)*day, renew)
		}
		s.after(between(r, 0, 7*day), renew)
	}
	if chance(r, 0.15) {
		// A journey of some days.
		t := between(r, s.now, s.end)
		s.at(t, func() {
			p.hotel = homeAddress(r)
			s.after(between(r, 1, 5)*day, func() { p.hotel = "" })
		})
	}
	if p.firstDay > s.start {
		s.after(between(r, 10*minute, 3*hour), func() { p.session() })
	}
	for d := (s.now - s.start) / day; d < int64(s.cfg.Days); d++ {
		weekend := d%7 >= 5
		t := s.start + d*day + (8-p.zone)*hour // eight in the morning there
		mean := p.activity
		if weekend {
			mean *= 0.04
		}
		s.at(t, func() {
			if s.now < p.awayUntil || s.now < p.firstDay {
				return
			}
			p.where = p.choosePlace()
			p.vpn = ip4(10, 8, r.IntN(4), 2+r.IntN(250))
			if chance(r, 0.12) {
				// Home after lunch, or to the office.
				s.after(5*hour, func() { p.where = p.choosePlace() })
			}
			for range poisson(r, mean) {
				s.after(between(r, 0, 10*hour), func() { p.session() })
			}
		})
	}
}

func (p *person) choosePlace() place {
	r := p.rng
	switch {
	case p.hotel != "":
		return travelling
	case chance(r, p.officeShare):
		return atOffice
	case chance(r, p.vpnShare):
		return onVPN
	case chance(r, 0.05):
		return onMobile
	}
	return atHome
}

// address is where a connection of the person comes from now.
func (p *person) address() string {
	r := p.rng
	switch p.where {
	case atOffice:
		return ip4(192, 0, 2, 1+r.IntN(4))
	case onVPN:
		return p.vpn
	case onMobile:
		return mobileAddress(r)
	case travelling:
		return p.hotel
	case onBastion:
		return "10.0.250.5"
	}
	if p.dual && chance(r, 0.75) {
		return fmt.Sprintf("%s:%x:%x:%x:%x", p.home6, r.IntN(0xffff), r.IntN(0xffff), r.IntN(0xffff), 1+r.IntN(0xfffe))
	}
	return p.home4
}

// shell is one connection of the person: client, address and what it is for.
type shell struct {
	p     *person
	agent string
	ips   []string
	t     int64 // offset of the next request
	label *Label
	as    *audit.User
	who   *identity
}

func (p *person) shell(agent string, l *Label) *shell {
	p.lastIP = p.address()
	sh := &shell{p: p, agent: agent, ips: []string{p.lastIP}, label: l, who: p.id}
	if pod := p.s.gateway.leader(); p.gateway && pod != nil {
		// The proxy passes the user agent on, names the user's address as
		// forwarded, and acts for the user under its own account.
		p.s.call(pod, func() {})
		sh.who, sh.as, sh.ips = pod.id, &p.id.user, []string{p.lastIP, pod.ip}
	}
	return sh
}

// do sends a request after a pause of lo to hi.
func (sh *shell) do(lo, hi int64, rq request) {
	sh.t += between(sh.p.rng, lo, hi)
	rq.who, rq.agent, rq.ips, rq.label, rq.as = sh.who, sh.agent, sh.ips, sh.label, sh.as
	sh.p.s.after(sh.t, func() {
		sh.p.lastSeen = sh.p.s.now
		sh.p.s.send(rq)
	})
}

const table = "limit=500" // what kubectl get sends

// session is some minutes of work with secrets.
func (p *person) session() {
	s, r := p.s, p.rng
	if s.now < p.awayUntil {
		return
	}
	behaviour := ""
	switch gap := s.now - p.lastSeen; {
	case p.lastSeen == 0:
		behaviour = "first time"
	case gap > 7*day:
		behaviour = "back after a week or more"
	}
	label := func(b string) *Label {
		if behaviour != "" {
			b = behaviour
		}
		return p.label(b)
	}
	for _, w := range p.watchers {
		w()
	}
	p.watchers = nil
	if p.bastion && chance(r, 0.25) {
		// On the bastion, with the laptop still in use beside it.
		was := p.where
		p.where = onBastion
		p.kubectl(p.shell(kubectlAgent("v1.32.4", linux), label("bastion")))
		p.where = was
	}
	m := pick(r, p.machines)
	switch pick(r, p.tools) {
	case "kubectl":
		p.kubectl(p.shell(kubectlAgent(m.kubectl, m.platform), label("kubectl")))
		if p.lists && chance(r, 0.45) {
			p.listAll("kubectl", label("lists the cluster"))
		}
	case "apply":
		sh := p.shell(kubectlAgent(m.kubectl, m.platform), label("kubectl apply"))
		ns := p.space()
		if p.gateway {
			p.kubectl(sh)
			break
		}
		for range 1 + r.IntN(3) {
			s.after(between(r, 0, 5*second), func() {
				s.apply(p.id, sh.agent, sh.ips, ns.name, pick(r, ns.secrets), chance(r, 0.9), sh.label)
			})
		}
	case "view-secret":
		sh := p.shell(format("kubectl-view_secret", m.platform), label("kubectl plugin"))
		ns := p.space()
		sh.do(0, second, request{verb: "list", ns: ns.name})
		sh.do(second, 10*second, request{verb: "get", ns: ns.name, name: p.secret(ns)})
	case "stern":
		sh := p.shell(format("stern", m.platform), label("kubectl plugin"))
		sh.do(0, second, request{verb: "get", ns: p.space().name, name: "regcred", code: 403})
	case "k9s":
		p.k9s(p.shell(format("k9s", m.platform), label("k9s")))
	case "lens":
		sh := p.shell(lensAgent(m.platform, m.lens), label("lens"))
		for _, ns := range p.spaces[:min(3, len(p.spaces))] {
			sh.do(10e6, 300e6, request{verb: "list", ns: ns.name, query: table})
		}
		ns := p.space()
		for range r.IntN(3) {
			sh.do(2*second, 30*second, request{verb: "get", ns: ns.name, name: p.secret(ns)})
		}
	case "helm":
		sh := p.shell("Helm/"+m.helm, label("helm"))
		ns := p.space().name
		if p.lists && chance(r, 0.5) {
			ns = ""
		}
		sh.do(0, second, request{verb: "list", ns: ns, query: "labelSelector=owner%3Dhelm%2Cstatus+notin+%28superseded%29"})
		if chance(r, 0.3) && len(p.spaces[0].apps) > 0 {
			a := pick(r, p.spaces[0].apps)
			s.helmUpgrade(sh.who, sh.as, sh.agent, sh.ips, a, sh.label)
		}
	case "dashboard":
		p.dashboard(label("dashboard"))
	}
	if chance(r, 0.04) {
		p.denied(label("denied"))
	}
}

func (p *person) space() *namespace { return p.spaces[skewed(p.rng, len(p.spaces))] }

func (p *person) secret(ns *namespace) string { return ns.secrets[skewed(p.rng, len(ns.secrets))] }

func (p *person) kubectl(sh *shell) {
	r := p.rng
	ns := p.space()
	if chance(r, 0.1) {
		sh.do(0, second, request{verb: "create", resource: "selfsubjectaccessreviews", group: "authorization.k8s.io", code: 201})
	}
	for range 1 + r.IntN(4) {
		switch {
		case chance(r, 0.3):
			sh.do(0, 40*second, request{verb: "list", ns: ns.name, query: table})
		case chance(r, 0.05):
			sh.do(0, 40*second, request{verb: "get", ns: ns.name, name: p.secret(ns) + "s", code: 404})
		default:
			sh.do(0, 90*second, request{verb: "get", ns: ns.name, name: p.secret(ns)})
		}
	}
}

func (p *person) k9s(sh *shell) {
	r := p.rng
	ns := p.space()
	name := ns.name
	if p.lists && chance(r, 0.6) {
		name = ""
	}
	for range 2 {
		sh.do(0, 50e6, request{verb: "create", resource: "selfsubjectaccessreviews", group: "authorization.k8s.io", code: 201})
	}
	sh.do(0, second, request{verb: "list", ns: name, query: "limit=500"})
	sh.do(0, 100e6, request{verb: "watch", ns: name, query: fmt.Sprintf("allowWatchBookmarks=true&resourceVersion=%d", between(r, 1e6, 9e6)) + timeout(300+r.Int64N(280)) + "&watch=true", hold: between(r, minute, 9*minute)})
	for range r.IntN(6) {
		sh.do(2*second, minute, request{verb: "get", ns: ns.name, name: p.secret(ns)})
	}
}

// dashboard shows the user's address as forwarded and its own pod as the peer.
func (p *person) dashboard(l *Label) {
	pod := p.s.dashboard.leader()
	if pod == nil {
		return
	}
	sh := p.shell(p.s.dashboard.agent, l)
	sh.ips = []string{sh.ips[0], pod.ip}
	ns := p.space()
	sh.do(0, second, request{verb: "list", ns: ns.name, query: table})
	for range p.rng.IntN(3) {
		sh.do(second, 30*second, request{verb: "get", ns: ns.name, name: p.secret(ns)})
	}
}

// denied is a mistake: the wrong namespace.
func (p *person) denied(l *Label) {
	if p.role == sre {
		return
	}
	m := p.machines[0]
	sh := p.shell(kubectlAgent(m.kubectl, m.platform), l)
	ns := pick(p.rng, p.s.namespaces)
	for _, own := range p.spaces {
		if own.name == ns.name {
			return
		}
	}
	for range 1 + p.rng.IntN(2) {
		if chance(p.rng, 0.5) {
			sh.do(0, 20*second, request{verb: "list", ns: ns.name, query: table, code: 403})
		} else {
			sh.do(0, 20*second, request{verb: "get", ns: ns.name, name: "db-credentials", code: 403})
		}
	}
}

// wrongContext is a whole manifest applied to the wrong cluster or namespace.
func (p *person) wrongContext() {
	m := p.machines[0]
	sh := p.shell(kubectlAgent(m.kubectl, m.platform), p.label("applies to the wrong namespace"))
	ns := pick(p.rng, p.s.namespaces)
	for i := range 3 + p.rng.IntN(6) {
		sh.do(20e6, 200e6, request{verb: "get", ns: ns.name, name: fmt.Sprintf("config-%02d", i), code: 403})
	}
}

// listAll is kubectl get secrets -A.
func (p *person) listAll(tool string, l *Label) {
	m := p.machines[0]
	sh := p.shell(kubectlAgent(m.kubectl, m.platform), l)
	sh.do(0, 30*second, request{verb: "list", query: table})
	sh.do(50e6, 200e6, request{verb: "list", query: "continue=" + hexString(p.rng, 40) + "&limit=500"})
}

// loop reads every secret of a namespace in a shell loop, before a migration.
func (p *person) loop() {
	m := p.machines[0]
	sh := p.shell(kubectlAgent(m.kubectl, m.platform), p.label("reads a namespace in a loop"))
	ns := p.space()
	for _, n := range ns.secrets {
		sh.do(100e6, 400e6, request{verb: "get", ns: ns.name, name: n})
	}
}

// curl is somebody who debugs with curl and their own token.
func (p *person) curl() {
	sh := p.shell("curl/8.7.1", p.label("tries curl"))
	ns := p.space()
	sh.do(0, second, request{verb: "get", ns: ns.name, name: p.secret(ns)})
	sh.do(10*second, minute, request{verb: "get", ns: ns.name, name: p.secret(ns)})
}

// incident is a night on call: several namespaces, quickly.
func (p *person) incident() {
	m := p.machines[0]
	sh := p.shell(kubectlAgent(m.kubectl, m.platform), p.label("on call"))
	for range 1 + p.rng.IntN(4) {
		ns := pick(p.rng, p.spaces)
		sh.do(0, 2*minute, request{verb: "list", ns: ns.name, query: table})
		for range p.rng.IntN(3) {
			sh.do(second, minute, request{verb: "get", ns: ns.name, name: pick(p.rng, ns.secrets)})
		}
	}
}
