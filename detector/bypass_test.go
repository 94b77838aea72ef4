package detector_test

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/access"
	"github.com/secretwatch/secretwatch/detector/audit"
	. "github.com/secretwatch/secretwatch/detector/internal/bench"
	"github.com/secretwatch/secretwatch/detector/rule"
)

// caught fails the test unless a request was found at a severity or above.
func caught(t *testing.T, g Got, least rule.Severity, rules ...string) {
	t.Helper()
	if g.Result != detector.Found || g.Severity < least {
		t.Fatalf("%s %v, want %s: %s", g, g.Rules, least, g.Reason)
	}
	for _, id := range rules {
		if !g.Has(id) {
			t.Fatalf("%s not among %v: %s", id, g.Rules, g.Reason)
		}
	}
}

// quiet fails the test unless a request was found below a severity, or not at
// all.
func quiet(t *testing.T, g Got, below rule.Severity) {
	t.Helper()
	if g.Result == detector.Skipped || g.Severity >= below {
		t.Fatalf("%s %v, want below %s: %s", g, g.Rules, below, g.Reason)
	}
}

// TestBypass holds a subtest for each way around published rules, and for each
// of their sources of noise, that real audit logs are known to show.
func TestBypass(t *testing.T) {
	run := func(name string, f func(t *testing.T, b *Bench)) {
		t.Run(name, func(t *testing.T) { f(t, Cluster(t)) })
	}

	// One request, several events.

	run("audit id used again by somebody else", func(t *testing.T, b *Bench) {
		id := func(ev *audit.Event) { ev.AuditID = "chosen" }
		require.Equal(t, "clean", b.Send(id).String())
		caught(t, b.Send(id, Mallory), rule.Medium, "unusual-user")
		caught(t, b.Send(id, With(Curl)), rule.High)
		require.Equal(t, "clean", b.Send(id).String(), "judged, not taken for a duplicate")
	})
	run("audit id used again where the log has no time of receipt", func(t *testing.T, b *Bench) {
		at := func(at int64) Change {
			return func(ev *audit.Event) { ev.AuditID, ev.Time, ev.StageTime = "chosen", 0, at }
		}
		require.Equal(t, "clean", b.Send(at(b.Now)).String())
		require.Equal(t, "duplicate", b.Send(at(b.Now-1e9)).String())
		caught(t, b.Send(at(b.Now+1e9), With(Curl)), rule.High)
	})
	run("stages of one request", func(t *testing.T, b *Bench) {
		ev := b.Event(With(Curl))
		for stage, want := range []string{audit.StageRequestReceived: "skipped", audit.StageResponseStarted: "skipped", audit.StageResponseComplete: "high"} {
			if want == "" {
				continue
			}
			ev.Stage = audit.Stage(stage)
			require.Equal(t, want, b.Judge(ev).String())
		}
		require.Equal(t, "duplicate", b.Judge(ev).String())
		caught(t, b.Send(With(Curl), func(ev *audit.Event) { ev.Stage, ev.Code = audit.StagePanic, 500 }), rule.High)
		caught(t, b.Send(With(Curl), func(ev *audit.Event) { ev.Stage = audit.StageUnknown }), rule.High)
	})
	run("stages of a watch", func(t *testing.T, b *Bench) {
		ev := b.Event(Watch(""))
		ev.Stage = audit.StageRequestReceived
		require.Equal(t, "skipped", b.Judge(ev).String())
		ev.Stage = audit.StageResponseStarted
		caught(t, b.Judge(ev), rule.Medium, "secret-enumeration")
		ev.Stage = audit.StageResponseComplete
		require.Equal(t, "duplicate", b.Judge(ev).String())
		// Days later the request itself is forgotten.
		for range 100_000 {
			b.Send()
		}
		ev.StageTime = b.Now
		require.Equal(t, "duplicate", b.Judge(ev).String())
	})
	run("watch where the policy omits its start", func(t *testing.T, _ *Bench) {
		b := New(t)
		b.Day()
		b.Now = Start + int64(48*time.Hour)
		ev := b.Event(Watch(""), Alice, List(""), Verb("watch"))
		ev.Stage, ev.StageTime = audit.StageResponseComplete, ev.Time+int64(time.Hour)
		caught(t, b.Judge(ev), rule.Medium, "secret-enumeration")
	})
	run("webhook batch sent again whole, and an event in two categories", func(t *testing.T, b *Bench) {
		var batch []*audit.Event
		for i := range 400 {
			batch = append(batch, b.Event(On("shop", "s"+strconv.Itoa(i))))
		}
		for _, ev := range batch {
			require.NotEqual(t, detector.Duplicate, b.Judge(ev).Result)
		}
		for _, ev := range batch {
			require.Equal(t, detector.Duplicate, b.Judge(ev).Result)
		}
	})
	run("denied impersonation names its target in the message only", func(t *testing.T, b *Bench) {
		g := b.Send(Denied, func(ev *audit.Event) {
			ev.StatusMessage = `users "kube-admin" is forbidden: User "alice" cannot impersonate resource "users" in API group "" at the cluster scope`
		})
		caught(t, g, rule.Medium, "impersonation")
		require.Contains(t, g.Reason, "kube-admin")
	})
	run("impersonation hides nobody", func(t *testing.T, b *Bench) {
		// Bob's habits are not alice's, whoever she says she is.
		g := b.Send(Acting("bob"), With(K9s))
		caught(t, g, rule.Medium, "impersonation", "unusual-user-agent")
		require.Equal(t, "alice", g.User)
		require.Equal(t, "bob", g.EffectiveUser)
	})
	run("late events are judged by their own time", func(t *testing.T, b *Bench) {
		late := func(ev *audit.Event) { ev.Time -= int64(30 * time.Second) }
		require.Equal(t, "clean", b.Send(late).String())
		caught(t, b.Send(late, With(Curl)), rule.High)
		// A replay of older days is learnt from, and ends nothing.
		g := b.Send(func(ev *audit.Event) { ev.Time = Start - int64(10*24*time.Hour) })
		require.Equal(t, "learning", g.History)
		require.Equal(t, "complete", b.Send().History)
	})

	// What a secret access looks like.

	run("secrets of other API groups", func(t *testing.T, b *Bench) {
		for _, group := range []string{"secrets.hashicorp.com", "example.org"} {
			require.Equal(t, "skipped", b.Send(With(Curl), func(ev *audit.Event) { ev.APIGroup = group }).String())
		}
		require.Equal(t, "skipped", b.Send(func(ev *audit.Event) { ev.Resource = "configmaps" }).String())
		require.Equal(t, "skipped", b.Send(Verb("create"), func(ev *audit.Event) {
			ev.Resource, ev.APIGroup = "selfsubjectaccessreviews", "authorization.k8s.io"
		}).String())
	})
	run("list without namespace", func(t *testing.T, b *Bench) {
		caught(t, b.Send(List("")), rule.Medium, "secret-enumeration")
		caught(t, b.Send(List(""), From(Outside)), rule.High, "secret-enumeration")
	})
	for _, q := range []string{"", "watch=true", "watch=1&resourceVersion=0", "resourceVersion=12345&watch=true",
		"allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&sendInitialEvents=true&watch=true"} {
		run("watch without list "+q, func(t *testing.T, b *Bench) {
			caught(t, b.Send(Watch(""), Query(q)), rule.Medium, "secret-enumeration")
			caught(t, b.Send(WebPod, Watch(""), Query(q)), rule.Medium, "secret-enumeration")
		})
	}
	run("get with watch=true", func(t *testing.T, b *Bench) {
		// The API server ignores it behind a name, and makes a watch of it
		// where there is none.
		require.Equal(t, "clean", b.Send(Query("watch=true")).String())
		caught(t, b.Send(Query("watch=true"), With(Curl)), rule.High)
		caught(t, b.Send(Watch(""), Query("watch=true")), rule.Medium, "secret-enumeration")
	})
	run("targeted list and watch are gets", func(t *testing.T, b *Bench) {
		for _, verb := range []string{"list", "watch"} {
			require.Equal(t, "clean", b.Send(Verb(verb), Query("fieldSelector=metadata.name%3Ddb")).String())
			// And many of them are a burst, as gets are.
			b := Cluster(t)
			var g Got
			for i := range b.Cfg.BurstCount {
				g = b.Send(Verb(verb), On("shop", "s"+strconv.Itoa(i)), Query("fieldSelector=metadata.name%3Ds"+strconv.Itoa(i)))
			}
			caught(t, g, rule.Medium, "secret-burst")
		}
	})
	for _, q := range []string{
		"fieldSelector=metadata.name!%3Ddb",
		"fieldSelector=metadata.namespace!%3Dkube-system",
		"fieldSelector=metadata.namespace%21%3Dkube-system",
		"fieldSelector=type%3DOpaque",
		"fieldSelector=&fieldSelector=metadata.namespace%3Dshop",
		"%66ieldSelector=&fieldSelector=metadata.namespace%3Dshop",
		"fieldSelector=metadata.namespace%3Dshop;x",
		"fieldSelector=metadata.namespace%3Dshop%zz",
		"x=1;fieldSelector=metadata.namespace%3Dshop",
		"labelSelector=x&FieldSelector=metadata.namespace%3Dshop",
		"fieldSelector=type%3Dmetadata.namespace%3Dshop",
		"fieldSelector=xmetadata.namespace%3Dshop",
		"limit=1&continue=fieldSelector=metadata.namespace=shop",
	} {
		run("selector that narrows nothing "+q, func(t *testing.T, b *Bench) {
			caught(t, b.Send(List(""), Query(q)), rule.Medium, "secret-enumeration")
		})
	}
	run("selector that narrows to a namespace", func(t *testing.T, b *Bench) {
		for _, q := range []string{"fieldSelector=metadata.namespace%3Dshop", "fieldSelector=type%3DOpaque,metadata.namespace%3D%3Dshop"} {
			g := b.Send(List(""), Query(q))
			quiet(t, g, rule.Low)
			require.Equal(t, "shop", g.Namespace)
		}
	})
	run("habit of lists by label excuses no other", func(t *testing.T, _ *Bench) {
		b := New(t)
		for range 3 {
			b.Send(List(""), Query("labelSelector=owner%3Dhelm"))
		}
		b.After(25 * time.Hour)
		require.Equal(t, "clean", b.Send(List(""), Query("labelSelector=owner%3Dhelm")).String())
		require.Equal(t, "clean", b.Send(List(""), Query("labelSelector=owner=helm&limit=500")).String())
		for _, q := range []string{"", "labelSelector=", "labelSelector=&labelSelector=owner%3Dhelm", "%6cabelSelector=&labelSelector=owner%3Dhelm",
			"labelSelector=owner!%3Dhelm", "labelSelector=owner%21%3Dhelm", "labelSelector=owner+notin+(x)", "xlabelSelector=owner%3Dhelm",
			"labelSelector=owner%3Dhelm;&x", "labelSelector=" + strings.Repeat("owner%3Dhelm,", 100)} {
			caught(t, b.Send(List(""), Query(q)), rule.Medium, "secret-enumeration")
		}
	})
	run("percent-encoded and odd URIs", func(t *testing.T, b *Bench) {
		// objectRef is the API server's reading of the path: the URI is not read again.
		for _, uri := range []string{"/api/v1/namespaces/%73hop/secrets/%64b", "//api/v1/namespaces/shop/secrets/db", "/api/v1/namespaces/shop/secrets/db/",
			"%", "?", "/?%zz=%&&&;=", "/" + strings.Repeat("%41", 70_000)} {
			at := func(ev *audit.Event) { ev.RequestURI = uri }
			require.Equal(t, "clean", b.Send(at).String())
			caught(t, b.Send(at, List("")), rule.Medium, "secret-enumeration")
		}
	})
	for _, verb := range []string{"update", "patch"} {
		run(verb+" answers with the object", func(t *testing.T, b *Bench) {
			var g Got
			for i := range b.Cfg.BurstCount {
				g = b.Send(Verb(verb), On("shop", "s"+strconv.Itoa(i)), Query("dryRun=All"))
			}
			caught(t, g, rule.Medium, "secret-burst")
		})
	}
	run("delete and deletecollection", func(t *testing.T, b *Bench) {
		caught(t, b.Send(List("shop"), Verb("deletecollection")), rule.Medium, "secret-burst")
		var g Got
		for i := range b.Cfg.BurstCount {
			g = b.Send(Verb("delete"), On("shop", "s"+strconv.Itoa(i)))
		}
		caught(t, g, rule.Medium, "secret-burst")
	})
	run("odd verbs", func(t *testing.T, b *Bench) {
		for _, verb := range []string{"", "head", "options", "GET", "proxy", strings.Repeat("x", 1<<16)} {
			require.Equal(t, "clean", b.Send(Verb(verb)).String())
			caught(t, b.Send(Verb(verb), With("wget/1")), rule.High)
			caught(t, b.Send(Verb(verb), Denied, On("shop", "x"+verb[:min(len(verb), 3)])), rule.Low, "denied-access")
		}
	})
	run("names that do not exist are a sweep too", func(t *testing.T, b *Bench) {
		var g Got
		for i := range b.Cfg.BurstCount {
			g = b.Send(Missing, On("shop", "guess"+strconv.Itoa(i)))
		}
		caught(t, g, rule.Medium, "secret-burst")
	})

	// Source addresses.

	run("forged chain that imitates the usual address", func(t *testing.T, b *Bench) {
		g := b.Send(From("192.0.2.10", Outside))
		caught(t, g, rule.High, "forged-forwarded-for", "new-source-ip")
		require.Equal(t, Outside, g.SourceIP)
		caught(t, b.Send(From("::ffff:192.0.2.10", Outside)), rule.High, "forged-forwarded-for")
		caught(t, b.Send(From("192.0.2.10", "192.0.2.10", Outside)), rule.High, "forged-forwarded-for")
		caught(t, b.Send(From("192.0.2.10", "not an address", Outside)), rule.High, "forged-forwarded-for")
	})
	run("forged chain of 100 random private addresses", func(t *testing.T, b *Bench) {
		var chain []string
		for i := range 100 {
			chain = append(chain, fmt.Sprintf("10.%d.%d.7", i*7%256, i*13%256))
		}
		for range 100 {
			caught(t, b.Send(From(append(chain, Outside)...)), rule.Medium, "forged-forwarded-for")
			caught(t, b.Send(From(append(chain, "192.0.2.10")...)), rule.Medium, "forged-forwarded-for")
		}
		// Nothing of it is learnt.
		caught(t, b.Send(From(chain[0])), rule.Low, "new-source-ip")
		b.Quiet()
	})
	run("chain behind a trusted proxy", func(t *testing.T, _ *Bench) {
		b := Cluster(t, func(cfg *detector.Config) { cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")} })
		require.Equal(t, "clean", b.Send(From("192.0.2.10", "10.9.0.1")).String())
		require.Equal(t, "clean", b.Send(From("192.0.2.10", "10.9.0.2", "::ffff:10.9.0.1")).String())
		g := b.Send(From("192.0.2.10", Outside, "10.9.0.1"))
		caught(t, g, rule.Medium, "new-source-ip", "forged-forwarded-for")
		require.Equal(t, Outside, g.SourceIP)
		// Whoever claims to be a proxy is none.
		g = b.Send(From("192.0.2.10", "10.9.0.1", "198.18.0.7"))
		caught(t, g, rule.Medium, "new-source-ip", "forged-forwarded-for")
		require.Equal(t, "198.18.0.7", g.SourceIP)
	})
	run("mapped addresses are the addresses", func(t *testing.T, b *Bench) {
		require.Equal(t, "clean", b.Send(From("::ffff:192.0.2.10")).String())
		require.Equal(t, "clean", b.Send(From("::ffff:c000:20a")).String())
	})
	run("entries that are no addresses", func(t *testing.T, b *Bench) {
		for _, ips := range [][]string{nil, {}, {""}, {"unknown"}, {"192.0.2.10", ""}, {"192.0.2.10:443"}, {"fe80::1%eth0"}, {strings.Repeat("1", 1<<16)}} {
			g := b.Send(From(ips...))
			caught(t, g, rule.Low, "new-source-ip")
		}
	})
	run("addresses of pods come and go", func(t *testing.T, b *Bench) {
		for i := range 200 {
			pod := "web-" + strconv.Itoa(i+2)
			quiet(t, b.Send(WebPod, As(Account("shop", "web", pod)), From(fmt.Sprintf("10.244.%d.%d", i%3, i+7))), rule.Low)
		}
	})

	// User agents.

	run("version bump", func(t *testing.T, b *Bench) {
		require.Equal(t, "clean", b.Send(With("kubectl/v1.37.0 (linux/amd64) kubernetes/fedcba9")).String())
		require.Equal(t, "clean", b.Send(WebPod, With("web/v9.1.2 (linux/amd64) kubernetes/$Format")).String())
	})
	for _, ua := range []string{
		"kubectl", "kubectl/v1.28.0", "kubectl/v0.0.0 (linux/amd64) kubernetes/$Format", "kubectl/v1.36.1 (linux/amd64)", "kubectl/v1.36.1 kubernetes/0a1b2c3",
		"kubectl/v0.0.0 (linux/amd64) kubernetes/0a1b2c3", "kubectl/v1.28.0 (kali)", "kubelet/v1.36.1", "/", "/v1.0 (linux/amd64) kubernetes/abc",
		"", " ", "\t", Oversized(), strings.Repeat("A", 1024) + "...TRUNCATED", "kubectl\x00", "\xff",
	} {
		run(fmt.Sprintf("forged shape %.40q", ua), func(t *testing.T, b *Bench) {
			caught(t, b.Send(With(ua)), rule.Medium, "suspicious-user-agent")
			caught(t, b.Send(WebPod, With(ua)), rule.Medium, "suspicious-user-agent")
		})
	}
	run("$Format clients are told apart", func(t *testing.T, b *Bench) {
		caught(t, b.Send(With("exploit/v0.0.0 (linux/amd64) kubernetes/$Format")), rule.Medium, "unusual-user-agent")
		caught(t, b.Send(WebPod, With("exploit/v0.0.0 (linux/amd64) kubernetes/$Format")), rule.Medium, "unusual-user-agent")
		quiet(t, b.Send(WebPod), rule.Low)
	})
	for _, ua := range []string{
		"curl/8.5.0", "Wget/1.21", "python-requests/2.31", "Python-urllib/3.11", "Python/3.11 aiohttp/3.9.1", "aiohttp/3.9", "Go-http-client/1.1", "Go-http-client/2.0", "Java/17.0.2",
		"okhttp/4.9", "Apache-HttpClient/4.5 (Java/17)", "node-fetch/1.0", "axios/1.6", "undici", "Bun/1.1", "Deno/1.4", "PHP/8.2", "GuzzleHttp/7", "Guzzle/7", "Ruby", "libwww-perl/6.6",
		"Mozilla/5.0 (X11; Linux) WindowsPowerShell/5.1", "PowerShell/7.4", "PostmanRuntime/7.3", "HTTPie/3.2", "RestSharp/110", "Mozilla/5.0 (X11; Linux x86_64) Firefox/121",
		"kubectl/v1.20.2 (kali/amd64) kubernetes/kali", "kubectl/v1.28 (linux/amd64) kubernetes/kali", "stratus-red-team_8bd1f2", "KubeHound-Collector/1.0", "kdigger/1.5", "peirates",
		"rakkess/v0.5 (linux/amd64) kubernetes/$Format", "access_matrix/v0 (linux/amd64)", "who_can/v0 (linux/amd64) kubernetes/$Format", "TruffleHog", "azurehound/2", "kube-hunter", "Swagger-Codegen/1.0/java",
		"CURL/8", "curl", "python-requests",
	} {
		run("tool "+ua, func(t *testing.T, b *Bench) { caught(t, b.Send(With(ua)), rule.High, "suspicious-user-agent") })
	}
	run("names that only begin like a tool's", func(t *testing.T, b *Bench) {
		for _, ua := range []string{
			"node-problem-detector/v0.8.19 (linux/amd64) kubernetes/$Format", "node-exporter/1", "nodejs-app/2", "java-operator-sdk/5", "javascript/1", "curlew/1.0", "phpmyadmin/5",
			"rubygem-x/1", "gotenberg/8", "kalinka/1 (linux/amd64) kubernetes/abc", "kubectl-dispatcher/v1.0", "pythonista/3", "deno-deploy/1", "bunny/1", "axiosx", "mozillaish",
			"kubectl-argo-rollouts/v1 (linux/amd64) kubernetes/abc", "kubectl_neat/1", "helm/v3", "peirates2go/1", "nmapper/1",
		} {
			c := access.ParseClient(ua)
			require.Equal(t, access.Ordinary, c.Shape, ua)
			require.False(t, b.Send(With(ua)).Has("suspicious-user-agent"), ua)
		}
	})
	run("second user agent of a kubectl distribution", func(t *testing.T, _ *Bench) {
		b := New(t)
		for range 3 {
			b.Send(With("kubectl-dispatcher/v1.0"))
			b.Send()
		}
		b.After(25 * time.Hour)
		require.Equal(t, "clean", b.Send(With("kubectl-dispatcher/v1.0")).String())
		require.Equal(t, "clean", b.Send().String())
	})

	// Identities.

	run("broken credential is one event without user", func(t *testing.T, b *Bench) {
		g := b.Send(Unauthenticated)
		caught(t, g, rule.Low, "anonymous-access")
		require.Less(t, g.Severity, rule.Medium)
		require.Equal(t, "unauthenticated", g.Outcome)
	})
	run("a pod whose token died goes on trying", func(t *testing.T, b *Bench) {
		first := 0
		for range 45 {
			g := b.After(13*time.Second).Send(WebPod, Unauthenticated)
			quiet(t, g, rule.Medium)
			if g.First {
				first++
			}
		}
		require.Equal(t, 1, first)
		b.Quiet()
	})
	run("anonymous requests turned away before anybody asked who they are", func(t *testing.T, b *Bench) {
		for _, code := range []int{400, 429, 500, 503, 504} {
			quiet(t, b.Send(Anonymous, func(ev *audit.Event) { ev.Code, ev.Decision = code, "" }), rule.Medium)
			caught(t, b.Send(Anonymous, func(ev *audit.Event) { ev.Code = code }), rule.Critical)
		}
		caught(t, b.Send(Anonymous, Missing, func(ev *audit.Event) { ev.Decision = "" }), rule.Critical)
	})
	run("legacy token", func(t *testing.T, b *Bench) {
		legacy := func(ev *audit.Event) {
			ev.User = Account("shop", "web", "")
			ev.User.PodName, ev.User.PodUID, ev.User.NodeName, ev.User.CredentialID = "", "", "", ""
			ev.LegacyToken = "shop/web-token-x7zqp"
		}
		caught(t, b.Send(WebPod, legacy, From(Outside)), rule.Medium, "new-source-ip")
		// The API server notes in the secret that it was used.
		g := b.Send(Verb("patch"), Named("system:apiserver"), From("::1"), On("shop", "web-token-x7zqp"),
			With("kube-apiserver/v1.36.1 (linux/amd64) kubernetes/0a1b2c3"))
		quiet(t, g, rule.Medium)
	})
	run("names that claim to be something else", func(t *testing.T, b *Bench) {
		for _, name := range []string{"system:node:", "system:serviceaccount:", "system:serviceaccount::", "system:", "system:serviceaccount:shop", "system:node:node1\x00", " "} {
			caught(t, b.Send(Named(name), From(Outside)), rule.Low)
		}
	})
	run("kubelet's user agent from a person", func(t *testing.T, b *Bench) {
		caught(t, b.Send(With(Kubelet)), rule.Medium, "suspicious-user-agent")
		caught(t, b.Send(WebPod, With(Kubelet)), rule.Medium, "suspicious-user-agent")
	})

	// Noise.

	run("helm reads every revision of a release", func(t *testing.T, b *Bench) {
		for i := range 50 {
			quiet(t, b.Send(On("shop", "sh.helm.release.v1.web.v"+strconv.Itoa(i+1))), rule.Low)
		}
	})
	run("kubelet reads what its pods need", func(t *testing.T, b *Bench) {
		for i := range 30 {
			quiet(t, b.After(time.Minute).Send(Node1, On("ns"+strconv.Itoa(i), "s")), rule.Low)
		}
	})
	run("new node", func(t *testing.T, b *Bench) {
		for i := range 5 {
			quiet(t, b.Send(Node1, Named("system:node:node2"), From("10.0.0.2"), On("shop", "s"+strconv.Itoa(i))), rule.Medium)
		}
	})
	run("rotated token of a pod", func(t *testing.T, b *Bench) {
		for i := range 10 {
			quiet(t, b.Send(WebPod, func(ev *audit.Event) { ev.User.CredentialID = "JTI=" + strconv.Itoa(i) }), rule.Low)
		}
	})
}
