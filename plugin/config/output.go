package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Output is what the properties of the output plugin alone add up to. Paths are
// absolute.
type Output struct {
	Target       Target
	OnlyFindings bool

	ConnectTimeout time.Duration
	AckTimeout     time.Duration

	TLSVerify     bool
	TLSCAFile     string // empty for the system's authorities
	TLSCertFile   string
	TLSKeyFile    string
	TLSServerName string
	SharedKey     string
	SharedKeyFile string
}

// Target is where the output sends records. The zero value is none.
type Target struct {
	Kind TargetKind
	// Address is host:port of ForwardTCP and ForwardTLS, a path of ForwardUnix
	// and File.
	Address string
}

// TargetKind is what follows from the scheme of a target.
type TargetKind uint8

// Kinds of targets.
const (
	NoTarget TargetKind = iota
	ForwardTCP
	ForwardTLS
	ForwardUnix
	File
	Stdout
)

const acceptsPath = "an absolute path"

// OutputProperties are the properties that only the output plugin has; it has
// those of Properties as well. Fluent Bit itself takes some names from every
// output (host, port, tls, workers, retry_limit, ...) and shows them to no
// plugin, which is why TLS is part of the target.
var OutputProperties = []Property{
	{
		Name: "target", Kind: String,
		Accepts: "forward://host:port, forward+tls://host:port, forward+unix:///path, file:///path, stdout",
		Help:    "Where records go: a receiver of the Fluentd forward protocol (Fluent Bit, Fluentd, Vector), a file of JSON lines, or the standard output. Required.",
		set: func(c *Config, v string) error {
			t, err := parseTarget(v)
			if err == nil {
				c.Output.Target = t
			}
			return err
		},
	},
	{
		Name: "only_findings", Kind: Bool, Default: "off",
		Accepts: acceptsBool,
		Help:    "Sends only records with findings.",
		set: func(c *Config, v string) error {
			return setBool(&c.Output.OnlyFindings, v)
		},
	},
	{
		Name: "connect_timeout", Kind: Duration, Default: "5s",
		Accepts: acceptsSpan + "from 0.1s to 10m",
		Help:    "How long a connection may take to be made, and how long a chunk waits for a receiver that is not there before Fluent Bit is asked to bring it again.",
		set: func(c *Config, v string) error {
			return setDuration(&c.Output.ConnectTimeout, v, 100*time.Millisecond, 10*time.Minute)
		},
	},
	{
		Name: "ack_timeout", Kind: Duration, Default: "15s",
		Accepts: acceptsSpan + "from 0.1s to 10m",
		Help:    "How long a receiver may take to acknowledge a chunk before it is sent again. It also bounds how long a stop may take.",
		set: func(c *Config, v string) error {
			return setDuration(&c.Output.AckTimeout, v, 100*time.Millisecond, 10*time.Minute)
		},
	},
	{
		Name: "tls_verify", Kind: Bool, Default: "on",
		Accepts: acceptsBool,
		Help:    "Whether the receiver's certificate must be valid.",
		set: func(c *Config, v string) error {
			return setBool(&c.Output.TLSVerify, v)
		},
	},
	{
		Name: "tls_ca_file", Kind: String,
		Accepts: acceptsPath,
		Help:    "Certificate authorities of the receiver, in PEM. Without it, those of the system.",
		set: func(c *Config, v string) error {
			return setPath(&c.Output.TLSCAFile, v)
		},
	},
	{
		Name: "tls_cert_file", Kind: String,
		Accepts: acceptsPath,
		Help:    "Certificate to show to the receiver, in PEM; with tls_key_file.",
		set: func(c *Config, v string) error {
			return setPath(&c.Output.TLSCertFile, v)
		},
	},
	{
		Name: "tls_key_file", Kind: String,
		Accepts: acceptsPath,
		Help:    "Private key of tls_cert_file, in PEM.",
		set: func(c *Config, v string) error {
			return setPath(&c.Output.TLSKeyFile, v)
		},
	},
	{
		Name: "tls_server_name", Kind: String,
		Accepts: "a host name",
		Help:    "Name in the receiver's certificate, where it is not the host of the target.",
		set: func(c *Config, v string) error {
			return setText(&c.Output.TLSServerName, v, 1, 253)
		},
	},
	{
		Name: "shared_key", Kind: String, Secret: true,
		Accepts: "a text of at most 1024 characters",
		Help:    "Key that sender and receiver of the forward protocol know each other by.",
		set: func(c *Config, v string) error {
			return setText(&c.Output.SharedKey, v, 1, 1024)
		},
	},
	{
		Name: "shared_key_file", Kind: String,
		Accepts: acceptsPath,
		Help:    "File that holds the shared key.",
		set: func(c *Config, v string) error {
			return setPath(&c.Output.SharedKeyFile, v)
		},
	},
}

// DefaultOutput returns the configuration of an output with no property set.
func DefaultOutput() *Config {
	c := Default()
	c.setDefaults(OutputProperties)
	return c
}

// SetOutput is Set for the output plugin: it knows OutputProperties too.
func (c *Config) SetOutput(name, value string) error {
	if p := find(OutputProperties, name); p != nil {
		return p.apply(c, value)
	}
	return c.Set(name, value)
}

// CheckOutput finds what is wrong with properties together, in one line.
func (c *Config) CheckOutput() error {
	o := &c.Output
	tls := o.Target.Kind == ForwardTLS
	forward := tls || o.Target.Kind == ForwardTCP || o.Target.Kind == ForwardUnix
	switch {
	case o.Target.Kind == NoTarget:
		return fmt.Errorf("property target is missing; accepted: %s", find(OutputProperties, "target").Accepts)
	case (o.TLSCertFile == "") != (o.TLSKeyFile == ""):
		return errors.New("properties tls_cert_file and tls_key_file need each other")
	case !tls && (o.TLSCAFile != "" || o.TLSCertFile != "" || o.TLSServerName != "" || !o.TLSVerify):
		return errors.New("properties tls_... need a target forward+tls://host:port")
	case o.SharedKey != "" && o.SharedKeyFile != "":
		return errors.New("properties shared_key and shared_key_file exclude each other")
	case !forward && (o.SharedKey != "" || o.SharedKeyFile != ""):
		return errors.New("properties shared_key and shared_key_file need a target of the forward protocol")
	}
	return nil
}

// parseTarget accepts no more of a URL than what means something, so that
// nothing is silently ignored.
func parseTarget(v string) (Target, error) {
	if v == "stdout" || v == "stdout://" {
		return Target{Kind: Stdout}, nil
	}
	u, err := url.Parse(v)
	if err != nil {
		return Target{}, errors.New("not a URL")
	}
	if u.User != nil {
		return Target{}, errors.New("no user or password has a place in it")
	}
	if u.Opaque != "" {
		return Target{}, errors.New("a scheme and // come first")
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return Target{}, errors.New("nothing follows host and path")
	}
	switch u.Scheme {
	case "forward", "forward+tls":
		if u.Path != "" && u.Path != "/" {
			return Target{}, errors.New("nothing follows the port")
		}
		return parseHostPort(u)
	case "forward+unix", "file":
		if u.Host != "" || !filepath.IsAbs(u.Path) || strings.HasSuffix(u.Path, "/") {
			return Target{}, errors.New("three slashes begin an absolute path")
		}
		if u.Scheme == "file" {
			return Target{File, filepath.Clean(u.Path)}, nil
		}
		return Target{ForwardUnix, filepath.Clean(u.Path)}, nil
	}
	return Target{}, errors.New("no such scheme")
}

func parseHostPort(u *url.URL) (Target, error) {
	host, port := u.Hostname(), u.Port()
	if host == "" {
		return Target{}, errors.New("a host is missing")
	}
	if port == "" {
		port = "24224"
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return Target{}, errors.New("no such port")
	}
	kind := ForwardTCP
	if u.Scheme == "forward+tls" {
		kind = ForwardTLS
	}
	return Target{kind, net.JoinHostPort(host, port)}, nil
}

// hidden masks what may be a password in a URL: what stands before the host, also
// where the scheme was forgotten, and the values of parameters.
func hidden(value string) string {
	scheme, rest, isURL := strings.Cut(value, "://")
	if !isURL {
		if i := strings.LastIndexByte(value, '@'); i >= 0 && strings.Contains(value[:i], ":") {
			return "***" + value[i:]
		}
		return value
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = "***" + rest[i:]
	}
	if address, query, ok := strings.Cut(rest, "?"); ok {
		parameters := strings.Split(query, "&")
		for i, p := range parameters {
			if name, _, ok := strings.Cut(p, "="); ok {
				parameters[i] = name + "=***"
			}
		}
		rest = address + "?" + strings.Join(parameters, "&")
	}
	return scheme + "://" + rest
}

func setPath(dst *string, value string) error {
	if !filepath.IsAbs(value) {
		return errors.New("not an absolute path")
	}
	return setText(dst, value, 1, 4096)
}
