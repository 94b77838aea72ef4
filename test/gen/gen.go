// Package gen makes Kubernetes audit logs to measure with: events of level
// Metadata in the mix of a busy cluster, of which an adjustable share are
// accesses to secrets, and of these an adjustable share anomalies. It is seeded
// and deterministic. What the accesses look like over a month, and what attacks
// look like, is test/sim's; here only size and mix have to be right.
package gen

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// Config says what to generate. Start from DefaultConfig.
type Config struct {
	Seed   uint64
	Events int
	// Secrets is the share of events that are accesses to secrets, 0 to 1.
	Secrets float64
	// Anomalies is the share of these that come from a client, an address or to
	// a namespace that the identity does not usually have.
	Anomalies float64
	// Size is what the mean size of an event is filled up to, in bytes. By
	// itself the mix has 1.1 KB.
	Size int
	// Span is the time from the first event to the last.
	Span time.Duration
	// Namespaces is how many there are; each has ten workloads. There is a
	// person for each namespace and a node for two.
	Namespaces int
}

// DefaultConfig is 400,000 events of 1.1 KB over three days, the first of which a
// detector learns from; 2 % are accesses to secrets, one in a hundred of them an
// anomaly.
func DefaultConfig(seed uint64) Config {
	return Config{Seed: seed, Events: 400000, Secrets: 0.02, Anomalies: 0.01, Span: 72 * time.Hour, Namespaces: 40}
}

// Check reports what is wrong with a configuration.
func (c *Config) Check() error {
	switch {
	case c.Events < 0:
		return fmt.Errorf("events %d: accepted is 0 or more", c.Events)
	case !(c.Secrets >= 0 && c.Secrets <= 1):
		return fmt.Errorf("share of secret accesses %v: accepted is 0 to 1", c.Secrets)
	case !(c.Anomalies >= 0 && c.Anomalies <= 1):
		return fmt.Errorf("share of anomalies %v: accepted is 0 to 1", c.Anomalies)
	case c.Size < 0 || c.Size > 1<<20:
		return fmt.Errorf("size %d: accepted is 0 to 1048576 bytes", c.Size)
	case c.Span <= 0:
		return fmt.Errorf("span %v: accepted is more than 0", c.Span)
	case c.Namespaces < 1 || c.Namespaces > 10000:
		return fmt.Errorf("namespaces %d: accepted is 1 to 10000", c.Namespaces)
	}
	return nil
}

// start is the time of the first event.
var start = time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC).UnixNano()

// Generator makes one event after the other. Not safe for concurrent use.
type Generator struct {
	cfg  Config
	r    *rand.Rand
	n    int // events made
	b    []byte
	fill int // bytes that events so far lack of the mean size asked for
}

// New returns a generator. The configuration must be one that Check accepts.
func New(cfg Config) *Generator {
	return &Generator{cfg: cfg, r: rand.New(rand.NewPCG(cfg.Seed, 0x5ec7e7))}
}

// event is what differs between events.
type event struct {
	who                       *identity
	agent, ip, uri, verb      string
	group, resource, ns, name string
	extra                     string
	code                      int
}

// identity is who sends a request.
type identity struct {
	user, uid, agent, ip, groups, extra string
	binding, role                       string
}

// Next returns the next event as a line of JSON without the line feed, valid
// until the next call, or nil after the last.
func (g *Generator) Next() []byte {
	if g.n == g.cfg.Events {
		return nil
	}
	var e event
	if g.r.Float64() < g.cfg.Secrets {
		g.secret(&e)
	} else {
		g.other(&e)
	}
	g.write(&e)
	g.n++
	return g.b
}

const (
	kubectl   = "kubectl/v1.35.3 (linux/amd64) kubernetes/7f3c2d1"
	serverURI = "/api/v1/namespaces/"
)

// node is the identity of one of the nodes.
func (g *Generator) node(i int) *identity {
	name := "worker-" + pad(i)
	return &identity{
		user:   "system:node:" + name,
		groups: `["system:nodes","system:authenticated"]`,
		agent:  "kubelet/v1.35.3 (linux/amd64) kubernetes/7f3c2d1",
		ip:     address("10.0", i),
		extra:  `{"authentication.kubernetes.io/credential-id":["X509SHA256=` + digest("node", i) + digest("cert", i) + `"]}`,
	}
}

// workload is the service account of a workload of namespace ns.
func (g *Generator) workload(ns, i int) *identity {
	space, name := "team-"+pad(ns), "app-"+pad(i)
	id := ns*10 + i
	return &identity{
		user:   "system:serviceaccount:" + space + ":" + name,
		uid:    id128("sa", id),
		groups: `["system:serviceaccounts","system:serviceaccounts:` + space + `","system:authenticated"]`,
		agent:  name + "/v1.4.2 (linux/amd64) kubernetes/$Format",
		ip:     address("10.244", id),
		extra: `{"authentication.kubernetes.io/credential-id":["JTI=` + id128("jti", id) +
			`"],"authentication.kubernetes.io/node-name":["worker-` + pad(id%g.nodes()) +
			`"],"authentication.kubernetes.io/node-uid":["` + id128("node", id%g.nodes()) +
			`"],"authentication.kubernetes.io/pod-name":["` + name + `-6c9f8d7b5-x2x7k"],"authentication.kubernetes.io/pod-uid":["` + id128("pod", id) + `"]}`,
		binding: name + "/" + space,
		role:    name,
	}
}

// person is the developer of namespace i.
func (g *Generator) person(i int) *identity {
	return &identity{
		user:    "dev-" + pad(i) + "@example.com",
		groups:  `["developers","team-` + pad(i) + `","system:authenticated"]`,
		agent:   kubectl,
		ip:      address("203.0", i),
		binding: "developers/team-" + pad(i),
		role:    "edit",
	}
}

var controllers = [...]string{"kube-controller-manager", "kube-scheduler"}

// controller is one of the programs of the control plane.
func controller(i int) *identity {
	name := controllers[i]
	return &identity{
		user:    "system:" + name,
		groups:  `["system:authenticated"]`,
		agent:   name + "/v1.35.3 (linux/amd64) kubernetes/7f3c2d1/leader-election",
		ip:      "10.0.255.1",
		extra:   `{"authentication.kubernetes.io/credential-id":["X509SHA256=` + digest(name, i) + digest("cert", i) + `"]}`,
		binding: "system:" + name,
		role:    "system:" + name,
	}
}

func (g *Generator) nodes() int { return max(g.cfg.Namespaces/2, 1) }

// secret makes an access to secrets: kubelets fetch what pods mount, workloads
// and people read what is theirs, a few watch.
func (g *Generator) secret(e *event) {
	r := g.r
	ns := r.IntN(g.cfg.Namespaces)
	e.verb, e.code, e.resource, e.ns = "get", 200, "secrets", "team-"+pad(ns)
	e.name = "app-" + pad(r.IntN(10)) + "-credentials"
	switch n := r.IntN(100); {
	case n < 50:
		e.who = g.node(ns % g.nodes())
		if r.IntN(2) == 0 {
			e.verb = "watch"
			e.uri = serverURI + e.ns + "/secrets?allowWatchBookmarks=true\\u0026fieldSelector=metadata.name%3D" + e.name +
				"\\u0026resourceVersionMatch=NotOlderThan\\u0026sendInitialEvents=true\\u0026timeout=7m48s\\u0026timeoutSeconds=468\\u0026watch=true"
		}
	case n < 95:
		e.who = g.workload(ns, r.IntN(10))
	default:
		e.who = g.person(ns)
	}
	e.agent, e.ip = e.who.agent, e.who.ip
	if r.Float64() < g.cfg.Anomalies {
		switch r.IntN(3) {
		case 0:
			e.agent = "curl/8.5.0"
		case 1:
			e.ip = address("198.51", r.IntN(65000))
		default:
			e.ns = "team-" + pad(r.IntN(g.cfg.Namespaces))
		}
	}
	if e.uri == "" {
		e.uri = serverURI + e.ns + "/secrets/" + e.name
	}
}

// other makes any other request.
func (g *Generator) other(e *event) {
	r := g.r
	ns := r.IntN(g.cfg.Namespaces)
	e.verb, e.code = "get", 200
	switch n := r.IntN(100); {
	case n < 25: // leases of nodes
		i := r.IntN(g.nodes())
		e.who = g.node(i)
		e.verb, e.group, e.resource, e.ns, e.name = "update", "coordination.k8s.io", "leases", "kube-node-lease", "worker-"+pad(i)
	case n < 40: // leases of controllers
		i := r.IntN(len(controllers))
		e.who = controller(i)
		e.verb, e.group, e.resource, e.ns, e.name = "update", "coordination.k8s.io", "leases", "kube-system", controllers[i]
	case n < 52: // status of nodes and pods
		i := r.IntN(g.nodes())
		e.who = g.node(i)
		e.verb, e.resource, e.ns, e.name, e.extra = "patch", "pods", "team-"+pad(ns), "app-"+pad(r.IntN(10))+"-6c9f8d7b5-x2x7k", "status"
	case n < 60: // config maps of pods
		i := r.IntN(g.nodes())
		e.who = g.node(i)
		e.resource, e.ns, e.name = "configmaps", "team-"+pad(ns), "kube-root-ca.crt"
	case n < 85: // workloads
		e.who = g.workload(ns, r.IntN(10))
		e.resource, e.ns = [...]string{"pods", "endpointslices", "configmaps", "leases"}[r.IntN(4)], "team-"+pad(ns)
		switch e.resource {
		case "leases":
			e.verb, e.group, e.name = "update", "coordination.k8s.io", "leader"
		case "configmaps":
			e.name = "settings"
		case "endpointslices":
			e.verb, e.group = "list", "discovery.k8s.io"
		default:
			e.verb = "list"
		}
	case n < 92: // people
		e.who = g.person(ns)
		e.verb, e.group, e.resource, e.ns = "list", "apps", "deployments", "team-"+pad(ns)
	case n < 93: // reviews of tokens, which are written like tokens
		e.who = controller(0)
		e.verb, e.group, e.resource, e.code = "create", "authentication.k8s.io", "tokenreviews", 201
	case n < 96: // reviews of permissions
		e.who = controller(0)
		e.verb, e.group, e.resource, e.code = "create", "authorization.k8s.io", "subjectaccessreviews", 201
	default: // an operator whose name holds the word that is looked for
		e.who = g.workload(0, 0)
		w := *e.who
		w.user, w.role = "system:serviceaccount:external-secrets:external-secrets", "external-secrets-controller"
		w.binding = "external-secrets/external-secrets"
		e.who = &w
		e.verb, e.group, e.resource = "list", "external-secrets.io", "clusterexternalsecrets"
	}
	e.agent, e.ip = e.who.agent, e.who.ip
	e.uri = "/api/v1"
	if e.group != "" {
		e.uri = "/apis/" + e.group + "/v1"
	}
	if e.ns != "" {
		e.uri += "/namespaces/" + e.ns
	}
	e.uri += "/" + e.resource
	switch {
	case e.name != "":
		e.uri += "/" + e.name
	case e.verb == "list":
		e.uri += "?limit=500\\u0026resourceVersion=0"
	}
	if e.extra != "" {
		e.uri += "/" + e.extra
	}
}

// write renders e the way the API server does.
func (g *Generator) write(e *event) {
	w := e.who
	b := append(g.b[:0], `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"`...)
	b = g.uuid(b)
	b = append(b, `","stage":"ResponseComplete","requestURI":"`...)
	b = append(b, e.uri...)
	b = append(b, `","verb":"`...)
	b = append(b, e.verb...)
	b = append(b, `","user":{"username":"`...)
	b = append(b, w.user...)
	if w.uid != "" {
		b = append(b, `","uid":"`...)
		b = append(b, w.uid...)
	}
	b = append(b, `","groups":`...)
	b = append(b, w.groups...)
	if w.extra != "" {
		b = append(b, `,"extra":`...)
		b = append(b, w.extra...)
	}
	b = append(b, `},"sourceIPs":["`...)
	b = append(b, e.ip...)
	b = append(b, `"],"userAgent":"`...)
	b = append(b, e.agent...)
	b = append(b, `","objectRef":{"resource":"`...)
	b = append(b, e.resource...)
	for _, f := range [...][2]string{{"namespace", e.ns}, {"name", e.name}, {"apiGroup", e.group}, {"apiVersion", "v1"}, {"subresource", e.extra}} {
		if f[1] != "" {
			b = append(append(append(append(b, `","`...), f[0]...), `":"`...), f[1]...)
		}
	}
	b = append(b, `"},"responseStatus":{"metadata":{},"code":`...)
	b = strconv.AppendInt(b, int64(e.code), 10)
	at := start + int64(float64(g.cfg.Span)/float64(max(g.cfg.Events, 1))*float64(g.n))
	for i, key := range [...]string{`},"requestReceivedTimestamp":"`, `","stageTimestamp":"`} {
		b = append(b, key...)
		took := int64(i) * (500e3 + g.r.Int64N(5e6))
		b = time.Unix(0, at+took).UTC().AppendFormat(b, "2006-01-02T15:04:05.000000Z")
	}
	b = append(b, `","annotations":{"authorization.k8s.io/decision":"allow","authorization.k8s.io/reason":"`...)
	if w.binding != "" {
		b = append(b, `RBAC: allowed by RoleBinding \"`...)
		b = append(append(b, w.binding...), `\" of ClusterRole \"`...)
		b = append(append(b, w.role...), `\" to User \"`...)
		b = append(append(b, w.user...), `\"`...)
	}
	// Real events reach their size by more groups and longer reasons.
	for g.fill += g.cfg.Size - len(b) - len(`"}}`); g.fill > 0; g.fill -= len(filler) {
		b = append(b, filler...)
	}
	g.b = append(b, `"}}`...)
}

const filler = " of the group of all developers"

func (g *Generator) uuid(b []byte) []byte {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], g.r.Uint64())
	binary.BigEndian.PutUint64(raw[8:], g.r.Uint64())
	return appendUUID(b, raw)
}

func appendUUID(b []byte, raw [16]byte) []byte {
	raw[6], raw[8] = raw[6]&0x0f|0x40, raw[8]&0x3f|0x80
	for i, c := range raw {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, []byte{c})
	}
	return b
}

// id128 is a UUID that belongs to a name and number.
func id128(name string, i int) string {
	r := rand.New(rand.NewPCG(uint64(i), uint64(len(name))<<32|uint64(name[0])<<8|uint64(name[len(name)-1])))
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], r.Uint64())
	binary.BigEndian.PutUint64(raw[8:], r.Uint64())
	return string(appendUUID(nil, raw))
}

// digest is 32 hex digits that belong to a name and number.
func digest(name string, i int) string {
	id := id128(name, i)
	return id[:8] + id[9:13] + id[14:18] + id[19:23] + id[24:]
}

func pad(i int) string {
	s := strconv.Itoa(i)
	return "0000"[min(len(s), 4):] + s
}

// address is the i-th address of a /16.
func address(net string, i int) string {
	return net + "." + strconv.Itoa(i>>8&0xff) + "." + strconv.Itoa(i&0xff)
}
