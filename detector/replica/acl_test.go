package replica

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/history"
	"github.com/secretwatch/secretwatch/test/redistest"
)

// rules are those of the user in the example for Kubernetes.
func rules(t *testing.T) (rules []string) {
	t.Helper()
	text, err := os.ReadFile("../../conf/kubernetes/redis/users.acl")
	require.NoError(t, err)
	_, line, ok := strings.Cut(string(text), "user secretwatch on >PASSWORD ")
	require.True(t, ok)
	return strings.Fields(line)
}

// everything does what replicas and the command do with a server.
func everything(t *testing.T, url string) {
	t.Helper()
	a, b := newMember(t, url), newMember(t, url)
	require.True(t, a.h.l.up.Load() && b.h.l.up.Load(), "%q", a.log.lines)
	trained(t, a, b)
	for range 2 {
		require.NoError(t, a.h.l.saveOnce(t.Context(), false))
		a.look(accessAt("alice", "203.0.113.1", kubectl, "a", "b", afterwards))
	}
	client, err := Connect(Options{Server: a.h.l.o.Server, Cluster: "test"}, detector.DefaultConfig())
	require.NoError(t, err)
	defer client.Close()
	read, err := client.Load(t.Context())
	require.NoError(t, err)
	require.NoError(t, client.Approve(t.Context(), read, "alice", "203.0.113.1"))
	require.NoError(t, a.h.l.store.drop(t.Context(), "none"))
	require.NoError(t, client.Forget(t.Context(), read, "bob", ""))
	settle(t, a, b)
	require.NoError(t, a.h.l.saveOnce(t.Context(), false))
	require.NoError(t, a.h.l.store.client.XTrimMaxLen(t.Context(), a.h.l.store.keys.log(), 0).Err())
	require.NoError(t, a.h.l.probe())
	require.True(t, a.look(accessAt("alice", "203.0.113.2", kubectl, "a", "b", afterwards+1)).First)
	settle(t, a, b)
	require.False(t, b.look(accessAt("alice", "203.0.113.2", kubectl, "a", "b", afterwards+2)).First)
	require.NoError(t, a.close())
	require.Zero(t, a.log.count("warn")+b.log.count("warn"), "%q %q", a.log.lines, b.log.lines)
	other, err := Connect(Options{Server: a.h.l.o.Server, Cluster: "other"}, detector.DefaultConfig())
	require.NoError(t, err)
	defer other.Close()
	require.NoError(t, other.Create(t.Context(), func(emit history.Emit) error {
		return read.Records(func(table history.Table, key string, value []byte) error {
			emit(table, key, value)
			return nil
		})
	}))
}

// The example's user may do what is needed and nothing else.
func TestUserOfTheExample(t *testing.T) {
	rules := rules(t)
	single := redistest.Start(t, redistest.ACLUser("watch", "secret", rules...))
	everything(t, single.URL()+"/1")
	nodes := redistest.StartCluster(t, 3, 0)
	for _, n := range nodes.Nodes() {
		_, err := n.Do(slices.Concat([]any{"ACL", "SETUSER", "watch", "on", ">secret"}, asAny(rules))...)
		require.NoError(t, err)
	}
	everything(t, "redis+cluster://watch:secret@"+strings.Join(nodes.Addrs(), ","))
	used := map[string]bool{}
	for _, n := range append(nodes.Nodes(), single) {
		for command := range n.CommandStats() {
			used[command] = true
		}
		// Before Redis 7 subcommands are not told apart.
		if !used["cluster|slots"] && used["cluster"] {
			used["cluster|slots"] = true
		}
		denied, err := n.Do("ACL", "LOG")
		require.NoError(t, err)
		require.Empty(t, denied)
	}
	for _, rule := range rules {
		if command, ok := strings.CutPrefix(rule, "+"); ok && !used[command] {
			t.Errorf("%s is not needed", rule)
		}
	}
}

func asAny(list []string) (any []any) {
	for _, s := range list {
		any = append(any, s)
	}
	return any
}
