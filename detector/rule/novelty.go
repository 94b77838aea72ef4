package rule

import (
	"github.com/secretwatch/secretwatch/detector/access"
	"github.com/secretwatch/secretwatch/detector/history"
)

// novelty says whether the access's value in a dimension is worth a finding:
// new to the principal, or still on probation (a repeat). A principal's very
// first access is not: everything about it is new, which unusual-user says.
func (c *Case) novelty(d history.Dim) (repeat, found bool) {
	// Where the class has habits of its own, even the first access is measured
	// by them.
	first := c.FirstAccess() && !(c.Classed && d != history.DimNamespace)
	if c.Learning || c.Class == access.Anonymous || c.Explained || first {
		return false, false
	}
	switch c.Status[d] {
	case history.New, history.Expired:
		return false, true
	case history.Probation:
		return true, true
	case history.Unsure:
		c.Unsure = true
	}
	return false, false
}

// sayNovelty completes the reason: against what history the value is new.
func (c *Case) sayNovelty(d history.Dim, repeat bool) {
	c.Say(" not seen for ")
	c.SayText(c.Principal)
	if repeat {
		c.Say(" before it was first flagged (")
	} else {
		c.Say(" in ")
		c.SayWindow()
		c.Say(" (")
	}
	c.SayKnown(d)
	c.Say(")")
	c.SayRepeat(repeat)
}
