package replica

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/test/redistest"
)

// Without a name, too, all keys of a history are in one hash slot.
func TestClusterWithoutName(t *testing.T) {
	nodes := redistest.StartCluster(t, 3, 0)
	nameless := func(o *Options, _ *detector.Config) { o.Cluster = "" }
	url := "redis+cluster://" + strings.Join(nodes.Addrs(), ",")
	a, b := newMember(t, url, nameless), newMember(t, url, nameless)
	trained(t, a, b)
	v := a.look(accessAt("alice", "203.0.113.1", kubectl, "a", "b", afterwards))
	require.NotEqual(t, Degraded, v.History)
	settle(t, a, b)
}
