package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/detector/rule"
	"github.com/secretwatch/secretwatch/test/sim"
)

// everyRule is an audit log in which each rule finds something: a day's habits
// of a person, a pod and a node, then one suspicious request a rule.
func everyRule() string {
	var (
		out strings.Builder
		now = int64(1_780_000_000e9)
		n   int
	)
	add := func(seconds int64, verb, path, name, ip, ua string, change ...func(ev *audit.Event)) {
		now += seconds * 1e9
		n++
		ns, object, _ := strings.Cut(path, "/")
		ev := audit.Event{
			AuditID: fmt.Sprintf("every-rule-%d", n), Stage: audit.StageResponseComplete, Verb: verb, RequestURI: "/api/v1/secrets",
			User: audit.User{Username: name, Groups: []string{"staff", "system:authenticated"}}, SourceIPs: strings.Split(ip, ","), UserAgent: ua,
			Resource: "secrets", Namespace: ns, Name: object, Code: 200, Decision: "allow", Time: now, StageTime: now,
		}
		for _, f := range change {
			f(&ev)
		}
		out.Write(append(sim.AppendJSON(nil, &ev), '\n'))
	}
	const (
		kubectl = "kubectl/v1.36.1 (linux/amd64) kubernetes/0000000"
		app     = "app/v0.0.0 (linux/amd64) kubernetes/$Format"
		home    = "192.0.2.10"
		sa      = "system:serviceaccount:shop:app"
	)
	pod := func(ev *audit.Event) {
		ev.User.PodName, ev.User.PodUID, ev.User.CredentialID = "app-1", "uid-1", "JTI=1"
	}
	for i := 0; i < 10; i++ {
		add(5, "get", "shop/db", "ann", home, kubectl)
		add(5, "get", "shop/db", sa, "10.244.1.5", app, pod)
	}
	add(60, "get", "shop/db", "ann", home, kubectl)                          // learning is over
	add(1, "get", "shop/db", "ann", "203.0.113.1", kubectl)                  // new-source-ip
	add(1, "get", "shop/db", "ann", home, "lister/v1.0 (linux/amd64)")       // unusual-user-agent
	add(1, "get", "shop/db", "ann", home, "curl/8.5.0")                      // suspicious-user-agent
	add(1, "get", "other/db", "ann", home, kubectl)                          // new-namespace
	add(1, "get", "shop/root", "ann", home, kubectl, func(ev *audit.Event) { // denied-access
		ev.Code, ev.Decision = 403, "forbid"
	})
	add(1, "get", "shop/db", "ann", home, kubectl, func(ev *audit.Event) { // impersonation
		ev.Impersonated = audit.User{Username: "root", Groups: []string{"system:masters"}}
	})
	add(1, "create", "shop/app", "ann", home, kubectl, func(ev *audit.Event) { // token-minted
		ev.Resource, ev.Subresource, ev.Code = "serviceaccounts", "token", 201
	})
	add(1, "get", "shop/db", "ann", "192.0.2.99,203.0.113.2", kubectl) // forged-forwarded-for
	add(1, "list", "", "ann", home, kubectl)                           // secret-enumeration
	add(1, "get", "shop/db", "zoe", "203.0.113.3", kubectl)            // unusual-user
	add(1, "get", "shop/db", "system:anonymous", "203.0.113.4", "x/1") // anonymous-access
	add(1, "get", "shop/db", sa, "203.0.113.5", app, pod)              // credential-reuse
	add(1, "get", "shop/db", "ann", "203.0.113.5", kubectl)            // identity-switch
	for i := 0; i < 25; i++ {                                          // secret-burst
		add(1, "get", fmt.Sprintf("shop/s%d", i), "ann", home, kubectl)
	}
	return out.String()
}

// TestHostSeverities switches every rule off, and re-rates it, from the
// configuration of the filter.
func TestHostSeverities(t *testing.T) {
	log := everyRule()
	forEachHost(t, func(t *testing.T, host func(string, ...string) result) {
		judge := func(severities string) (found map[string]bool, alone map[string]string) {
			t.Helper()
			r := host(log, "--structured", "--prop", "learning_period=100s", "--prop", "severities="+severities, pluginSO)
			if r.code != 0 {
				t.Fatalf("exit status %d: %s", r.code, r.stderr)
			}
			found, alone = map[string]bool{}, map[string]string{}
			for _, j := range parseRecords(t, r.stdout) {
				rules := j.verdict.rules()
				for _, id := range rules {
					found[id] = true
				}
				if len(rules) == 1 {
					alone[rules[0]], _ = j.severity.(string)
				}
			}
			return found, alone
		}
		all, _ := judge("")
		for _, id := range rule.IDs() {
			if !all[id] {
				t.Errorf("%s found nothing", id)
			}
			if found, _ := judge(id + "=off"); found[id] {
				t.Errorf("%s is off and found something", id)
			}
			// All others off, so that nothing else adds to the score.
			others := []string{id + "=critical"}
			for _, other := range rule.IDs() {
				if other != id {
					others = append(others, other+"=off")
				}
			}
			found, alone := judge(strings.Join(others, ","))
			if id == "identity-switch" {
				continue // needs another rule to make a source suspicious
			}
			if len(found) != 1 || alone[id] != "critical" {
				t.Errorf("%s re-rated: %v, severity %q", id, found, alone[id])
			}
		}
		// identity-switch follows from what credential-reuse found.
		if _, alone := judge("identity-switch=low,new-source-ip=off,unusual-user-agent=off,forged-forwarded-for=off"); alone["identity-switch"] != "low" {
			t.Errorf("identity-switch re-rated: %v", alone)
		}
	})
}
