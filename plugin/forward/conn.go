package forward

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/secretwatch/secretwatch/detector/msgpack"
)

// maxAnswer bounds what a receiver may answer: an acknowledgement, HELO or PONG.
const maxAnswer = 8 << 10

// conn is a connection to a receiver.
type conn struct {
	net.Conn          // messages go here
	raw      net.Conn // the same without TLS
	single   bool     // the receiver closes it after one message
	in       []byte   // read, not yet used
}

// prepare takes a new connection through all handshakes, within the deadline of
// ctx. When ctx ends before, the connection is closed.
func (c *conn) prepare(ctx context.Context, opts *Options) error {
	if limit, ok := ctx.Deadline(); ok {
		c.raw.SetDeadline(limit)
	}
	cfg, err := opts.TLS.config(opts.Address)
	if err != nil {
		return err
	}
	if cfg != nil {
		t := tls.Client(c.raw, cfg)
		if err := t.HandshakeContext(ctx); err != nil {
			return fmt.Errorf("TLS: %w", err)
		}
		c.Conn = t
	}
	key, err := opts.sharedKey()
	if err != nil {
		return err
	}
	if key != "" {
		return c.authenticate(key, opts.Hostname)
	}
	return nil
}

// exchange sends a message and awaits the acknowledgement of id. After an error
// the connection is of no more use.
func (c *conn) exchange(message []byte, id string, timeout time.Duration) error {
	c.SetDeadline(time.Now().Add(timeout))
	if _, err := c.Write(message); err != nil {
		return err
	}
	b, err := c.answer()
	if err != nil {
		return fmt.Errorf("no acknowledgement: %w", err)
	}
	ack, err := parseAck(b)
	if err != nil {
		return err
	}
	if ack != id {
		return fmt.Errorf("the acknowledgement is for %.64q, not %q", ack, id)
	}
	return nil
}

// answer reads one MessagePack object, valid until the next call.
func (c *conn) answer() ([]byte, error) {
	for {
		if len(c.in) > 0 {
			end, err := msgpack.Skip(c.in, 0)
			if err == nil {
				b := c.in[:end]
				c.in = c.in[end:]
				return b, nil
			}
			if !errors.Is(err, msgpack.ErrTruncated) {
				return nil, err
			}
			if len(c.in) >= maxAnswer {
				return nil, errors.New("the answer is too long")
			}
		}
		var buf [1024]byte
		n, err := c.Read(buf[:])
		c.in = append(c.in, buf[:n]...)
		if n == 0 && err != nil {
			if err == io.EOF {
				err = errors.New("the receiver closed the connection")
			}
			return nil, err
		}
	}
}

// parseAck reads {"ack": id}.
func parseAck(b []byte) (string, error) {
	pairs, at, ok := msgpack.ReadMapHeader(b, 0)
	if !ok {
		if parts, ok := parseArray(b); ok && len(parts) > 0 && text(parts[0]) == "HELO" {
			return "", errors.New("the receiver wants a shared key, and shared_key is not set")
		}
		return "", errors.New("the answer is no acknowledgement")
	}
	for range pairs {
		key, next, isStr := msgpack.ReadStr(b, at)
		if !isStr {
			next, _ = msgpack.Skip(b, at)
		}
		end, _ := msgpack.Skip(b, next)
		if isStr && string(key) == "ack" {
			return text(b[next:end]), nil
		}
		at = end
	}
	return "", errors.New("the answer is no acknowledgement")
}

// parseArray returns the elements of a complete array.
func parseArray(b []byte) (elements [][]byte, ok bool) {
	n, at, ok := msgpack.ReadArrayHeader(b, 0)
	if !ok {
		return nil, false
	}
	for range n {
		end, err := msgpack.Skip(b, at)
		if err != nil {
			return nil, false
		}
		elements = append(elements, b[at:end])
		at = end
	}
	return elements, true
}

// text returns what a str or bin holds, or nothing. Which of the two a peer
// writes depends on its language.
func text(b []byte) string {
	s, _, ok := msgpack.ReadStr(b, 0)
	if !ok {
		s, _, _ = msgpack.ReadBin(b, 0)
	}
	return string(s)
}

// alive reports whether an idle connection can be used: the receiver neither
// closed it nor sent anything, for which there is no occasion.
func (c *conn) alive() bool {
	if len(c.in) > 0 {
		return false
	}
	s, ok := c.raw.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return false
	}
	alive := false
	c.raw.SetReadDeadline(time.Time{})
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		alive = n < 0 && (err == syscall.EAGAIN || err == syscall.EWOULDBLOCK)
		return true
	})
	return err == nil && alive
}
