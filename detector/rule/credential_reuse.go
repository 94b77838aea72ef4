package rule

import (
	"net/netip"
	"strings"
	"time"

	"github.com/secretwatch/secretwatch/detector/access"
	"github.com/secretwatch/secretwatch/detector/history"
)

// credentialReuse sees one credential used in two places: the token of a pod
// away from that pod, a certificate away from its node, a minted token away
// from its minter and the cluster, and a new source that a principal uses in
// turn with one it is known from. A laptop that merely moves is none of these.
type credentialReuse struct{}

// CredentialReuse is the rule that remembers where credentials live.
const CredentialReuse = "credential-reuse"

var credentialReuseInfo = Info{
	ID:         CredentialReuse,
	Title:      "Kubernetes Credential Used From a Second Source",
	Techniques: []string{"T1550.001", "T1528", "T1552.007"},
}

const (
	inTurn = history.InTurn
	// switchesOften is how many switches between established sources make
	// working from two of them a habit.
	switchesOften = 3
	// patientHours is in how many clock hours a new source has to be used to
	// count as going on at any pace: more than an evening's work.
	patientHours = 8
	// sleepless is in how many clock hours of one day nobody works alone.
	sleepless = 16
	// restart is how long a pod takes at least to come up elsewhere, its
	// sandbox made anew: sooner means two places at once.
	restart = int64(30 * time.Second)
)

func (credentialReuse) Info() *Info { return &credentialReuseInfo }

func (credentialReuse) Judge(c *Case) {
	if c.Class == access.Anonymous || !c.Source.Addr.IsValid() {
		return
	}
	user := &c.Event.User
	certificate := strings.HasPrefix(user.CredentialID, "X509") && (c.Class == access.Node || c.Class == access.Component)
	switch {
	case user.PodUID != "":
		podToken(c)
	case certificate:
		machineCertificate(c)
	case mintedAway(c):
	default:
		inTurns(c)
	}
}

// podToken judges tokens bound to a pod (user.extra pod-uid).
func podToken(c *Case) {
	user := &c.Event.User
	addr := c.Source.Addr
	key, token := access.Key(user.PodUID), uint64(0)
	if user.CredentialID != "" {
		token = access.Key(user.CredentialID)
	}
	home := c.P.Homes.Find(key)
	if home == nil {
		if c.Source.Inside || c.Learning || c.Status[history.DimSource] == history.Known || c.usedByPods() {
			if c.Outcome == access.Allowed {
				c.P.Homes.Settle(&c.Store.Bounds, history.Home{Key: key, Token: token, Addr: addr, Last: c.Time})
			}
			return
		}
		// A pod nobody has seen, out of the cluster, where no pod was seen yet.
		c.podAway(Critical, key, netip.Addr{})
		return
	}
	if home.At(addr) {
		// Back home with the very token that moved in elsewhere meanwhile: one
		// of the two is not the pod.
		home.Stay(token, c.Time)
		return
	}
	severity := Critical
	switch {
	case c.Outcome != access.Allowed && (c.Learning || c.Source.Inside):
		// What is refused moves nobody.
		return
	case c.Learning:
		home.Other = addr
		return
	case !home.Other.IsValid() && c.Source.Inside && (addr.Is4() != home.Addr.Is4() || c.ownNode(addr)):
		// Dual-stack, or masqueraded behind its node on some ways.
		home.Other = addr
		return
	case !c.Source.Inside:
		if c.Status[history.DimSource] == history.Known || c.usedByPods() {
			return
		}
	case addr == home.Away && c.Time-home.AwayAt < c.Store.Bounds.Window:
		// Back where it had moved away from: one of the two is not the pod.
	case access.Neighbourhood(addr) == access.Neighbourhood(home.Addr) && c.Time-home.Last > restart:
		// A sandbox made anew: the same pod, on the same node and so in the same
		// range of addresses, after a pause. A thief beside it is found out as
		// soon as the pod itself is heard of again.
		home.Away, home.AwayAt = home.Addr, c.Time
		home.Addr, home.Other, home.Token, home.Last = addr, netip.Addr{}, token, c.Time
		return
	case token != 0 && token != home.Token:
		// Not a token last seen at home: a new one, or one before it.
		severity = High
	}
	c.podAway(severity, key, home.Addr)
}

func (c *Case) podAway(severity Severity, key uint64, home netip.Addr) {
	c.Find(severity, key^access.AddrKey(c.Source.Addr), false)
	c.Say("token bound to pod ")
	c.SayText(c.Event.User.PodName)
	c.Say(" used from ")
	c.SaySource()
	if home.IsValid() {
		c.Say(", away from its pod at ", home.String())
	} else {
		c.Say(", away from the cluster")
	}
}

// ownNode says whether addr is that of the node the pod runs on.
func (c *Case) ownNode(addr netip.Addr) bool {
	node := c.Event.User.NodeName
	if node == "" {
		return false
	}
	a, _, ok := c.Store.NodeAddrs.Get(access.Key(node))
	return ok && a == addr
}

// usedByPods says whether other pods are known to come from this source out of
// the cluster: the egress address of clusters that reach their API server over
// its public end.
func (c *Case) usedByPods() bool {
	s := &c.Store.Accounts
	s.Lock()
	defer s.Unlock()
	return s.Sets[history.DimSource].Status(&c.Store.Wide, c.Source.Key, "", c.Time) == history.Known
}

// machineCertificate judges client certificates of nodes and control plane
// components, each of which lives on one machine.
func machineCertificate(c *Case) {
	key := access.Key(c.Event.User.CredentialID)
	addr := c.Source.Addr
	home := c.P.Homes.Find(key)
	switch {
	case home == nil:
		if c.Outcome == access.Allowed {
			c.P.Homes.Settle(&c.Store.Bounds, history.Home{Key: key, Addr: addr, Last: c.Time})
		}
		return
	case home.At(addr):
		home.Stay(0, c.Time)
		return
	case c.Learning || !home.Other.IsValid() && c.Source.Inside && addr.Is4() != home.Addr.Is4():
		home.Other = addr
		return
	}
	severity := None
	switch {
	case !c.Source.Inside && c.Status[history.DimSource] != history.Known:
		severity = High
	case home.Away == addr && home.Last > home.AwayAt && c.Time-home.Last <= inTurn:
		severity = Medium
	case home.Away == addr && home.Last < home.AwayAt && c.Time-home.AwayAt > inTurn:
		// The machine has a new address: the old one fell silent.
		home.Addr, home.Away, home.AwayAt, home.Last = addr, netip.Addr{}, 0, c.Time
		return
	case home.Away != addr:
		home.Away, home.AwayAt = addr, c.Time
		return
	}
	if severity == None {
		return
	}
	c.Find(severity, key^access.AddrKey(addr), false)
	c.Say("certificate of ")
	c.SayText(c.Principal)
	c.Say(" used from ")
	c.SaySource()
	c.Say(" while it lives at ", home.Addr.String())
}

// mintedAway judges tokens whose minting was seen.
func mintedAway(c *Case) bool {
	m := c.Minted
	if c.Learning || m == nil || c.Explained || c.Source.Inside || c.Source.Key == m.Source ||
		c.Status[history.DimSource] == history.Known {
		return false
	}
	c.Find(High, c.Source.Key, false)
	c.Say("token minted by ")
	c.SayText(m.Minter)
	c.Say(" from ", m.Addr.String(), " used from ")
	c.SaySource()
	c.Say(", away from its minter and the cluster")
	return true
}

// inTurns judges a source on probation against the principal's established ones.
func inTurns(c *Case) {
	if c.Learning || c.Explained || c.Status[history.DimSource] != history.Probation ||
		c.Common[history.DimSource] || c.Again[history.DimSource] || c.Nearby {
		return
	}
	set := &c.P.Sets[history.DimSource]
	trial := set.Find(c.Source.Key, "")
	if trial == nil {
		return
	}
	// The longer a new source stays in use, the less side by side the uses have
	// to lie: a patient thief takes one secret an hour.
	span := inTurn
	switch {
	case trial.Hours >= patientHours:
		span = c.Store.Bounds.Probation
	case c.P.Switches >= switchesOften:
		return // a bastion beside the laptop, runners that share a name
	}
	var other *history.Value
	set.Each(func(v *history.Value) {
		if v.Flagged != 0 || v.Last <= trial.First || v.Last > c.Time || c.Time-v.Last > span {
			return
		}
		if other == nil || v.Last > other.Last {
			other = v
		}
	})
	if other == nil {
		if c.Class == access.Person && trial.Hours >= sleepless {
			c.Find(Medium, c.Source.Key, false)
			c.SayText(c.Principal)
			c.Say("'s credential is used from ")
			c.SaySource()
			c.Say(" around the clock")
		}
		return
	}
	c.Find(Medium, c.Source.Key, false)
	c.SayText(c.Principal)
	c.Say(" goes on working from ")
	c.SayText(other.Text)
	c.Say(" while its credential is used from ")
	c.SaySource()
	c.Say(" too")
}
