package rule

import (
	"slices"
	"strings"

	"github.com/secretwatch/secretwatch/detector/access"
	"github.com/secretwatch/secretwatch/detector/history"
)

// Weight says how much of an access is news to the history, before it is judged:
// what other detectors that share the history have to hear of it, and when.
type Weight uint8

// Weights.
const (
	// Familiar: everything about it is known, no rule finds anything.
	Familiar Weight = iota
	// Teaching: it adds to the history, but nothing is found in it that was not
	// found before.
	Teaching
	// Decisive: a finding may depend on what others know.
	Decisive
)

// Weigh weighs an access whose case is prepared. It changes nothing.
func (c *Case) Weigh() Weight {
	// What teaches nothing by itself, and what raises whatever is known.
	if c.Class == access.Anonymous || !c.Source.Addr.IsValid() ||
		c.Outcome == access.Denied || c.Outcome == access.Unauthenticated {
		return Decisive
	}
	if c.Status[history.DimSource] != history.Known || c.Status[history.DimClient] != history.Known {
		return Decisive
	}
	if c.Source.Presented > 0 && !c.forwards() {
		return Decisive
	}
	if !c.scopesKnown() {
		return Decisive
	}
	weight := c.atHome()
	switch {
	case c.Standing == history.Probation && c.Class.InCluster():
		// New machines and workloads come every day; that they did was said.
		weight = max(weight, Teaching)
	case c.Standing != history.Known:
		return Decisive
	}
	if c.Namespace != "" && c.Status[history.DimNamespace] != history.Known && c.Action != access.Mint {
		if c.Class != access.Node && !c.readsAll() {
			return Decisive
		}
		weight = max(weight, Teaching)
	}
	switch c.Action {
	case access.Mint:
		// The token's id, by which it is known when it is used. Those that kubelets
		// fetch for their pods are told by the pod.
		if c.Class != access.Node {
			weight = max(weight, Teaching)
		}
	case access.Delete:
		if !c.P.Objects.Made(c.Object) {
			return Decisive
		}
	case access.Create:
		weight = max(weight, Teaching)
	}
	if c.NewObject && c.Action == access.Read {
		if c.nearBurst() {
			return Decisive
		}
		weight = max(weight, Teaching)
	}
	return weight
}

// forwards says whether the peer is known to forward for others, and does not
// bring more addresses than forwarders do.
func (c *Case) forwards() bool {
	exact, near := c.forwarder()
	return c.Source.Presented <= forwardedMany && exact == history.Known && (near == history.Known || !c.Source.Inside)
}

// scopesKnown says whether the access goes beyond reading objects in no way that
// is not known of the principal.
func (c *Case) scopesKnown() bool {
	known := func(text string) bool {
		return c.ScopeStatus(access.Key(text), text, nil) == history.Known
	}
	if target := c.Event.Impersonated.Username; target != "" {
		scope := "as " + target
		if slices.Contains(c.Event.Impersonated.Groups, mastersGroup) {
			scope += " in " + mastersGroup
		}
		if !known(scope) {
			return false
		}
	}
	switch {
	case c.Action == access.Mint && c.Class == access.Node:
		return c.ScopeStatus(access.Key(mintAny), mintAny, &c.Store.Nodes) == history.Known
	case c.Action == access.Mint && c.Class == access.Component:
		return known(mintAny)
	case c.Action == access.Mint:
		return known("token of " + c.Namespace + "/" + c.Name)
	case c.Action == access.DeleteCollection:
		return known(scopeWipeText)
	case c.ClusterWide:
		sel := selector(c.Event.RequestURI)
		return known(scopeClusterText) || sel != "" && known(scopeClusterText+" labelled "+sel)
	case c.Bulk && c.Event.Verb == "watch" && c.Client.Product == "kubectl":
		return known(scopeWatchText)
	}
	return true
}

// atHome weighs the place of a credential that lives in one: its first use, from
// a source that is known, makes that its home.
func (c *Case) atHome() Weight {
	user := &c.Event.User
	var key uint64
	switch {
	case user.PodUID != "":
		key = access.Key(user.PodUID)
	case strings.HasPrefix(user.CredentialID, "X509") && (c.Class == access.Node || c.Class == access.Component):
		key = access.Key(user.CredentialID)
	case c.newToSource():
		// In the cluster addresses are not told apart.
		return Decisive
	default:
		return Familiar
	}
	home := c.P.Homes.Find(key)
	switch {
	case home == nil:
		return Teaching
	case c.Source.Addr != home.Addr && c.Source.Addr != home.Other:
		return Decisive
	}
	return Familiar
}

// nearBurst says whether a few more objects new to the principal would be a burst.
func (c *Case) nearBurst() bool {
	limit := max(c.Settings.BurstCount, 2*c.P.Burst.Habit()+1)
	return 2*(c.P.Burst.Recent(c.Time, c.Settings.BurstWindow)+1) >= limit
}
