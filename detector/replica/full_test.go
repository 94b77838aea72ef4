package replica

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/test/redistest"
)

// usedMemory is what a server says it uses, in bytes.
func usedMemory(t *testing.T, server *redistest.Server) int {
	t.Helper()
	info, err := server.Do("INFO", "memory")
	require.NoError(t, err)
	used := regexp.MustCompile(`(?m)^used_memory:(\d+)`).FindStringSubmatch(info.(string))
	require.Len(t, used, 2)
	n, err := strconv.Atoi(used[1])
	require.NoError(t, err)
	return n
}

// Clients that fill the server with what they make replicas observe do not keep
// them from sharing: what the records stand for makes room.
func TestServerFilledByTheLog(t *testing.T) {
	server := redistest.Start(t)
	a, b := newMember(t, server.URL()), newMember(t, server.URL())
	trained(t, a, b)
	require.NoError(t, a.h.l.saveOnce(t.Context(), false))
	const room = 6 << 20 // also for what waits to be read by those who follow
	do(t, server, "CONFIG", "SET", "maxmemory-policy", "noeviction")
	do(t, server, "CONFIG", "SET", "maxmemory", usedMemory(t, server)+room)
	sent, full := 0, 0
	for i := 0; sent < 3*room; i++ {
		agent := kubectl + strings.Repeat("x", 1500)
		sent += len(agent)
		v := a.look(accessAt("alice", fmt.Sprintf("203.0.%d.%d", i/250, i%250), agent, "a", "b", afterwards+i))
		require.Equal(t, "complete", v.History, "after %d bytes", sent)
		if i%100 == 0 && a.h.l.saveOnce(t.Context(), false) != nil {
			full++
		}
	}
	settle(t, a, b)
	length, err := server.Do("XLEN", a.h.l.store.keys.log())
	require.NoError(t, err)
	t.Logf("%d bytes observed, %d left in the log, records refused %d times", sent, length, full)
	v := b.look(accessAt("alice", "203.0.0.1", kubectl, "a", "b", afterwards+1))
	require.Equal(t, "complete", v.History)
	require.Zero(t, a.log.count("warn"), "%q", a.log.lines)
}
