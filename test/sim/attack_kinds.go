package sim

import (
	"fmt"
	"strings"

	"github.com/secretwatch/secretwatch/detector/audit"
)

const dump = "allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&sendInitialEvents=true&watch=true"

// kinds of attacks. run returns false when the cluster offers no victim now.
var kinds = []struct {
	name string
	run  func(a *attack) bool
}{
	{"stolen kubeconfig, curl from outside", func(a *attack) bool {
		p := a.victim(notSRE)
		if p == nil {
			return false
		}
		rq := request{who: a.stolen(p.id), agent: "curl/8.5.0", ips: []string{outside(a.rng)}}
		a.story("%s's credential, curl, from %s", p.name, rq.ips[0])
		ns := p.spaces[0]
		list := rq
		list.verb, list.ns = "list", ns.name
		a.do(0, second, list)
		a.sweep(ns, 3, second, 20*second, rq)
		list.ns, list.code = "", 403
		a.do(second, 10*second, list)
		return true
	}},
	{"stolen user token, same client, while the owner works", func(a *attack) bool {
		a.whenAtWork(func(p *person) bool { return p.role != sre && len(p.machines) == 1 }, func(p *person) {
			m := p.machines[0]
			rq := request{who: a.stolen(p.id), agent: kubectlAgent(m.kubectl, m.platform), ips: []string{outside(a.rng)}}
			a.story("%s's token with the same kubectl from %s, owner at work", p.name, rq.ips[0])
			a.do(3*minute, 8*minute, request{who: rq.who, agent: rq.agent, ips: rq.ips, verb: "list", ns: p.spaces[0].name, query: table})
			a.sweep(p.spaces[0], 5, 20*second, 3*minute, rq)
		})
		return true
	}},
	{"compromised pod, curl", func(a *attack) bool {
		x, p := a.running(func(x *app) bool { return x.lib.name != "curl script" })
		if x == nil {
			return false
		}
		rq := request{who: p.id, agent: "curl/8.5.0", ips: p.ips}
		a.story("%s/%s, curl from its own pod", x.nsName, x.name)
		list := rq
		list.verb, list.ns = "list", x.nsName
		a.do(0, second, list)
		list.ns, list.code = "", 403
		a.do(second, 3*second, list)
		a.sweep(x.ns, 10, 20e6, 200e6, rq)
		return true
	}},
	{"compromised pod, downloaded kubectl", func(a *attack) bool {
		x, p := a.running(nil)
		if x == nil {
			return false
		}
		rq := request{who: p.id, agent: a.theirKubectl(), ips: p.ips}
		a.story("%s/%s, kubectl in its own pod", x.nsName, x.name)
		a.whoami(rq)
		list := rq
		list.verb, list.ns, list.query = "list", x.nsName, table
		a.do(0, 20*second, list)
		a.sweep(x.ns, 4, 5*second, 40*second, rq)
		return true
	}},
	{"compromised pod, forged user agent", func(a *attack) bool {
		x, p := a.running(nil)
		if x == nil {
			return false
		}
		rq := request{who: p.id, agent: pick(a.rng, []string{"kubectl", "kubectl/v1.28.0", format("kubectl", linux)}), ips: p.ips}
		a.story("%s/%s claims to be %s", x.nsName, x.name, rq.agent)
		a.sweep(x.ns, 4, 2*second, 20*second, rq)
		return true
	}},
	{"pod's token used outside, its own user agent", func(a *attack) bool {
		x, p := a.running(nil)
		if x == nil {
			return false
		}
		rq := request{who: a.stolen(p.id), agent: x.agent, ips: []string{outside(a.rng)}}
		a.story("token of %s/%s from %s, user agent copied", x.nsName, x.name, rq.ips[0])
		a.sweep(x.ns, 3, 10*second, 3*minute, rq)
		return true
	}},
	{"pod's token used from another pod, its own user agent", func(a *attack) bool {
		x, p := a.running(nil)
		y, q := a.running(func(o *app) bool { return o != x })
		if x == nil || y == nil || p.node == q.node {
			return false
		}
		rq := request{who: a.stolen(p.id), agent: x.agent, ips: q.ips}
		a.story("token of %s/%s from a pod of %s/%s, user agent copied", x.nsName, x.name, y.nsName, y.name)
		// The pod itself reads before and after.
		for i, name := range x.reads {
			a.s.after(int64(i)*minute, func() {
				if p.alive {
					a.s.call(p, func() {
						a.s.podRequest(p, request{verb: "get", ns: x.nsName, name: name, label: a.s.label("app", "poll")})
					})
				}
			})
		}
		a.t = 2 * minute
		a.sweep(x.ns, 3, 10*second, 60*second, rq)
		return true
	}},
	{"new unknown user", func(a *attack) bool {
		name := pick(a.rng, []string{"backup-admin", "svc-sync", "system-operator", "j.doe@example.com"})
		u := audit.User{Username: name, Groups: []string{"system:masters", authenticated}, CredentialID: x509ID(a.rng)}
		rq := request{who: a.s.newID(a.rng, u), agent: a.theirKubectl(), ips: []string{outside(a.rng)}}
		a.story("%s, a certificate nobody has seen, reads", name)
		for range 4 {
			ns := pick(a.rng, a.s.namespaces)
			rq.verb, rq.ns, rq.name = "get", ns.name, pick(a.rng, ns.secrets)
			a.do(10*second, 3*minute, rq)
		}
		return true
	}},
	{"watch exfiltration by a known person", func(a *attack) bool {
		p := a.victim(func(p *person) bool { return !p.lists })
		if p == nil {
			return false
		}
		m := p.machines[0]
		a.story("%s, own kubectl and address, one streaming watch over all namespaces", p.name)
		a.do(0, second, request{who: p.id, agent: kubectlAgent(m.kubectl, m.platform), ips: []string{p.address()}, verb: "watch", query: dump, hold: 10 * second})
		return true
	}},
	{"watch exfiltration by a service account", func(a *attack) bool {
		x, p := a.running(func(x *app) bool { return x.kind == manages || x.kind == informs })
		if x == nil {
			return false
		}
		a.story("%s/%s, an informer of its namespace, watches all namespaces", x.nsName, x.name)
		a.do(0, second, request{who: p.id, agent: x.agent, ips: p.ips, verb: "watch", query: dump, hold: minute})
		return true
	}},
	{"cluster-wide list by a known person", func(a *attack) bool {
		p := a.victim(func(p *person) bool { return !p.lists })
		if p == nil {
			return false
		}
		m := p.machines[0]
		a.story("%s, own kubectl and address, get secrets -A for the first time", p.name)
		a.do(0, second, request{who: p.id, agent: kubectlAgent(m.kubectl, m.platform), ips: []string{p.address()}, verb: "list", query: table})
		return true
	}},
	{"impersonation of system:masters", func(a *attack) bool {
		p := a.victim(nil)
		if p == nil {
			return false
		}
		m := p.machines[0]
		as := &audit.User{Username: pick(a.rng, []string{"root", "admin", "x"}), Groups: []string{"system:masters", authenticated}}
		a.story("%s --as=%s --as-group=system:masters", p.name, as.Username)
		rq := request{who: p.id, as: as, agent: kubectlAgent(m.kubectl, m.platform), ips: []string{p.address()}}
		for range 3 {
			ns := pick(a.rng, a.s.namespaces)
			rq.verb, rq.ns, rq.name = "get", ns.name, pick(a.rng, ns.secrets)
			a.do(5*second, minute, rq)
		}
		return true
	}},
	{"impersonation of a kube-system service account", func(a *attack) bool {
		p := a.victim(nil)
		if p == nil {
			return false
		}
		m := p.machines[0]
		as := saUser("kube-system", pick(a.rng, []string{"clusterrole-aggregation-controller", "generic-garbage-collector", "namespace-controller"}), "")
		a.story("%s --as=%s", p.name, as.Username)
		rq := request{who: p.id, as: &as, agent: kubectlAgent(m.kubectl, m.platform), ips: []string{p.address()}}
		for range 3 {
			ns := pick(a.rng, a.s.namespaces)
			rq.verb, rq.ns, rq.name = "get", ns.name, pick(a.rng, ns.secrets)
			a.do(5*second, minute, rq)
		}
		return true
	}},
	{"minted token of a privileged account, used outside", func(a *attack) bool {
		p := a.victim(nil)
		if p == nil {
			return false
		}
		m := p.machines[0]
		ips := []string{p.address()}
		jti := "JTI=" + uuid(a.rng)
		u := saUser("kube-system", pick(a.rng, []string{"clusterrole-aggregation-controller", "generic-garbage-collector"}), uuid(a.rng))
		u.CredentialID = jti
		a.story("%s mints a token of %s, later used from outside", p.name, u.Username)
		a.do(0, second, request{who: p.id, agent: kubectlAgent(m.kubectl, m.platform), ips: ips, verb: "create", resource: "serviceaccounts",
			ns: "kube-system", name: u.Username[len("system:serviceaccount:kube-system:"):], sub: "token", code: 201, issued: jti})
		rq := request{who: a.s.newID(a.rng, u), agent: a.theirKubectl(), ips: []string{outside(a.rng)}}
		for range 4 {
			ns := pick(a.rng, a.s.namespaces)
			rq.verb, rq.ns, rq.name = "get", ns.name, pick(a.rng, ns.secrets)
			a.do(10*minute, hour, rq)
		}
		return true
	}},
	{"token minted by a stolen identity", func(a *attack) bool {
		x, p := a.running(func(x *app) bool { return x.kind == manages || x.kind == informs })
		y, _ := a.running(func(y *app) bool { return x != nil && y.ns == x.ns && y != x })
		if x == nil || y == nil {
			return false
		}
		jti := "JTI=" + uuid(a.rng)
		u := saUser(y.nsName, y.name, y.uid)
		u.CredentialID = jti
		a.story("pod of %s/%s mints a token of %s and uses it in place", x.nsName, x.name, y.name)
		a.do(0, second, request{who: p.id, agent: a.theirKubectl(), ips: p.ips, verb: "create", resource: "serviceaccounts",
			ns: y.nsName, name: y.name, sub: "token", code: 201, issued: jti})
		a.sweep(x.ns, 3, second, 30*second, request{who: a.s.newID(a.rng, u), agent: a.theirKubectl(), ips: p.ips})
		return true
	}},
	{"slow theft with a user's token", func(a *attack) bool {
		p := a.victim(func(p *person) bool { return p.role != sre && p.activity > 1.2 && len(p.machines) == 1 })
		if p == nil {
			return false
		}
		m := p.machines[0]
		rq := request{who: a.stolen(p.id), agent: kubectlAgent(m.kubectl, m.platform), ips: []string{outside(a.rng)}}
		a.story("%s's token with the same kubectl from %s, a secret an hour for a day", p.name, rq.ips[0])
		for range 24 {
			ns := pick(a.rng, p.spaces)
			rq.verb, rq.ns, rq.name = "get", ns.name, pick(a.rng, ns.secrets)
			a.do(40*minute, 80*minute, rq)
		}
		return true
	}},
	{"slow theft with a pod's token", func(a *attack) bool {
		x, p := a.running(nil)
		if x == nil {
			return false
		}
		rq := request{who: a.stolen(p.id), agent: x.agent, ips: []string{outside(a.rng)}}
		a.story("token of %s/%s, a secret an hour from %s", x.nsName, x.name, rq.ips[0])
		for range 10 {
			rq.verb, rq.ns, rq.name = "get", x.nsName, pick(a.rng, x.ns.secrets)
			a.do(40*minute, 80*minute, rq)
		}
		return true
	}},
	{"forged X-Forwarded-For: the victim's address", func(a *attack) bool {
		p := a.victim(notSRE)
		if p == nil {
			return false
		}
		m := p.machines[0]
		rq := request{who: a.stolen(p.id), agent: kubectlAgent(m.kubectl, m.platform), ips: []string{p.lastIP, outside(a.rng)}}
		a.story("%s's token from %s, claiming to be forwarded for %s", p.name, rq.ips[1], rq.ips[0])
		a.sweep(p.spaces[0], 4, 5*second, minute, rq)
		return true
	}},
	{"forged X-Forwarded-For: a hundred addresses", func(a *attack) bool {
		x, p := a.running(nil)
		if x == nil {
			return false
		}
		rq := request{who: p.id, agent: x.agent}
		a.story("pod of %s/%s behind a hundred random addresses", x.nsName, x.name)
		for range 3 {
			rq.ips = nil
			for range 100 {
				rq.ips = append(rq.ips, ip4(10, a.rng.IntN(256), a.rng.IntN(256), a.rng.IntN(256)))
			}
			rq.ips = append(rq.ips, p.ip)
			rq.verb, rq.ns, rq.name = "get", x.nsName, pick(a.rng, x.ns.secrets)
			a.do(second, 20*second, rq)
		}
		return true
	}},
	{"kubelet certificate used elsewhere with kubectl", func(a *attack) bool {
		n := pick(a.rng, a.s.nodes)
		if len(n.pods) == 0 {
			return false
		}
		_, q := a.running(func(o *app) bool { return true })
		if q == nil {
			return false
		}
		rq := request{who: a.stolen(n.id), agent: a.theirKubectl(), ips: q.ips}
		a.story("certificate of %s from a pod with kubectl", n.name)
		for i, p := range n.pods {
			if i < 6 && len(p.app.mounts) > 0 {
				rq.verb, rq.ns, rq.name = "get", p.app.nsName, p.app.mounts[0]
				a.do(second, 20*second, rq)
			}
		}
		rq.verb, rq.name, rq.code, rq.query = "list", "", 403, table
		a.do(second, 20*second, rq)
		return true
	}},
	{"kubelet certificate used outside as a kubelet", func(a *attack) bool {
		n := pick(a.rng, a.s.nodes)
		if len(n.pods) < 3 {
			return false
		}
		rq := request{who: a.stolen(n.id), agent: n.agent, ips: []string{outside(a.rng)}}
		a.story("certificate of %s from %s as a kubelet", n.name, rq.ips[0])
		for _, p := range n.pods {
			for _, name := range p.app.mounts {
				rq.verb, rq.ns, rq.name = "get", p.app.nsName, name
				a.do(second, 20*second, rq)
			}
		}
		return a.t > 0
	}},
	{"name sweep from a pod", func(a *attack) bool {
		x, p := a.running(nil)
		if x == nil {
			return false
		}
		rq := request{who: p.id, agent: x.agent, ips: p.ips}
		a.story("%s/%s guesses names in its own and other namespaces, own user agent", x.nsName, x.name)
		for i := range 30 {
			rq.verb, rq.ns, rq.code = "get", x.nsName, 404
			if i%2 == 1 {
				rq.ns, rq.code = pick(a.rng, a.s.namespaces).name, 403
			}
			rq.name = pick(a.rng, []string{"db", "database", "admin", "root", "aws", "token", "tls", "vault"}) + fmt.Sprintf("-%d", i)
			a.do(200e6, 2*second, rq)
		}
		return true
	}},
	{"deletion of whole namespaces' secrets", func(a *attack) bool {
		p := a.victim(func(p *person) bool { return p.role == sre })
		if p == nil {
			return false
		}
		m := p.machines[0]
		rq := request{who: p.id, agent: kubectlAgent(m.kubectl, m.platform), ips: []string{p.address()}}
		a.story("%s deletes collections in four namespaces", p.name)
		for range 4 {
			ns := pick(a.rng, a.s.namespaces)
			rq.verb, rq.ns = "deletecollection", ns.name
			a.do(second, 10*second, rq)
		}
		return true
	}},
	{"deletion of many secrets", func(a *attack) bool {
		p := a.victim(notSRE)
		if p == nil {
			return false
		}
		m := p.machines[0]
		rq := request{who: p.id, agent: kubectlAgent(m.kubectl, m.platform), ips: []string{p.address()}}
		a.story("%s deletes every secret of the team, one by one", p.name)
		for _, ns := range p.spaces {
			for _, name := range ns.secrets {
				rq.verb, rq.ns, rq.name = "delete", ns.name, name
				a.do(100e6, 500e6, rq)
			}
		}
		return true
	}},
	{"re-used audit ids", func(a *attack) bool {
		x, p := a.running(func(x *app) bool { return x.lib.name != "curl script" })
		if x == nil || a.s.nth < len(a.s.recent) {
			return false
		}
		a.story("%s/%s with curl, presenting audit ids of earlier requests", x.nsName, x.name)
		for i, name := range x.ns.secrets[:min(6, len(x.ns.secrets))] {
			a.do(second, 10*second, request{who: p.id, agent: "curl/8.5.0", ips: p.ips, verb: "get", ns: x.nsName, name: name, auditID: a.s.recent[i]})
		}
		return true
	}},
	{"empty user agent", func(a *attack) bool {
		x, p := a.running(func(x *app) bool { return x.agent != "" })
		if x == nil {
			return false
		}
		a.story("%s/%s with a program that sends no user agent", x.nsName, x.name)
		a.sweep(x.ns, 5, second, 20*second, request{who: p.id, ips: p.ips})
		return true
	}},
	{"attack tool built without version", func(a *attack) bool {
		x, p := a.running(nil)
		if x == nil {
			return false
		}
		tool := pick(a.rng, []string{"peirates", "ktool", "kubeletmein", "secretdump"})
		a.story("%s/%s runs %s", x.nsName, x.name, tool)
		a.sweep(x.ns, 6, second, 10*second, request{who: p.id, agent: format(tool, linux), ips: p.ips})
		return true
	}},
	{"anonymous read allowed", func(a *attack) bool {
		ns := pick(a.rng, a.s.namespaces)
		u := audit.User{Username: "system:anonymous", Groups: []string{"system:unauthenticated"}}
		a.story("a binding lets anybody read %s", ns.name)
		rq := request{who: a.s.newID(a.rng, u), agent: a.theirKubectl(), ips: []string{outside(a.rng)}, verb: "list", ns: ns.name}
		a.do(0, second, rq)
		a.sweep(ns, 2, second, minute, rq)
		return true
	}},
	{"insider reads one namespace after another", func(a *attack) bool {
		p := a.victim(func(p *person) bool { return p.role == sre })
		if p == nil {
			return false
		}
		m := p.machines[0]
		rq := request{who: p.id, agent: kubectlAgent(m.kubectl, m.platform), ips: []string{p.address()}}
		a.story("%s reads 60 secrets of all namespaces in three minutes", p.name)
		for range 60 {
			ns := pick(a.rng, a.s.namespaces)
			rq.verb, rq.ns, rq.name = "get", ns.name, pick(a.rng, ns.secrets)
			a.do(second, 4*second, rq)
		}
		return true
	}},
	{"insider lists one namespace after another", func(a *attack) bool {
		p := a.victim(func(p *person) bool { return p.role == sre })
		if p == nil {
			return false
		}
		m := p.machines[0]
		rq := request{who: p.id, agent: kubectlAgent(m.kubectl, m.platform), ips: []string{p.address()}, query: table}
		a.story("%s lists every namespace in a loop", p.name)
		for _, ns := range a.s.namespaces {
			rq.verb, rq.ns = "list", ns.name
			a.do(300e6, second, rq)
		}
		return true
	}},
	{"one identity after another from one source", func(a *attack) bool {
		ips := []string{outside(a.rng)}
		a.story("four stolen tokens tried with curl from %s", ips[0])
		for range 4 {
			x, p := a.running(nil)
			if x == nil {
				return false
			}
			rq := request{who: a.stolen(p.id), agent: "curl/8.5.0", ips: ips, verb: "list", ns: x.nsName}
			if chance(a.rng, 0.5) {
				rq.code = 403
			}
			a.do(5*second, 40*second, rq)
		}
		return true
	}},
	{"GitOps token used outside", func(a *attack) bool {
		x := a.s.infra[pick(a.rng, []string{"argocd-application-controller", "kustomize-controller", "helm-controller"})]
		p := x.leader()
		if p == nil {
			return false
		}
		rq := request{who: a.stolen(p.id), agent: a.theirKubectl(), ips: []string{outside(a.rng)}}
		a.story("%s's token with kubectl from %s", x.name, rq.ips[0])
		for range 5 {
			ns := pick(a.rng, a.s.namespaces)
			rq.verb, rq.ns, rq.name = "get", ns.name, pick(a.rng, ns.secrets)
			a.do(5*second, minute, rq)
		}
		return true
	}},
	{"GitOps token used in the cluster as the controller", func(a *attack) bool {
		x := a.s.infra[pick(a.rng, []string{"argocd-application-controller", "kustomize-controller"})]
		p := x.leader()
		_, q := a.running(nil)
		if p == nil || q == nil {
			return false
		}
		rq := request{who: a.stolen(p.id), agent: x.agent, ips: q.ips}
		a.story("%s's token from another pod, user agent copied", x.name)
		for range 5 {
			ns := pick(a.rng, a.s.namespaces)
			rq.verb, rq.ns, rq.name = "get", ns.name, pick(a.rng, ns.secrets)
			a.do(5*second, minute, rq)
		}
		return true
	}},
	{"dormant legacy token used outside", func(a *attack) bool {
		u := saUser("default", "legacy-deployer", uuid(a.rng))
		rq := request{who: a.s.newID(a.rng, u), agent: a.theirKubectl(), ips: []string{outside(a.rng)}, legacy: "default/legacy-deployer-token"}
		a.story("an old token secret of default/legacy-deployer, from %s", rq.ips[0])
		for _, name := range infraSecrets["default"] {
			rq.verb, rq.ns, rq.name = "get", "default", name
			a.do(second, minute, rq)
		}
		a.s.patchLegacy("default", "legacy-deployer-token", a.s.label("control-plane", "legacy token touched"))
		return true
	}},
	{"pipeline's legacy token used outside", func(a *attack) bool {
		c := a.s.ci
		rq := request{who: a.stolen(c.deployer), agent: kubectlAgent(c.kubectl, linux), ips: []string{outside(a.rng)}, legacy: "ci/deployer-token"}
		a.story("ci/deployer's token with the same kubectl from %s", rq.ips[0])
		list := rq
		list.verb, list.ns, list.query = "list", "ci", table
		a.do(0, second, list)
		for _, name := range infraSecrets["ci"] {
			rq.verb, rq.ns, rq.name = "get", "ci", name
			a.do(second, 2*minute, rq)
		}
		return true
	}},
	{"poisoned pipeline", func(a *attack) bool {
		c := a.s.ci
		if h := (a.s.now - a.s.start) % day / hour; h < 6 || h > 18 {
			return false
		}
		rq := request{who: c.bot, agent: kubectlAgent(c.kubectl, linux), ips: pick(a.rng, c.nat), query: table}
		a.story("a pull request's job lists namespaces with the pipeline's own identity and kubectl")
		for _, ns := range a.s.namespaces {
			if ns.rollout != byKubectlCI && ns.rollout != byHelmCI {
				rq.verb, rq.ns = "list", ns.name
				a.do(300e6, 2*second, rq)
			}
		}
		return true
	}},
	{"poisoned pipeline, python", func(a *attack) bool {
		c := a.s.ci
		rq := request{who: c.bot, agent: "python-requests/2.32.3", ips: pick(a.rng, c.nat)}
		a.story("a dependency of a job reads what the pipeline may read")
		for _, ns := range a.s.namespaces {
			if ns.rollout == byKubectlCI {
				a.sweep(ns, 4, 50e6, 300e6, rq)
			}
		}
		return true
	}},
	{"privileged pod made by the attacker", func(a *attack) bool {
		n := pick(a.rng, a.s.nodes)
		u := saUser("kube-system", "generic-garbage-collector", uuid(a.rng))
		u.PodName, u.PodUID, u.NodeName, u.NodeUID = "debug-"+suffix(a.rng, 5), uuid(a.rng), n.name, n.uid
		jti := "JTI=" + uuid(a.rng)
		u.CredentialID = jti
		a.story("a pod of the attacker's own under kube-system/generic-garbage-collector")
		a.do(0, second, request{who: n.id, agent: n.agent, ips: []string{n.ip}, verb: "create", resource: "serviceaccounts",
			ns: "kube-system", name: "generic-garbage-collector", sub: "token", code: 201, issued: jti})
		rq := request{who: a.s.newID(a.rng, u), agent: a.theirKubectl(), ips: []string{n.address()}, verb: "list", query: table}
		a.do(5*second, 20*second, rq)
		for range 3 {
			ns := pick(a.rng, a.s.namespaces)
			rq.verb, rq.ns, rq.name, rq.query = "get", ns.name, pick(a.rng, ns.secrets), ""
			a.do(5*second, minute, rq)
		}
		return true
	}},
	{"tokens taken on a node", func(a *attack) bool {
		n := pick(a.rng, a.s.nodes)
		taken := 0
		for _, p := range n.pods {
			if p.alive && p.token != 0 && !p.app.hostNetwork && p.app.ns != nil && taken < 5 {
				taken++
				rq := request{who: a.stolen(p.id), agent: a.theirKubectl(), ips: []string{n.ip}, verb: "list", ns: p.app.nsName, query: table}
				if !strings.HasSuffix(p.app.nsName, "prod") {
					rq.code = 403
				}
				a.do(5*second, 40*second, rq)
			}
		}
		if taken == 0 {
			return false
		}
		a.story("tokens of %d pods used from their node %s", taken, n.name)
		return true
	}},
}
