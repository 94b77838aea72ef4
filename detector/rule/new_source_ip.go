package rule

import (
	"slices"

	"github.com/secretwatch/secretwatch/detector/access"
	"github.com/secretwatch/secretwatch/detector/history"
)

// newSourceIP sees sources a principal was not seen from in the window.
type newSourceIP struct{}

var newSourceIPInfo = Info{
	ID:         "new-source-ip",
	Title:      "Kubernetes Secret Accessed From New Source IP",
	Techniques: []string{"T1552.007", "T1078"},
}

func (newSourceIP) Info() *Info { return &newSourceIPInfo }

func (newSourceIP) Judge(c *Case) {
	repeat, found := c.novelty(history.DimSource)
	if !found || c.Newcomer() && c.Colleague && c.Client.Shape == access.Ordinary &&
		(c.Status[history.DimClient] == history.Known || c.Common[history.DimClient]) {
		// A colleague's first days bring more than one address.
		return
	}
	severity := Low
	if c.Class == access.ServiceAccount && !c.Again[history.DimSource] && !c.roams() {
		severity = Medium
	}
	c.Flagged[history.DimSource] = true
	c.Find(severity, c.Source.Key, repeat)
	c.Say("source ")
	c.SaySource()
	c.sayNovelty(history.DimSource, repeat)
}

// roamsFrom is how many places out of the cluster make one more unremarkable.
const roamsFrom = 3

// roams says whether a new source is nothing special for a service account:
// workloads do not travel, but one may be used by pipelines on hosted machines,
// or come out of the cluster by addresses that others use too.
func (c *Case) roams() bool {
	if c.Source.Inside || c.Source.Network != "" || c.usedByPods() {
		return true
	}
	var places [roamsFrom]uint64
	n := 0
	c.P.Sets[history.DimSource].Each(func(v *history.Value) {
		a := access.ParseAddr(v.Text)
		if !a.IsValid() || v.Flagged != 0 {
			return
		}
		if place := access.Neighbourhood(a); n < len(places) && !slices.Contains(places[:n], place) {
			places[n] = place
			n++
		}
	})
	return c.Nearby || n == len(places)
}
