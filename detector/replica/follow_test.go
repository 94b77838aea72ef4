package replica

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/test/redistest"
)

// A replica that was cut off for so long that the log does not reach back, and had
// no need to notice, does not go on as if it had missed nothing.
func TestFollowOverAGap(t *testing.T) {
	server := redistest.Start(t)
	proxy := redistest.StartProxy(t, server.Addr())
	a, b := newMember(t, proxy.URL()), newMember(t, server.URL())
	trained(t, a, b)
	proxy.Refuse()
	b.look(accessAt("alice", "203.0.113.1", kubectl, "a", "b", afterwards))
	settle(t, b)
	require.NoError(t, b.h.l.saveOnce(t.Context(), false))
	b.look(accessAt("alice", "203.0.113.2", kubectl, "a", "b", afterwards+1))
	settle(t, b)
	_, err := server.Do("XTRIM", b.h.l.store.keys.log(), "MAXLEN", 1)
	require.NoError(t, err)
	require.True(t, a.h.l.up.Load(), "it noticed")
	proxy.Pass()
	await(t, "knowing all", func() bool {
		known := counts(a.h.Memory(), "alice")
		return known["203.0.113.1"] > 0 && known["203.0.113.2"] > 0
	})
	settle(t, a)
	require.False(t, a.look(accessAt("alice", "203.0.113.1", kubectl, "a", "b", afterwards+10)).First)
}
