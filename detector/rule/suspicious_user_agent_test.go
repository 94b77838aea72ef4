package rule_test

import (
	"testing"
	"time"

	"github.com/secretwatch/secretwatch/detector/audit"
	. "github.com/secretwatch/secretwatch/detector/internal/bench"
)

func TestSuspiciousUserAgent(t *testing.T) {
	const id = "suspicious-user-agent"
	f := func(want string, change ...Change) {
		t.Helper()
		says(t, want, learnt(t, id, nil).Send(change...))
		says(t, want, New(t, Only(id)).Send(change...)) // also while learning
	}
	job := As(Account("shop", "job", "job-1"))
	f("clean")
	f("high", With(Curl))
	f("high", With("KubeHound-Collector/1.0"))
	f("medium", With("kubectl"))
	f("medium", With(""))
	f("medium", With(Kubelet))
	f("medium", With("kube-apiserver/v1.36.1 (linux/amd64) kubernetes/0a1b2c3"))
	f("clean", Anonymous, With(Curl)) // scanners are anonymous-access's
	f("high", WebPod, job, With(Curl), Denied)
	f("high", WebPod, job, With(Curl), On("pay", "card"))
	f("high", WebPod, job, With(Curl), From(Outside))

	says(t, "high", learnt(t, id, nil).Send(With(Curl)), "user agent curl/8.5.0 is a scripting client or attack tool")
	says(t, "medium", learnt(t, id, nil).Send(With("")), "no user agent was sent")
	says(t, "medium", learnt(t, id, nil).Send(With("kubectl/v1.28.0")), "user agent kubectl/v1.28.0 has a shape that no release of the program sends")
	says(t, "medium", learnt(t, id, nil).Send(WebPod, With(Kubelet)), "user agent "+Kubelet+" names a program that a service account does not run")
}

// The first day of a job made of a script and curl, in its own namespace.
func TestSuspiciousUserAgentModest(t *testing.T) {
	const id = "suspicious-user-agent"
	job := As(Account("shop", "job", "job-1"))
	f := func(want string, change ...Change) {
		t.Helper()
		says(t, want, learnt(t, id, nil).Send(change...))
	}
	f("low", WebPod, job, With(Curl))
	f("low", WebPod, job, With(""))
	f("high", WebPod, job, With("kdigger/1.5"))
	f("high", WebPod, job, With(Curl), List("shop"))
	f("high", WebPod, With(Curl)) // an application that is known for another client

	// Programs change their libraries.
	f("medium", WebPod, With("python-requests/2.31"))
	f("high", WebPod, With("python-requests/2.31"), From(Outside))
	f("high", With("python-requests/2.31"))
}

// What is known of a principal is left alone, also if it rested for long.
func TestSuspiciousUserAgentKnown(t *testing.T) {
	b := learnt(t, "suspicious-user-agent", func(b *Bench) { b.Send(With(Curl)) })
	says(t, "clean", b.Send(With("curl/9.0")))
	says(t, "high", b.Send(Bob, With(Curl)))
	for range 30 {
		b.After(24 * time.Hour).Send()
	}
	says(t, "clean", b.Send(With(Curl)))

	// What the known client's name is put on is another client.
	b = learnt(t, "suspicious-user-agent", nil)
	says(t, "high", b.Send(With("kubectl/v1.36.1 (linux/amd64) kubernetes/kali")))
	says(t, "medium", b.Send(With(Kubectl+"\x1b[2J")))
}

// A token used by its minter explains the minter's tool.
func TestSuspiciousUserAgentExplained(t *testing.T) {
	b := learnt(t, "suspicious-user-agent", func(b *Bench) { b.Send(Minting("shop", "web", "JTI=before")) })
	b.Send(Minting("shop", "web", "JTI=mine"))
	mine := func(ev *audit.Event) {
		ev.User.PodName, ev.User.PodUID, ev.User.CredentialID = "", "", "JTI=mine"
		ev.SourceIPs = []string{"192.0.2.10"}
	}
	says(t, "clean", b.Send(WebPod, mine, With(Curl)))
	says(t, "high", b.Send(WebPod, mine, With(Curl), From(Outside)))
}
