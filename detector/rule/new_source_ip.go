package rule

import "github.com/secretwatch/secretwatch/detector/history"

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
	if !found {
		return
	}
	c.Find(Low, c.Source.Key, repeat)
	c.Say("source ")
	c.SaySource()
	c.sayNovelty(history.DimSource, repeat)
}
