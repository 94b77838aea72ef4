package replica

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/test/redistest"
)

// repeating is a hook with which HSCAN returns everything twice, as it may while a
// hash changes.
type repeating struct{}

func (repeating) DialHook(next redis.DialHook) redis.DialHook { return next }
func (repeating) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if scan, ok := cmd.(*redis.ScanCmd); ok {
			pairs, cursor := scan.Val()
			scan.SetVal(append(pairs, pairs...), cursor)
		}
		return err
	}
}
func (repeating) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// Records that come twice while they are read count once, also where there is no
// room for one more identity.
func TestRecordsThatComeTwice(t *testing.T) {
	server := redistest.Start(t)
	tight := func(_ *Options, cfg *detector.Config) { cfg.MaxPrincipals = 2 }
	m := newMember(t, server.URL(), tight)
	trained(t, m)
	require.NoError(t, m.close()) // with the last records
	o := m.h.l.o
	s, err := newStore(&o, &m.h.l.cfg)
	require.NoError(t, err)
	defer s.close()
	s.client.AddHook(repeating{})
	read, _, _, err := s.load(t.Context(), m.h.l.cfg, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"alice", "bob"}, read.Store().Names())
}
