package replica

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/test/redistest"
)

// narrow is a hook with which answers that hold entries of the log take a time for
// each: those that would take longer than may be waited fail at once.
type narrow struct{ each time.Duration }

func (narrow) DialHook(next redis.DialHook) redis.DialHook { return next }
func (h narrow) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		deadline, bounded := ctx.Deadline()
		patience := time.Until(deadline)
		err := next(ctx, cmd)
		if c, ok := cmd.(*redis.Cmd); ok && err == nil && bounded {
			if reply, ok := c.Val().([]any); ok && len(reply) == 3 {
				if others, ok := reply[1].([]any); ok && time.Duration(len(others))*h.each > patience {
					c.SetErr(context.DeadlineExceeded)
					return context.DeadlineExceeded
				}
			}
		}
		return err
	}
}
func (narrow) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// A replica that was away comes back also where it takes longer to read what it
// missed than a chunk may wait.
func TestMuchWasMissed(t *testing.T) {
	server := redistest.Start(t)
	h, _ := idle(t, server.URL())
	away := h.l
	const missed = 2*maxRead - 500
	busy := newMember(t, server.URL())
	for i := range missed {
		busy.h.Tell(busy.d, accessAt(fmt.Sprint("user", i), "192.0.2.1", kubectl, "a", "b", i))
	}
	settle(t, busy)
	away.store.client.AddHook(narrow{time.Second / maxRead / 2 * 3})
	require.NoError(t, away.probe())
	require.Len(t, away.memory.Store().Names(), missed)
}
