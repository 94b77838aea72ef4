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
	// A user agent has a row of places. Where that is full, the next one displaces
	// any of them.
	rows [64][4]atomic.Pointer[client]
}

// clientSeed makes rows that nobody can choose.
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
	sum := maphash.String(clientSeed, ua)
	row := &cs.rows[sum%uint64(len(cs.rows))]
	place := &row[sum>>32%uint64(len(row))]
	for i := range row {
		c := row[i].Load()
		if c == nil {
			place = &row[i]
			break
		}
		if c.agent == ua {
			return c
		}
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
