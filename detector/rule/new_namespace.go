package rule

import (
	"github.com/secretwatch/secretwatch/detector/access"
	"github.com/secretwatch/secretwatch/detector/history"
)

// newNamespace sees principals in namespaces whose secrets they did not touch
// in the window.
type newNamespace struct{}

var newNamespaceInfo = Info{
	ID:         "new-namespace",
	Title:      "Kubernetes Secret Access in New Namespace",
	Techniques: []string{"T1552.007"},
}

func (newNamespace) Info() *Info { return &newNamespaceInfo }

func (newNamespace) Judge(c *Case) {
	// Nodes follow the pods they are given. A newcomer's namespaces are all
	// new, and a denied request is denied-access's.
	if c.Newcomer() || c.Namespace == "" || c.Action == access.Mint ||
		c.Class == access.Node || c.Outcome == access.Denied {
		return
	}
	// Who habitually reads the whole cluster is nowhere new.
	if c.ScopeStatus(scopeCluster, "", nil) == history.Known {
		return
	}
	repeat, found := c.novelty(history.DimNamespace)
	if !found {
		return
	}
	c.Flagged[history.DimNamespace] = true
	c.Find(Low, c.NamespaceKey, repeat)
	c.Say("namespace ")
	c.SayText(c.Namespace)
	c.sayNovelty(history.DimNamespace, repeat)
}
