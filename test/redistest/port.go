package redistest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// Ports lie below Linux's ephemeral range (32768 to 60999), busOffset included: a
// port out of that range could be given to some client while its server is down,
// and a client that keeps dialling it can even connect to itself.
const (
	firstPort = 10000
	lastPort  = 22000
	// A cluster node's bus listens on its port plus this, Redis's default.
	busOffset = 10000
)

var (
	portsMu   sync.Mutex
	portsUsed = make(map[int]bool)
)

// freePort returns a port of 127.0.0.1 that this process has not handed out yet
// and on which nobody listens, nor on the bus port that belongs to it.
func freePort(t testing.TB) int {
	t.Helper()
	portsMu.Lock()
	defer portsMu.Unlock()
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if !portsUsed[port] && unused(port) && unused(port+busOffset) {
			portsUsed[port] = true
			return port
		}
	}
	t.Fatalf("no free port from %d to %d", firstPort, lastPort)
	return 0
}

func unused(port int) bool {
	l, err := net.Listen("tcp", loopback(port))
	if err != nil {
		return false
	}
	l.Close()
	return true
}

func loopback(port int) string {
	return fmt.Sprintf("127.0.0.1:%d", port)
}
