package replica

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseURL(t *testing.T) {
	for text, want := range map[string]string{
		"redis://redis":                                  "redis://redis:6379",
		"redis://u:p@redis:7000/3":                       "redis://redis:7000/3",
		"rediss://[::1]:7000":                            "rediss://[::1]:7000",
		"redis://[2001:db8::1]":                          "redis://[2001:db8::1]:6379",
		"unix:///run/redis.sock?db=2":                    "unix:///run/redis.sock",
		"redis+sentinel://a,b:1,c/main/4":                "redis+sentinel://a:26379,b:1,c:26379/main/4",
		"rediss+cluster://:p%40ss@a:7000,b:7000,c:7000/": "rediss+cluster://a:7000,b:7000,c:7000",
	} {
		s, err := ParseURL(text)
		require.NoError(t, err, text)
		require.Equal(t, want, s.String())
		require.False(t, s.None())
	}
	for text, want := range map[string]string{
		"":                        "no scheme",
		"redis":                   "no scheme",
		"http://redis":            "unknown scheme",
		"redis://":                "host is missing",
		"redis://a,b":             "several hosts",
		"redis://a:port":          "port is no number",
		"redis://a:70000":         "port is no number",
		"redis://a/b":             "database is no number",
		"redis://a/1/2":           "path is too long",
		"redis://a?db=1":          "parameters",
		"redis://a#1":             "fragment",
		"redis://u:%zz@a":         "no URL",
		"unix://run/redis.sock":   "absolute path",
		"unix:///run/r.sock?x=1":  "only the parameter db",
		"redis+sentinel://a":      "name of the master",
		"redis+cluster://a,b/1":   "no databases",
		"redis+cluster://a,,b":    "host is missing",
		"redis://user:se cret@:1": "no URL",
	} {
		_, err := ParseURL(text)
		require.ErrorContains(t, err, want, text)
		require.NotContains(t, err.Error(), "secret")
		require.NotContains(t, err.Error(), "\n")
	}
	require.True(t, Server{}.None())
}

func TestCredentials(t *testing.T) {
	ask := func(url string, a Access) (string, string, error) {
		s, err := ParseURL(url)
		require.NoError(t, err)
		return s.credentials(a)(context.Background())
	}
	file := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(file, []byte("of the file\n"), 0o600))
	t.Setenv(PasswordVariable, "of the environment")

	_, password, err := ask("redis://a", Access{})
	require.NoError(t, err)
	require.Equal(t, "of the environment", password)
	user, password, err := ask("redis://u:of%20the%20url@a", Access{})
	require.NoError(t, err)
	require.Equal(t, "u of the url", user+" "+password)
	_, password, err = ask("redis://u:p@a", Access{PasswordFile: file})
	require.NoError(t, err)
	require.Equal(t, "of the file", password)

	_, _, err = ask("redis://a", Access{PasswordFile: file + "-not"})
	require.ErrorContains(t, err, "redis_password_file")
	require.NoError(t, os.WriteFile(file, []byte(strings.Repeat("x", maxPassword+1)), 0o600))
	_, _, err = ask("redis://a", Access{PasswordFile: file})
	require.ErrorContains(t, err, "longer than")
}

func TestCertificatesThatCannotBeUsed(t *testing.T) {
	secure, err := ParseURL("rediss://a")
	require.NoError(t, err)
	plain, err := ParseURL("redis://a")
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, []byte("nothing"), 0o600))
	for _, c := range []struct {
		server Server
		access Access
		want   string
	}{
		{plain, Access{CAFile: file}, "rediss://"},
		{secure, Access{CAFile: file}, "no certificate"},
		{secure, Access{CAFile: file + "-not"}, "redis_ca_file"},
		{secure, Access{CertFile: file, KeyFile: file}, "redis_cert_file"},
		{secure, Access{KeyFile: file}, "redis_cert_file"},
	} {
		_, err := c.server.client(c.access)
		require.ErrorContains(t, err, c.want)
	}
}
