package access

import (
	"hash/maphash"
	"strings"
	"sync/atomic"
)

// Clients reads user agents and remembers what they come to: a cluster's
// clients are few, and reading one costs as much as everything else about an
// access. The zero value is empty and ready. Safe for concurrent use.
type Clients struct {
	// A user agent has one place, where the next one displaces it.
	places [256]atomic.Pointer[client]
}

// clientSeed makes places that nobody can choose.
var clientSeed = maphash.MakeSeed()

// client is a user agent and what it comes to, in memory of its own.
type client struct {
	agent string
	Client
	text string

	// The same without the platform.
	bareKey  uint64
	bareText string
}

// read returns what a user agent comes to. It must not be changed.
func (cs *Clients) read(ua string) *client {
	place := &cs.places[maphash.String(clientSeed, ua)%uint64(len(cs.places))]
	if c := place.Load(); c != nil && c.agent == ua {
		return c
	}
	c := &client{agent: strings.Clone(ua)}
	c.Client = ParseClient(c.agent)
	c.text = c.Text()
	bare := c.Client
	bare.Platform = ""
	c.bareKey, c.bareText = bare.Hash(), bare.Text()
	place.Store(c)
	return c
}
