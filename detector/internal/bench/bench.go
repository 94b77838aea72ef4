// Package bench drives a Detector with made-up requests, for tests: a small
// cluster with habits, and one request a line.
package bench

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/detector/rule"
)

// Start is the time of the first request. Every other time follows from it.
const Start = int64(1_767_600_000e9) // 2026-01-05T08:00:00Z, a Monday

// User agents.
const (
	Kubectl = "kubectl/v1.36.1 (linux/amd64) kubernetes/0a1b2c3"
	Kubelet = "kubelet/v1.36.1 (linux/amd64) kubernetes/0a1b2c3"
	K9s     = "k9s/v0.0.0 (linux/amd64) kubernetes/$Format"
	Web     = "web/v0.0.0 (linux/amd64) kubernetes/$Format"
	Flux    = "kustomize-controller/v0.0.0 (linux/amd64) kubernetes/$Format"
	Curl    = "curl/8.5.0"
)

// Outside is an address that nobody is known from.
const Outside = "203.0.113.9"

// Change alters a request before it is judged.
type Change func(ev *audit.Event)

// Bench sends requests to a detector, one second apart.
type Bench struct {
	T   testing.TB
	D   *detector.Detector
	Cfg detector.Config
	Now int64
	n   int
}

// Got is what the detector said of a request.
type Got struct {
	detector.Result
	detector.Verdict
}

// New returns a bench with an empty detector.
func New(t testing.TB, change ...func(cfg *detector.Config)) *Bench {
	t.Helper()
	cfg := detector.DefaultConfig()
	for _, f := range change {
		f(&cfg)
	}
	d, err := detector.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &Bench{T: t, D: d, Cfg: cfg, Now: Start}
}

// Only switches all rules but the named ones off.
func Only(ids ...string) func(cfg *detector.Config) {
	return func(cfg *detector.Config) {
		cfg.Severities = map[string]rule.Severity{}
		for _, id := range rule.IDs() {
			if !slices.Contains(ids, id) {
				cfg.Severities[id] = rule.None
			}
		}
	}
}

// Cluster returns a bench whose detector has learnt what happens in a small
// cluster, and is past its learning period. See Day.
func Cluster(t testing.TB, change ...func(cfg *detector.Config)) *Bench {
	t.Helper()
	b := New(t, change...)
	b.Day()
	b.Now = Start + int64(b.Cfg.LearningPeriod) + int64(time.Hour)
	return b
}

// Day sends a working day's usual requests.
func (b *Bench) Day() {
	for range 4 {
		b.Usual()
		b.After(2 * time.Hour)
	}
}

// Usual sends what everybody does all day, and returns the verdicts.
func (b *Bench) Usual() []Got {
	return []Got{
		b.Send(Alice),
		b.Send(Bob),
		b.Send(WebPod),
		b.Send(FluxPod),
		b.Send(FluxPod, List("")),
		b.Send(Node1, On("shop", "web-tls")),
	}
}

// Quiet fails the test where anything that everybody does all day is found.
func (b *Bench) Quiet() {
	b.T.Helper()
	for _, g := range b.Usual() {
		if g.Result != detector.Clean || g.History != "complete" {
			b.T.Fatalf("%s, as always: %v, history %s: %s", g.User, g.Rules, g.History, g.Reason)
		}
	}
}

// After lets time pass.
func (b *Bench) After(d time.Duration) *Bench {
	b.Now += int64(d)
	return b
}

// Event makes a request: alice's, unless changed.
func (b *Bench) Event(change ...Change) *audit.Event {
	b.Now += int64(time.Second)
	b.n++
	ev := &audit.Event{
		AuditID:  "request-" + strconv.Itoa(b.n),
		Stage:    audit.StageResponseComplete,
		Verb:     "get",
		Resource: "secrets",
		Code:     200,
		Decision: "allow",
		Time:     b.Now,
	}
	Alice(ev)
	for _, f := range change {
		f(ev)
	}
	if ev.Verb == "watch" && ev.Stage == audit.StageResponseComplete {
		ev.Stage = audit.StageResponseStarted
	}
	if ev.StageTime == 0 {
		ev.StageTime = ev.Time + 2e6
	}
	if ev.RequestURI == "" || ev.RequestURI[0] == '?' {
		ev.RequestURI = path(ev) + ev.RequestURI
	}
	return ev
}

func path(ev *audit.Event) string {
	var b strings.Builder
	b.WriteString("/api/v1")
	if ev.Namespace != "" {
		b.WriteString("/namespaces/" + ev.Namespace)
	}
	b.WriteString("/" + ev.Resource)
	if ev.Name != "" && ev.Verb != "list" && ev.Verb != "watch" {
		b.WriteString("/" + ev.Name)
	}
	if ev.Subresource != "" {
		b.WriteString("/" + ev.Subresource)
	}
	return b.String()
}

// Send makes a request and judges it.
func (b *Bench) Send(change ...Change) Got { return b.Judge(b.Event(change...)) }

// Judge judges an event.
func (b *Bench) Judge(ev *audit.Event) Got {
	var g Got
	g.Result = b.D.Judge(ev, &g.Verdict)
	return g
}

// Has says whether a rule is among those found.
func (g Got) Has(id string) bool { return slices.Contains(g.Rules, id) }

// String is the verdict in short: "clean", "skipped", "duplicate", or the
// severity, followed by "again" where it is not the first of its kind.
func (g Got) String() string {
	switch g.Result {
	case detector.Skipped:
		return "skipped"
	case detector.Duplicate:
		return "duplicate"
	case detector.Clean:
		return "clean"
	}
	if !g.First {
		return g.Severity.String() + " again"
	}
	return g.Severity.String()
}

// Who makes the usual requests, with what, from where and for what.

// Alice is a developer with kubectl in an office.
func Alice(ev *audit.Event) {
	ev.User = audit.User{Username: "alice", Groups: []string{"shop-devs", "system:authenticated"}}
	ev.SourceIPs, ev.UserAgent = []string{"192.0.2.10"}, Kubectl
	ev.Namespace, ev.Name = "shop", "db"
}

// Bob is another, elsewhere.
func Bob(ev *audit.Event) {
	ev.User = audit.User{Username: "bob", Groups: []string{"pay-devs", "system:authenticated"}}
	ev.SourceIPs, ev.UserAgent = []string{"198.51.100.20"}, Kubectl
	ev.Namespace, ev.Name = "pay", "card"
}

// Mallory is nobody's colleague.
func Mallory(ev *audit.Event) {
	ev.User = audit.User{Username: "mallory", Groups: []string{"contractors", "system:authenticated"}}
	ev.SourceIPs = []string{Outside}
}

// WebPod is a pod that reads its own secret.
func WebPod(ev *audit.Event) {
	ev.User = Account("shop", "web", "web-1")
	ev.SourceIPs, ev.UserAgent = []string{"10.244.1.5"}, Web
	ev.Namespace, ev.Name = "shop", "db"
}

// FluxPod is a controller that reads everything.
func FluxPod(ev *audit.Event) {
	ev.User = Account("flux-system", "kustomize-controller", "kustomize-1")
	ev.SourceIPs, ev.UserAgent = []string{"10.244.2.6"}, Flux
	ev.Namespace, ev.Name = "shop", "db"
}

// Node1 is a kubelet.
func Node1(ev *audit.Event) {
	ev.User = audit.User{Username: "system:node:node1", Groups: []string{"system:nodes", "system:authenticated"}, CredentialID: "X509SHA256=node1"}
	ev.SourceIPs, ev.UserAgent = []string{"10.0.0.1"}, Kubelet
}

// Account is a service account with the token of one of its pods.
func Account(ns, name, pod string) audit.User {
	return audit.User{
		Username: "system:serviceaccount:" + ns + ":" + name,
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:" + ns, "system:authenticated"},
		PodName:  pod, PodUID: "uid-of-" + pod, NodeName: "node1", CredentialID: "JTI=" + pod,
	}
}

// As sets the user.
func As(u audit.User) Change { return func(ev *audit.Event) { ev.User = u } }

// Named sets the user's name.
func Named(name string) Change { return func(ev *audit.Event) { ev.User.Username = name } }

// With sets the user agent.
func With(ua string) Change { return func(ev *audit.Event) { ev.UserAgent = ua } }

// From sets the source addresses.
func From(ips ...string) Change { return func(ev *audit.Event) { ev.SourceIPs = ips } }

// On sets the object.
func On(ns, name string) Change {
	return func(ev *audit.Event) { ev.Namespace, ev.Name = ns, name }
}

// Verb sets the verb.
func Verb(verb string) Change { return func(ev *audit.Event) { ev.Verb = verb } }

// List makes the request a list of a namespace, or of all.
func List(ns string) Change {
	return func(ev *audit.Event) { ev.Verb, ev.Namespace, ev.Name = "list", ns, "" }
}

// Watch makes the request a watch of a namespace, or of all.
func Watch(ns string) Change {
	return func(ev *audit.Event) { ev.Verb, ev.Namespace, ev.Name = "watch", ns, "" }
}

// Query sets the query of the request URI.
func Query(q string) Change { return func(ev *audit.Event) { ev.RequestURI = "?" + q } }

// Denied makes the answer a refusal.
func Denied(ev *audit.Event) { ev.Code, ev.Decision = 403, "forbid" }

// Missing makes the answer that there is no such object.
func Missing(ev *audit.Event) { ev.Code = 404 }

// Anonymous takes the user away.
func Anonymous(ev *audit.Event) {
	ev.User = audit.User{Username: "system:anonymous", Groups: []string{"system:unauthenticated"}}
}

// Unauthenticated is how a request with a broken credential is logged.
func Unauthenticated(ev *audit.Event) {
	ev.User = audit.User{}
	ev.Stage, ev.Code, ev.Decision = audit.StageResponseStarted, 401, ""
}

// Acting makes the request as somebody else.
func Acting(name string, groups ...string) Change {
	return func(ev *audit.Event) { ev.Impersonated = audit.User{Username: name, Groups: groups} }
}

// Minting asks for a token of a service account.
func Minting(ns, name, credential string) Change {
	return func(ev *audit.Event) {
		ev.Verb, ev.Resource, ev.Subresource, ev.Code = "create", "serviceaccounts", "token", 201
		ev.Namespace, ev.Name, ev.IssuedCredentialID = ns, name, credential
	}
}
