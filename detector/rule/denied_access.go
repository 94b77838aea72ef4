package rule

import (
	"time"

	"github.com/secretwatch/secretwatch/detector/access"
	"github.com/secretwatch/secretwatch/detector/history"
)

// deniedAccess sees requests for secrets that the principal may not have. A
// controller retrying the one thing it lacks is told from somebody trying doors.
type deniedAccess struct{}

var deniedAccessInfo = Info{
	ID:         "denied-access",
	Title:      "Kubernetes Secret Access Denied",
	Techniques: []string{"T1552.007", "T1613"},
}

const (
	// deniedSpan is how far apart denials may lie to count together.
	deniedSpan = int64(time.Hour)
	// deniedMany is from how many distinct denied objects on it is probing.
	deniedMany = 5
)

func (deniedAccess) Info() *Info { return &deniedAccessInfo }

func (deniedAccess) Judge(c *Case) {
	if c.Outcome != access.Denied || c.Class == access.Anonymous {
		return
	}
	retry, count := c.P.Denials.Note(&c.Store.Bounds, c.Object, c.Time, deniedSpan)
	if retry || c.Learning {
		return
	}
	many := deniedMany
	if c.Class == access.Person && c.FromHome() && c.Status[history.DimNamespace] != history.Known {
		// kubectl apply of a directory to the wrong namespace asks for each
		// object in it.
		many *= 2
	}
	if count >= many {
		c.Find(Medium, 1, false)
		c.SayText(c.Principal)
		c.Say(" was denied ")
		c.SayInt(count)
		c.Say(" objects within an hour that it was not denied before")
		return
	}
	c.Find(Low, 0, false)
	c.SayText(c.Principal)
	c.Say(" was denied ")
	if c.Action == access.Other {
		c.Say("an odd request for ")
	} else {
		c.SayText(c.Event.Verb)
		c.Say(" of ")
	}
	c.SayObject()
}
