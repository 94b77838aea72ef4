package delivery

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/secretwatch/secretwatch/detector/msgpack"
	"github.com/secretwatch/secretwatch/plugin/forward"
)

// untouched is a Processor that finds nothing.
type untouched struct{}

func (untouched) Process([]byte, func(int) []byte) ([]byte, bool) { return nil, false }

// discard is a file that keeps nothing.
type discard struct{ io.Writer }

func (discard) Close() error { return nil }

// Of a chunk of 1000 records of about 1 KB: what delivery costs beside judging.
func BenchmarkDeliver(b *testing.B) {
	var chunk []byte
	text := strings.Repeat(`{"verb":"get"} `, 66)
	for range 1000 {
		chunk = append(chunk, record("log", text)...)
	}
	f := func(name string, target Target) {
		b.Run(name, func(b *testing.B) {
			o := New(Options{Process: untouched{}, Target: target, Log: &lines{}})
			b.SetBytes(int64(len(chunk)))
			b.ReportAllocs()
			for range b.N {
				if r := o.Deliver(chunk, "kube-audit", true); r != Delivered {
					b.Fatal(r)
				}
			}
		})
	}
	f("lines", ToLines(discard{io.Discard}))

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go acknowledge(c)
		}
	}()
	client, err := forward.New(forward.Options{Network: "tcp", Address: l.Addr().String(), ConnectTimeout: time.Second, AckTimeout: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	f("forward", ToForward(client))
}

// acknowledge takes messages without looking into them.
func acknowledge(c net.Conn) {
	defer c.Close()
	buf := make([]byte, 4<<20)
	for n := 0; ; {
		m, err := c.Read(buf[n:])
		if err != nil {
			return
		}
		n += m
		end, err := msgpack.Skip(buf[:n], 0)
		if err != nil {
			continue
		}
		// The identifier stands between "chunk" and "size", 24 bytes long.
		at := end - 24 - len("\xa4size\xcd\x00\x00")
		c.Write(append([]byte("\x81\xa3ack\xb8"), buf[at:at+24]...))
		n = copy(buf, buf[end:n])
	}
}
