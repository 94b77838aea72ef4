package rule_test

import (
	"testing"

	. "github.com/secretwatch/secretwatch/detector/internal/bench"
)

func TestNewNamespace(t *testing.T) {
	const id = "new-namespace"
	f := func(want string, change ...Change) {
		t.Helper()
		says(t, want, learnt(t, id, nil).Send(change...))
	}
	f("clean")
	f("clean", On("shop", "another"))
	f("low", On("pay", "card"))
	f("low", List("pay"))
	f("low", WebPod, On("pay", "card"))
	f("clean", List(""))
	f("clean", Node1, On("pay", "card"))       // nodes follow their pods
	f("clean", FluxPod, On("pay", "card"))     // reads the whole cluster anyway
	f("clean", Mallory, On("pay", "card"))     // a newcomer's are all new
	f("clean", On("pay", "card"), Denied)      // denied-access's
	f("clean", Minting("pay", "web", "JTI=x")) // token-minted's
	f("clean", Anonymous, On("pay", "card"))
	says(t, "clean", New(t, Only(id)).Send(On("pay", "card")))
	says(t, "low", learnt(t, id, nil).Send(List(""), Query("fieldSelector=metadata.namespace=pay")),
		"namespace pay not seen for alice in 7d (known: shop)")
}
