package replica

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is kept in case a server loses it is bounded in bytes too: clients choose
// how long some of what is observed is.
func TestOutboxKeepsNoMoreThanItMay(t *testing.T) {
	f := func(size int) {
		t.Helper()
		var o outbox
		for i := range 6 * maxSent {
			o.put(bytes.Repeat([]byte{'x'}, size))
			o.done(o.take(1), fmt.Sprintf("%d-0", i+1))
			require.LessOrEqual(t, len(o.sent), 2*maxSent)
			require.LessOrEqual(t, o.sentBytes, 2*maxSentBytes+size)
		}
		bytes := 0
		for _, s := range o.sent {
			bytes += len(s.entry)
		}
		require.Equal(t, bytes, o.sentBytes)
		// The last ones are there.
		require.GreaterOrEqual(t, len(o.sent), min(maxSent, maxSentBytes/size))
		require.Equal(t, fmt.Sprintf("%d-0", 6*maxSent), o.sent[len(o.sent)-1].id)
		kept := len(o.sent)
		o.again(begin)
		require.Zero(t, o.sentBytes)
		require.Empty(t, o.sent)
		require.Equal(t, kept, o.len())
	}
	f(10)
	f(300)
	f(64 << 10)
}

func TestOutboxSince(t *testing.T) {
	var o outbox
	var puts uint64
	f := func(want ...string) {
		t.Helper()
		var got []string
		for _, e := range o.since(&puts) {
			got = append(got, string(e))
		}
		require.Equal(t, want, got)
	}
	f()
	o.put([]byte("a"))
	o.put([]byte("b"))
	f("a", "b")
	f()
	o.put([]byte("c"))
	f("c")
	// More than there is room for.
	for i := range 3 * maxPending {
		o.put([]byte(fmt.Sprint(i)))
	}
	require.Len(t, o.since(&puts), maxPending)
	f()
}
