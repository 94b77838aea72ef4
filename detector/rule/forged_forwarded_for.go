package rule

import (
	"github.com/secretwatch/secretwatch/detector/access"
	"github.com/secretwatch/secretwatch/detector/history"
)

// forgedForwardedFor sees requests that bring addresses of their own
// (X-Forwarded-For, X-Real-Ip) from a peer that is not known to forward for
// others. Nothing else in this detector believes such addresses; that somebody
// sends them is what counts here.
type forgedForwardedFor struct{}

var forgedForwardedForInfo = Info{
	ID:         "forged-forwarded-for",
	Title:      "X-Forwarded-For Presented by a Peer That Is No Known Forwarder",
	Techniques: []string{"T1552.007", "T1090"},
}

// forwardedMany is above how many presented addresses no chain of proxies is
// behind it.
const forwardedMany = 5

func (forgedForwardedFor) Info() *Info { return &forgedForwardedForInfo }

func (forgedForwardedFor) Judge(c *Case) {
	if c.Source.Presented == 0 || !c.Source.Addr.IsValid() || c.Class == access.Anonymous {
		return
	}
	many := c.Source.Presented > forwardedMany
	if c.Learning && !many {
		c.noteForwarder(false)
		return
	}
	exact, near := c.forwarder()
	if (exact == history.Known || near == history.Known) && !many {
		c.noteForwarder(false)
		return
	}
	repeat := exact == history.Probation
	imitated := c.imitated()
	severity := Low
	switch {
	case imitated != "" && !c.Source.Inside:
		severity = High
	case imitated != "" || many:
		severity = Medium
	}
	if !many {
		c.noteForwarder(true)
	}
	c.Find(severity, c.Source.Key, repeat)
	c.Say("peer ")
	c.SaySource()
	c.Say(" is no known forwarder and presented ")
	c.SayInt(c.Source.Presented)
	if c.Source.Presented == 1 {
		c.Say(" address")
	} else {
		c.Say(" addresses")
	}
	if imitated != "" {
		c.Say(", among them ")
		c.SayText(imitated)
		c.Say(", where ")
		c.SayText(c.Principal)
		c.Say(" was seen before")
	}
	c.SayRepeat(repeat)
}

// Habit implements habitual: identity-switch asks who forwards for others.
func (forgedForwardedFor) Habit(c *Case) {
	if n := c.Source.Presented; n > 0 && n <= forwardedMany && c.Source.Addr.IsValid() && c.Class != access.Anonymous {
		c.noteForwarder(false)
	}
}

// forwarder says what the peer is among all peers that forward: by its exact
// address, and in the cluster by its client, since the pods of a dashboard are
// replaced.
func (c *Case) forwarder() (exact, near history.Status) {
	f := &c.Store.Forwarders
	f.Lock()
	defer f.Unlock()
	b := &c.Store.Wide
	exact = f.Sets[history.DimSource].Status(b, access.AddrKey(c.Source.Addr), "", c.Time)
	near = history.New
	if c.Source.Inside {
		near = f.Sets[history.DimClient].Status(b, c.ClientKey, c.ClientText, c.Time)
	}
	return exact, near
}

func (c *Case) noteForwarder(flagged bool) {
	l := Lesson{Dim: history.DimSource, Key: access.AddrKey(c.Source.Addr), Text: c.Source.Addr.String(), Flagged: flagged, Shared: &c.Store.Forwarders, Only: true}
	c.Note(l)
	if c.Source.Inside {
		l.Dim, l.Key, l.Text = history.DimClient, c.ClientKey, c.ClientText
		c.Note(l)
	}
}

// imitated returns the first presented address that the principal was seen
// coming from, other than the one judged, or "".
func (c *Case) imitated() string {
	set := &c.P.Sets[history.DimSource]
	ips := c.Event.SourceIPs
	for i := 0; i < c.Source.Presented && i < len(ips) && i < 128; i++ {
		s := c.Settings.Sources.Resolve(ips[i:i+1], c.Class)
		if s.Key == c.Source.Key || !s.Addr.IsValid() {
			continue
		}
		if set.Find(s.Key, "") != nil {
			return ips[i]
		}
	}
	return ""
}
