package redistest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// adminName is the user of the harness itself, whom no password or rule set by a
// test locks out.
const adminName = "redistest"

// Server is one running server. Its methods are for the goroutine of the test.
type Server struct {
	t        testing.TB
	options  options
	port     int
	folder   string
	socket   string // "" without UnixSocket
	certs    certificates
	program  []string // with its arguments
	process  *process
	password string // of adminName; "" for a sentinel, which asks nobody
	admin    *redis.Client
}

// Start runs a server until the end of the test and returns when it answers.
func Start(t testing.TB, with ...Option) *Server {
	t.Helper()
	return start(t, collect(with))
}

func start(t testing.TB, o options) *Server {
	t.Helper()
	s := &Server{t: t, options: o, folder: t.TempDir(), password: rand.Text()}
	if o.tls {
		s.certs = newCertificates(t, s.folder)
	}
	if o.unixSocket {
		// Not in s.folder: the name of a socket has at most 107 bytes.
		folder, err := os.MkdirTemp("", "redistest")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(folder) })
		s.socket = filepath.Join(folder, "s")
	}
	s.launch(s.settings)
	return s
}

// launch chooses a port, writes the configuration for it, and runs the program,
// with another port if somebody else was quicker to listen.
func (s *Server) launch(settings func() [][]string, flags ...string) {
	t := s.t
	t.Helper()
	config := filepath.Join(s.folder, "redis.conf")
	s.program = append([]string{binary(t), config}, flags...)
	t.Cleanup(s.stop)
	for attempt := 1; ; attempt++ {
		s.port = freePort(t)
		if err := os.WriteFile(config, configuration(settings()), 0o600); err != nil {
			t.Fatal(err)
		}
		err := s.run()
		if err == nil {
			return
		}
		if attempt == 3 || !errors.Is(err, errPortTaken) {
			t.Fatal(err)
		}
	}
}

// settings returns the lines of the configuration file of a data server.
func (s *Server) settings() [][]string {
	o := options{}
	o.set("bind", "127.0.0.1")
	o.set("dir", s.folder)
	o.set("save", "")
	// A replica that comes up gets its data now, not after five seconds.
	o.set("repl-diskless-sync-delay", "0")
	o.set("user", adminName, "on", ">"+s.password, "~*", "&*", "+@all")
	if s.options.tls {
		o.set("port", "0")
		o.set("tls-port", strconv.Itoa(s.port))
		o.set("tls-cert-file", s.certs.server)
		o.set("tls-key-file", s.certs.serverKey)
		o.set("tls-ca-cert-file", s.certs.ca)
		if !s.options.clientCerts {
			o.set("tls-auth-clients", "no")
		}
	} else {
		o.set("port", strconv.Itoa(s.port))
	}
	if s.socket != "" {
		o.set("unixsocket", s.socket)
	}
	if s.options.password != "" {
		o.set("requirepass", s.options.password)
		o.set("masterauth", s.options.password)
	}
	if user := s.options.acl; user != nil {
		o.set("user", append([]string{user.name, "on", ">" + user.password}, user.rules...)...)
	}
	if s.options.persist {
		o.set("appendonly", "yes")
		o.set("appendfsync", "always")
	}
	return append(o.settings, s.options.settings...)
}

// connect makes the administrative client. The server must be listening:
// after a failed dial, go-redis waits for a second before it tries again.
func (s *Server) connect() {
	o := &redis.Options{
		Addr:                     s.Addr(),
		PoolSize:                 1,
		MaxRetries:               -1,
		DialerRetries:            1,
		DialTimeout:              time.Second,
		ReadTimeout:              5 * time.Second,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	if s.password != "" {
		o.Username, o.Password = adminName, s.password
	}
	if s.options.tls {
		o.TLSConfig = s.certs.clientConfig(s.t)
	}
	s.admin = redis.NewClient(o)
}

func (s *Server) disconnect() {
	if s.admin != nil {
		s.admin.Close()
		s.admin = nil
	}
}

var errPortTaken = errors.New("the port is taken")

// run starts the program and returns when it answers, or errPortTaken.
func (s *Server) run() error {
	s.t.Helper()
	log := filepath.Join(s.folder, "log")
	if err := os.Truncate(log, 0); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	p, err := startProcess(log, s.program[0], s.program[1:]...)
	if err != nil {
		return err
	}
	s.process = p
	s.disconnect()
	var failed error
	await(s.t, "start of "+s.program[0], func() error {
		if !p.running() {
			text, err := os.ReadFile(log)
			failed = fmt.Errorf("%s ended (log: %v):\n%s", s.program[0], err, text)
			if bytes.Contains(text, []byte("Address already in use")) {
				failed = fmt.Errorf("%w: %w", errPortTaken, failed)
			}
			return nil
		}
		if s.admin == nil {
			conn, err := net.Dial("tcp", s.Addr())
			if err != nil {
				return err
			}
			conn.Close()
			s.connect()
		}
		pid, err := s.info("server", "process_id")
		if err == nil && pid != strconv.Itoa(p.cmd.Process.Pid) {
			err = fmt.Errorf("%s is held by process %s", s.Addr(), pid)
		}
		if err != nil {
			return err
		}
		if loading, err := s.info("persistence", "loading"); err != nil || loading == "1" {
			return fmt.Errorf("loading: %q, %v", loading, err)
		}
		return nil
	})
	return failed
}

// stop ends the server for good.
func (s *Server) stop() {
	if s.process != nil {
		if err := s.process.kill(); err != nil {
			s.t.Error(err)
		}
	}
	s.disconnect()
	if s.t.Failed() {
		if text, err := os.ReadFile(filepath.Join(s.folder, "log")); err == nil {
			s.t.Logf("log of %s:\n%s", s.Addr(), text)
		}
	}
}

// Addr returns 127.0.0.1 and the port.
func (s *Server) Addr() string {
	return loopback(s.port)
}

// SocketPath returns the path of the Unix domain socket, "" without [UnixSocket].
func (s *Server) SocketPath() string {
	return s.socket
}

// URL returns the server's address with user and password in the form of
// redis.ParseURL: redis://, rediss:// or unix://.
func (s *Server) URL() string {
	u := url.URL{Scheme: "redis", Host: s.Addr(), User: s.userinfo()}
	switch {
	case s.socket != "":
		u.Scheme, u.Host, u.Path = "unix", "", s.socket
	case s.options.tls:
		u.Scheme = "rediss"
	}
	return u.String()
}

// userinfo returns whom clients log in as, nil without password.
func (s *Server) userinfo() *url.Userinfo {
	switch {
	case s.options.acl != nil:
		return url.UserPassword(s.options.acl.name, s.options.acl.password)
	case s.options.password != "":
		return url.UserPassword("", s.options.password)
	}
	return nil
}

// CAFile returns the path of the authority's certificate (PEM) with [TLS].
func (s *Server) CAFile() string { return s.certs.ca }

// ClientCertFile returns the path of a certificate (PEM) that the server accepts
// with [ClientCertificates].
func (s *Server) ClientCertFile() string { return s.certs.client }

// ClientKeyFile returns the path of the key (PEM) of [Server.ClientCertFile].
func (s *Server) ClientKeyFile() string { return s.certs.clientKey }

// Kill kills the server (SIGKILL) and returns when it is gone.
func (s *Server) Kill() {
	s.t.Helper()
	if err := s.process.kill(); err != nil {
		s.t.Fatal(err)
	}
}

// Restart kills the server if it runs and starts it again on the same port, with
// the data kept by [Persist] or none.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	if err := s.run(); err != nil {
		s.t.Fatal(err)
	}
}

// Freeze stops the server (SIGSTOP): connections are still accepted by the
// kernel, and nothing is answered until [Server.Thaw].
func (s *Server) Freeze() {
	s.t.Helper()
	if err := s.process.freeze(); err != nil {
		s.t.Fatal(err)
	}
}

// Thaw lets a frozen server go on (SIGCONT).
func (s *Server) Thaw() {
	s.t.Helper()
	if err := s.process.thaw(); err != nil {
		s.t.Fatal(err)
	}
}

// Running says whether the server has neither been killed nor ended by itself. A
// frozen one is running.
func (s *Server) Running() bool {
	return s.process.running()
}

// Do sends a command past all passwords and access rules of the test, and returns
// its answer as go-redis decodes it: string, int64, []any, map[any]any or nil.
// The error is redis.Nil for a null answer.
func (s *Server) Do(command ...any) (any, error) {
	return s.admin.Do(context.Background(), command...).Result()
}

// FlushAll removes all keys.
func (s *Server) FlushAll() {
	s.t.Helper()
	if _, err := s.Do("FLUSHALL", "SYNC"); err != nil {
		s.t.Fatal(err)
	}
}

// CommandStats returns how often each command has run since the start or CONFIG
// RESETSTAT, by the lower-case name that INFO gives it, such as "evalsha" or
// "config|get". Commands run by scripts count, and so do those of this package:
// auth or hello, info, and what is given to [Server.Do].
func (s *Server) CommandStats() map[string]int64 {
	s.t.Helper()
	fields, err := s.infoFields("commandstats")
	if err != nil {
		s.t.Fatal(err)
	}
	stats := make(map[string]int64)
	for name, value := range fields {
		name, ok := strings.CutPrefix(name, "cmdstat_")
		if !ok {
			continue
		}
		// calls=12,usec=34,…
		calls, _, _ := strings.Cut(strings.TrimPrefix(value, "calls="), ",")
		n, err := strconv.ParseInt(calls, 10, 64)
		if err != nil {
			s.t.Fatalf("INFO commandstats: %s: %q", name, value)
		}
		stats[name] = n
	}
	return stats
}

// info returns one field of a section of INFO, "" if it is absent.
func (s *Server) info(section, field string) (string, error) {
	fields, err := s.infoFields(section)
	return fields[field], err
}

func (s *Server) infoFields(section string) (map[string]string, error) {
	return s.fields("INFO", section)
}

// fields sends a command that answers with lines "name:value".
func (s *Server) fields(command ...any) (map[string]string, error) {
	text, err := s.admin.Do(context.Background(), command...).Text()
	if err != nil {
		return nil, err
	}
	fields := make(map[string]string)
	for line := range strings.SplitSeq(text, "\r\n") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			fields[name] = value
		}
	}
	return fields, nil
}
