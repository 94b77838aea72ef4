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
	if c.Common[history.DimClient] && c.Plausible() {
		// A tool that colleagues use, from where the principal or they work.
		return
	}
	severity := Medium
	switch {
	case c.Again[history.DimClient]:
		// Known, but not lately.
		severity = Low
	case c.Common[history.DimClient] && c.Client.Shape == access.Ordinary:
		// A tool of the house, on a platform the principal works on, from a
		// place that new-source-ip speaks of.
		severity = Low
	}
	c.Find(severity, c.ClientKey, repeat)
	c.Say("user agent ")
	if c.Client.Shape == access.Empty {
		c.Say("(none)")
	} else {
		c.SayText(c.Event.UserAgent)
	}
	c.sayNovelty(history.DimClient, repeat)
}
