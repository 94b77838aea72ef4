package replica

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/test/redistest"
)

// pipelines is a hook that is told of each pipeline that was carried out; what it
// returns becomes of the pipeline's result.
type pipelines func(n int) error

func (pipelines) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (pipelines) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }
func (f pipelines) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	n := 0
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if err := next(ctx, cmds); err != nil {
			return err
		}
		n++
		return f(n)
	}
}

// stateKeys counts the keys of records.
func stateKeys(t *testing.T, server *redistest.Server) int {
	t.Helper()
	keys, err := server.Do("KEYS", "*:state:*")
	require.NoError(t, err)
	return len(keys.([]any))
}

// Records that do not come to count leave nothing behind, however often writing
// them fails.
func TestRecordsThatDoNotCount(t *testing.T) {
	server := redistest.Start(t)
	m := newMember(t, server.URL())
	trained(t, m)
	broken := errors.New("broken")
	lease := m.h.l.store.keys.lease()
	var then func() error
	m.h.l.store.client.AddHook(pipelines(func(int) error { return then() }))

	then = func() error { return broken } // after it was written
	require.ErrorIs(t, m.h.l.saveOnce(t.Context(), false), broken)
	require.Zero(t, stateKeys(t, server))

	then = func() error {
		_, err := server.Do("SET", lease, "somebody else")
		return err
	}
	require.NoError(t, m.h.l.saveOnce(t.Context(), false))
	require.Zero(t, stateKeys(t, server))

	ctx, cancel := context.WithCancel(t.Context()) // as at the end
	then = func() error {
		cancel()
		return ctx.Err()
	}
	_, err := server.Do("DEL", lease)
	require.NoError(t, err)
	require.Error(t, m.h.l.saveOnce(ctx, false))
	require.Zero(t, stateKeys(t, server))

	then = func() error { return nil }
	require.NoError(t, m.h.l.saveOnce(t.Context(), false))
	written := stateKeys(t, server)
	require.NotZero(t, written)
	// Those that count stay.
	then = func() error { return broken }
	m.look(accessAt("carol", "192.0.2.1", kubectl, "a", "b", afterwards))
	require.ErrorIs(t, m.h.l.saveOnce(t.Context(), false), broken)
	require.GreaterOrEqual(t, stateKeys(t, server), written)
}

// The lease is held for as long as writing takes.
func TestLeaseWhileRecordsAreWritten(t *testing.T) {
	server := redistest.Start(t)
	m := newMember(t, server.URL())
	lease := m.h.l.store.keys.lease()
	for i := range 1500 { // three batches
		m.look(accessAt(fmt.Sprint("user", i), "192.0.2.1", kubectl, "a", "b", i))
	}
	settle(t, m)
	batches := 0
	m.h.l.store.client.AddHook(pipelines(func(n int) error {
		batches = n
		if n > 1 {
			holder, err := server.Do("GET", lease)
			require.NoError(t, err)
			require.Equal(t, m.h.l.id, holder)
		}
		_, err := server.Do("DEL", lease) // it ran out
		return err
	}))
	require.NoError(t, m.h.l.saveOnce(t.Context(), false))
	require.Greater(t, batches, 2)
	// It ran out once more, but nobody has taken it.
	require.EqualValues(t, 1, m.h.Stats().Saves)
	reader := newMember(t, server.URL())
	require.Len(t, reader.h.Memory().Store().Names(), 1500)
}

// A server that took over, or was restored, lacks what was written last: it is
// written again.
func TestRecordsThatAServerLost(t *testing.T) {
	server := redistest.Start(t)
	m := newMember(t, server.URL())
	trained(t, m)
	require.NoError(t, m.h.l.saveOnce(t.Context(), false))
	keys, err := server.Do("KEYS", "secretwatch:*")
	require.NoError(t, err)
	before := map[any]any{}
	for _, key := range keys.([]any) {
		before[key], err = server.Do("DUMP", key)
		require.NoError(t, err)
	}
	m.look(accessAt("carol", "192.0.2.1", kubectl, "a", "b", afterwards))
	settle(t, m)
	require.NoError(t, m.h.l.saveOnce(t.Context(), false))
	for key, value := range before {
		_, err := server.Do("RESTORE", key, 0, value, "REPLACE")
		require.NoError(t, err)
	}
	settle(t, m)
	m.look(accessAt("dave", "192.0.2.1", kubectl, "a", "b", afterwards+1))
	settle(t, m)
	require.NoError(t, m.h.l.saveOnce(t.Context(), false))
	_, err = server.Do("XTRIM", m.h.l.store.keys.log(), "MAXLEN", 1) // dave's
	require.NoError(t, err)
	reader := newMember(t, server.URL())
	require.Equal(t, []string{"alice", "bob", "carol", "dave"}, reader.h.Memory().Store().Names())
}
