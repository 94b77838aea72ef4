package rule

import "github.com/secretwatch/secretwatch/detector/access"

// anonymousAccess sees requests nobody authenticated. Allowed ones mean that
// secrets are open to everybody; denied ones are scanners, or pods whose token
// died and who go on trying.
type anonymousAccess struct{}

var anonymousAccessInfo = Info{
	ID:         "anonymous-access",
	Title:      "Kubernetes Secret Access by Anonymous User",
	Techniques: []string{"T1552.007", "T1078.001"},
}

func (anonymousAccess) Info() *Info { return &anonymousAccessInfo }

func (anonymousAccess) Judge(c *Case) {
	if c.Class != access.Anonymous {
		return
	}
	outcome := c.Outcome
	if outcome == access.Failed && c.Event.Decision == "" && (c.Event.Code == 400 || c.Event.Code == 429 || c.Event.Code >= 500) {
		// Malformed, or turned away for the load before anybody asked who may
		// do what.
		outcome = access.Denied
	}
	switch outcome {
	case access.Allowed:
		c.Find(Critical, c.Source.Key, false)
		c.Say("anonymous request was allowed")
	case access.Failed:
		c.Find(Critical, c.Source.Key, false)
		c.Say("anonymous request was authorised")
	case access.Unauthenticated:
		c.Find(Low, c.Source.Key, false)
		c.Say("request without valid credentials from ")
		c.SaySource()
	default:
		c.Find(Low, c.Source.Key, false)
		c.Say("anonymous request from ")
		c.SaySource()
		c.Say(" was denied")
	}
}
