package sim

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// attack is one attack under way.
type attack struct {
	Attack
	s     *simulation
	rng   *rand.Rand
	label *Label
	t     int64 // offset of the next request
}

// buildAttacks schedules cfg.Attacks attacks at random times after the quiet
// days: kinds in random order, each once as far as there is room, then drawn
// again.
func (s *simulation) buildAttacks() {
	r := s.random("attacks")
	order := r.Perm(len(kinds))
	for len(order) < s.cfg.Attacks {
		order = append(order, r.IntN(len(kinds)))
	}
	first := s.start + int64(s.cfg.QuietDays)*day
	// Leave time for the slow ones.
	last := max(s.end-30*hour, first+1)
	for i, k := range order[:s.cfg.Attacks] {
		a := &attack{s: s, rng: s.random(fmt.Sprintf("attack%d", i+1))}
		a.ID, a.Kind = i+1, kinds[k].name
		a.label = &Label{Attack: a.ID, Actor: "attack", Behaviour: a.Kind}
		s.attacks = append(s.attacks, a)
		s.at(between(r, first, last), func() { a.begin(kinds[k].run) })
	}
}

// begin runs the attack, or tries again later if it finds no victim now.
func (a *attack) begin(run func(a *attack) bool) {
	a.t = 0
	if !run(a) {
		a.s.after(20*minute, func() { a.begin(run) })
	}
}

// do sends a request of the attacker after a pause of lo to hi.
func (a *attack) do(lo, hi int64, rq request) {
	a.t += between(a.rng, lo, hi)
	rq.label = a.label
	a.s.after(a.t, func() {
		if a.Requests == 0 {
			a.Start = time.Unix(0, a.s.now).UTC()
		}
		a.Requests++
		a.s.send(rq)
	})
}

func (a *attack) story(format string, args ...any) { a.Story = fmt.Sprintf(format, args...) }

// victim is somebody who has worked lately and uses kubectl.
func (a *attack) victim(fits func(p *person) bool) *person {
	var of []*person
	for _, p := range a.s.people {
		if p.lastSeen > a.s.now-4*day && a.s.now >= p.awayUntil && p.uses("kubectl") && !p.gateway && (fits == nil || fits(p)) {
			of = append(of, p)
		}
	}
	if len(of) == 0 {
		return nil
	}
	return pick(a.rng, of)
}

func notSRE(p *person) bool { return p.role != sre }

// whenAtWork calls do when somebody who fits begins to work, and keeps them at
// work for half an hour.
func (a *attack) whenAtWork(fits func(p *person) bool, do func(p *person)) {
	done := false
	for _, p := range a.s.people {
		if !p.uses("kubectl") || p.gateway || p.lastSeen == 0 || p.lastSeen < a.s.now-5*day || !fits(p) {
			continue
		}
		p.watchers = append(p.watchers, func() {
			if done {
				return
			}
			done = true
			for i := range int64(8) {
				m := p.machines[0]
				a.s.after(i*4*minute+between(p.rng, 0, 3*minute), func() {
					sh := p.shell(kubectlAgent(m.kubectl, m.platform), p.label("kubectl"))
					ns := p.space()
					sh.do(0, 1, request{verb: "get", ns: ns.name, name: p.secret(ns)})
				})
			}
			do(p)
		})
	}
}

// running is an application with a running pod that calls for secrets.
func (a *attack) running(fits func(x *app) bool) (*app, *pod) {
	var of []*app
	for _, x := range a.s.apps {
		if x.callsAPI() && x.ns != nil && x.leader() != nil && len(x.reads) > 0 && (fits == nil || fits(x)) {
			of = append(of, x)
		}
	}
	if len(of) == 0 {
		return nil, nil
	}
	x := pick(a.rng, of)
	return x, x.leader()
}

// stolen is a copy of an identity: its token no longer rotates.
func (a *attack) stolen(id *identity) *identity {
	c := *id
	c.server = a.rng.IntN(3)
	return &c
}

func (a *attack) theirKubectl() string {
	return kubectlAgent(pick(a.rng, []string{"v1.30.0", "v1.34.1", "v1.35.0"}), linux)
}

// sweep reads secrets of a namespace one by one.
func (a *attack) sweep(ns *namespace, n int, lo, hi int64, rq request) {
	for i, name := range ns.secrets {
		if i >= n {
			return
		}
		rq.verb, rq.ns, rq.name = "get", ns.name, name
		a.do(lo, hi, rq)
	}
}

// whoami asks what the identity may do.
func (a *attack) whoami(rq request) {
	rq.verb, rq.resource, rq.group, rq.code = "create", "selfsubjectrulesreviews", "authorization.k8s.io", 201
	a.do(second, 5*second, rq)
}
