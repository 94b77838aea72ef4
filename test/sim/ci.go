package sim

import (
	"fmt"
	"math/rand/v2"

	"github.com/secretwatch/secretwatch/detector/audit"
)

// ciSystem is what runs pipelines: shared runners behind a few NAT addresses,
// and runners hosted elsewhere that have another address every time.
type ciSystem struct {
	bot       *identity // helm and kubectl jobs
	deployer  *identity // a legacy service account token, used from the runners
	terraform *identity
	hosted    []*identity // by team
	nat       [][]string
	rng       *rand.Rand

	kubectl, helm, tf string
	refreshed         []([2]string) // what terraform refreshes
}

func (s *simulation) buildCI() {
	r := s.random("ci")
	c := &ciSystem{rng: r, kubectl: "v1.32.4", helm: "3.14.4", tf: "1.9.2"}
	s.ci = c
	for i := range 6 {
		c.nat = append(c.nat, []string{ip4(198, 51, 100, 10+i)})
	}
	c.bot = s.newID(r, audit.User{Username: "ci-bot", UID: "u-2001", Groups: []string{"ci", authenticated}})
	c.deployer = s.newID(r, saUser("ci", "deployer", uuid(r)))
	c.terraform = s.newID(r, audit.User{Username: "ci-terraform", UID: "u-2002", Groups: []string{"ci", "platform", authenticated}})
	for _, t := range teamNames {
		c.hosted = append(c.hosted, s.newID(r, audit.User{
			Username: "https://token.actions.example#repo:example/" + t + ":ref:refs/heads/main",
			Groups:   []string{"oidc:ci", authenticated},
		}))
	}
	for _, ns := range s.namespaces {
		if ns.team%3 == 0 && chance(r, 0.7) {
			for _, n := range ns.secrets[:min(3, len(ns.secrets))] {
				c.refreshed = append(c.refreshed, [2]string{ns.name, n})
			}
		}
	}
	// Terraform plans at nine and applies sometimes; what it manages grows.
	s.daily(func(d int) {
		if d%7 >= 5 {
			return
		}
		if chance(r, 0.2) {
			ns := pick(r, s.namespaces)
			c.refreshed = append(c.refreshed, [2]string{ns.name, fmt.Sprintf("tf-%s", suffix(r, 4))})
		}
		s.after(9*hour+between(r, 0, 20*minute), func() { s.terraformRun() })
		for range r.IntN(4) {
			s.after(between(r, 8*hour, 17*hour), func() { s.terraformRun() })
		}
		// The legacy deployer, several times a day.
		for range 4 + r.IntN(6) {
			s.after(between(r, 6*hour, 20*hour), func() {
				l := s.label("ci", "legacy token")
				ips := pick(r, c.nat)
				for _, n := range []string{"registry-push", "runner-token"} {
					s.send(request{who: c.deployer, agent: kubectlAgent(c.kubectl, linux), ips: ips, verb: "get",
						ns: "ci", name: n, legacy: "ci/deployer-token", label: l})
				}
				if r.IntN(6) == 0 {
					s.patchLegacy("ci", "deployer-token", l)
				}
			})
		}
	})
	// The runners' image is updated once.
	s.at(s.workingTime(r), func() { c.kubectl, c.helm, c.tf = "v1.33.1", "3.15.2", "1.9.5" })
	// And their provider adds an address.
	s.at(between(r, s.start+day, s.end), func() { c.nat = append(c.nat, []string{"198.51.100.40"}) })
	// A pipeline whose rights were forgotten: denied, retried, fixed.
	for range 4 * s.cfg.Days / 30 {
		s.at(s.workingTime(r), func() {
			ns := pick(r, s.namespaces)
			for try := range 3 + int64(r.IntN(5)) {
				s.after(try*4*minute, func() {
					for _, n := range ns.secrets[:2] {
						s.send(request{who: c.bot, agent: kubectlAgent(c.kubectl, linux), ips: pick(r, c.nat), verb: "get",
							ns: ns.name, name: n, code: 403, label: s.label("ci", "denied pipeline")})
					}
				})
			}
		})
	}
}

func (s *simulation) terraformRun() {
	c := s.ci
	ips := pick(c.rng, c.nat)
	agent := "HashiCorp/1.0 Terraform/" + c.tf
	for i, x := range c.refreshed {
		s.after(int64(i)*between(c.rng, 50e6, 400e6), func() {
			s.send(request{who: c.terraform, agent: agent, ips: ips, verb: "get", ns: x[0], name: x[1], label: s.label("ci", "terraform")})
		})
	}
}

// deploy rolls an application out in its namespace's way and replaces its pods.
func (s *simulation) deploy(a *app, behaviour string) {
	if !a.alive || a.ns == nil || a.ns.gone {
		return
	}
	took := s.release(a, behaviour)
	a.hash = suffix(a.rng, 10)
	first := len(a.pods) == 0
	s.after(took, func() {
		if first {
			s.launch(a, 0, behaviour)
			return
		}
		if a.kind == jobs {
			return
		}
		for i := range len(a.pods) {
			s.after(int64(i)*between(a.rng, 25*second, 70*second), func() {
				if a.alive && len(a.pods) > 0 {
					s.restartPod(a, nil, behaviour)
				}
			})
		}
	})
}

// release does what the deploying side does and says how long it takes.
func (s *simulation) release(a *app, behaviour string) int64 {
	c := s.ci
	switch a.ns.rollout {
	case byHelmCI:
		return s.helmUpgrade(c.bot, nil, "Helm/"+c.helm, pick(c.rng, c.nat), a, s.label("ci", "helm: "+behaviour))
	case byHosted:
		return s.helmUpgrade(c.hosted[a.ns.team], nil, "Helm/"+c.helm, []string{hostedRunner(c.rng)}, a, s.label("ci", "hosted runner: "+behaviour))
	case byKubectlCI:
		return s.kubectlApply(c.bot, kubectlAgent(c.kubectl, linux), pick(c.rng, c.nat), a, s.label("ci", "kubectl: "+behaviour))
	case byArgo:
		return s.argoSync(a, s.label("gitops", "argocd: "+behaviour))
	}
	return s.fluxReconcile(a, s.label("gitops", "flux: "+behaviour))
}

// helmUpgrade is the sequence of helm upgrade --install.
func (s *simulation) helmUpgrade(who *identity, as *audit.User, agent string, ips []string, a *app, l *Label) int64 {
	ns := a.nsName
	old := fmt.Sprintf("sh.helm.release.v1.%s.v%d", a.name, a.released)
	a.released++
	cur := fmt.Sprintf("sh.helm.release.v1.%s.v%d", a.name, a.released)
	owner := "labelSelector=name%3D" + a.name + "%2Cowner%3Dhelm"
	t := int64(0)
	do := func(rq request) {
		t += between(a.rng, 5e6, 300e6)
		rq.who, rq.as, rq.agent, rq.ips, rq.ns, rq.label = who, as, agent, ips, ns, l
		s.after(t, func() { s.send(rq) })
	}
	do(request{verb: "list", query: owner})
	do(request{verb: "get", name: old})
	do(request{verb: "list", query: owner + "%2Cstatus%3Ddeployed"})
	do(request{verb: "create", name: cur, code: 201})
	if a.rng.IntN(3) == 0 {
		n := pick(a.rng, a.reads)
		do(request{verb: "get", name: n})
		do(request{verb: "patch", name: n})
	}
	t += between(a.rng, 3*second, 60*second)
	do(request{verb: "update", name: old})
	do(request{verb: "update", name: cur})
	if a.released > 10 && a.rng.IntN(2) == 0 {
		do(request{verb: "delete", name: fmt.Sprintf("sh.helm.release.v1.%s.v%d", a.name, a.released-10)})
	}
	return t
}

// kubectlApply is a job that applies manifests: read, then create or patch.
func (s *simulation) kubectlApply(who *identity, agent string, ips []string, a *app, l *Label) int64 {
	t := int64(0)
	for _, n := range a.reads {
		t += between(a.rng, 20e6, 400e6)
		s.after(t, func() { s.apply(who, agent, ips, a.nsName, n, chance(a.rng, 0.95), l) })
	}
	return t + between(a.rng, second, 10*second)
}

// apply is kubectl apply of one secret.
func (s *simulation) apply(who *identity, agent string, ips []string, ns, name string, exists bool, l *Label) {
	const query = "fieldManager=kubectl-client-side-apply&fieldValidation=Strict"
	if exists {
		s.send(request{who: who, agent: agent, ips: ips, verb: "get", ns: ns, name: name, label: l})
		s.after(8e6, func() {
			s.send(request{who: who, agent: agent, ips: ips, verb: "patch", ns: ns, name: name, query: query, label: l})
		})
		return
	}
	s.send(request{who: who, agent: agent, ips: ips, verb: "get", ns: ns, name: name, code: 404, label: l})
	s.after(8e6, func() {
		s.send(request{who: who, agent: agent, ips: ips, verb: "create", ns: ns, name: name, code: 201, query: query, label: l})
	})
}
