package redistest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

func TestClusterFailover(t *testing.T) {
	ctx := context.Background()
	cluster := StartCluster(t, 3, 1)
	require.Len(t, cluster.Nodes(), 6)
	o, err := redis.ParseClusterURL(cluster.URL())
	require.NoError(t, err)
	require.ElementsMatch(t, cluster.Addrs(), o.Addrs)
	o.ClusterStateReloadInterval = 100 * time.Millisecond // a minute by default
	c := redis.NewClusterClient(o)
	defer c.Close()
	// One key of each master's.
	require.NoError(t, c.Set(ctx, "foo", "1", 0).Err())
	require.NoError(t, c.Set(ctx, "bar", "1", 0).Err())
	require.NoError(t, c.Set(ctx, "hello", "1", 0).Err())

	killed := cluster.KillMasterOf("foo")
	require.False(t, killed.Running())
	cluster.WaitFailover()
	require.NotSame(t, killed, cluster.MasterOf("foo"))
	await(t, "the client's turn to the new master", func() error {
		return c.Set(ctx, "foo", "2", 0).Err()
	})
	answer, err := cluster.MasterOf("foo").Do("GET", "foo")
	require.NoError(t, err)
	require.Equal(t, "2", answer)

	killed.Restart()
	await(t, "the killed node's return as a replica", func() error {
		role, err := killed.info("replication", "role")
		if err == nil && role != "slave" {
			err = errors.New(role)
		}
		return err
	})
}
