package rule_test

import (
	"testing"

	"github.com/secretwatch/secretwatch/detector/audit"
	. "github.com/secretwatch/secretwatch/detector/internal/bench"
)

func TestTokenMinted(t *testing.T) {
	const id = "token-minted"
	mint := Minting("shop", "web", "JTI=x")
	usual := func(b *Bench) {
		b.Send(Minting("shop", "known", "JTI=k"))
		b.Send(Node1, Minting("shop", "web", "JTI=n"))
		b.Send(Named("system:kube-controller-manager"), From("10.0.0.100"), Minting("kube-system", "a", "JTI=c"))
	}
	f := func(want string, change ...Change) {
		t.Helper()
		says(t, want, learnt(t, id, usual).Send(change...))
	}
	f("clean", Minting("shop", "known", "JTI=k2"))
	f("low", mint)
	f("low", mint, Missing)
	f("clean", mint, Denied)
	f("clean", mint, Anonymous)
	f("medium", mint, From(Outside))
	f("medium", mint, With(K9s))
	f("medium", Mallory, mint)
	f("low", WebPod, mint)
	// Kubelets mint for any pod, controller managers for any controller.
	f("clean", Node1, Minting("pay", "other", "JTI=y"))
	f("clean", Node1, Named("system:node:node2"), From("10.0.0.2"), Minting("pay", "other", "JTI=y"))
	f("clean", Named("system:kube-controller-manager"), From("10.0.0.100"), Minting("kube-system", "b", "JTI=c"))
	f("medium", Named("system:other"), Minting("kube-system", "b", "JTI=c"))
	says(t, "clean", New(t, Only(id)).Send(mint))
	says(t, "low", learnt(t, id, nil).Send(mint), "alice asked for a token of service account shop/web, which it did not in 7d")
	says(t, "clean", learnt(t, id, nil).Send(func(ev *audit.Event) { ev.Resource, ev.Verb, ev.Subresource = "serviceaccounts", "create", "" },
		func(ev *audit.Event) { ev.Resource = "secrets" }))
}
