package published

import (
	"testing"

	"github.com/secretwatch/secretwatch/detector/audit"
)

func TestRules(t *testing.T) {
	s := New()
	now := int64(1e18)
	f := func(verb, uri, ns, name, user, agent, ip string, after int64, want ...Rule) {
		t.Helper()
		now += after
		got := s.Judge(&audit.Event{Stage: audit.StageResponseComplete, Resource: "secrets", Verb: verb, RequestURI: uri,
			Namespace: ns, Name: name, User: audit.User{Username: user}, UserAgent: agent, SourceIPs: []string{ip}, Time: now})
		var a Alerts
		for _, r := range want {
			a |= 1 << r
		}
		if got != a {
			t.Errorf("%s %s by %s: %b, want %b", verb, uri, user, got, a)
		}
	}
	f("get", "/api/v1/namespaces/a/secrets/x", "a", "x", "u", "kubectl/v1", "192.0.2.1", 0, NewTriple)
	f("get", "/api/v1/namespaces/a/secrets/x", "a", "x", "u", "kubectl/v1", "192.0.2.1", minute)
	f("get", "/api/v1/namespaces/a/secrets/y", "a", "y", "u", "kubectl/v1", "192.0.2.1", minute)
	f("get", "/api/v1/namespaces/a/secrets/z", "a", "z", "u", "kubectl/v1", "192.0.2.1", minute, ThreeGets)
	f("get", "/api/v1/namespaces/a/secrets/z", "a", "z", "u", "kubectl/v1", "192.0.2.1", history+1, NewTriple)
	f("list", "/api/v1/secrets?limit=500", "", "", "u", "k/v0 (linux/amd64) kubernetes/$Format", "192.0.2.9", 0, SensitiveList)
	f("list", "/api/v1/namespaces/a/secrets", "a", "", "system:serviceaccount:a:b", "curl/8", "10.0.0.1", 0, NewTriple, ScriptingAgent, WorkloadRead)
	f("watch", "/api/v1/secrets?watch=true", "", "", "u", "curl/8", "10.0.0.1", 0)

	token := &audit.Event{Stage: audit.StageResponseComplete, Resource: "serviceaccounts", Subresource: "token", Verb: "create"}
	if a := s.Judge(token); !a.Has(TokenCreated) || a.Count() != 1 {
		t.Errorf("token: %b", a)
	}
}
