package state

import (
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/detector/history"
)

// Wherever writing is held up, by another transaction or by a disk that takes
// its time with any record, events of all principals are judged meanwhile.
func TestJudgingDoesNotWaitForWriting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	h, j := start(t, path)
	round := 0
	// judge judges an event of each of so many users that every lock is taken.
	// That it waits for none shows by its end. The limit only ends a failed test,
	// and all others with it, since nothing could be closed any more.
	judge := func() {
		round++
		limit := time.AfterFunc(time.Minute, func() { panic("events wait for the file") })
		defer limit.Stop()
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := range 200 {
				read1(t, h, fmt.Sprint("user", i), fmt.Sprint("secret", round), now+int64(round))
			}
		}()
		<-done
	}
	judge()

	// The transaction cannot begin.
	tx, err := h.k.file.db.Begin(true)
	require.NoError(t, err)
	flushed := make(chan error, 1)
	go func() { flushed <- h.Flush() }()
	for h.k.mu.TryLock() { // until Flush has it
		h.k.mu.Unlock()
		runtime.Gosched()
	}
	judge()
	require.Empty(t, flushed)
	require.NoError(t, tx.Rollback())
	require.NoError(t, <-flushed)

	// The transaction waits at one record of each table, and before it is
	// committed.
	judge()
	held := map[history.Table]bool{}
	h.k.mu.Lock()
	err = h.k.file.write(true, func(emit history.Emit) error {
		h.Memory().Changes(true, func(table history.Table, key string, value []byte) {
			if !held[table] {
				held[table] = true
				judge()
			}
			emit(table, key, value)
		})
		judge()
		return nil
	})
	h.k.tx = h.k.file.tx
	h.k.mu.Unlock()
	require.NoError(t, err)
	for _, table := range []history.Table{history.Principals, history.Common, history.Suspects, history.About} {
		require.True(t, held[table], "nothing was written of %s", table)
	}

	// What was judged meanwhile is written by the next flush.
	require.NoError(t, h.Close())
	require.Empty(t, j.warnings())
	h, _ = start(t, path)
	require.False(t, read1(t, h, "user199", fmt.Sprint("secret", round), now+int64(round)+1))
}
