package rule

import (
	"strings"

	"github.com/secretwatch/secretwatch/detector/access"
	"github.com/secretwatch/secretwatch/detector/history"
)

// secretEnumeration sees principals reading the secrets of all namespaces with
// one list or watch who did not do so before.
type secretEnumeration struct{}

var secretEnumerationInfo = Info{
	ID:         "secret-enumeration",
	Title:      "Kubernetes Secrets Listed Across the Cluster",
	Techniques: []string{"T1552.007", "T1613"},
}

const scopeClusterText = "secrets of all namespaces"

var scopeCluster = access.Key(scopeClusterText)

func (secretEnumeration) Info() *Info { return &secretEnumerationInfo }

func (secretEnumeration) Judge(c *Case) {
	if !c.ClusterWide || c.Class == access.Anonymous || c.Outcome == access.Denied {
		return
	}
	// Lists narrowed by labels are a habit of their own: who runs helm list -A
	// has not read every secret. The whole includes every part.
	text, key := scopeClusterText, scopeCluster
	status := c.ScopeStatus(key, text, nil)
	if sel := selector(c.Event.RequestURI); sel != "" && status != history.Known {
		text = scopeClusterText + " labelled " + sel
		key = access.Key(text)
		status = c.ScopeStatus(key, text, nil)
	}
	if status == history.Unsure {
		c.Unsure = true
		return
	}
	found := !c.Learning && (Fresh(status) || status == history.Probation)
	c.Note(Lesson{Dim: history.DimScope, Key: key, Text: text, Flagged: found})
	if !found {
		return
	}
	severity := High
	home := c.Plausible() && (c.Status[history.DimClient] == history.Known || c.Common[history.DimClient]) && !c.FirstAccess()
	again := c.P.Sets[history.DimScope].Find(key, text).Returns(&c.Store.Bounds, c.Time)
	switch {
	case again && c.Class.InCluster() && c.Source.Inside:
		// A backup that runs once a fortnight.
		severity = Low
	case home && c.Peers:
		// What the principal's group does: administrators browse the cluster.
		severity = Low
	case again, home:
		// Worth a look, and then a habit: an administrator's browser of the
		// cluster would otherwise be called out for ever, since what is high
		// teaches nothing.
		severity = Medium
	}
	if c.Newcomer() && c.Class.InCluster() && c.Source.Inside {
		severity = Medium
		if c.startsUp() {
			severity = Low
		}
	}
	repeat := status == history.Probation
	c.Find(severity, key, repeat)
	c.SayText(c.Principal)
	if c.Event.Verb == "watch" {
		c.Say(" watches ")
	} else {
		c.Say(" lists ")
	}
	c.SayText(text)
	c.Say(", which it did not in ")
	c.SayWindow()
	c.SayRepeat(repeat)
}

// Habit implements habitual: to who reads the whole cluster, no namespace or
// object is new.
func (secretEnumeration) Habit(c *Case) {
	if c.ClusterWide && c.Class != access.Anonymous && selector(c.Event.RequestURI) == "" {
		c.Note(Lesson{Dim: history.DimScope, Key: scopeCluster, Text: scopeClusterText})
	}
}

// startsUp says whether a newcomer's cluster-wide read looks like a controller
// that fills its cache: the token of a pod, a client-go program of its own
// name, and a reflector's request. A tool in a pod lists without a
// resourceVersion, or names itself.
func (c *Case) startsUp() bool {
	return c.Event.User.PodUID != "" && c.Informer &&
		c.Client.Shape == access.Ordinary && c.Client.Platform != "" && c.Client.Product != "kubectl"
}

// selector is the labelSelector of a request. One that excludes instead of
// demanding narrows nothing, nor does one too long to remember.
func selector(uri string) string {
	v := access.QueryValue(uri, "labelSelector")
	if len(v) > 200 || strings.Contains(v, "!") || strings.Contains(v, "notin") {
		return ""
	}
	return v
}
