package rule

import (
	"github.com/secretwatch/secretwatch/detector/access"
	"github.com/secretwatch/secretwatch/detector/history"
)

// suspiciousUserAgent sees scripting clients, attack tools, and user agents of
// a shape the named program never sends. It needs no history to fire, but
// leaves alone what a principal is known to use.
type suspiciousUserAgent struct{}

var suspiciousUserAgentInfo = Info{
	ID:         "suspicious-user-agent",
	Title:      "Kubernetes Secret Access With Scripting or Attack Tool",
	Techniques: []string{"T1552.007"},
}

func (suspiciousUserAgent) Info() *Info { return &suspiciousUserAgentInfo }

func (suspiciousUserAgent) Judge(c *Case) {
	pretends := c.Client.Pretends(c.Class)
	// Scanners that nobody let in are anonymous-access's.
	if c.Client.Shape == access.Ordinary && !pretends || c.Class == access.Anonymous || c.Explained {
		return
	}
	switch c.Status[history.DimClient] {
	case history.Known:
		return
	case history.Unsure:
		c.Unsure = true
		return
	}
	if c.Again[history.DimClient] {
		// A job that runs once a month always had it.
		return
	}
	c.Flagged[history.DimClient] = true
	repeat := c.Status[history.DimClient] == history.Probation
	modest := c.modestWorkload()
	switch {
	case c.Client.Shape == access.Tool:
		switch {
		case modest:
			c.Find(Low, c.ClientKey, repeat)
		case c.Client.Library && c.Class == access.ServiceAccount && c.Event.User.PodUID != "" && c.Source.Inside:
			// Workloads are programs, and programs change their libraries.
			c.Find(Medium, c.ClientKey, repeat)
		default:
			c.Find(High, c.ClientKey, repeat)
		}
		c.Say("user agent ")
		c.SayText(c.Event.UserAgent)
		c.Say(" is a scripting client or attack tool")
	case c.Client.Shape == access.Empty:
		if modest || c.Newcomer() && c.Informer && c.ownNamespace() {
			c.Find(Low, c.ClientKey, repeat)
		} else {
			c.Find(Medium, c.ClientKey, repeat)
		}
		c.Say("no user agent was sent")
	case c.Client.Shape == access.Forged:
		c.Find(Medium, c.ClientKey, repeat)
		c.Say("user agent ")
		c.SayText(c.Event.UserAgent)
		c.Say(" has a shape that no release of the program sends")
	default:
		c.Find(Medium, c.ClientKey, repeat)
		c.Say("user agent ")
		c.SayText(c.Event.UserAgent)
		c.Say(" names a program that a ", c.Class.String(), " does not run")
	}
	c.SayRepeat(repeat)
}

// modestWorkload says whether the access is what a job of a script and curl
// does on its first day: a pod that is new here gets one secret of its own
// namespace by name, is let, and names no attack tool. It says nothing of
// accounts whose client is known: for them a script is news.
func (c *Case) modestWorkload() bool {
	return c.Newcomer() && c.ownNamespace() && c.Action == access.Read && !c.Bulk && c.Event.Verb == "get" && !c.Client.Attack
}

// ownNamespace says whether a pod was let to read secrets of its own namespace.
func (c *Case) ownNamespace() bool {
	return c.Class == access.ServiceAccount && c.Event.User.PodUID != "" && c.Source.Inside &&
		c.Outcome == access.Allowed && c.Namespace == access.HomeNamespace(c.Principal)
}
