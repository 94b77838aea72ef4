package rule

import (
	"time"

	"github.com/secretwatch/secretwatch/detector/access"
	"github.com/secretwatch/secretwatch/detector/history"
)

// identitySwitch sees an address from which something suspicious came shortly
// before present an identity that was never seen there: somebody trying one
// stolen credential after another.
type identitySwitch struct{}

var identitySwitchInfo = Info{
	ID:         "identity-switch",
	Title:      "Several Identities From One Source After Suspicious Access",
	Techniques: []string{"T1078", "T1550.001"},
}

// switchSpan is for how long an address stays suspicious.
const switchSpan = int64(10 * time.Minute)

func (identitySwitch) Info() *Info { return &identitySwitchInfo }

func (identitySwitch) Judge(c *Case) {
	if c.Learning || c.Class == access.Anonymous || !c.Source.Addr.IsValid() || c.Outcome == access.Unauthenticated {
		return
	}
	// Behind the address of an office or a VPN somebody new turns up every day.
	if !c.newToSource() || c.Common[history.DimSource] {
		return
	}
	s, owner, ok := c.Store.Suspicious.Get(access.AddrKey(c.Source.Addr))
	if !ok || owner == c.Principal || c.Time < s.At || c.Time-s.At > switchSpan {
		return
	}
	// Many identities behind one address are the trade of a proxy or dashboard.
	if exact, near := c.forwarder(); exact == history.Known || near == history.Known {
		return
	}
	c.Find(Critical, c.Source.Key, false)
	c.Say("source ")
	c.SaySource()
	c.Say(" presents ")
	c.SayText(c.Principal)
	c.Say(", never seen there, after suspicious access as ")
	c.SayText(owner)
}

// newToSource says whether the identity was not seen at this address.
func (c *Case) newToSource() bool {
	status := c.Status[history.DimSource]
	if c.FirstAccess() || Fresh(status) || status == history.Probation {
		// A pod that starts on a machine whose address many share is no switch.
		return c.Event.User.PodUID == "" || !c.ownNode(c.Source.Addr)
	}
	// In the cluster addresses are not told apart; a token that is bound to no
	// pod, of an account whose tokens are, comes from somewhere else.
	return c.Source.Inside && c.Class == access.ServiceAccount &&
		c.Event.User.PodUID == "" && c.P.Homes.Len() > 0 && c.Minted == nil
}
