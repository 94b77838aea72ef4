// Package forward sends records by the Fluentd forward protocol, version 1, with
// acknowledgement, into Fluent Bit, Fluentd, Vector and whatever else listens
// to it.
//
// Protocol: https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1
//
// There are libraries for this. github.com/IBM/fluent-forward-go v0.4.0 writes
// the salt of its handshake as bin, where Fluent Bit wants str and refuses it,
// and waits in the handshake and in writes without a limit;
// github.com/fluent/fluent-logger-golang v1.10.2 has no shared key, no private
// certificate authorities and takes no records that are encoded already.
package forward

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Options say where a Client sends to, and how.
type Options struct {
	Network string // tcp or unix
	Address string // host:port, or a path

	// TLS is nil for none.
	TLS *TLS
	// SharedKey, or the file that holds it, is what the receiver authenticates
	// the sender by, and vice versa. Both empty for none. The file is read anew
	// for each connection.
	SharedKey     string
	SharedKeyFile string
	// Hostname is how the sender calls itself in the handshake.
	Hostname string

	// ConnectTimeout bounds the making of a connection with all handshakes, and
	// also how long one Send goes on trying to connect.
	ConnectTimeout time.Duration
	// AckTimeout bounds the sending of a message together with the wait for its
	// acknowledgement.
	AckTimeout time.Duration
	// FirstBackoff is about how long to wait after a failure. It doubles with
	// each further one, up to ConnectTimeout. 0 means 50 ms.
	FirstBackoff time.Duration
}

// Client sends messages over as many connections as there are concurrent calls
// of Send, which stay open in between. It has no goroutines of its own. Safe for
// concurrent use.
type Client struct {
	opts    Options
	backoff backoff
	ctx     context.Context
	cancel  context.CancelFunc

	mu   sync.Mutex
	idle []*conn            // most recently used last
	busy map[*conn]struct{} // so that Close can interrupt them
	wg   sync.WaitGroup     // calls of Send
	shut bool
}

// ErrClosed is returned by Send after and during Close.
var ErrClosed = errors.New("the sender is closed")

// New checks the options, and that the files they name can be read, but does not
// connect.
func New(opts Options) (*Client, error) {
	if _, err := opts.TLS.config(""); err != nil {
		return nil, err
	}
	if _, err := opts.sharedKey(); err != nil {
		return nil, err
	}
	c := &Client{opts: opts, busy: map[*conn]struct{}{}}
	c.backoff = backoff{first: opts.FirstBackoff, most: opts.ConnectTimeout}
	if c.backoff.first == 0 {
		c.backoff.first = 50 * time.Millisecond
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c, nil
}

// Send sends a message and waits for its acknowledgement; a nil error means that
// the receiver has taken it. After any other error but ErrTooLarge it may or may
// not have, and the message should be sent again.
//
// If patient, Send tries to connect for ConnectTimeout, with pauses, otherwise
// just once and at once.
func (c *Client) Send(m *Message, patient bool) error {
	b, err := m.finish()
	if err != nil {
		return err
	}
	c.mu.Lock()
	if c.shut {
		c.mu.Unlock()
		return ErrClosed
	}
	c.wg.Add(1)
	c.mu.Unlock()
	defer c.wg.Done()

	conn, err := c.take(patient)
	if err != nil {
		return err
	}
	if err := conn.exchange(b, m.id, c.opts.AckTimeout); err != nil {
		c.drop(conn)
		c.backoff.failed(time.Now())
		if c.ctx.Err() != nil {
			return ErrClosed
		}
		return fmt.Errorf("%s: %w", c.opts.Address, err)
	}
	c.backoff.succeeded()
	c.give(conn)
	return nil
}

// take returns a connection that is ready for messages and in c.busy.
func (c *Client) take(patient bool) (*conn, error) {
	for {
		c.mu.Lock()
		n := len(c.idle)
		if n == 0 {
			c.mu.Unlock()
			break
		}
		conn := c.idle[n-1]
		c.idle = c.idle[:n-1]
		c.busy[conn] = struct{}{}
		c.mu.Unlock()
		if conn.alive() {
			return conn, nil
		}
		c.drop(conn)
	}
	giveUp := time.Now().Add(c.opts.ConnectTimeout)
	for {
		if patient {
			c.backoff.wait(c.ctx, giveUp)
		}
		conn, err := c.connect()
		if err == nil {
			return conn, nil
		}
		if c.ctx.Err() != nil {
			return nil, ErrClosed
		}
		c.backoff.failed(time.Now())
		if !patient || !c.backoff.next().Before(giveUp) {
			return nil, err
		}
	}
}

// dialer resolves names in Go: a lookup by the C library cannot be interrupted.
var dialer = net.Dialer{Resolver: &net.Resolver{PreferGo: true}}

// connect makes a connection and puts it into c.busy.
func (c *Client) connect() (*conn, error) {
	ctx, cancel := context.WithTimeout(c.ctx, c.opts.ConnectTimeout)
	defer cancel()
	raw, err := dialer.DialContext(ctx, c.opts.Network, c.opts.Address)
	if err != nil {
		return nil, err
	}
	conn := &conn{Conn: raw, raw: raw}
	c.mu.Lock()
	c.busy[conn] = struct{}{}
	shut := c.shut
	c.mu.Unlock()
	if shut {
		c.drop(conn)
		return nil, ErrClosed
	}
	if err := conn.prepare(ctx, &c.opts); err != nil {
		c.drop(conn)
		return nil, fmt.Errorf("%s: %w", c.opts.Address, err)
	}
	return conn, nil
}

// give keeps a connection for the next message.
func (c *Client) give(conn *conn) {
	c.mu.Lock()
	keep := !c.shut && !conn.single
	if keep {
		delete(c.busy, conn)
		c.idle = append(c.idle, conn)
	}
	c.mu.Unlock()
	if !keep {
		c.drop(conn)
	}
}

// drop closes a connection for good.
func (c *Client) drop(conn *conn) {
	c.mu.Lock()
	delete(c.busy, conn)
	c.mu.Unlock()
	conn.raw.Close()
}

// Close interrupts calls of Send, which then fail, waits for them to return and
// closes all connections. It may be called more than once.
func (c *Client) Close() error {
	c.cancel()
	c.mu.Lock()
	c.shut = true
	for conn := range c.busy {
		conn.raw.Close()
	}
	idle := c.idle
	c.idle = nil
	c.mu.Unlock()
	for _, conn := range idle {
		conn.Close() // with TLS's farewell
	}
	c.wg.Wait()
	return nil
}
