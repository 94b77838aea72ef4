package rule

import (
	"github.com/secretwatch/secretwatch/detector/access"
	"github.com/secretwatch/secretwatch/detector/history"
)

// unusualUser sees identities that accessed no secret within the window.
type unusualUser struct{}

var unusualUserInfo = Info{
	ID:         "unusual-user",
	Title:      "Kubernetes Secret Access by Unusual User",
	Techniques: []string{"T1552.007", "T1078"},
}

func (unusualUser) Info() *Info { return &unusualUserInfo }

func (unusualUser) Judge(c *Case) {
	if c.Learning || c.Class == access.Anonymous || c.Explained {
		return
	}
	if c.Standing == history.Unsure {
		c.Unsure = true
		return
	}
	if !c.Newcomer() {
		return
	}
	repeat := c.Standing == history.Probation
	// Who comes back after a pause with the client it always had is most
	// likely back from a holiday.
	back := c.Standing == history.Expired && c.Status[history.DimClient] != history.New
	severity := Medium
	switch {
	case c.Outcome == access.Denied, back, repeat && c.P.Returned:
		severity = Low
	case c.Class == access.ServiceAccount && !c.Source.Inside && !c.usedByPods() && !c.Common[history.DimSource]:
		// A workload appears every day, but in the cluster.
	case c.Class.InCluster():
		severity = Low
	case c.Common[history.DimClient] && (c.Common[history.DimSource] || c.Colleague):
		// One more colleague with the tools of the house: from the office, or
		// by groups and kind of credential.
		severity = Low
	}
	if !repeat {
		c.P.Returned = back
	}
	c.FlaggedPrincipal = !repeat
	c.Find(severity, 0, repeat)
	c.SayText(c.Principal)
	switch {
	case repeat:
		c.Say(" is new among those who access secrets")
	case back:
		c.Say(" accessed no secret in ")
		c.SayWindow()
		c.Say(" and is back with a client it had before")
	default:
		c.Say(" accessed no secret in ")
		c.SayWindow()
	}
	c.SayRepeat(repeat)
}
