package detector

import (
	"net/netip"
	"strings"
	"time"

	"github.com/secretwatch/secretwatch/detector/access"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/detector/history"
	"github.com/secretwatch/secretwatch/detector/rule"
)

// What is new to one principal is judged against what others like it do: nodes
// run the same kubelet, people the tools of the house. This file keeps and asks
// those shared habits.

// compare says what people at large are known for.
func (d *Detector) compare(c *rule.Case) {
	a, w, t := c.Access, &c.Store.Wide, c.Time
	s := &c.Store.People
	s.Lock()
	defer s.Unlock()
	if a.Class == access.Person {
		c.Common[history.DimSource] = common(w, &s.Sets[history.DimSource], a.Source.Key, "", t, 2)
		c.Nearby = c.Nearby || a.Source.Addr.IsValid() &&
			common(w, &s.Sets[history.DimSource], access.Area(a.Source.Addr), "", t, 3)
		c.Colleague = colleague(w, &s.Principal, a)
		if a.ClusterWide {
			ownGroups(a.Event, func(g string) {
				g += groupReadsAll
				c.Peers = c.Peers || common(w, &s.Sets[history.DimScope], access.Key(g), g, t, 2)
			})
		}
	}
	// Another platform than those of the principal is another machine.
	clients := &s.Sets[history.DimClient]
	c.Common[history.DimClient] = common(w, clients, a.Client.Key, a.Client.Text(), t, 3) ||
		a.Client.Platform != "" && (c.Newcomer() || a.Class != access.Person || c.P.HasPlatform(a.Client.Platform)) &&
			common(w, clients, c.AnyPlatform(), "", t, 3)
}

// common says whether at least n people share a value.
func common(b *history.Bounds, s *history.Set, key uint64, match string, t int64, n uint32) bool {
	v := s.Find(key, match)
	return v != nil && v.Count >= n && s.Status(b, key, match, t) == history.Known
}

// refresh is how often the use of a value that a person is known for also
// counts as a use by people at large.
const refresh = int64(12 * time.Hour)

// shareWithPeople counts one more person established with a source or client,
// or, where more is not set, that one goes on using it.
func (d *Detector) shareWithPeople(c *rule.Case, dim history.Dim, key uint64, text string, more bool) {
	if c.Class != access.Person || dim == history.DimNamespace || dim == history.DimSource && c.Source.Presented > 0 {
		return // addresses of dashboards are nobody's place of work
	}
	s := &c.Store.People
	s.Lock()
	defer s.Unlock()
	set, w, t := &s.Sets[dim], &c.Store.Wide, c.Time
	teach := func(key uint64, text string, more bool) {
		if more {
			set.Teach(w, key, text, t)
		} else {
			set.Refresh(key, text, t)
		}
	}
	teach(key, text, more)
	switch {
	case dim == history.DimClient && c.Client.Platform != "":
		teach(c.AnyPlatform(), "", more)
	case dim == history.DimSource && c.Source.Addr.IsValid():
		// A second address of one person in one place is not a second person.
		place := access.Area(c.Source.Addr)
		teach(place, "", more && !c.Beside)
	}
}

// groupText names a group together with the way its members authenticate: a
// certificate names its own groups, which whoever may sign one can choose.
func groupText(ev *audit.Event, group string) string {
	if strings.HasPrefix(ev.User.CredentialID, "X509") {
		return group + " by certificate"
	}
	return group
}

// ownGroups calls f for the groups that say something of a person.
func ownGroups(ev *audit.Event, f func(group string)) {
	for i, g := range ev.User.Groups {
		if g != "system:authenticated" && i < 64 {
			f(groupText(ev, g))
		}
	}
}

// colleague says whether all groups of a person are common among people.
// people's lock is held.
func colleague(w *history.Bounds, people *history.Principal, a *access.Access) bool {
	n, all := 0, true
	ownGroups(a.Event, func(g string) {
		n++
		all = all && !strings.HasPrefix(g, "system:") &&
			common(w, &people.Sets[history.DimScope], access.Key(g), g, a.Time, 3)
	})
	return n > 0 && all
}

// groupReadsAll marks a group whose members read the whole cluster.
const groupReadsAll = " reads all"

// shareGroups counts one more known person for each of its groups, as a member
// or for what it habitually does.
func (d *Detector) shareGroups(c *rule.Case, does string) {
	s := &c.Store.People
	s.Lock()
	defer s.Unlock()
	ownGroups(c.Event, func(g string) {
		g += does
		s.Sets[history.DimScope].Teach(&c.Store.Wide, access.Key(g), strings.Clone(history.Cut(g)), c.Time)
	})
}

// askNodes says of a node's source and client what nodes at large know, where
// the node itself does not.
func (d *Detector) askNodes(c *rule.Case) {
	w, t, st := &c.Store.Wide, c.Time, &c.Status
	if !c.FirstAccess() && st[history.DimSource] == history.Known && st[history.DimClient] == history.Known {
		return // all nodes share one lock
	}
	c.Store.Nodes.With(func(p *history.Principal) {
		c.Classed = p.Sets[history.DimClient].Len() > 0
		if rule.Fresh(st[history.DimSource]) && p.Sets[history.DimSource].Status(w, c.Source.Key, "", t) == history.Known {
			st[history.DimSource] = history.Known
		}
		if rule.Fresh(st[history.DimClient]) && p.Sets[history.DimClient].Status(w, c.ClientKey, c.ClientText, t) == history.Known {
			st[history.DimClient] = history.Known
		}
	})
}

// shareEvery is how often at most a principal teaches its class what it goes on
// doing, in nanoseconds of clock time: a class has one lock.
const shareEvery = int64(10 * time.Minute)

// lately says whether the principal was seen with this source and this client in
// the same span before. If it could not teach its class then, being a newcomer, it
// does in the next one.
func lately(c *rule.Case) bool {
	for _, dim := range [...]history.Dim{history.DimSource, history.DimClient} {
		if v := c.Remembered[dim]; v == nil || c.Status[dim] != history.Known || !inSpan(v, c.Time) {
			return false
		}
	}
	return true
}

// inSpan says whether a value was last seen in the span of shareEvery that t lies in.
func inSpan(v *history.Value, t int64) bool { return v.Last/shareEvery == t/shareEvery }

// share teaches what principals of a class have in common. Newcomers teach
// their class nothing.
func (d *Detector) share(c *rule.Case, flagged [history.NumDims]bool) {
	a, w, t := c.Access, &c.Store.Wide, c.Time
	if c.Lately || !c.Learning && c.Newcomer() || flagged[history.DimSource] || flagged[history.DimClient] {
		return
	}
	switch {
	case a.Class == access.Node:
		shareNode(c.Store, &nodeUse{a.Principal, a.Source.Addr, a.Source.Key, c.Source.Network, c.ClientKey, c.ClientText, t})
	case a.Class == access.ServiceAccount && a.Event.User.PodUID != "" && !a.Source.Inside:
		c.Store.Accounts.With(func(p *history.Principal) {
			p.Sets[history.DimSource].Teach(w, a.Source.Key, c.Source.Text(), t)
		})
	}
}

// nodeUse is what nodes have in common of an access by one of them.
type nodeUse struct {
	principal string
	addr      netip.Addr // invalid if unknown
	source    uint64
	network   string // as which the source counts, or ""
	client    uint64
	agent     string // what client is the key of
	at        int64
}

// shareNode teaches nodes at large, and where the node is.
func shareNode(s *history.Store, n *nodeUse) {
	s.Nodes.With(func(p *history.Principal) {
		p.Sets[history.DimClient].Teach(&s.Wide, n.client, n.agent, n.at)
		if n.network != "" {
			p.Sets[history.DimSource].Teach(&s.Wide, n.source, n.network, n.at)
		}
	})
	if n.addr.IsValid() {
		key := access.Key(n.principal[len("system:node:"):])
		if old, _, ok := s.NodeAddrs.Get(key); !ok || old != n.addr {
			s.NodeAddrs.Put(n.principal, key, n.addr)
		}
	}
}
