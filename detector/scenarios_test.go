package detector_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/detector/rule"
)

// story feeds a detector that has learnt the recorded baseline with requests
// made up in the manner of the recorded ones.
type story struct {
	t    *testing.T
	d    *detector.Detector
	now  int64
	n    int
	user audit.User
	ip   []string
	ua   string
	worst
}

type worst struct {
	severity rule.Severity
	rules    map[string]bool
	reasons  []string
}

var (
	alice  = audit.User{Username: "alice", Groups: []string{"payments-devs", "system:authenticated"}, CredentialID: "X509SHA256=cff9c3d710142d9256e66ba230f7123cad7c1b1bf7503c13bfb1941c2efaae2a"}
	bob    = audit.User{Username: "bob", UID: "u-1002", Groups: []string{"shop-devs", "system:authenticated"}}
	carol  = audit.User{Username: "carol", Groups: []string{"auditors", "system:authenticated"}}
	ciBot  = audit.User{Username: "ci-bot", Groups: []string{"ci", "system:authenticated"}}
	web    = podUser("shop", "web", "web-5d9c-aaaaa", "9304b812-1fb7-4604-aeca-c7c88be9cb05", "node1", "7764179e-c812-4432-b719-a8a6c7c93b8a")
	api    = podUser("payments", "api", "api-6c4-ccccc", "7b96e1e3-14dd-4d78-83b5-a7f4e370c8cc", "node2", "354f1c4b-401d-4165-b07c-0d970ac9389c")
	worker = podUser("shop", "worker", "worker-77f-bbbbb", "15ddb6ff-d970-4e57-998a-12449280d8c3", "node2", "228fdebb-2895-44fb-ae39-47e7ff4e9239")
	node1  = audit.User{Username: "system:node:node1", Groups: []string{"system:nodes", "system:authenticated"}, CredentialID: "X509SHA256=c00480e4b7e2b47013e3dd6f7eedc55b8e21aadc697344e6f43192ae2faf8a3d"}
	flux   = podUser("flux-system", "kustomize-controller", "kustomize-1", "f1", "node1", "ba1aa5c3-ad94-4854-ba31-6e80b7cfc87d")
)

const (
	kubectl = "kubectl/v1.36.1 (linux/amd64) kubernetes/0000000"
	kubelet = "kubelet/v1.36.1 (linux/amd64) kubernetes/0000000"
	outside = "185.220.9.9"
)

func podUser(ns, sa, pod, uid, node, jti string) audit.User {
	return audit.User{
		Username: "system:serviceaccount:" + ns + ":" + sa,
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:" + ns, "system:authenticated"},
		PodName:  pod, PodUID: uid, NodeName: node, CredentialID: "JTI=" + jti,
	}
}

// as continues the story as somebody else.
func (s *story) as(u audit.User, ua string, ip ...string) *story {
	s.user, s.ua, s.ip = u, ua, ip
	return s
}

// do makes a request d after the one before. path is namespace/name,
// namespace/ or empty.
func (s *story) do(after time.Duration, verb, path string, change ...func(ev *audit.Event)) {
	s.now += int64(after)
	s.n++
	ns, name, _ := strings.Cut(path, "/")
	ev := audit.Event{
		AuditID: fmt.Sprintf("made-up-%d", s.n), Stage: audit.StageResponseComplete, Verb: verb,
		User: s.user, SourceIPs: s.ip, UserAgent: s.ua, Resource: "secrets", Namespace: ns, Name: name,
		Code: 200, Decision: "allow", Time: s.now, StageTime: s.now + 2e6,
	}
	ev.RequestURI = "/api/v1/"
	if ns != "" {
		ev.RequestURI += "namespaces/" + ns + "/"
	}
	ev.RequestURI += "secrets"
	if name != "" {
		ev.RequestURI += "/" + name
	}
	if verb == "watch" {
		ev.Stage = audit.StageResponseStarted
		ev.RequestURI += "?watch=true"
	}
	for _, f := range change {
		f(&ev)
	}
	var v detector.Verdict
	if s.d.Judge(&ev, &v) != detector.Found {
		return
	}
	s.severity = max(s.severity, v.Severity)
	for _, r := range v.Rules {
		s.rules[r] = true
	}
	s.reasons = append(s.reasons, v.Severity.String()+" "+v.Reason)
}

func denied(ev *audit.Event)  { ev.Code, ev.Decision = 403, "forbid" }
func missing(ev *audit.Event) { ev.Code = 404 }
func query(q string) func(*audit.Event) {
	return func(ev *audit.Event) {
		if strings.Contains(ev.RequestURI, "?") {
			ev.RequestURI += "&" + q
		} else {
			ev.RequestURI += "?" + q
		}
	}
}

func acting(name string, groups ...string) func(*audit.Event) {
	return func(ev *audit.Event) { ev.Impersonated = audit.User{Username: name, Groups: groups} }
}

func minting(jti string) func(*audit.Event) {
	return func(ev *audit.Event) {
		ev.Resource, ev.Subresource, ev.Code = "serviceaccounts", "token", 201
		ev.IssuedCredentialID = "JTI=" + jti
	}
}

// TestScenarios plays attacks and look-alikes that are not in the recorded log
// on top of its baseline, with and without named networks.
func TestScenarios(t *testing.T) {
	var baseline [][]byte
	lines(t, "audit.jsonl.gz", func(b []byte) { baseline = append(baseline, append([]byte(nil), b...)) })

	play := func(t *testing.T, networks bool, tell func(s *story)) *story {
		d, err := detector.New(recordedConfig(networks))
		require.NoError(t, err)
		s := &story{t: t, d: d, worst: worst{rules: map[string]bool{}}}
		var p audit.Parser
		var ev audit.Event
		var v detector.Verdict
		start := int64(0)
		for _, line := range baseline {
			if p.ParseJSON(line, &ev) != nil {
				continue
			}
			if start == 0 {
				start = ev.Time
			}
			if ev.Time-start > int64(254*time.Second) {
				break
			}
			d.Judge(&ev, &v)
			s.now = max(s.now, ev.Time)
		}
		s.now += int64(5 * time.Second)
		tell(s)
		return s
	}
	attack := func(name string, tell func(s *story)) {
		t.Helper()
		for _, networks := range []bool{true, false} {
			t.Run(fmt.Sprintf("attack/%s/networks=%v", name, networks), func(t *testing.T) {
				s := play(t, networks, tell)
				if s.severity < rule.Medium {
					t.Errorf("at most %s: %q", s.severity, s.reasons)
				}
			})
		}
	}
	benign := func(name string, tell func(s *story)) {
		t.Helper()
		for _, networks := range []bool{true, false} {
			t.Run(fmt.Sprintf("benign/%s/networks=%v", name, networks), func(t *testing.T) {
				s := play(t, networks, tell)
				if s.severity >= rule.Medium {
					t.Errorf("%s: %q", s.severity, s.reasons)
				}
			})
		}
	}

	attack("watch of everything by a person from home", func(s *story) {
		s.as(carol, kubectl, "192.0.2.31").do(time.Second, "watch", "", query("sendInitialEvents=true&allowWatchBookmarks=true"))
	})
	attack("watch of everything by an application with its own client", func(s *story) {
		s.as(web, "web/v0.0.0 (linux/amd64) kubernetes/$Format", "10.244.1.11").do(time.Second, "watch", "", query("resourceVersion=0"))
	})
	attack("watch of one namespace with a pod's token outside", func(s *story) {
		s.as(web, "web/v0.0.0 (linux/amd64) kubernetes/$Format", outside).do(time.Second, "watch", "shop/")
	})
	attack("watch of one namespace with a person's token outside", func(s *story) {
		s.as(bob, kubectl, outside).do(time.Second, "watch", "shop/")
	})
	attack("pod's token in another pod on another node", func(s *story) {
		s.as(web, "web/v0.0.0 (linux/amd64) kubernetes/$Format", "10.244.2.77").do(time.Second, "get", "shop/db-pass")
	})
	attack("impersonation of a colleague", func(s *story) {
		s.as(bob, kubectl, "192.0.2.23").do(time.Second, "get", "payments/api-key", acting("alice", "payments-devs"))
	})
	attack("impersonation of a master", func(s *story) {
		s.as(bob, kubectl, "192.0.2.23").do(time.Second, "get", "payments/api-key", acting("root", "system:masters"))
	})
	attack("impersonation denied", func(s *story) {
		s.as(bob, kubectl, "192.0.2.23").do(time.Second, "get", "payments/api-key", denied, func(ev *audit.Event) {
			ev.StatusMessage = `users "alice" is forbidden: User "bob" cannot impersonate resource "users" in API group "" at the cluster scope`
		})
	})
	attack("token minted with a stolen credential and used there", func(s *story) {
		s.as(bob, kubectl, outside).do(time.Second, "create", "shop/web", minting("m1"))
		u := podUser("shop", "web", "", "", "", "m1")
		s.as(u, kubectl, outside).do(time.Second, "get", "shop/db-pass")
	})
	attack("token minted at home, used outside", func(s *story) {
		s.as(bob, kubectl, "192.0.2.23").do(time.Second, "create", "shop/web", minting("m2"))
		u := podUser("shop", "web", "", "", "", "m2")
		s.as(u, "web/v0.0.0 (linux/amd64) kubernetes/$Format", outside).do(time.Second, "get", "shop/db-pass")
	})
	attack("token of a kube-system account minted at home", func(s *story) {
		s.as(carol, kubectl, "192.0.2.31").do(time.Second, "create", "kube-system/clusterrole-aggregation-controller", minting("m3"))
	})
	attack("slow theft beside the owner", func(s *story) {
		for i := 0; i < 5; i++ {
			s.as(bob, kubectl, outside).do(20*time.Second, "get", "shop/stripe-key")
			s.as(bob, kubectl, "192.0.2.23").do(20*time.Second, "get", "shop/db-pass")
		}
	})
	attack("forwarded for the usual address", func(s *story) {
		s.as(bob, kubectl, "192.0.2.23", outside).do(time.Second, "get", "shop/db-pass")
	})
	attack("forwarded for a hundred addresses", func(s *story) {
		var chain []string
		for i := 0; i < 60; i++ {
			chain = append(chain, fmt.Sprintf("10.9.%d.7", i))
		}
		s.as(bob, kubectl, append(chain, outside)...).do(time.Second, "get", "shop/db-pass")
	})
	attack("kubelet certificate outside, kubelet's client", func(s *story) {
		s.as(node1, kubelet, outside).do(time.Second, "get", "shop/db-pass")
	})
	attack("kubelet certificate in a pod, kubectl", func(s *story) {
		s.as(node1, kubectl, "10.244.1.50").do(time.Second, "list", "shop/", denied)
	})
	attack("kubelet certificate in a pod, kubelet's client, node at work", func(s *story) {
		for i := 0; i < 3; i++ {
			s.as(node1, kubelet, "10.244.2.50").do(5*time.Second, "get", "shop/db-pass")
			s.as(node1, kubelet, "10.0.0.11").do(5*time.Second, "watch", "shop/db-pass")
		}
	})
	attack("names guessed that do not exist", func(s *story) {
		for i := 0; i < 14; i++ {
			s.as(bob, kubectl, "192.0.2.23").do(time.Second, "get", fmt.Sprintf("shop/guess-%d", i), missing)
		}
	})
	attack("names guessed that are denied", func(s *story) {
		for i := 0; i < 6; i++ {
			s.as(web, "web/v0.0.0 (linux/amd64) kubernetes/$Format", "10.244.1.11").do(time.Second, "get", fmt.Sprintf("payments/guess-%d", i), denied)
		}
	})
	attack("secrets deleted one by one", func(s *story) {
		for i := 0; i < 16; i++ {
			s.as(bob, kubectl, "192.0.2.23").do(time.Second, "delete", fmt.Sprintf("shop/s%02d", i))
		}
	})
	attack("secrets deleted at once", func(s *story) {
		s.as(bob, kubectl, "192.0.2.23").do(time.Second, "deletecollection", "shop/")
	})
	attack("old audit id used again", func(s *story) {
		s.as(bob, "curl/8.5.0", "192.0.2.23").do(time.Second, "get", "shop/db-pass", func(ev *audit.Event) { ev.AuditID = "made-up-0" })
		s.as(bob, "curl/8.5.0", "192.0.2.23").do(time.Second, "get", "shop/stripe-key", func(ev *audit.Event) { ev.AuditID = "made-up-0" })
		require.Len(s.t, s.reasons, 2)
	})
	attack("one namespace after another", func(s *story) {
		for i := 0; i < 14; i++ {
			s.as(alice, kubectl, "192.0.2.15").do(2*time.Second, "list", fmt.Sprintf("team-%d/", i))
		}
	})
	attack("unstamped tool in a pod", func(s *story) {
		s.as(worker, "peekctl/v0.0.0 (linux/amd64) kubernetes/$Format", "10.244.2.12").do(time.Second, "list", "shop/")
	})
	attack("no user agent", func(s *story) {
		s.as(api, "", "10.244.2.13").do(time.Second, "get", "payments/api-key")
	})
	attack("anonymous and allowed", func(s *story) {
		s.as(audit.User{Username: "system:anonymous", Groups: []string{"system:unauthenticated"}}, "curl/8", outside).do(time.Second, "get", "shop/db-pass")
	})
	attack("account of the cluster from outside for the first time", func(s *story) {
		s.as(podUser("shop", "legacy", "", "", "", ""), kubectl, outside).do(time.Second, "get", "shop/db-pass")
	})
	attack("unknown user reads", func(s *story) {
		s.as(audit.User{Username: "mallory", Groups: []string{"ops", "system:authenticated"}}, kubectl, "203.0.113.5").do(time.Second, "get", "shop/db-pass")
	})
	attack("one identity after another", func(s *story) {
		s.as(bob, "curl/8.5.0", outside).do(time.Second, "get", "shop/db-pass")
		s.as(alice, kubectl, outside).do(time.Second, "get", "payments/api-key")
		require.True(s.t, s.rules["identity-switch"])
	})

	benign("a node joins", func(s *story) {
		u := audit.User{Username: "system:node:node3", Groups: []string{"system:nodes", "system:authenticated"}, CredentialID: "X509SHA256=node3"}
		s.as(u, kubelet, "10.0.0.13")
		for i := 0; i < 8; i++ {
			s.do(200*time.Millisecond, "watch", fmt.Sprintf("shop/s%02d", i), query("fieldSelector=metadata.name%3Dx"))
		}
		s.do(time.Second, "create", "shop/web", minting("n3"))
	})
	benign("a controller is installed", func(s *story) {
		u := podUser("reloader", "reloader", "reloader-1", "r1", "node1", "r1")
		s.as(u, "reloader/v0.0.0 (linux/amd64) kubernetes/$Format", "10.244.1.60")
		s.do(time.Second, "list", "", query("limit=500&resourceVersion=0"))
		s.do(time.Second, "watch", "", query("allowWatchBookmarks=true&resourceVersion=100"))
		s.do(time.Second, "get", "shop/db-pass")
		s.do(time.Second, "get", "payments/api-key")
	})
	benign("an application starts for the first time", func(s *story) {
		u := podUser("shop", "mailer", "mailer-1", "mm", "node2", "mm")
		s.as(u, "OpenAPI-Generator/29.0.0/python", "10.244.2.61")
		for i := 0; i < 12; i++ {
			s.do(100*time.Millisecond, "get", fmt.Sprintf("shop/mail-%d", i))
		}
	})
	benign("a new user is denied", func(s *story) {
		u := audit.User{Username: "frank", Groups: []string{"contractors", "system:authenticated"}}
		s.as(u, kubectl, "192.0.2.62")
		s.do(time.Second, "list", "shop/", denied)
		s.do(time.Second, "list", "payments/", denied)
		s.do(time.Second, "list", "shop/", denied)
	})
	benign("helm deploys another release", func(s *story) {
		s.as(ciBot, "Helm/3.14.4", "198.51.100.6")
		s.do(time.Second, "list", "payments/", query("labelSelector=name%3Dreports%2Cowner%3Dhelm"))
		for i := 1; i < 5; i++ {
			s.do(time.Second, "get", fmt.Sprintf("payments/sh.helm.release.v1.reports.v%d", i), missing)
			s.do(time.Second, "create", fmt.Sprintf("payments/sh.helm.release.v1.reports.v%d", i))
			s.do(time.Second, "update", fmt.Sprintf("payments/sh.helm.release.v1.reports.v%d", i))
		}
	})
	benign("helm is upgraded", func(s *story) {
		s.as(ciBot, "Helm/3.18.0", "198.51.100.5").do(time.Second, "list", "payments/", query("labelSelector=owner%3Dhelm"))
	})
	benign("flux takes on a tenant", func(s *story) {
		s.as(flux, "kustomize-controller/v0.0.0 (linux/amd64) kubernetes/$Format", "10.244.1.18")
		s.do(time.Second, "get", "payments/sops-key", acting("system:serviceaccount:payments:flux-tenant"))
		s.do(time.Second, "get", "payments/stripe-key", acting("system:serviceaccount:payments:flux-tenant"))
	})
	benign("a pod is replaced", func(s *story) {
		u := podUser("payments", "api", "api-6c4-ddddd", "new-uid", "node1", "new-jti")
		s.as(u, "fabric8-kubernetes-client/6.9.2", "10.244.1.70").do(time.Second, "get", "payments/api-key")
	})
	benign("a node restarts with its pods", func(s *story) {
		u := api
		u.CredentialID = "JTI=after-reboot"
		s.as(u, "fabric8-kubernetes-client/6.9.2", "10.244.2.71").do(2*time.Minute, "get", "payments/api-key")
		s.as(u, "fabric8-kubernetes-client/6.9.2", "10.244.2.71").do(time.Minute, "get", "payments/api-key")
	})
	benign("a token rotates", func(s *story) {
		u := api
		u.CredentialID = "JTI=rotated"
		s.as(u, "fabric8-kubernetes-client/6.9.2", "10.244.2.13").do(time.Minute, "get", "payments/api-key")
	})
	benign("a library is upgraded", func(s *story) {
		s.as(api, "fabric8-kubernetes-client/7.0.0", "10.244.2.13").do(time.Second, "get", "payments/api-key")
		s.as(web, "web/v0.0.0 (linux/arm64) kubernetes/$Format", "10.244.1.11").do(time.Second, "get", "shop/db-pass")
	})
	benign("kubelets are upgraded", func(s *story) {
		s.as(node1, "kubelet/v1.37.0 (linux/amd64) kubernetes/abcdef0", "10.0.0.11").do(time.Second, "watch", "shop/db-pass")
	})
	benign("a person roams", func(s *story) {
		s.as(carol, kubectl, "203.0.113.77").do(time.Second, "get", "monitoring/grafana")
		s.as(carol, kubectl, "203.0.113.77").do(time.Second, "list", "monitoring/")
	})
	benign("the dashboard's pod is replaced", func(s *story) {
		s.as(carol, "dashboard/v2.7.0", "192.0.2.31", "10.244.1.88").do(time.Second, "list", "monitoring/")
	})
	benign("another runner of the pool", func(s *story) {
		for i := 0; i < 3; i++ {
			s.as(ciBot, "kubectl/v1.32.4 (linux/amd64) kubernetes/4cb5f07", "198.51.100.7").do(time.Second, "get", "shop/ci-deploy")
			s.as(ciBot, "kubectl/v1.32.4 (linux/amd64) kubernetes/4cb5f07", "198.51.100.5").do(time.Second, "get", "shop/ci-deploy")
		}
	})
	benign("kubectl apply of new secrets", func(s *story) {
		s.as(bob, kubectl, "192.0.2.23")
		for i := 0; i < 15; i++ {
			s.do(100*time.Millisecond, "get", fmt.Sprintf("shop/fresh-%d", i), missing)
			s.do(100*time.Millisecond, "create", fmt.Sprintf("shop/fresh-%d", i))
		}
	})
	benign("a pod whose token died goes on trying", func(s *story) {
		s.as(audit.User{}, "fabric8-kubernetes-client/6.9.2", "10.244.2.13")
		for i := 0; i < 45; i++ {
			s.do(13*time.Second, "get", "payments/api-key", func(ev *audit.Event) {
				ev.Stage, ev.Code, ev.Decision = audit.StageResponseStarted, 401, ""
			})
		}
	})
	benign("a person mints a token and uses it at the same desk", func(s *story) {
		s.as(bob, kubectl, "192.0.2.23").do(time.Second, "create", "shop/worker", minting("desk"))
		s.as(podUser("shop", "worker", "", "", "", "desk"), kubectl, "192.0.2.23").do(time.Second, "get", "shop/db-pass")
	})
}
