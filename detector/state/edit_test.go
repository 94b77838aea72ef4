package state

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
)

// What was judged before a file was changed is still known to have been judged:
// the host may bring its last records again.
func TestEditKeepsWhichRequestsWereJudged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	ev := audit.Event{
		AuditID: "1", Stage: audit.StageResponseComplete, Verb: "get", User: audit.User{Username: "alice"},
		SourceIPs: []string{"203.0.113.9"}, UserAgent: "kubectl/v1.30.0", Resource: "secrets", Namespace: "prod", Name: "db",
		Code: 200, Time: now, RequestURI: "/api/v1/namespaces/prod/secrets/db",
	}
	judge := func() detector.Result {
		h, j := start(t, path)
		d, err := detector.NewWith(testConfig(), h.Memory())
		require.NoError(t, err)
		var v detector.Verdict
		r := d.Judge(&ev, &v)
		require.NoError(t, h.Close())
		require.Empty(t, j.warnings())
		return r
	}
	require.NotEqual(t, detector.Duplicate, judge())
	require.NoError(t, Edit(path, testConfig(), func(m *detector.Memory) error {
		_, ok := m.Store().Approve("alice", "")
		require.True(t, ok)
		return nil
	}))
	failed := errors.New("no")
	require.ErrorIs(t, Edit(path, testConfig(), func(*detector.Memory) error { return failed }), failed)
	require.Equal(t, detector.Duplicate, judge())
}
