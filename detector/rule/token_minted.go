package rule

import (
	"github.com/secretwatch/secretwatch/detector/access"
	"github.com/secretwatch/secretwatch/detector/history"
)

// tokenMinted sees principals asking for tokens of service accounts they did
// not ask for before. A token taken this way works away from its minter, and
// for as long as the minter liked.
type tokenMinted struct{}

var tokenMintedInfo = Info{
	ID:         "token-minted",
	Title:      "Kubernetes Service Account Token Created by Unusual User",
	Techniques: []string{"T1528", "T1550.001"},
}

func (tokenMinted) Info() *Info { return &tokenMintedInfo }

func (tokenMinted) Judge(c *Case) {
	if c.Action != access.Mint || c.Outcome == access.Denied || c.Class == access.Anonymous {
		return
	}
	// Kubelets mint for whatever pods they are given, controller managers for
	// their own controllers: that they mint at all is their habit.
	var shared *history.Shared
	var scope string
	switch c.Class {
	case access.Node:
		scope, shared = mintAny, &c.Store.Nodes
	case access.Component:
		scope = mintAny
	default:
		scope = "token of " + c.Namespace + "/" + c.Name
	}
	key := access.Key(scope)
	status := c.ScopeStatus(key, scope, shared)
	if status == history.Unsure {
		c.Unsure = true
		return
	}
	found := !c.Learning && (Fresh(status) || status == history.Probation)
	c.Note(Lesson{Dim: history.DimScope, Key: key, Text: scope, Flagged: found, Shared: shared})
	if !found {
		return
	}
	severity := Medium
	if c.FromHome() && !privilegedName("system:serviceaccount:"+c.Namespace+":"+c.Name) {
		severity = Low
	}
	repeat := status == history.Probation
	c.Find(severity, key, repeat)
	c.SayText(c.Principal)
	c.Say(" asked for a token of service account ")
	c.SayText(c.Namespace)
	c.Say("/")
	c.SayText(c.Name)
	c.Say(", which it did not in ")
	c.SayWindow()
	c.SayRepeat(repeat)
}

const mintAny = "tokens of service accounts"
