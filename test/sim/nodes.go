package sim

import (
	"fmt"
	"math/rand/v2"

	"github.com/secretwatch/secretwatch/detector/audit"
)

// node is a worker machine and its kubelet.
type node struct {
	id    *identity
	name  string
	uid   string
	ip    string
	net   int // third octet of its pod network 10.244.net.0/24
	next  int // next pod address
	pods  []*pod
	alive bool
	agent string
	rng   *rand.Rand
}

// pod is one pod of an application, with the token it holds.
type pod struct {
	app   *app
	node  *node
	id    *identity // the service account with this pod's extras
	name  string
	ip    string
	ips   []string
	token int64 // when its token was minted, 0 for never
	alive bool
}

func (s *simulation) buildNodes() {
	s.podNets = make([]bool, 256)
	for range 46 {
		s.joinNode(false)
	}
	// The autoscaler adds nodes for the working day and drains them at night;
	// never quite the same number.
	r := s.random("autoscaler")
	s.daily(func(d int) {
		if d%7 < 5 {
			for range 6 + r.IntN(8) {
				s.after(between(r, 6*hour, 12*hour), func() { s.joinNode(true) })
			}
		}
		for range len(s.nodes) {
			if len(s.nodes) <= 46 {
				break
			}
			s.after(between(r, 17*hour, 23*hour), func() {
				if len(s.nodes) > 46 {
					s.drainNode(s.nodes[46+r.IntN(len(s.nodes)-46)])
				}
			})
		}
	})
	// A few nodes reboot: the pods keep their identity and get new addresses.
	for range 6 * s.cfg.Days / 30 {
		s.at(between(r, s.start, s.end), func() { s.rebootNode(pick(r, s.nodes)) })
	}
	// The container runtime loses a sandbox now and then: one pod gets a new
	// address and keeps the token that the kubelet has cached.
	for range 5 * s.cfg.Days / 30 {
		s.at(between(r, s.start, s.end), func() {
			for range 50 {
				n := pick(r, s.nodes)
				if len(n.pods) == 0 {
					continue
				}
				p := pick(r, n.pods)
				if p.app.callsAPI() && !p.app.hostNetwork && p.alive && p.token != 0 {
					p.setIP(n.address())
					p.app.starts(p, s.label("app", "sandbox replaced, same token"))
					return
				}
			}
		})
	}
	// Kubelets renew their client certificates.
	s.daily(func(int) {
		for _, n := range s.nodes {
			if r.IntN(40) == 0 {
				n.id.user.CredentialID = x509ID(r)
			}
		}
	})
	// The cluster is upgraded around the middle of the month.
	if s.cfg.Days >= 10 {
		s.at(s.start+int64(s.cfg.Days)*day*16/30+9*hour, func() { s.upgradeCluster("v1.35.4", r) })
	}
}

// joinNode adds a worker. Addresses of nodes that left are used again.
func (s *simulation) joinNode(scaled bool) *node {
	r := s.random(fmt.Sprintf("node%d-%d", s.now, len(s.nodes)))
	n := &node{rng: r, alive: true, uid: uuid(r), name: "pool-a-" + suffix(r, 5)}
	for i := 1; i < 256; i++ {
		if !s.podNets[i] {
			s.podNets[i], n.net = true, i
			break
		}
	}
	n.ip = ip4(10, 0, n.net/64, 10+n.net%64)
	n.agent = clientGo("kubelet", s.version, linux)
	n.id = s.newID(r, audit.User{
		Username:     "system:node:" + n.name,
		Groups:       []string{"system:nodes", authenticated},
		CredentialID: x509ID(r),
	})
	s.nodes = append(s.nodes, n)
	if scaled {
		// Daemon sets and pods that waited for room.
		s.after(between(r, 20*second, 60*second), func() {
			for _, a := range s.apps {
				if a.everyNode {
					s.startPod(a, n, s.label("node", "new node"))
				}
			}
			for range 3 + r.IntN(8) {
				a := pick(r, s.apps)
				if a.alive && !a.everyNode && a.kind != jobs && a.ns != nil {
					s.restartPod(a, n, "rescheduled on a new node")
				}
			}
		})
	} else {
		s.after(0, func() {
			for _, a := range s.apps {
				if a.everyNode {
					s.startPod(a, n, s.label("node", "mounts"))
				}
			}
		})
	}
	s.kubeletRefresh(n)
	return n
}

// address hands out the node's next pod address; they are used again soon.
func (n *node) address() string {
	n.next = n.next%120 + 1
	return ip4(10, 244, n.net, 2+n.next)
}

// kubeletRefresh re-opens the watch of one mounted secret about once an hour.
func (s *simulation) kubeletRefresh(n *node) {
	s.after(between(n.rng, 40*minute, 90*minute), func() {
		if !n.alive {
			return
		}
		if len(n.pods) > 0 {
			p := pick(n.rng, n.pods)
			if len(p.app.mounts) > 0 {
				s.kubeletWatch(n, p.app.namespaceName(), pick(n.rng, p.app.mounts), true, s.label("node", "mounts"))
			}
		}
		s.kubeletRefresh(n)
	})
}

func (s *simulation) kubeletWatch(n *node, ns, name string, again bool, l *Label) {
	secs := between(n.rng, 1800, 3600)
	query := "allowWatchBookmarks=true&fieldSelector=metadata.name%3D" + name
	if again {
		query += fmt.Sprintf("&resourceVersion=%d", between(n.rng, 1e6, 9e6))
	}
	query += "&resourceVersionMatch=NotOlderThan&sendInitialEvents=true" + timeout(secs) + "&watch=true"
	s.send(request{who: n.id, agent: n.agent, ips: []string{n.ip}, verb: "watch", ns: ns, name: name,
		query: query, hold: secs * second, label: l})
}

// timeout is client-go's pair of query parameters for a watch's length.
func timeout(secs int64) string {
	if secs%60 == 0 {
		return fmt.Sprintf("&timeout=%dm0s&timeoutSeconds=%d", secs/60, secs)
	}
	return fmt.Sprintf("&timeout=%dm%ds&timeoutSeconds=%d", secs/60, secs%60, secs)
}

func (s *simulation) dropNode(n *node) {
	n.alive = false
	s.podNets[n.net] = false
	for i, x := range s.nodes {
		if x == n {
			s.nodes = append(s.nodes[:i], s.nodes[i+1:]...)
			break
		}
	}
}

// drainNode removes a worker and starts its pods elsewhere.
func (s *simulation) drainNode(n *node) {
	if !n.alive {
		return
	}
	s.dropNode(n)
	for _, p := range n.pods {
		s.stopPod(p)
		if !p.app.everyNode && p.app.alive && p.app.kind != jobs {
			a := p.app
			s.after(between(n.rng, second, 90*second), func() {
				s.startPod(a, nil, s.label("app", "rescheduled"))
			})
		}
	}
	n.pods = nil
}

// rebootNode restarts a worker: its pods keep name and uid, and get new
// sandboxes with new addresses and new tokens.
func (s *simulation) rebootNode(n *node) {
	for i, p := range n.pods {
		s.after(between(n.rng, 60*second, 180*second)+int64(i)*second, func() {
			if !p.alive {
				return
			}
			if !p.app.hostNetwork {
				p.setIP(n.address())
			}
			p.token, p.id.user.CredentialID = 0, ""
			l := s.label("app", "node rebooted")
			for _, name := range p.app.mounts {
				s.kubeletWatch(n, p.app.namespaceName(), name, false, s.label("node", "rebooted"))
			}
			p.app.starts(p, l)
		})
	}
}

// upgradeCluster replaces the control plane and then every worker within two days.
func (s *simulation) upgradeCluster(version string, r *rand.Rand) {
	s.version = version
	s.restartControlPlane("cluster upgrade")
	old := append([]*node(nil), s.nodes...)
	for i, n := range old {
		s.after(2*hour+int64(i)*30*minute+between(r, 0, 10*minute), func() {
			if n.alive {
				s.joinNode(true)
				s.drainNode(n)
			}
		})
	}
}

func (p *pod) setIP(ip string) {
	p.ip = ip
	p.ips = []string{ip}
}

// startPod runs a new pod of an application on n, or on any node. The kubelet
// fetches what it mounts, then the program starts.
func (s *simulation) startPod(a *app, n *node, l *Label) *pod {
	if len(s.nodes) == 0 || !a.alive {
		return nil
	}
	if n == nil || !n.alive {
		n = pick(a.rng, s.nodes)
	}
	p := &pod{app: a, node: n, alive: true}
	p.name = a.podName(n)
	if a.hostNetwork {
		p.setIP(n.ip)
	} else {
		p.setIP(n.address())
	}
	u := saUser(a.namespaceName(), a.name, a.uid)
	u.PodName, u.PodUID = p.name, uuid(a.rng)
	u.NodeName, u.NodeUID = n.name, n.uid
	p.id = s.newID(a.rng, u)
	n.pods = append(n.pods, p)
	a.pods = append(a.pods, p)
	s.after(between(a.rng, 1*second, 8*second), func() {
		if !p.alive {
			return
		}
		kl := s.label("node", "mounts")
		if l.Behaviour == "new node" {
			kl = l
		}
		for _, name := range a.mounts {
			s.kubeletWatch(n, a.namespaceName(), name, false, kl)
		}
	})
	s.after(between(a.rng, 8*second, 40*second), func() {
		if p.alive {
			a.starts(p, l)
		}
	})
	return p
}

func (s *simulation) stopPod(p *pod) {
	p.alive = false
	for i, x := range p.app.pods {
		if x == p {
			p.app.pods = append(p.app.pods[:i], p.app.pods[i+1:]...)
			break
		}
	}
}

func (s *simulation) removePod(p *pod) {
	s.stopPod(p)
	for i, x := range p.node.pods {
		if x == p {
			p.node.pods = append(p.node.pods[:i], p.node.pods[i+1:]...)
			break
		}
	}
}

// restartPod replaces the oldest pod of an application, on n if given.
func (s *simulation) restartPod(a *app, n *node, behaviour string) {
	if len(a.pods) > 0 {
		s.removePod(a.pods[0])
	}
	s.startPod(a, n, s.label("app", behaviour))
}

// call runs do with a valid token: when the pod's token has used up 80 % of
// its hour, the kubelet mints a new one first.
func (s *simulation) call(p *pod, do func()) {
	if s.now-p.token < 48*minute {
		do()
		return
	}
	a := p.app
	jti := "JTI=" + uuid(a.rng)
	l := s.label("node", "mints tokens")
	s.send(request{who: p.node.id, agent: p.node.agent, ips: []string{p.node.ip}, verb: "create",
		resource: "serviceaccounts", ns: a.namespaceName(), name: a.name, sub: "token",
		code: 201, issued: jti, label: l})
	p.token = s.now
	if p.id.user.CredentialID == "" {
		// The first token is there before the program starts.
		p.id.user.CredentialID = jti
	}
	// Later ones it finds when it re-reads the file.
	s.after(between(a.rng, second, 50*second), func() {
		p.id.user.CredentialID = jti
		if p.alive {
			do()
		}
	})
}
