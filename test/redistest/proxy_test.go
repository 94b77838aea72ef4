package redistest

import (
	"context"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

func TestProxy(t *testing.T) {
	ctx := context.Background()
	s := Start(t)
	p := StartProxy(t, s.Addr())
	c := client(t, p.URL())
	timedOut := func(err error) {
		t.Helper()
		var late net.Error
		require.ErrorAs(t, err, &late)
		require.True(t, late.Timeout())
	}
	get := func() string {
		t.Helper()
		answer, err := s.Do("GET", "a")
		require.NoError(t, err)
		return answer.(string)
	}

	require.NoError(t, c.Set(ctx, "a", strings.Repeat("x\r\n", 10_000), 0).Err())
	require.Equal(t, strings.Repeat("x\r\n", 10_000), c.Get(ctx, "a").Val())
	require.NoError(t, c.HSet(ctx, "h", "f", "1", "g", "2").Err())
	require.Equal(t, map[string]string{"f": "1", "g": "2"}, c.HGetAll(ctx, "h").Val())
	require.EqualValues(t, 1, p.Connections())

	// A pipeline is one round trip.
	before := p.RoundTrips()
	requests := p.Requests()
	_, err := c.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for range 50 {
			pipe.Incr(ctx, "n")
		}
		return nil
	})
	require.NoError(t, err)
	require.EqualValues(t, 50, p.Requests()-requests)
	require.EqualValues(t, 1, p.RoundTrips()-before)
	for range 3 {
		require.NoError(t, c.Ping(ctx).Err())
	}
	require.EqualValues(t, 4, p.RoundTrips()-before)

	p.Delay(50 * time.Millisecond)
	start := time.Now()
	require.NoError(t, c.Set(ctx, "a", "slow", 0).Err())
	require.GreaterOrEqual(t, time.Since(start), 50*time.Millisecond)
	p.Delay(time.Hour)
	timedOut(c.Get(ctx, "a").Err())
	p.Pass()
	require.Equal(t, "slow", c.Get(ctx, "a").Val())

	p.Drop()
	timedOut(c.Set(ctx, "a", "dropped", 0).Err())
	p.Pass()
	require.Equal(t, "slow", c.Get(ctx, "a").Val())

	p.LoseAnswers()
	timedOut(c.Set(ctx, "a", "lost", 0).Err())
	require.Equal(t, "lost", get())
	p.Pass()
	require.NoError(t, c.Ping(ctx).Err())

	p.Refuse()
	require.Error(t, c.Ping(ctx).Err())                         // its connection is closed
	require.ErrorIs(t, c.Ping(ctx).Err(), syscall.ECONNREFUSED) // and it gets no other
	p.Pass()
	require.NoError(t, c.Ping(ctx).Err())

	p.Garbage()
	require.ErrorContains(t, c.Ping(ctx).Err(), "can't parse")
	p.Pass()
	require.NoError(t, c.Ping(ctx).Err())

	p.ErrorReplies("READONLY You can't write against a read only replica.")
	require.ErrorContains(t, c.Set(ctx, "a", "refused", 0).Err(), "READONLY")
	fresh := client(t, p.URL())
	_, err = fresh.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.Set(ctx, "a", "1", 0)
		pipe.Set(ctx, "a", "2", 0)
		return nil
	})
	require.ErrorContains(t, err, "READONLY")
	require.Equal(t, "lost", get())
	p.Pass()
	require.NoError(t, c.Set(ctx, "a", "written", 0).Err())
	require.NoError(t, fresh.Ping(ctx).Err())

	s.Kill()
	require.Error(t, c.Ping(ctx).Err())
	s.Restart()
	require.NoError(t, c.Ping(ctx).Err())
}
