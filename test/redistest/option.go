package redistest

import (
	"fmt"
	"strings"
	"testing"
)

// Option changes how a server is set up.
type Option func(*options)

type options struct {
	password    string
	acl         *aclUser // whom clients log in as, nil for the default user
	tls         bool
	clientCerts bool
	unixSocket  bool
	persist     bool
	settings    [][]string // each a name and its values
}

type aclUser struct {
	name, password string
	rules          []string
}

// Password has the default user log in with a password (requirepass), which
// replicas use as well.
func Password(password string) Option {
	return func(o *options) { o.password = password }
}

// ACLUser adds a user, whom [Server.URL] then names. Rules are those of ACL
// SETUSER, such as "~prefix:*", "+@all", "-keys"; none grants everything. Single
// servers only.
func ACLUser(name, password string, rules ...string) Option {
	return func(o *options) {
		if len(rules) == 0 {
			rules = []string{"~*", "&*", "+@all"}
		}
		o.acl = &aclUser{name, password, rules}
	}
}

// MaxMemory bounds the memory of the data set, in bytes, with a policy of
// maxmemory-policy such as "noeviction" or "allkeys-lru".
func MaxMemory(bytes int64, policy string) Option {
	return func(o *options) {
		o.set("maxmemory", fmt.Sprint(bytes))
		o.set("maxmemory-policy", policy)
	}
}

// TLS serves TLS only, with a certificate for 127.0.0.1 and localhost from an
// authority made for this server ([Server.CAFile]). Single servers only.
func TLS() Option {
	return func(o *options) { o.tls = true }
}

// ClientCertificates is TLS that demands a certificate of the client
// ([Server.ClientCertFile]).
func ClientCertificates() Option {
	return func(o *options) { o.tls, o.clientCerts = true, true }
}

// UnixSocket serves a Unix domain socket beside the port; [Server.URL] then names
// the socket. Single servers only.
func UnixSocket() Option {
	return func(o *options) { o.unixSocket = true }
}

// Persist writes every change to the append-only file before it is answered, so
// that data survive [Server.Kill] and [Server.Restart].
func Persist() Option {
	return func(o *options) { o.persist = true }
}

// Setting adds a line to the server's configuration file.
func Setting(name string, values ...string) Option {
	return func(o *options) { o.set(name, values...) }
}

func collect(with []Option) options {
	var o options
	for _, option := range with {
		option(&o)
	}
	return o
}

// single fails the test if there are options that are for single servers only.
func (o *options) single(t testing.TB, what string) {
	t.Helper()
	if o.tls || o.unixSocket || o.acl != nil {
		t.Fatalf("%s: ACLUser, TLS, ClientCertificates and UnixSocket are for single servers", what)
	}
}

func (o *options) set(name string, values ...string) {
	o.settings = append(o.settings, append([]string{name}, values...))
}

// configuration returns the text of a configuration file. Arguments are quoted:
// in paths and passwords anything may stand.
func configuration(settings [][]string) []byte {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`)
	var text strings.Builder
	for _, setting := range settings {
		text.WriteString(setting[0])
		for _, value := range setting[1:] {
			text.WriteString(` "` + escape.Replace(value) + `"`)
		}
		text.WriteByte('\n')
	}
	return []byte(text.String())
}
