package rule_test

import (
	"testing"

	"github.com/secretwatch/secretwatch/detector/audit"
	. "github.com/secretwatch/secretwatch/detector/internal/bench"
)

func TestImpersonation(t *testing.T) {
	const id = "impersonation"
	f := func(want string, change ...Change) {
		t.Helper()
		b := learnt(t, id, func(b *Bench) { b.Send(Acting("known")) })
		says(t, want, b.Send(change...))
	}
	masters := func(ev *audit.Event) { ev.User.Groups = []string{"system:masters"} }
	f("clean")
	f("clean", Acting("known"))
	f("medium", Acting("bob"))
	f("medium", Bob, Acting("known")) // the pair counts
	f("low", masters, Acting("bob"))
	f("high", masters, Acting("system:admin"))
	f("high", Acting("bob", "system:masters"))
	f("high", Acting("known", "system:masters")) // not the same as known
	for _, name := range []string{"system:admin", "kubernetes-admin", "cluster-admin", "system:node:node1", "system:kube-controller-manager", "system:serviceaccount:kube-system:x"} {
		f("high", Acting(name))
	}
	says(t, "clean", New(t, Only(id)).Send(Acting("system:admin")))
	says(t, "medium", learnt(t, id, nil).Send(Acting("bob")), "alice acts as bob, which it did not in 7d")
	says(t, "high", learnt(t, id, nil).Send(Acting("bob", "system:masters")), "alice acts as bob in system:masters, which it did not in 7d")
}

// The target of an attempt that was refused stands in the message alone.
func TestImpersonationDenied(t *testing.T) {
	const id = "impersonation"
	f := func(want, message string, change ...Change) Got {
		t.Helper()
		g := learnt(t, id, nil).Send(append(change, Denied, func(ev *audit.Event) { ev.StatusMessage = message })...)
		says(t, want, g)
		return g
	}
	message := `users "root" is forbidden: User "alice" cannot impersonate resource "users" in API group "" at the cluster scope`
	says(t, "medium", f("medium", message), "alice tried to act as root and was denied")
	f("clean", `secrets "db" is forbidden: User "alice" cannot get resource "secrets"`)
	f("medium", `cannot impersonate resource`)
	g := learnt(t, id, nil).Send(func(ev *audit.Event) { ev.StatusMessage = message })
	says(t, "clean", g) // allowed
}

// Who acts for tenants goes on to act for new ones.
func TestImpersonationHabit(t *testing.T) {
	b := learnt(t, "impersonation", func(b *Bench) {
		b.Send(Acting("tenant-1"))
		b.Send(Acting("tenant-2"))
		b.Send(FluxPod, Acting("system:serviceaccount:a:deployer"))
	})
	says(t, "low", b.Send(Acting("tenant-3")))
	says(t, "high", b.Send(Acting("kubernetes-admin")))
	says(t, "medium", b.Send(Acting("system:serviceaccount:a:b")))
	says(t, "low", b.Send(FluxPod, Acting("system:serviceaccount:b:deployer")))
	says(t, "medium", b.Send(FluxPod, Acting("bob")))
}
