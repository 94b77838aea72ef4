package forward

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"

	"github.com/secretwatch/secretwatch/detector/msgpack"
)

// MaxMessage is the length in bytes that no message may exceed. Fluent Bit's
// chunks stay below 3 MB; a receiver has limits of its own, which it does not
// tell (in_forward of Fluent Bit: buffer_max_size, 6 MB).
const MaxMessage = 256 << 20

// ErrTooLarge is the one error of this package that trying again cannot heal.
var ErrTooLarge = errors.New("message is longer than 256 MiB")

// Message is one PackedForward message: [tag, bin of entries, options], where an
// entry is [time, record]. Every receiver of the protocol knows this mode. The
// options ask for an acknowledgement of the chunk's identifier.
//
// The zero value is to be Reset. A Message may be reused; not safe for
// concurrent use.
type Message struct {
	buf     []byte
	lenAt   int // of the 4 bytes that hold the length of the entries
	entries int
	id      string
}

// NewID returns an identifier for a chunk: 128 random bits in base64, as the
// protocol has it. A chunk that is sent again should keep its identifier.
func NewID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return base64.StdEncoding.EncodeToString(b[:])
}

// Reset begins a message. tag and id are copied.
func (m *Message) Reset(tag, id string) {
	m.buf = msgpack.AppendArrayHeader(m.buf[:0], 3)
	m.buf = msgpack.AppendStr(m.buf, tag)
	m.buf = append(m.buf, 0xc6) // bin 32
	m.lenAt = len(m.buf)
	m.buf = append(m.buf, 0, 0, 0, 0)
	m.entries, m.id = 0, id
}

// Add appends an entry. time and record are complete MessagePack objects, an
// EventTime or an integer and a map, and are copied.
func (m *Message) Add(time, record []byte) {
	m.buf = append(m.buf, 0x92)
	m.buf = append(m.buf, time...)
	m.buf = append(m.buf, record...)
	m.entries++
}

// Entries returns how many entries the message has.
func (m *Message) Entries() int { return m.entries }

// Cap returns how much memory the message holds on to, in bytes.
func (m *Message) Cap() int { return cap(m.buf) }

// finish ends the message and returns its bytes, which are valid until Reset.
func (m *Message) finish() ([]byte, error) {
	entries := len(m.buf) - m.lenAt - 4
	if entries > MaxMessage {
		return nil, ErrTooLarge
	}
	binary.BigEndian.PutUint32(m.buf[m.lenAt:], uint32(entries))
	b := msgpack.AppendMapHeader(m.buf, 2)
	b = msgpack.AppendStr(b, "chunk")
	b = msgpack.AppendStr(b, m.id)
	b = msgpack.AppendStr(b, "size")
	b = msgpack.AppendInt(b, int64(m.entries))
	// The options are not kept: the message may be sent again.
	m.buf = b[:len(m.buf)]
	return b, nil
}

// AppendEventTime appends a time as the protocol's ext of type 0. ns is
// nanoseconds since the Unix epoch, before the year 2106.
func AppendEventTime(dst []byte, ns int64) []byte {
	dst = append(dst, 0xd7, 0x00)
	dst = binary.BigEndian.AppendUint32(dst, uint32(ns/1e9))
	return binary.BigEndian.AppendUint32(dst, uint32(ns%1e9))
}
