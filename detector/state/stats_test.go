package state

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type times []float64

func (t *times) Observe(seconds float64) { *t = append(*t, seconds) }

func TestStats(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "later")
	path := filepath.Join(dir, "state.db")
	open := func() (*History, *times) {
		took := &times{}
		h := Open(Options{Path: path, Flush: time.Hour, Log: &journal{}}, testConfig())
		h.Observe(took)
		t.Cleanup(func() { h.Close() })
		return h, took
	}
	h, took := open()
	require.Equal(t, Stats{Failures: 1}, h.Stats())
	read1(t, h, "alice", "db", now)
	require.Error(t, h.Flush())
	require.Equal(t, Stats{Failures: 2, Pending: 1}, h.Stats())
	require.Empty(t, *took)

	require.NoError(t, os.Mkdir(dir, 0o700))
	began := time.Now()
	require.NoError(t, h.Flush())
	s := h.Stats()
	require.True(t, s.Writable)
	require.WithinRange(t, s.Current, began, time.Now())
	require.Equal(t, uint64(2), s.Failures)
	require.Positive(t, s.Bytes)
	require.Zero(t, s.Pending)
	require.Len(t, *took, 1)
	require.Positive(t, (*took)[0])

	// Nothing to write: the file is current all the same.
	require.NoError(t, h.Flush())
	require.Len(t, *took, 1)
	require.True(t, h.Stats().Current.After(s.Current))

	// Who shares the file hears of it too, until it is closed.
	other, heard := open()
	read1(t, other, "bob", "db", now)
	require.NoError(t, other.Flush())
	require.Len(t, *took, 2)
	require.Len(t, *heard, 1)
	require.NoError(t, h.Close())
	read1(t, other, "carol", "db", now)
	require.NoError(t, other.Close())
	require.Len(t, *took, 2)
	require.Len(t, *heard, 2, "the last write too")
	require.True(t, other.Stats().Writable)
}
