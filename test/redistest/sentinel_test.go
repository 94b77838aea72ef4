package redistest

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

func TestSentinelFailover(t *testing.T) {
	ctx := context.Background()
	s := StartSentinel(t, Password("secret"))
	o, err := redis.ParseFailoverURL(s.URL())
	require.NoError(t, err)
	require.ElementsMatch(t, s.Addrs(), o.SentinelAddrs)
	c := redis.NewFailoverClient(o)
	defer c.Close()
	require.NoError(t, c.Set(ctx, "a", "1", 0).Err())

	killed := s.KillMaster()
	s.WaitFailover()
	require.NotSame(t, killed, s.Master())
	await(t, "the client's turn to the new master", func() error {
		return c.Set(ctx, "a", "2", 0).Err()
	})
	answer, err := s.Master().Do("GET", "a")
	require.NoError(t, err)
	require.Equal(t, "2", answer)
}
