package redistest

import (
	"testing"
	"time"
)

// awaitLimit is how long a server may take to come up, or a failover to be done,
// on a machine that is busy.
const awaitLimit = 30 * time.Second

// await calls ready until it returns nil, and fails the test with its last error
// after awaitLimit. Servers announce nothing of what is awaited here, so it polls.
func await(t testing.TB, what string, ready func() error) {
	t.Helper()
	deadline := time.Now().Add(awaitLimit)
	for {
		err := ready()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v: %v", what, awaitLimit, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
