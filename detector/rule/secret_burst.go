package rule

import (
	"github.com/secretwatch/secretwatch/detector/access"
	"github.com/secretwatch/secretwatch/detector/history"
)

// secretBurst sees principals going through many objects that are new to them,
// measured by their own habit: reading one after another, listing one namespace
// after another, deleting in bulk.
type secretBurst struct{}

var secretBurstInfo = Info{
	ID:         "secret-burst",
	Title:      "Kubernetes Secrets Read in Bulk",
	Techniques: []string{"T1552.007", "T1613"},
}

func (secretBurst) Info() *Info { return &secretBurstInfo }

func (secretBurst) Judge(c *Case) {
	if c.Class == access.Anonymous || c.ClusterWide || c.Outcome == access.Denied || c.Outcome == access.Unauthenticated {
		return
	}
	switch c.Action {
	case access.DeleteCollection:
		wipe(c)
	case access.Delete:
		if c.Outcome == access.Allowed && !c.P.Objects.Made(c.Object) {
			c.burst(&c.P.Deleted, nil, "deleted")
		}
	case access.Read:
		if c.Bulk && c.Event.Verb == "watch" && c.Outcome == access.Allowed {
			stream(c)
		}
		// Names that do not exist count too: guessing them is a sweep.
		if c.NewObject && !c.readsAll() && (c.Outcome == access.Allowed || c.Event.Code == 404) {
			var class *history.Shared
			if c.Class == access.Node {
				class = &c.Store.Nodes
			}
			if !c.burst(&c.P.Burst, class, "read") {
				c.strange()
			}
		}
	}
}

// readsAll says whether the principal is a controller that habitually reads the
// whole cluster: no object is new to it.
func (c *Case) readsAll() bool {
	return c.Class.InCluster() && c.ScopeStatus(scopeCluster, scopeClusterText, nil) == history.Known
}

// burst counts one more object and judges the count.
func (c *Case) burst(b *history.Burst, class *history.Shared, did string) bool {
	count, namespaces := b.Note(c.Object, c.NamespaceKey, c.Time, c.Settings.BurstWindow)
	bounds := &c.Store.Bounds
	habit := b.Habit()
	if class != nil {
		class.With(func(p *history.Principal) {
			habit = max(habit, p.Burst.Habit())
			if c.Learning {
				p.Burst.Learn(bounds, count, c.Time)
			}
		})
	}
	if c.Learning {
		b.Learn(bounds, count, c.Time)
		return false
	}
	limit := max(c.Settings.BurstCount, 2*habit+1)
	if b == &c.P.Deleted && c.readsAll() {
		// Operators that renew what they manage clean up behind themselves.
		limit *= 3
	}
	if count < limit {
		// What was not learnt in the learning period grows no further than the
		// limit itself, or patience could double it again and again.
		b.Learn(bounds, min(count, max(habit, (c.Settings.BurstCount-1)/2)), c.Time)
		return false
	}
	severity := Medium
	switch {
	case c.Newcomer() && c.Class == access.ServiceAccount && c.Source.Inside && namespaces == 1 &&
		c.Namespace == access.HomeNamespace(c.Principal) && !c.strangeClient():
		// An application that starts for the first time reads what it needs.
		severity = Low
	case count >= 2*limit || namespaces >= 3 || c.otherNovelty():
		severity = High
	}
	repeat := b.Flag(bounds, count, c.Time)
	c.Find(severity, access.Key(did), repeat)
	c.SayText(c.Principal)
	c.Say(" ", did, " ")
	c.SayInt(count)
	c.Say(" objects new to it within ")
	c.SaySpan(c.Settings.BurstWindow)
	if namespaces > 1 {
		c.Say(" in ")
		c.SayInt(namespaces)
		if namespaces > 3 {
			c.Say(" or more")
		}
		c.Say(" namespaces")
	}
	c.Say(" (habit: ")
	c.SayInt(habit)
	c.Say(")")
	c.SayRepeat(repeat)
	return true
}

func (c *Case) strangeClient() bool { return c.Has(suspiciousUserAgentInfo.ID) }

func (c *Case) otherNovelty() bool {
	for i := range c.Findings {
		switch c.Findings[i].Info {
		case &newNamespaceInfo, &deniedAccessInfo:
		case &unusualUserInfo:
			if !c.Class.InCluster() {
				return true
			}
		default:
			return true
		}
	}
	return false
}

// strange follows what is read through a source or client on probation: a
// thief with patience stays below every rate.
func (c *Case) strange() {
	if c.Learning || c.Newcomer() || c.Explained {
		return
	}
	s, cl := c.Status[history.DimSource], c.Status[history.DimClient]
	if c.Plausible() && !Fresh(cl) && cl != history.Probation || c.Common[history.DimClient] && c.Plausible() {
		return
	}
	if !Fresh(s) && s != history.Probation && !Fresh(cl) && cl != history.Probation {
		return
	}
	b := &c.Store.Bounds
	count, _ := c.P.Strange.Note(c.Object, c.NamespaceKey, c.Time, b.Probation)
	limit := 2 * c.Settings.BurstCount
	if count < limit {
		return
	}
	c.Find(Medium, c.Source.Key^c.ClientKey, false)
	c.SayText(c.Principal)
	c.Say(" read ")
	c.SayInt(count)
	c.Say(" objects new to it through a source or client on probation")
}

const scopeWatchText = "kubectl's watch of a namespace's secrets"

var scopeWatch = access.Key(scopeWatchText)

// stream judges the first watch of a whole namespace with kubectl, which sends
// every secret in it and each change for as long as it lasts, from where
// neither the principal nor others come from. Cluster browsers watch all day,
// people at a shell hardly ever do.
func stream(c *Case) {
	if c.Client.Product != "kubectl" {
		return
	}
	status := c.ScopeStatus(scopeWatch, scopeWatchText, nil)
	if status == history.Unsure {
		c.Unsure = true
		return
	}
	strange := !c.Learning && !c.Newcomer() && !c.Explained && !c.Plausible() && !c.Source.Inside
	found := strange && (Fresh(status) || status == history.Probation)
	c.Note(Lesson{Dim: history.DimScope, Key: scopeWatch, Text: scopeWatchText, Flagged: found})
	if !found {
		return
	}
	repeat := status == history.Probation
	c.Find(Medium, scopeWatch, repeat)
	c.SayText(c.Principal)
	c.Say(" watches all secrets of ")
	c.SayText(c.Namespace)
	c.Say(" with kubectl, which it did not in ")
	c.SayWindow()
	c.Say(", from a place it is not known from")
	c.SayRepeat(repeat)
}

const scopeWipeText = "deletion of all secrets of a namespace"

var scopeWipe = access.Key(scopeWipeText)

// wipe judges deletecollection, which also answers with everything it deleted.
func wipe(c *Case) {
	status := c.ScopeStatus(scopeWipe, scopeWipeText, nil)
	if status == history.Unsure {
		c.Unsure = true
		return
	}
	found := !c.Learning && (Fresh(status) || status == history.Probation)
	c.Note(Lesson{Dim: history.DimScope, Key: scopeWipe, Text: scopeWipeText, Flagged: found})
	if !found {
		return
	}
	severity := Medium
	if c.Class == access.ServiceAccount && c.Source.Inside && access.HomeNamespace(c.Principal) == "kube-system" && !c.strangeClient() {
		// The namespace controller cleans up after a namespace.
		severity = Low
	} else if c.otherNovelty() {
		severity = High
	}
	repeat := status == history.Probation
	c.Find(severity, scopeWipe, repeat)
	c.SayText(c.Principal)
	c.Say(" deleted all secrets in ")
	c.SayText(c.Namespace)
	c.Say(" with one request, which it did not do in ")
	c.SayWindow()
	c.SayRepeat(repeat)
}
