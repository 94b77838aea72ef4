package sim

import (
	"fmt"

	"github.com/secretwatch/secretwatch/detector/audit"
)

// addon is a controller of the platform.
type addon struct {
	ns, name, agent string
	replicas        int
	selector        string // of its cluster-wide watch
	watchesAll      bool
	watches         []string // namespaces
	upgraded        string   // agent after its upgrade, when that shows
}

var addons = []addon{
	{ns: "cert-manager", name: "cert-manager-cainjector", agent: "cainjector/v1.14.4 (linux/amd64) cert-manager/6e0fcb8", replicas: 1, watchesAll: true, upgraded: "cainjector/v1.15.1 (linux/amd64) cert-manager/9d2a1c3"},
	{ns: "ingress-nginx", name: "ingress-nginx", agent: "nginx-ingress-controller/v1.10.0 (linux/amd64) ingress-nginx/71f78d4", replicas: 3, watchesAll: true, selector: "fieldSelector=type%21%3Dhelm.sh%2Frelease.v1", upgraded: "nginx-ingress-controller/v1.11.1 (linux/amd64) ingress-nginx/7c44f99"},
	{ns: "monitoring", name: "prometheus-operator", agent: "PrometheusOperator/0.73.0", replicas: 1, watchesAll: true, upgraded: "PrometheusOperator/0.75.1"},
	{ns: "monitoring", name: "kube-state-metrics", agent: "kube-state-metrics/v2.12.0 (linux/amd64) kube-state-metrics/7995d5f", replicas: 1, watchesAll: true},
	{ns: "istio-system", name: "istiod", agent: "pilot-discovery/1.21.0", replicas: 2, watchesAll: true},
	{ns: "reloader", name: "reloader", agent: format("Reloader", linux), replicas: 1, watchesAll: true},
	{ns: "keda", name: "keda-operator", agent: format("keda", linux), replicas: 1, watchesAll: true},
	{ns: "crossplane-system", name: "crossplane", agent: format("crossplane", linux), replicas: 1, watchesAll: true},
	{ns: "postgres-operator", name: "postgres-operator", agent: format("postgres-operator", linux), replicas: 1, watchesAll: true},
	{ns: "rabbitmq-system", name: "rabbitmq-cluster-operator", agent: format("manager", linux), replicas: 1, watchesAll: true},
	{ns: "sealed-secrets", name: "sealed-secrets", agent: format("controller", linux), replicas: 1, watches: []string{"sealed-secrets"}},
	{ns: "argocd", name: "argocd-server", agent: format("argocd-server", linux), replicas: 2, watches: []string{"argocd"}},
	{ns: "argocd", name: "argocd-applicationset-controller", agent: format("argocd-applicationset-controller", linux), replicas: 1, watches: []string{"argocd"}},
	{ns: "flux-system", name: "source-controller", agent: format("source-controller", linux), replicas: 1, watches: []string{"flux-system"}},
	{ns: "flux-system", name: "notification-controller", agent: format("notification-controller", linux), replicas: 1, watches: []string{"flux-system"}},
	{ns: "external-dns", name: "external-dns", agent: format("external-dns", linux), replicas: 1, watches: []string{"external-dns"}},
}

func (s *simulation) newInfra(ns, name, agent string, replicas int, begin func(p *pod, l *Label)) *app {
	r := s.random("infra " + ns + "/" + name)
	a := &app{name: name, nsName: ns, uid: uuid(r), rng: r, s: s, alive: true, kind: custom, agent: agent,
		replicas: replicas, hash: suffix(r, 10), begin: begin, gens: map[*pod]int{}}
	if a.begin == nil {
		a.begin = func(*pod, *Label) {}
	}
	if s.infra == nil {
		s.infra = map[string]*app{}
	}
	s.infra[name] = a
	s.apps = append(s.apps, a)
	return a
}

// live says whether p still runs the same start of its program.
func (a *app) live(p *pod) func() bool {
	gen := a.gens[p]
	return func() bool { return p.alive && a.gens[p] == gen }
}

// leader is the pod of a controller that works; nil while there is none.
func (a *app) leader() *pod {
	for _, p := range a.pods {
		if p.alive && p.token != 0 {
			return p
		}
	}
	return nil
}

// asLeader calls do with the leader and a valid token.
func (s *simulation) asLeader(a *app, do func(p *pod)) {
	if p := a.leader(); p != nil {
		s.call(p, func() {
			if p.alive {
				do(p)
			}
		})
	}
}

func (s *simulation) buildInfra() {
	for _, x := range addons {
		var a *app
		a = s.newInfra(x.ns, x.name, x.agent, x.replicas, func(p *pod, l *Label) {
			l = s.label("operator", l.Behaviour)
			if x.watchesAll {
				s.informer(p, a.live(p), a.agent, "", x.selector, l)
			}
			for _, ns := range x.watches {
				s.informer(p, a.live(p), a.agent, ns, "", l)
			}
		})
		if x.upgraded != "" {
			s.at(s.workingTime(a.rng), func() {
				a.agent = x.upgraded
				for range len(a.pods) {
					s.restartPod(a, nil, "operator upgraded")
				}
			})
		}
	}
	s.buildCertManager()
	s.buildExternalSecrets()
	s.buildVault()
	s.buildVelero()
	s.buildKyverno()
	s.buildArgo()
	s.buildFlux()
	s.buildCilium()
	s.dashboard = s.newInfra("kubernetes-dashboard", "kubernetes-dashboard", "dashboard/v2.7.0", 2, func(p *pod, l *Label) {
		s.call(p, func() {
			for _, n := range []string{"kubernetes-dashboard-key-holder", "kubernetes-dashboard-csrf"} {
				s.podRequest(p, request{verb: "get", ns: "kubernetes-dashboard", name: n, label: s.label("operator", l.Behaviour)})
			}
		})
	})
	s.gateway = s.newInfra("access-proxy", "access-proxy", format("access-proxy", linux), 1, func(p *pod, l *Label) {
		s.repeat(s.gateway.rng, 6*hour, s.gateway.live(p), func() {
			s.call(p, func() {
				s.podRequest(p, request{verb: "get", ns: "access-proxy", name: "state", label: s.label("operator", "reconcile")})
				s.podRequest(p, request{verb: "update", ns: "access-proxy", name: "state", label: s.label("operator", "reconcile")})
			})
		})
		s.call(p, func() {
			s.podRequest(p, request{verb: "get", ns: "access-proxy", name: "state", label: s.label("operator", l.Behaviour)})
		})
	})
	for _, a := range s.apps {
		if !a.everyNode {
			s.launch(a, 0, "start")
		}
	}
	// Controllers are restarted now and then.
	s.daily(func(int) {
		for _, a := range append([]*app(nil), s.apps...) {
			if a.ns == nil && !a.everyNode && chance(a.rng, 0.06) {
				s.after(between(a.rng, 0, day), func() { s.restartPod(a, nil, "controller restarted") })
			}
		}
	})
	// Two new operators are installed during the month.
	for _, name := range []string{"trivy-operator", "elastic-operator"} {
		if s.cfg.Days < 10 {
			break
		}
		r := s.random(name)
		s.at(s.workingTime(r), func() {
			var a *app
			a = s.newInfra(name, name, format(name, linux), 1, func(p *pod, l *Label) {
				s.informer(p, a.live(p), a.agent, "", "", s.label("operator", l.Behaviour))
			})
			s.launch(a, 0, "new operator")
		})
	}
}

func (s *simulation) buildCertManager() {
	component := func(c string, v string) string { return "cert-manager-certificates-" + c + "/" + v }
	version := "v1.14.4 (linux/amd64) cert-manager/6e0fcb8"
	var a *app
	a = s.newInfra("cert-manager", "cert-manager", component("issuing", version), 2, func(p *pod, l *Label) {
		l = s.label("operator", l.Behaviour)
		for _, c := range []string{"issuing", "key-manager", "readiness", "trigger"} {
			s.informer(p, a.live(p), component(c, version), "", "", l)
		}
	})
	s.at(s.workingTime(a.rng), func() {
		version = "v1.15.1 (linux/amd64) cert-manager/9d2a1c3"
		for range len(a.pods) {
			s.restartPod(a, nil, "operator upgraded")
		}
	})
	// Renewals: a temporary key, then the certificate. Certificates issued on
	// one day are renewed on one day.
	s.daily(func(d int) {
		n := 4
		if d%10 == 6 {
			n = 30
		}
		t := between(a.rng, hour, 20*hour)
		for i := range n {
			s.after(t+int64(i)*between(a.rng, 2*second, 20*second), func() {
				ns := pick(a.rng, s.namespaces)
				s.asLeader(a, func(p *pod) {
					l := s.label("operator", "cert-manager renews")
					tls := "tls-" + ns.name
					tmp := tls + "-" + suffix(a.rng, 5)
					s.podRequest(p, request{agent: component("key-manager", version), verb: "create", ns: ns.name, name: tmp, code: 201, label: l})
					s.podRequest(p, request{agent: component("issuing", version), verb: "get", ns: ns.name, name: tls, label: l})
					s.podRequest(p, request{agent: component("issuing", version), verb: "update", ns: ns.name, name: tls, label: l})
					s.podRequest(p, request{agent: component("key-manager", version), verb: "delete", ns: ns.name, name: tmp, label: l})
				})
			})
		}
	})
}

func (s *simulation) buildExternalSecrets() {
	var a *app
	a = s.newInfra("external-secrets", "external-secrets", format("manager", linux), 1, func(p *pod, l *Label) {
		s.informer(p, a.live(p), a.agent, "", "", s.label("operator", l.Behaviour))
	})
	// Refreshes every external secret; kept every six hours.
	s.daily(func(int) {
		for _, ns := range s.namespaces {
			for _, n := range ns.secrets[:min(4, len(ns.secrets))] {
				for h := range int64(4) {
					s.after(h*6*hour+between(a.rng, 0, 6*hour), func() {
						s.asLeader(a, func(p *pod) {
							l := s.label("operator", "external-secrets refreshes")
							s.podRequest(p, request{verb: "get", ns: ns.name, name: n, label: l})
							s.podRequest(p, request{verb: "update", ns: ns.name, name: n, label: l})
						})
					})
				}
			}
		}
	})
}

func (s *simulation) buildVault() {
	var a *app
	a = s.newInfra("vault", "vault-secrets-operator", format("vault-secrets-operator", linux), 1, func(p *pod, l *Label) {
		s.informer(p, a.live(p), a.agent, "", "", s.label("operator", l.Behaviour))
	})
	s.daily(func(int) {
		for i, ns := range s.namespaces {
			if i%5 != 0 {
				continue
			}
			for h := range int64(12) {
				s.after(h*2*hour+between(a.rng, 0, 2*hour), func() {
					s.asLeader(a, func(p *pod) {
						l := s.label("operator", "vault rotates")
						n := "vault-db-" + ns.name
						s.podRequest(p, request{verb: "get", ns: ns.name, name: n, label: l})
						s.podRequest(p, request{verb: "update", ns: ns.name, name: n, label: l})
					})
				})
			}
		}
	})
}

// buildVelero adds a backup that lists one namespace after another at night,
// and on Saturdays everything at once.
func (s *simulation) buildVelero() {
	a := s.newInfra("velero", "velero", "velero-server/v1.13.0 (linux/amd64) 7112c62e493b0f7570f0e7cd2088f8cad968db99", 1, func(p *pod, l *Label) {
		s.call(p, func() {
			s.podRequest(p, request{verb: "get", ns: "velero", name: "cloud-credentials", label: s.label("operator", l.Behaviour)})
		})
	})
	s.daily(func(d int) {
		for i, ns := range s.namespaces {
			s.after(2*hour+int64(i)*between(a.rng, 300e6, 900e6), func() {
				s.asLeader(a, func(p *pod) {
					s.podRequest(p, request{verb: "list", ns: ns.name, query: "limit=500", label: s.label("operator", "backup")})
				})
			})
		}
		if d == 19 {
			s.after(10*hour, func() { s.restoreDrill(a) })
		}
		if d%7 == 5 {
			s.after(4*hour, func() {
				s.asLeader(a, func(p *pod) {
					s.podRequest(p, request{verb: "list", query: "limit=500", label: s.label("operator", "weekly backup")})
				})
			})
		}
	})
}

// restoreDrill restores a namespace's backup under another name.
func (s *simulation) restoreDrill(a *app) {
	ns := pick(a.rng, s.namespaces)
	s.asLeader(a, func(p *pod) {
		l := s.label("operator", "restore drill")
		for i, n := range ns.secrets {
			s.after(int64(i)*between(a.rng, 20e6, 200e6), func() {
				s.podRequest(p, request{verb: "get", ns: "restore-test", name: n, code: 404, label: l})
				s.podRequest(p, request{verb: "create", ns: "restore-test", name: n, code: 201, label: l})
			})
		}
	})
}

// buildKyverno adds a policy engine that clones the registry credential into
// new namespaces (see onboard).
func (s *simulation) buildKyverno() {
	var a *app
	a = s.newInfra("kyverno", "kyverno-background-controller", format("kyverno", linux), 1, func(p *pod, l *Label) {
		s.informer(p, a.live(p), a.agent, "kyverno", "", s.label("operator", l.Behaviour))
	})
	// It reconciles its clones once a day.
	s.daily(func(int) {
		t := between(a.rng, 0, 20*hour)
		for i, ns := range s.namespaces {
			s.after(t+int64(i)*between(a.rng, second, 5*second), func() {
				s.asLeader(a, func(p *pod) {
					s.podRequest(p, request{verb: "get", ns: ns.name, name: "regcred", label: s.label("operator", "clones")})
				})
			})
		}
	})
}

// buildCilium adds a daemon set on the nodes' own network.
func (s *simulation) buildCilium() {
	var a *app
	a = s.newInfra("kube-system", "cilium", "cilium-agent/1.15.3 3502b1d 2024-03-26T09:53:33+00:00 go version go1.21.8 linux/amd64", 0, func(p *pod, l *Label) {
		s.informer(p, a.live(p), a.agent, "cilium-secrets", "", s.label("operator", l.Behaviour))
	})
	a.everyNode, a.hostNetwork = true, true
}

// onboard is what controllers do when a namespace appears.
func (s *simulation) onboard(ns *namespace) {
	l := s.label("operator", "new namespace")
	r := s.rng
	s.after(between(r, second, 5*second), func() {
		s.asLeader(s.infra["kyverno-background-controller"], func(p *pod) {
			s.podRequest(p, request{verb: "get", ns: "default", name: "registry-credential", label: l})
			s.podRequest(p, request{verb: "get", ns: ns.name, name: "regcred", code: 404, label: l})
			s.podRequest(p, request{verb: "create", ns: ns.name, name: "regcred", code: 201, label: l})
		})
	})
	s.after(between(r, 10*second, 60*second), func() {
		s.asLeader(s.infra["external-secrets"], func(p *pod) {
			for _, n := range ns.secrets[:min(3, len(ns.secrets))] {
				s.podRequest(p, request{verb: "get", ns: ns.name, name: n, code: 404, label: l})
				s.podRequest(p, request{verb: "create", ns: ns.name, name: n, code: 201, label: l})
			}
		})
	})
	s.after(between(r, 10*second, 60*second), func() {
		s.asLeader(s.infra["cert-manager"], func(p *pod) {
			n := "tls-" + ns.name
			s.podRequest(p, request{verb: "get", ns: ns.name, name: n, code: 404, label: l})
			s.podRequest(p, request{verb: "create", ns: ns.name, name: n, code: 201, label: l})
		})
	})
}

func (s *simulation) buildArgo() {
	var a *app
	a = s.newInfra("argocd", "argocd-application-controller", format("argocd-application-controller", linux), 1, func(p *pod, l *Label) {
		s.informer(p, a.live(p), a.agent, "", "", s.label("gitops", l.Behaviour))
		s.repeat(a.rng, 20*minute, a.live(p), func() {
			s.call(p, func() {
				l := s.label("gitops", "argocd refreshes")
				s.podRequest(p, request{verb: "list", ns: "argocd", query: "labelSelector=argocd.argoproj.io%2Fsecret-type%3Dcluster", label: l})
				s.podRequest(p, request{verb: "get", ns: "argocd", name: "argocd-secret", label: l})
			})
		})
	})
	a.stateful = true
}

// argoSync applies an application's secrets with Argo CD's own identity.
func (s *simulation) argoSync(a *app, l *Label) int64 {
	ctl := s.infra["argocd-application-controller"]
	s.asLeader(ctl, func(p *pod) {
		for i, n := range a.reads {
			s.after(int64(i)*between(ctl.rng, 50e6, 500e6), func() {
				s.podRequest(p, request{verb: "get", ns: a.nsName, name: n, label: l})
				s.podRequest(p, request{verb: "patch", ns: a.nsName, name: n, query: "fieldManager=argocd-controller&force=true", label: l})
			})
		}
	})
	return between(a.rng, 30*second, 3*minute)
}

// tenant is the service account of a namespace that Flux impersonates.
func tenant(ns string) *audit.User {
	u := saUser(ns, "flux-tenant", "")
	return &u
}

func (s *simulation) buildFlux() {
	var k, h *app
	k = s.newInfra("flux-system", "kustomize-controller", format("kustomize-controller", linux), 1, func(p *pod, l *Label) {
		s.informer(p, k.live(p), k.agent, "flux-system", "", s.label("gitops", l.Behaviour))
		// A new leader reconciles every tenant at once.
		for _, ns := range s.namespaces {
			if ns.rollout == byFlux {
				s.after(between(k.rng, second, 4*minute), func() { s.fluxTenant(k, ns, s.label("gitops", "flux resync")) })
			}
		}
	})
	h = s.newInfra("flux-system", "helm-controller", format("helm-controller", linux), 1, func(p *pod, l *Label) {
		s.informer(p, h.live(p), h.agent, "flux-system", "", s.label("gitops", l.Behaviour))
	})
	s.daily(func(int) {
		for _, ns := range s.namespaces {
			if ns.rollout != byFlux {
				continue
			}
			for i := range int64(24) {
				s.after(i*hour+between(k.rng, 0, hour), func() { s.fluxTenant(k, ns, s.label("gitops", "flux reconciles")) })
			}
		}
	})
}

func (s *simulation) fluxTenant(k *app, ns *namespace, l *Label) {
	s.asLeader(k, func(p *pod) {
		for _, n := range ns.secrets[:min(2, len(ns.secrets))] {
			s.podRequest(p, request{as: tenant(ns.name), verb: "get", ns: ns.name, name: n, label: l})
			if k.rng.IntN(4) == 0 {
				s.podRequest(p, request{as: tenant(ns.name), verb: "patch", ns: ns.name, name: n,
					query: "dryRun=All&fieldManager=kustomize-controller&force=true", label: l})
			}
		}
	})
}

// fluxReconcile rolls out an application: manifests by one controller, its
// release by another, both as the tenant.
func (s *simulation) fluxReconcile(a *app, l *Label) int64 {
	s.fluxTenant(s.infra["kustomize-controller"], a.ns, l)
	h := s.infra["helm-controller"]
	if p := h.leader(); p != nil {
		s.call(p, func() { s.helmUpgrade(p.id, tenant(a.nsName), h.agent, p.ips, a, l) })
	}
	return between(a.rng, minute, 4*minute)
}

func (s *simulation) patchLegacy(ns, name string, l *Label) {
	srv := pick(s.rng, s.servers)
	s.send(request{who: srv.self, agent: s.serverAgent(), ips: loopback, verb: "patch", ns: ns, name: name, label: l})
}

var loopback = []string{"127.0.0.1"}

func (s *simulation) serverAgent() string {
	return fmt.Sprintf("kube-apiserver/%s (linux/amd64) kubernetes/%s", s.version, commit(s.version))
}
