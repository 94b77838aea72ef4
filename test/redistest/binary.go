package redistest

import (
	"os"
	"os/exec"
	"testing"
)

// binary returns the path of the server program, or skips.
func binary(t testing.TB) string {
	t.Helper()
	if name := os.Getenv("REDIS_SERVER"); name != "" {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatalf("REDIS_SERVER: %v", err)
		}
		return path
	}
	for _, name := range []string{"redis-server", "valkey-server"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("redis-server is not installed: apt-get install redis-server")
	return ""
}
