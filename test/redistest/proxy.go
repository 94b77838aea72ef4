package redistest

import (
	"bufio"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// burst is how much is read at once, in bytes: more than the write buffer of
// go-redis (32 KiB), so that a pipeline of one write is one read.
const burst = 64 << 10

// Proxy stands between a client and a server and can be told to misbehave. Its
// methods are safe for concurrent use. It speaks plain TCP, one answer a request:
// no TLS, subscriptions or MONITOR.
type Proxy struct {
	t       testing.TB
	addr    string
	backend string

	requests    atomic.Int64
	roundTrips  atomic.Int64
	connections atomic.Int64

	mu       sync.Mutex
	fault    fault
	listener net.Listener // nil while refusing
	conns    map[*proxyConn]bool
	closed   bool
	running  sync.WaitGroup // goroutines
}

// StartProxy runs a proxy before the server at backend (host:port) until the end
// of the test. It passes everything until it is told otherwise.
func StartProxy(t testing.TB, backend string) *Proxy {
	t.Helper()
	p := &Proxy{t: t, addr: loopback(freePort(t)), backend: backend, conns: make(map[*proxyConn]bool)}
	p.become(fault{})
	t.Cleanup(p.close)
	return p
}

// Addr returns 127.0.0.1 and the port, which stays the same.
func (p *Proxy) Addr() string {
	return p.addr
}

// URL returns redis:// and the address.
func (p *Proxy) URL() string {
	return "redis://" + p.addr
}

// RoundTrips returns how often a client has waited: requests that come together,
// or while one is still unanswered on their connection, are one round trip, as in
// a pipeline. A pipeline that the client writes in several pieces may count as
// several, and the commands that set a connection up count.
func (p *Proxy) RoundTrips() int64 {
	return p.roundTrips.Load()
}

// Requests returns how many commands clients have sent.
func (p *Proxy) Requests() int64 {
	return p.requests.Load()
}

// Connections returns how many connections clients have made.
func (p *Proxy) Connections() int64 {
	return p.connections.Load()
}

// become changes the fault. Answers that already wait go the old way.
func (p *Proxy) become(f fault) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
	if f.refuse {
		p.hangUp()
		return
	}
	if p.listener == nil && !p.closed {
		l, err := listen(p.addr)
		if err != nil {
			p.t.Error(err)
			return
		}
		p.listener = l
		p.running.Add(1)
		go p.accept(l)
	}
}

// listen listens at an address at which this process listened a moment ago. A process
// that another test starts meanwhile has that listener too, from its fork until it runs
// its program.
func listen(addr string) (net.Listener, error) {
	const most = 5 * time.Second
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		l, err := net.Listen("tcp", addr)
		if err == nil || !errors.Is(err, syscall.EADDRINUSE) || time.Since(began) > most {
			return l, err
		}
	}
}

// hangUp closes the listener and all connections. The caller holds mu.
func (p *Proxy) hangUp() {
	if p.listener != nil {
		p.listener.Close()
		p.listener = nil
	}
	for c := range p.conns {
		c.close()
	}
}

func (p *Proxy) close() {
	p.mu.Lock()
	p.closed = true
	p.hangUp()
	p.mu.Unlock()
	p.running.Wait()
}

func (p *Proxy) accept(l net.Listener) {
	defer p.running.Done()
	for {
		client, err := l.Accept()
		if err != nil {
			return // closed
		}
		p.connections.Add(1)
		p.running.Add(1)
		go p.serve(client, l)
	}
}

// serve runs one connection until either side closes it.
func (p *Proxy) serve(client net.Conn, from net.Listener) {
	defer p.running.Done()
	defer client.Close()
	server, err := net.DialTimeout("tcp", p.backend, time.Second)
	if err != nil {
		return // the client sees its connection closed
	}
	c := &proxyConn{
		proxy: p, client: client, server: server,
		replies: make(chan reply, 1024), done: make(chan struct{}),
	}
	p.mu.Lock()
	if p.listener != from { // told to refuse meanwhile
		p.mu.Unlock()
		server.Close()
		return
	}
	p.conns[c] = true
	p.running.Add(1)
	p.mu.Unlock()

	go c.answer()
	c.request()
	close(c.replies)
	c.close()
	p.mu.Lock()
	delete(p.conns, c)
	p.mu.Unlock()
}

// present returns the fault for a request that has just come.
func (p *Proxy) present() fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fault
}

// reply is one answer that the client awaits, in the order of its requests.
type reply struct {
	due  time.Time // not before
	own  []byte    // the proxy's own, nil for the server's
	lose bool      // read from the server, not written to the client
}

// proxyConn is one connection of a client, with one to the server.
type proxyConn struct {
	proxy          *Proxy
	client, server net.Conn
	replies        chan reply   // from request to answer
	waiting        atomic.Int64 // requests not yet answered
	once           sync.Once
	done           chan struct{} // closed with the connections
}

func (c *proxyConn) close() {
	c.once.Do(func() {
		close(c.done)
		c.client.Close()
		c.server.Close()
	})
}

// request reads the client's requests until the connection closes, and passes
// them on.
func (c *proxyConn) request() {
	r := bufio.NewReaderSize(c.client, burst)
	var request []byte
	silent := false // once a request has been dropped
	for {
		together := r.Buffered() > 0 // with the request before
		var err error
		if request, err = appendValue(request[:0], r); err != nil {
			return
		}
		c.proxy.requests.Add(1)
		if c.waiting.Add(1) == 1 && !together {
			c.proxy.roundTrips.Add(1)
		}
		f := c.proxy.present()
		silent = silent || f.drop
		if silent {
			continue
		}
		one := reply{due: time.Now().Add(f.delay), lose: f.lose}
		if f.answers(request) {
			one.own = f.answer
		}
		select {
		case c.replies <- one:
		case <-c.done:
			return
		}
		if one.own == nil {
			if _, err := c.server.Write(request); err != nil {
				return
			}
		}
	}
}

// answer writes the answers to the client in the order of the requests.
func (c *proxyConn) answer() {
	defer c.proxy.running.Done()
	defer c.close()
	r := bufio.NewReader(c.server)
	var buf []byte
	silent := false // once an answer has been lost
	for one := range c.replies {
		answer := one.own
		if answer == nil {
			var err error
			if buf, err = appendValue(buf[:0], r); err != nil {
				return
			}
			answer = buf
		}
		if silent = silent || one.lose; silent {
			continue
		}
		if !c.pause(time.Until(one.due)) {
			return
		}
		// Before the client can see it and ask again.
		c.waiting.Add(-1)
		if _, err := c.client.Write(answer); err != nil {
			return
		}
	}
}

// pause waits for d, and returns false if the connection was closed meanwhile.
func (c *proxyConn) pause(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.done:
		return false
	}
}
