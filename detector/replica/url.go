package replica

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// AcceptedURLs says which forms ParseURL takes, to follow the word "accepted".
const AcceptedURLs = "redis://[user[:password]@]host[:6379][/database], rediss://… for TLS, unix:///path/to/socket[?db=number], " +
	"redis+sentinel://[user[:password]@]host[:26379][,host…]/master[/database], redis+cluster://[user[:password]@]host[:6379][,host…]; also rediss+sentinel and rediss+cluster"

// Server says which Redis to use. The zero value stands for none.
type Server struct {
	kind     kind
	tls      bool
	addrs    []string // host:port, or the path of a socket
	master   string   // of a Sentinel
	database int
	user     string
	password string
}

type kind uint8

const (
	single kind = iota
	socket
	sentinel
	cluster
)

// ParseURL reads redis_url. The error says what is wrong without repeating the
// URL, which may hold a password.
func ParseURL(text string) (Server, error) {
	var s Server
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return s, errors.New("no scheme")
	}
	port := "6379"
	switch scheme {
	case "redis", "rediss":
	case "unix":
		s.kind = socket
	case "redis+sentinel", "rediss+sentinel":
		s.kind, port = sentinel, "26379"
	case "redis+cluster", "rediss+cluster":
		s.kind = cluster
	default:
		return s, fmt.Errorf("unknown scheme %q", scheme)
	}
	s.tls = strings.HasPrefix(scheme, "rediss")
	// net/url takes one host; the others are put back behind it.
	authority, path := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	hosts := authority
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		hosts, authority = authority[i+1:], authority[:i+1]
	} else {
		authority = ""
	}
	u, err := url.Parse("redis://" + authority + "host" + path)
	if err != nil {
		return s, errors.New("it is no URL")
	}
	s.user = u.User.Username()
	s.password, _ = u.User.Password()
	if u.Fragment != "" {
		return s, errors.New("a fragment has no meaning here")
	}
	if s.kind == socket {
		return s, s.parseSocket(u, hosts)
	}
	if u.RawQuery != "" {
		return s, errors.New("parameters are not known")
	}
	for _, host := range strings.Split(hosts, ",") {
		addr, err := address(host, port)
		if err != nil {
			return s, err
		}
		s.addrs = append(s.addrs, addr)
	}
	if len(s.addrs) > 1 && s.kind == single {
		return s, errors.New("several hosts are for redis+sentinel and redis+cluster")
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	if s.kind == sentinel {
		if s.master, parts = parts[0], parts[1:]; s.master == "" {
			return s, errors.New("the name of the master is missing")
		}
	}
	if len(parts) > 1 {
		return s, errors.New("the path is too long")
	}
	if len(parts) == 1 && parts[0] != "" {
		if s.kind == cluster {
			return s, errors.New("a cluster has no databases")
		}
		return s, s.setDatabase(parts[0])
	}
	return s, nil
}

func (s *Server) parseSocket(u *url.URL, hosts string) error {
	if hosts != "" || u.Path == "" || u.Path == "/" {
		return errors.New("an absolute path is needed")
	}
	s.addrs = []string{u.Path}
	query := u.Query()
	for key := range query {
		if key != "db" {
			return errors.New("only the parameter db is known")
		}
	}
	if db := query.Get("db"); db != "" {
		return s.setDatabase(db)
	}
	return nil
}

func (s *Server) setDatabase(text string) error {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return errors.New("the database is no number")
	}
	s.database = int(n)
	return nil
}

// address completes host[:port].
func address(text, port string) (string, error) {
	host := text
	if h, p, err := net.SplitHostPort(text); err == nil {
		host, port = h, p
	} else {
		host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", errors.New("a port is no number from 1 to 65535")
	}
	if host == "" || strings.ContainsAny(host, " \t@/") {
		return "", errors.New("a host is missing")
	}
	return net.JoinHostPort(host, port), nil
}

// None says whether no server is meant.
func (s Server) None() bool { return s.addrs == nil }

// String is the URL without user and password.
func (s Server) String() string {
	scheme := "redis"
	if s.tls {
		scheme = "rediss"
	}
	database := ""
	if s.database != 0 {
		database = "/" + strconv.Itoa(s.database)
	}
	switch hosts := strings.Join(s.addrs, ","); s.kind {
	case socket:
		return "unix://" + hosts
	case sentinel:
		return scheme + "+sentinel://" + hosts + "/" + s.master + database
	case cluster:
		return scheme + "+cluster://" + hosts
	default:
		return scheme + "://" + hosts + database
	}
}

// Access is what else a connection needs.
type Access struct {
	// PasswordFile holds the password, read anew for each connection; it goes
	// before the one in the URL and the one in the environment.
	PasswordFile string
	// CAFile has the certificate authorities of the server in PEM; empty means
	// those of the system.
	CAFile string
	// CertFile and KeyFile are the client's certificate in PEM, or empty.
	CertFile, KeyFile string
}

// Environment variables that hold the password of the servers that hold data and
// that of the Sentinels.
const (
	PasswordVariable = "SECRETWATCH_REDIS_PASSWORD"
	SentinelVariable = "SECRETWATCH_REDIS_SENTINEL_PASSWORD"
)

// maxPassword is the longest password file that is read, in bytes.
const maxPassword = 4096

func (s Server) credentials(a Access) func(context.Context) (string, string, error) {
	return func(context.Context) (string, string, error) {
		password := s.password
		if password == "" {
			password = os.Getenv(PasswordVariable)
		}
		if a.PasswordFile != "" {
			b, err := os.ReadFile(a.PasswordFile)
			if err != nil {
				return "", "", fmt.Errorf("redis_password_file: %w", err)
			}
			if len(b) > maxPassword {
				return "", "", fmt.Errorf("redis_password_file %s: longer than %d bytes", a.PasswordFile, maxPassword)
			}
			password = strings.TrimRight(string(b), "\r\n")
		}
		return s.user, password, nil
	}
}

func (s Server) tlsConfig(a Access) (*tls.Config, error) {
	if !s.tls {
		if a.CAFile != "" || a.CertFile != "" {
			return nil, errors.New("certificates are for rediss://")
		}
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if a.CAFile != "" {
		pem, err := os.ReadFile(a.CAFile)
		if err != nil {
			return nil, fmt.Errorf("redis_ca_file: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("redis_ca_file %s: no certificate in it", a.CAFile)
		}
	}
	if a.CertFile == "" && a.KeyFile == "" {
		return c, nil
	}
	if _, err := tls.LoadX509KeyPair(a.CertFile, a.KeyFile); err != nil {
		return nil, fmt.Errorf("redis_cert_file, redis_key_file: %w", err)
	}
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(a.CertFile, a.KeyFile) // it may have been renewed
		return &pair, err
	}
	return c, nil
}

func init() { redis.SetLogger(silent{}) }

// silent keeps the client from writing to the standard error of a foreign
// process. What is wrong is in the errors it returns.
type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

// client returns a client that does not connect yet. Commands are tried once:
// who sends one knows better when to send it again.
func (s Server) client(a Access) (redis.UniversalClient, error) {
	certificates, err := s.tlsConfig(a)
	if err != nil {
		return nil, err
	}
	o := &redis.UniversalOptions{
		Addrs: s.addrs, MasterName: s.master, DB: s.database, IsClusterMode: s.kind == cluster,
		CredentialsProviderContext: s.credentials(a),
		TLSConfig:                  certificates,
		Protocol:                   2,
		MaxRetries:                 -1,
		DialTimeout:                connectTimeout,
		DialerRetries:              1,
		ContextTimeoutEnabled:      true,
		PoolSize:                   4,
		DisableIdentity:            true,
		MaintNotificationsConfig:   &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	switch s.kind {
	case sentinel:
		o.SentinelPassword = os.Getenv(SentinelVariable)
	case socket:
		simple := o.Simple()
		simple.Network = "unix"
		return redis.NewClient(simple), nil
	case cluster:
		nodes := o.Cluster()
		// Only with this does a client soon hear of a node that took over.
		nodes.ClusterStateReloadInterval = time.Second
		return redis.NewClusterClient(nodes), nil
	}
	return redis.NewUniversalClient(o), nil
}
