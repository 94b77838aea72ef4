package redistest

import (
	"os/exec"
	"sync"
	"testing"
)

// TestListen: an address that was left a moment ago can be had again while others
// start processes.
func TestListen(t *testing.T) {
	stop := make(chan struct{})
	var others sync.WaitGroup
	defer others.Wait()
	defer close(stop)
	for range 4 {
		others.Add(1)
		go func() {
			defer others.Done()
			for {
				select {
				case <-stop:
					return
				default:
					_ = exec.Command("true").Run()
				}
			}
		}()
	}
	addr := loopback(freePort(t))
	for range 2000 {
		l, err := listen(addr)
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
	}
}
