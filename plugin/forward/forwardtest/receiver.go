// Package forwardtest is a receiver of the forward protocol for tests, which can
// be told to misbehave. It shares no code with the sender but the reading of
// MessagePack.
package forwardtest

import (
	"bytes"
	"crypto/sha512"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/secretwatch/secretwatch/detector/msgpack"
)

// Message is one that was received whole.
type Message struct {
	Tag     string
	ID      string // of the chunk, empty if there was none
	Size    int64  // as the sender tells, or -1
	Entries []Entry
}

// Entry is one record. Its slices are copies.
type Entry struct {
	Time, Record []byte
}

// Answer is what a receiver does with a message.
type Answer int

// Answers. The message counts as taken with Ack, AckLost and Wrong.
const (
	Ack     Answer = iota
	AckLost        // take it, then close without a word
	Wrong          // take it, then acknowledge another chunk
	Refuse         // do not take it, close
	Silent         // do not take it, say nothing
)

// Receiver listens. Set its fields before Start; its functions are called by
// many goroutines at once.
type Receiver struct {
	Network string // tcp if empty
	Address string // an address of its own if empty; set by Start
	TLS     *tls.Config
	// SharedKey turns the handshake on.
	SharedKey string
	// Once closes a connection after each message, and says so in the handshake.
	Once bool

	// Answer decides about a message; nil takes and acknowledges all.
	Answer func(m *Message) Answer
	// Cut says after how many bytes a new connection is to be closed, 0 for
	// never.
	Cut func() int

	mu       sync.Mutex
	listener net.Listener
	conns    map[net.Conn]*Message // with the last message answered by Ack
	accepted int
	wg       sync.WaitGroup
}

// Start listens, again at the same address after Kill.
func (r *Receiver) Start() error {
	network, address := r.Network, r.Address
	if network == "" {
		network = "tcp"
	}
	if address == "" {
		address = "127.0.0.1:0"
	}
	l, err := net.Listen(network, address)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.listener, r.conns, r.Address = l, map[net.Conn]*Message{}, l.Addr().String()
	r.mu.Unlock()
	r.wg.Add(1)
	go func() {
		defer r.wg.Done()
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r.mu.Lock()
			dead := r.listener != l
			if !dead {
				r.conns[c] = nil
				r.accepted++
			}
			r.mu.Unlock()
			if dead {
				c.Close()
				continue
			}
			r.wg.Add(1)
			go func() {
				defer r.wg.Done()
				r.serve(c)
				r.mu.Lock()
				if r.listener == l { // otherwise Kill still wants to know
					delete(r.conns, c)
				}
				r.mu.Unlock()
				c.Close()
			}()
		}
	}()
	return nil
}

// Kill closes the listener and all connections at once, waits until nothing
// runs, and returns the last messages acknowledged on the connections that were
// open, whose acknowledgements may not have arrived.
func (r *Receiver) Kill() []*Message {
	var last []*Message
	r.mu.Lock()
	if r.listener != nil {
		r.listener.Close()
		r.listener = nil
	}
	for c := range r.conns {
		c.Close()
	}
	r.mu.Unlock()
	r.wg.Wait()
	r.mu.Lock()
	for _, m := range r.conns {
		if m != nil {
			last = append(last, m)
		}
	}
	r.mu.Unlock()
	return last
}

// Connections returns how many connections are open, and how many there were.
func (r *Receiver) Connections() (open, ever int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.conns), r.accepted
}

// serve reads messages until the connection ends or an answer ends it.
func (r *Receiver) serve(raw net.Conn) {
	in := reader{Conn: raw}
	if r.Cut != nil {
		in.left = r.Cut()
	}
	if r.TLS != nil {
		in.Conn = tls.Server(raw, r.TLS)
	}
	if r.SharedKey != "" {
		if err := r.handshake(&in); err != nil {
			return
		}
	}
	for {
		b, err := in.object()
		if err != nil {
			return
		}
		m, err := parse(b)
		if err != nil {
			return
		}
		answer := Ack
		if r.Answer != nil {
			answer = r.Answer(m)
		}
		id := m.ID
		switch answer {
		case AckLost, Refuse:
			return
		case Silent:
			continue
		case Wrong:
			id = "bm90IHRoZSBjaHVuaw=="
		}
		if m.ID == "" {
			continue
		}
		if answer == Ack {
			r.mu.Lock()
			if _, ok := r.conns[raw]; ok {
				r.conns[raw] = m
			}
			r.mu.Unlock()
		}
		in.Write(msgpack.AppendStr([]byte{0x81, 0xa3, 'a', 'c', 'k'}, id))
		if r.Once {
			return
		}
	}
}

// handshake is the server's part of HELO, PING and PONG.
func (r *Receiver) handshake(in *reader) error {
	const nonce, name = "0123456789abcdef", "receiver.example"
	helo := []byte{0x92}
	helo = msgpack.AppendStr(helo, "HELO")
	helo = append(helo, 0x83)
	helo = msgpack.AppendStr(helo, "nonce")
	helo = msgpack.AppendStr(helo, nonce)
	helo = msgpack.AppendStr(helo, "auth")
	helo = msgpack.AppendStr(helo, "")
	helo = msgpack.AppendStr(helo, "keepalive")
	helo = msgpack.AppendBool(helo, !r.Once)
	if _, err := in.Write(helo); err != nil {
		return err
	}
	ping, err := in.object()
	if err != nil {
		return err
	}
	n, at, ok := msgpack.ReadArrayHeader(ping, 0)
	if !ok || n != 6 {
		return errors.New("no PING")
	}
	var parts []string
	for range n {
		// Receivers insist on str here.
		s, next, ok := msgpack.ReadStr(ping, at)
		if !ok {
			return errors.New("PING with something else than str")
		}
		parts, at = append(parts, string(s)), next
	}
	proof := func(host string) string {
		sum := sha512.Sum512([]byte(parts[2] + host + nonce + r.SharedKey))
		return hex.EncodeToString(sum[:])
	}
	good := parts[0] == "PING" && parts[3] == proof(parts[1])
	pong := []byte{0x95}
	pong = msgpack.AppendStr(pong, "PONG")
	pong = msgpack.AppendBool(pong, good)
	for _, s := range []string{"shared_key mismatch", name, proof(name)} {
		pong = msgpack.AppendStr(pong, s)
	}
	if _, err := in.Write(pong); err != nil {
		return err
	}
	if !good {
		return errors.New("shared key mismatch")
	}
	return nil
}

// reader reads MessagePack objects from a connection.
type reader struct {
	net.Conn
	buf  []byte
	left int // bytes until the connection is closed, 0 for no end
}

func (r *reader) object() ([]byte, error) {
	for {
		if end, err := msgpack.Skip(r.buf, 0); err == nil {
			b := bytes.Clone(r.buf[:end])
			r.buf = append(r.buf[:0], r.buf[end:]...)
			return b, nil
		} else if !errors.Is(err, msgpack.ErrTruncated) {
			return nil, err
		}
		chunk := make([]byte, 64<<10)
		if r.left > 0 {
			chunk = chunk[:min(len(chunk), r.left)]
		}
		n, err := r.Read(chunk)
		r.buf = append(r.buf, chunk[:n]...)
		if r.left > 0 {
			if r.left -= n; r.left == 0 {
				return nil, errors.New("cut")
			}
		}
		if err != nil {
			return nil, err
		}
	}
}

// parse reads [tag, entries, options], with entries in a bin, in a str or as an
// array.
func parse(b []byte) (*Message, error) {
	n, at, ok := msgpack.ReadArrayHeader(b, 0)
	if !ok || n != 3 {
		return nil, errors.New("not an array of three")
	}
	tag, at, ok := msgpack.ReadStr(b, at)
	if !ok {
		return nil, errors.New("no tag")
	}
	entries, options, ok := msgpack.ReadBin(b, at)
	if !ok {
		entries, options, ok = msgpack.ReadStr(b, at)
	}
	if !ok {
		_, first, isArray := msgpack.ReadArrayHeader(b, at)
		end, err := msgpack.Skip(b, at)
		if !isArray || err != nil {
			return nil, errors.New("no entries")
		}
		entries, options = b[first:end], end
	}
	m := &Message{Tag: string(tag), Size: -1}
	pairs, at, ok := msgpack.ReadMapHeader(b, options)
	if !ok {
		return nil, errors.New("no options")
	}
	for range pairs {
		key, value, _ := msgpack.ReadStr(b, at)
		switch string(key) {
		case "chunk":
			id, _, _ := msgpack.ReadStr(b, value)
			m.ID = string(id)
		case "size":
			m.Size, _, _ = msgpack.ReadInt(b, value)
		}
		at, _ = msgpack.Skip(b, value)
	}
	for at := 0; at < len(entries); {
		n, time, ok := msgpack.ReadArrayHeader(entries, at)
		if !ok || n != 2 {
			return nil, fmt.Errorf("entry at %d is no array of two", at)
		}
		record, err := msgpack.Skip(entries, time)
		if err != nil {
			return nil, err
		}
		end, err := msgpack.Skip(entries, record)
		if err != nil {
			return nil, err
		}
		m.Entries = append(m.Entries, Entry{entries[time:record], entries[record:end]})
		at = end
	}
	return m, nil
}

// Await polls until done says so, and reports whether it did before the limit.
func Await(limit time.Duration, done func() bool) bool {
	for end := time.Now().Add(limit); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// JSON returns the record as JSON text.
func (e *Entry) JSON() []byte {
	b, _, _ := msgpack.AppendJSON(nil, e.Record, 0)
	return b
}
