package rule

import (
	"github.com/secretwatch/secretwatch/detector/access"
	"github.com/secretwatch/secretwatch/detector/history"
)

// unusualUserAgent sees clients a principal was not seen with in the window,
// whatever their version.
type unusualUserAgent struct{}

var unusualUserAgentInfo = Info{
	ID:         "unusual-user-agent",
	Title:      "Kubernetes Secret Access via Unusual User Agent",
	Techniques: []string{"T1552.007"},
}

func (unusualUserAgent) Info() *Info { return &unusualUserAgentInfo }

func (unusualUserAgent) Judge(c *Case) {
	repeat, found := c.novelty(history.DimClient)
	if !found {
		return
	}
	if c.Common[history.DimClient] && c.Client.Shape == access.Ordinary && (c.Client.Platform != "" || c.Plausible()) {
		// A tool that colleagues use, on a platform the principal works on, or
		// from where it or they work: no news. Where it comes from a new place,
		// new-source-ip says so.
		return
	}
	severity := Medium
	if c.Again[history.DimClient] || c.Common[history.DimClient] && c.Client.Shape == access.Ordinary ||
		c.Class.InCluster() && c.P.HasProduct(c.Client.Product) {
		// Known, but not lately; known to colleagues; or the same program built
		// another way.
		severity = Low
	}
	c.Flagged[history.DimClient] = true
	c.Find(severity, c.ClientKey, repeat)
	c.Say("user agent ")
	if c.Client.Shape == access.Empty {
		c.Say("(none)")
	} else {
		c.SayText(c.Event.UserAgent)
	}
	c.sayNovelty(history.DimClient, repeat)
}
