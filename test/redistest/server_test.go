package redistest

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// client returns a client that tries once and waits for a second at most for an answer.
func client(t *testing.T, url string, change ...func(*redis.Options)) *redis.Client {
	t.Helper()
	o, err := redis.ParseURL(url)
	require.NoError(t, err)
	o.MaxRetries, o.DialerRetries = -1, 1
	o.DialTimeout, o.ReadTimeout = awaitLimit, time.Second
	for _, f := range change {
		f(o)
	}
	c := redis.NewClient(o)
	t.Cleanup(func() { c.Close() })
	return c
}

func TestServer(t *testing.T) {
	ctx := context.Background()
	s := Start(t)
	c := client(t, s.URL())
	require.NoError(t, c.Set(ctx, "a", "1", 0).Err())
	answer, err := s.Do("GET", "a")
	require.NoError(t, err)
	require.Equal(t, "1", answer)

	_, err = s.Do("CONFIG", "RESETSTAT")
	require.NoError(t, err)
	for range 3 {
		require.NoError(t, c.Get(ctx, "a").Err())
	}
	require.EqualValues(t, 3, s.CommandStats()["get"])

	s.FlushAll()
	require.ErrorIs(t, c.Get(ctx, "a").Err(), redis.Nil)

	s.Freeze()
	var late net.Error
	require.ErrorAs(t, c.Get(ctx, "a").Err(), &late)
	require.True(t, late.Timeout())
	s.Thaw()
	await(t, "thaw", func() error { return c.Ping(ctx).Err() })

	s.Kill()
	require.False(t, s.Running())
	require.Error(t, c.Ping(ctx).Err())
	s.Restart()
	require.NoError(t, c.Ping(ctx).Err())
}

func TestPersist(t *testing.T) {
	s := Start(t, Persist())
	_, err := s.Do("SET", "a", "1")
	require.NoError(t, err)
	s.Restart()
	answer, err := s.Do("GET", "a")
	require.NoError(t, err)
	require.Equal(t, "1", answer)
}

func TestPassword(t *testing.T) {
	ctx := context.Background()
	s := Start(t, Password(`p "w\`))
	require.NoError(t, client(t, s.URL()).Ping(ctx).Err())
	require.ErrorContains(t, client(t, "redis://"+s.Addr()).Ping(ctx).Err(), "NOAUTH")
	require.ErrorContains(t, client(t, "redis://:wrong@"+s.Addr()).Ping(ctx).Err(), "WRONGPASS")
}

func TestACLUser(t *testing.T) {
	ctx := context.Background()
	s := Start(t, ACLUser("watch", "secret", "~ours:*", "+@all"))
	c := client(t, s.URL())
	require.NoError(t, c.Set(ctx, "ours:a", "1", 0).Err())
	require.ErrorContains(t, c.Set(ctx, "theirs:a", "1", 0).Err(), "NOPERM")
}

func TestMaxMemory(t *testing.T) {
	ctx := context.Background()
	s := Start(t, MaxMemory(2<<20, "noeviction"))
	c := client(t, s.URL())
	var err error
	for i := 0; i < 100 && err == nil; i++ {
		err = c.RPush(ctx, "list", strings.Repeat("x", 100_000)).Err()
	}
	require.ErrorContains(t, err, "OOM")
}

func TestTLS(t *testing.T) {
	ctx := context.Background()
	s := Start(t, ClientCertificates())
	require.True(t, strings.HasPrefix(s.URL(), "rediss://"))
	with := func(change func(*tls.Config)) *redis.Client {
		config := s.certs.clientConfig(t)
		change(config)
		return client(t, s.URL(), func(o *redis.Options) { o.TLSConfig = config })
	}
	require.NoError(t, with(func(*tls.Config) {}).Ping(ctx).Err())
	require.Error(t, with(func(c *tls.Config) { c.Certificates = nil }).Ping(ctx).Err())
	var unknown *tls.CertificateVerificationError
	require.ErrorAs(t, with(func(c *tls.Config) { c.RootCAs = nil }).Ping(ctx).Err(), &unknown)

	plain := Start(t, TLS())
	config := plain.certs.clientConfig(t)
	config.Certificates = nil
	c := client(t, plain.URL(), func(o *redis.Options) { o.TLSConfig = config })
	require.NoError(t, c.Ping(ctx).Err())
}

func TestUnixSocket(t *testing.T) {
	s := Start(t, UnixSocket(), Password("secret"))
	require.True(t, strings.HasPrefix(s.URL(), "unix://"))
	require.NoError(t, client(t, s.URL()).Ping(context.Background()).Err())
}

// A server must not outlive a test process that is killed. The test runs itself
// as that process.
func TestNoOrphan(t *testing.T) {
	const marker = "REDISTEST_ORPHAN"
	if os.Getenv(marker) != "" {
		s := Start(t)
		os.Stdout.WriteString("\n" + marker + " " + s.Addr() + "\n")
		select {}
	}
	binary(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestNoOrphan$")
	// Killed, it cannot remove its temporary folder.
	cmd.Env = append(os.Environ(), marker+"=1", "TMPDIR="+t.TempDir())
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	addr := ""
	for lines := bufio.NewScanner(out); addr == "" && lines.Scan(); {
		addr, _ = strings.CutPrefix(lines.Text(), marker+" ")
		if addr == lines.Text() {
			addr = ""
		}
	}
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	require.NotEmpty(t, addr)
	await(t, "end of the server", func() error {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return nil
		}
		conn.Close()
		return errors.New("it still listens")
	})
}
