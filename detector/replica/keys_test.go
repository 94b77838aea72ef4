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

// slotPart is the part of a key that decides on its hash slot, as the
// specification of Redis Cluster has it: what is between the first { and the next
// }, or the whole key if that is nothing.
func slotPart(key string) string {
	if _, rest, ok := strings.Cut(key, "{"); ok {
		if tag, _, ok := strings.Cut(rest, "}"); ok && tag != "" {
			return tag
		}
	}
	return key
}

// The keys of a history are in one hash slot, and no two histories share a key,
// whatever they are called.
func TestKeysOfAnyName(t *testing.T) {
	owners := map[string]string{}
	for _, name := range []string{"", "prod", "{prod}", "}", "{}", "-", "*", ":", "%3A", "a b", "a+b", "\x00\xff", strings.Repeat("x", 253)} {
		s := &store{keys: keysOf(name)}
		all := append(s.hashes("generation"), s.keys.log(), s.keys.meta(), s.keys.lease())
		for _, key := range all {
			require.Equal(t, slotPart(all[0]), slotPart(key), "%q", name)
			require.NotContains(t, owners, key, "%q", name)
			require.True(t, strings.HasPrefix(key, "secretwatch:"), key) // as rules for users of Redis have it
		}
		for _, key := range all {
			owners[key] = name
		}
	}
}
