package forward

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/secretwatch/secretwatch/plugin/forward/forwardtest"
)

// took collects what a receiver has taken.
type took struct {
	mu       sync.Mutex
	messages []*forwardtest.Message
}

func (t *took) add(m *forwardtest.Message) {
	t.mu.Lock()
	t.messages = append(t.messages, m)
	t.mu.Unlock()
}

func (t *took) all() []*forwardtest.Message {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.messages
}

func start(t *testing.T, r *forwardtest.Receiver) *took {
	t.Helper()
	var got took
	if r.Answer == nil {
		r.Answer = func(m *forwardtest.Message) forwardtest.Answer {
			got.add(m)
			return forwardtest.Ack
		}
	}
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Kill() })
	return &got
}

func dial(t *testing.T, r *forwardtest.Receiver, change func(*Options)) *Client {
	t.Helper()
	opts := Options{
		Network: "tcp", Address: r.Address, Hostname: "sender.example",
		ConnectTimeout: 2 * time.Second, AckTimeout: 2 * time.Second, FirstBackoff: time.Millisecond,
	}
	if r.Network != "" {
		opts.Network = r.Network
	}
	if change != nil {
		change(&opts)
	}
	c, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func message(tag string, entries int) *Message {
	m := &Message{}
	m.Reset(tag, NewID())
	for i := range entries {
		m.Add(AppendEventTime(nil, 1700000000_000000001+int64(i)), []byte{0x81, 0xa1, 'n', byte(i % 100)})
	}
	return m
}

func TestSend(t *testing.T) {
	f := func(name string, r *forwardtest.Receiver, change func(*Options)) {
		t.Run(name, func(t *testing.T) {
			got := start(t, r)
			c := dial(t, r, change)
			for i := range 3 {
				m := message("kube.audit", 2)
				if err := c.Send(m, i > 0); err != nil {
					t.Fatal(err)
				}
				last := got.all()[i]
				if len(got.all()) != i+1 || last.Tag != "kube.audit" || last.ID != m.id || last.Size != 2 || len(last.Entries) != 2 ||
					!bytes.Equal(last.Entries[1].Time, AppendEventTime(nil, 1700000000_000000002)) ||
					!bytes.Equal(last.Entries[1].Record, []byte{0x81, 0xa1, 'n', 1}) {
					t.Errorf("message %d came out as %+v", i, last)
				}
			}
			if _, ever := r.Connections(); ever != 1 && !r.Once {
				t.Errorf("%d connections", ever)
			}
		})
	}
	f("tcp", &forwardtest.Receiver{}, nil)
	f("unix", &forwardtest.Receiver{Network: "unix", Address: filepath.Join(t.TempDir(), "s")}, nil)
	f("shared key", &forwardtest.Receiver{SharedKey: "käy"}, func(o *Options) { o.SharedKey = "käy" })
	f("closed after each", &forwardtest.Receiver{SharedKey: "k", Once: true}, func(o *Options) { o.SharedKey = "k" })

	file := filepath.Join(t.TempDir(), "key")
	os.WriteFile(file, []byte("from a file\n"), 0o600)
	f("shared key file", &forwardtest.Receiver{SharedKey: "from a file"}, func(o *Options) { o.SharedKeyFile = file })

	pki := forwardtest.NewPKI(t)
	f("tls", &forwardtest.Receiver{TLS: pki.Server(false)}, func(o *Options) { o.TLS = &TLS{CAFile: pki.CA} })
	f("tls by name", &forwardtest.Receiver{TLS: pki.Server(false)}, func(o *Options) {
		o.TLS = &TLS{CAFile: pki.CA, ServerName: "receiver.example"}
	})
	f("tls not verified", &forwardtest.Receiver{TLS: pki.Server(false)}, func(o *Options) { o.TLS = &TLS{NoVerify: true} })
	f("tls with certificate and shared key", &forwardtest.Receiver{TLS: pki.Server(true), SharedKey: "k"}, func(o *Options) {
		o.TLS = &TLS{CAFile: pki.CA, CertFile: pki.Cert, KeyFile: pki.Key}
		o.SharedKey = "k"
	})
}

func TestSendFails(t *testing.T) {
	pki := forwardtest.NewPKI(t)
	f := func(want string, r *forwardtest.Receiver, change func(*Options)) {
		t.Run(want, func(t *testing.T) {
			start(t, r)
			c := dial(t, r, func(o *Options) {
				o.AckTimeout, o.ConnectTimeout = 100*time.Millisecond, 300*time.Millisecond
				if change != nil {
					change(o)
				}
			})
			err := c.Send(message("t", 1), false)
			if err == nil || !strings.Contains(err.Error(), want) || errors.Is(err, ErrTooLarge) {
				t.Errorf("got %v, want %s", err, want)
			}
			if len(c.busy) != 0 || len(c.idle) != 0 {
				t.Errorf("%d busy and %d idle connections are left", len(c.busy), len(c.idle))
			}
		})
	}
	answer := func(a forwardtest.Answer) func(*forwardtest.Message) forwardtest.Answer {
		return func(*forwardtest.Message) forwardtest.Answer { return a }
	}
	f("the acknowledgement is for", &forwardtest.Receiver{Answer: answer(forwardtest.Wrong)}, nil)
	f("closed the connection", &forwardtest.Receiver{Answer: answer(forwardtest.Refuse)}, nil)
	f("closed the connection", &forwardtest.Receiver{Answer: answer(forwardtest.AckLost)}, nil)
	f("i/o timeout", &forwardtest.Receiver{Answer: answer(forwardtest.Silent)}, nil)
	f("no acknowledgement", &forwardtest.Receiver{Cut: func() int { return 20 }}, nil)
	f("wants a shared key", &forwardtest.Receiver{SharedKey: "k"}, nil)
	f("no HELO", &forwardtest.Receiver{}, func(o *Options) { o.SharedKey = "k" })
	f("refused", &forwardtest.Receiver{SharedKey: "k"}, func(o *Options) { o.SharedKey = "other" })
	f("certificate signed by unknown authority", &forwardtest.Receiver{TLS: pki.Server(false)}, func(o *Options) { o.TLS = &TLS{} })
	f("not other.example", &forwardtest.Receiver{TLS: pki.Server(false)}, func(o *Options) {
		o.TLS = &TLS{CAFile: pki.CA, ServerName: "other.example"}
	})
	f("certificate required", &forwardtest.Receiver{TLS: pki.Server(true)}, func(o *Options) { o.TLS = &TLS{CAFile: pki.CA} })
	f("TLS", &forwardtest.Receiver{}, func(o *Options) { o.TLS = &TLS{CAFile: pki.CA} })
	f("", &forwardtest.Receiver{TLS: pki.Server(false)}, nil)
}

// A receiver that only claims to have the key is not believed.
func TestReceiverMustKnowSharedKey(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		c.Write([]byte("\x92\xa4HELO\x81\xa5nonce\xa3abc"))
		c.Read(make([]byte, 1024))
		c.Write([]byte("\x95\xa4PONG\xc3\xa0\xa4liar\xa4nope"))
		c.Read(make([]byte, 1024))
	}()
	c := dial(t, &forwardtest.Receiver{Address: l.Addr().String()}, func(o *Options) { o.SharedKey = "k" })
	if err := c.Send(message("t", 1), false); err == nil || !strings.Contains(err.Error(), "does not know the shared key") {
		t.Error(err)
	}
}

// A receiver that comes back is found again without waiting for long.
func TestReconnect(t *testing.T) {
	r := &forwardtest.Receiver{}
	got := start(t, r)
	c := dial(t, r, nil)
	for i := range 5 {
		if err := c.Send(message("t", 1), true); err != nil {
			t.Fatal(err)
		}
		r.Kill()
		if i%2 == 0 {
			if err := c.Send(message("t", 1), false); err == nil {
				t.Error("sent to nobody")
			}
		}
		if err := r.Start(); err != nil {
			t.Fatal(err)
		}
	}
	if len(got.all()) != 5 {
		t.Errorf("%d messages", len(got.all()))
	}
}

// A patient Send waits for a receiver that is not there yet.
func TestPatient(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &forwardtest.Receiver{Address: l.Addr().String()}
	l.Close()
	c := dial(t, r, nil)
	if err := c.Send(message("t", 1), false); err == nil {
		t.Error("sent to nobody")
	}
	done := make(chan error, 1)
	go func() { done <- c.Send(message("t", 1), true) }()
	forwardtest.Await(time.Second, func() bool { c.backoff.mu.Lock(); defer c.backoff.mu.Unlock(); return c.backoff.failures > 3 })
	start(t, r)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestGivesUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	c := dial(t, &forwardtest.Receiver{Address: l.Addr().String()}, func(o *Options) { o.ConnectTimeout = 50 * time.Millisecond })
	began := time.Now()
	if err := c.Send(message("t", 1), true); err == nil {
		t.Error("sent to nobody")
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("took %v", took)
	}
}

// Many workers get a connection each and mix nothing up.
func TestConcurrent(t *testing.T) {
	r := &forwardtest.Receiver{}
	got := start(t, r)
	c := dial(t, r, nil)
	const workers, each = 8, 50
	var wg sync.WaitGroup
	for w := range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range each {
				if err := c.Send(message(fmt.Sprint("t", w), 3), true); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	wg.Wait()
	if _, ever := r.Connections(); len(got.all()) != workers*each || ever > workers {
		t.Errorf("%d messages over %d connections", len(got.all()), ever)
	}
}

// Close ends what is under way, and leaves no goroutine.
func TestClose(t *testing.T) {
	before := runtime.NumGoroutine()
	r := &forwardtest.Receiver{}
	var asked atomic.Int32
	r.Answer = func(*forwardtest.Message) forwardtest.Answer { asked.Add(1); return forwardtest.Silent }
	start(t, r)
	c := dial(t, r, func(o *Options) { o.AckTimeout = time.Hour })
	lonely := dial(t, &forwardtest.Receiver{Address: "127.0.0.1:1"}, func(o *Options) { o.ConnectTimeout = time.Hour })
	done := make(chan error, 4)
	for range 3 {
		go func() { done <- c.Send(message("t", 1), true) }()
	}
	go func() { done <- lonely.Send(message("t", 1), true) }()
	forwardtest.Await(5*time.Second, func() bool { return asked.Load() == 3 && lonely.backoff.next() != time.Time{} })
	for range 2 {
		c.Close()
		lonely.Close()
	}
	for range 4 {
		if err := <-done; !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	}
	if err := c.Send(message("t", 1), true); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	r.Kill()
	if !forwardtest.Await(5*time.Second, func() bool { return runtime.NumGoroutine() <= before }) {
		t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
	}
}

func TestNewRefusesFiles(t *testing.T) {
	pki := forwardtest.NewPKI(t)
	empty := filepath.Join(t.TempDir(), "empty")
	os.WriteFile(empty, nil, 0o600)
	f := func(o Options, want string) {
		t.Helper()
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	f(Options{SharedKeyFile: "/nonexistent"}, "shared key: open /nonexistent")
	f(Options{SharedKeyFile: empty}, "is empty")
	f(Options{TLS: &TLS{CAFile: "/nonexistent"}}, "certificate authorities: open /nonexistent")
	f(Options{TLS: &TLS{CAFile: empty}}, "no certificate in")
	f(Options{TLS: &TLS{CertFile: pki.Cert, KeyFile: pki.CA}}, "own certificate:")
}

func TestBackoffIsBounded(t *testing.T) {
	b := backoff{first: 10 * time.Millisecond, most: time.Second}
	now := time.Now()
	for i := range 100 {
		b.at = time.Time{}
		b.failed(now)
		pause := b.at.Sub(now)
		want := min(10*time.Millisecond<<min(i, 20), time.Second)
		if pause < want/2 || pause > want {
			t.Errorf("after %d failures a pause of %v", i+1, pause)
		}
	}
	b.succeeded()
	if !b.next().IsZero() {
		t.Error("a pause after success")
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte("\x81\xa3ack\xa3abc"))
	f.Add([]byte("\x92\xa4HELO\x81\xa5nonce\xa3abc"))
	f.Add([]byte("\x95\xa4PONG\xc3\xa0\xa4liar\xa4nope"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := conn{in: bytes.Clone(b), Conn: closed{}}
		o, err := c.answer()
		if err != nil {
			return
		}
		parseAck(o)
		parseHelo(o)
		checkPong(o, "", "", "")
	})
}

// closed is a connection that has ended.
type closed struct{ net.Conn }

func (closed) Read([]byte) (int, error) { return 0, net.ErrClosed }
