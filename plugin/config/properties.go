package config

import (
	"strings"
	"time"

	"github.com/secretwatch/secretwatch/detector/replica"
	"github.com/secretwatch/secretwatch/detector/rule"
)

// Formats are the accepted values of the property format.
var Formats = []string{"native", "ecs", "flat"}

const (
	maxSpan = 3650 * 24 * time.Hour

	acceptsBool = "on, off, true, false, yes, no"
	acceptsSpan = "a duration such as 7d, 1d12h, 90s or a number of seconds, "
)

// Properties is the one table of what can be configured, in the order of the
// documentation.
var Properties = []Property{
	{
		Name: "key", Kind: String,
		Accepts: "the name of a top-level field",
		Help:    "Field that holds the audit event as a JSON string. Without it, a record that is an audit event itself is taken as it is, otherwise the usual fields are tried (log, message, ...).",
		set: func(c *Config, v string) error {
			return setText(&c.Key, v, 1, 256)
		},
	},
	{
		Name: "window", Kind: Duration, Default: "7d",
		Accepts: acceptsSpan + "from 1s to 3650d",
		Help:    "How long a value stays known after it was last seen.",
		set: func(c *Config, v string) error {
			return setDuration(&c.Detector.Window, v, time.Second, maxSpan)
		},
	},
	{
		Name: "learning_period", Kind: Duration, Default: "1d",
		Accepts: acceptsSpan + "from 0 (off) to 3650d",
		Help:    "Span of event time from the first event on in which new values are learnt and raise nothing.",
		set: func(c *Config, v string) error {
			return setDuration(&c.Detector.LearningPeriod, v, 0, maxSpan)
		},
	},
	{
		Name: "probation", Kind: Duration, Default: "1d",
		Accepts: acceptsSpan + "from 0 (off) to 3650d",
		Help:    "How long a value that was flagged goes on being tagged, as a repeat, before it counts as known.",
		set: func(c *Config, v string) error {
			return setDuration(&c.Detector.Probation, v, 0, maxSpan)
		},
	},
	{
		Name: "burst_count", Kind: Int, Default: "10",
		Accepts: "a number from 2 to 1000000",
		Help:    "Number of secrets new to an identity that make a burst when read within burst_window.",
		set: func(c *Config, v string) error {
			return setInt(&c.Detector.BurstCount, v, 2, 1000000)
		},
	},
	{
		Name: "burst_window", Kind: Duration, Default: "5m",
		Accepts: acceptsSpan + "from 1s to 1d",
		Help:    "Span in which the reads of a burst fall.",
		set: func(c *Config, v string) error {
			return setDuration(&c.Detector.BurstWindow, v, time.Second, 24*time.Hour)
		},
	},
	{
		Name: "max_principals", Kind: Int, Default: "10000",
		Accepts: "a number from 1 to 10000000",
		Help:    "Number of identities remembered; beyond it the least recently seen is forgotten.",
		set: func(c *Config, v string) error {
			return setInt(&c.Detector.MaxPrincipals, v, 1, 10000000)
		},
	},
	{
		Name: "max_values", Kind: Int, Default: "64",
		Accepts: "a number from 1 to 4096",
		Help:    "Number of values of each kind (addresses, clients, ...) remembered for an identity.",
		set: func(c *Config, v string) error {
			return setInt(&c.Detector.MaxValues, v, 1, 4096)
		},
	},
	{
		Name: "networks", Kind: List,
		Accepts: "a list such as pods=10.244.0.0/16, nodes=10.0.0.0/24 of name=range; a name starts with a letter and may occur several times, a range is a CIDR or one address",
		Help:    "Named address ranges. All addresses inside one count as one source.",
		set: func(c *Config, v string) error {
			n, err := parseNetworks(v)
			if err == nil {
				c.Detector.Networks = n
			}
			return err
		},
	},
	{
		Name: "trusted_proxies", Kind: List,
		Accepts: "a list of CIDRs and addresses such as 10.0.0.5, 192.0.2.0/28",
		Help:    "Proxies in front of the API server whose X-Forwarded-For entries are believed.",
		set: func(c *Config, v string) error {
			p, err := parseProxies(v)
			if err == nil {
				c.Detector.TrustedProxies = p
			}
			return err
		},
	},
	{
		Name: "ipv4_prefix", Kind: Int, Default: "32",
		Accepts: "a number from 8 to 32",
		Help:    "Prefix length to which IPv4 addresses outside of networks are cut before they are compared.",
		set: func(c *Config, v string) error {
			return setInt(&c.Detector.IPv4Prefix, v, 8, 32)
		},
	},
	{
		Name: "ipv6_prefix", Kind: Int, Default: "64",
		Accepts: "a number from 16 to 128",
		Help:    "Prefix length to which IPv6 addresses outside of networks are cut before they are compared.",
		set: func(c *Config, v string) error {
			return setInt(&c.Detector.IPv6Prefix, v, 16, 128)
		},
	},
	{
		Name: "ignore_users", Kind: List,
		Accepts: "a list of user names, * for any run of characters and ? for any one",
		Help:    "Users whose requests are never judged.",
		set: func(c *Config, v string) error {
			c.Detector.IgnoreUsers = splitList(v)
			return nil
		},
	},
	{
		Name: "ignore_namespaces", Kind: List,
		Accepts: "a list of namespaces, * for any run of characters and ? for any one",
		Help:    "Namespaces in which secrets are not watched.",
		set: func(c *Config, v string) error {
			c.Detector.IgnoreNamespaces = splitList(v)
			return nil
		},
	},
	{
		Name: "ignore_secrets", Kind: List,
		Accepts: "a list of namespace/name such as */sh.helm.release.v1.*, * for any run of characters and ? for any one",
		Help:    "Secrets that are not watched.",
		set: func(c *Config, v string) error {
			g, err := parseSecretGlobs(v)
			if err == nil {
				c.Detector.IgnoreSecrets = g
			}
			return err
		},
	},
	{
		Name: "severities", Kind: List,
		Accepts: "a list such as new-source-ip=off, unusual-user=high of rule=level; levels are off, low, medium, high, critical and rules are " + strings.Join(rule.IDs(), ", "),
		Help:    "Base severity of rules, where it is to differ; off disables a rule.",
		set: func(c *Config, v string) error {
			s, err := parseSeverities(v)
			if err == nil {
				c.Detector.Severities = s
			}
			return err
		},
	},
	{
		Name: "min_severity", Kind: String, Default: "low",
		Accepts: "low, medium, high, critical",
		Help:    "Lowest severity at which a record is tagged.",
		set: func(c *Config, v string) error {
			return setLevel(&c.Detector.MinSeverity, v)
		},
	},
	{
		Name: "format", Kind: String, Default: Formats[0],
		Accepts: strings.Join(Formats, ", "),
		Help:    "Shape of the fields a tagged record gains: native is one map named secretwatch, ecs adds fields of the Elastic Common Schema and moves a structured event to kubernetes.audit, flat has one level, secretwatch_severity and so on.",
		set: func(c *Config, v string) error {
			return setOneOf(&c.Format, v, Formats)
		},
	},
	{
		Name: "severity_key", Kind: String, Default: "severity",
		Accepts: "a field name other than secretwatch and that of the field that holds the event, or off for none",
		Help:    "Top-level field that repeats the severity of a tagged record.",
		set:     setSeverityKey,
	},
	{
		Name: "tag_all", Kind: Bool, Default: "off",
		Accepts: acceptsBool,
		Help:    "Also adds the verdict to secret accesses in which nothing was found.",
		set: func(c *Config, v string) error {
			return setBool(&c.TagAll, v)
		},
	},
	{
		Name: "split_event_lists", Kind: Bool, Default: "on",
		Accepts: acceptsBool,
		Help:    "Makes one record an item of records that hold a list of events, such as those of the API server's webhook. Off, such a record gains the worst verdict and counts.",
		set: func(c *Config, v string) error {
			return setBool(&c.SplitEventLists, v)
		},
	},
	{
		Name: "redact", Kind: Bool, Default: "on",
		Accepts: acceptsBool,
		Help:    "Removes the values of secrets and tokens (requestObject, responseObject) from all records, tagged or not.",
		set: func(c *Config, v string) error {
			return setBool(&c.Redact, v)
		},
	},
	{
		Name: "cluster", Kind: String,
		Accepts: "a name of at most 253 characters",
		Help:    "Name of the cluster the events come from.",
		set: func(c *Config, v string) error {
			return setText(&c.Cluster, v, 0, 253)
		},
	},
	{
		Name: "state_path", Kind: String,
		Accepts: "the path of a file in a directory that exists",
		Help:    "File in which history survives restarts. Without it, history is only in memory.",
		set: func(c *Config, v string) error {
			return setText(&c.StatePath, v, 1, 4096)
		},
	},
	{
		Name: "state_flush", Kind: Duration, Default: "10s",
		Accepts: acceptsSpan + "from 0.1s to 1h",
		Help:    "How long a change may stay unwritten: what a crash can lose.",
		set: func(c *Config, v string) error {
			return setDuration(&c.StateFlush, v, 100*time.Millisecond, time.Hour)
		},
	},
	{
		Name: "baseline", Kind: List,
		Accepts: "a list of paths such as /var/log/kubernetes/audit/*.log, ? * and [a-z] as in a shell; plain or gzip",
		Help:    "Old audit logs to learn from at the first start. Once they are read, nothing is left to learn.",
		set: func(c *Config, v string) error {
			g, err := parsePaths(v)
			if err == nil {
				c.Baseline = g
			}
			return err
		},
	},
	{
		Name: "baseline_timeout", Kind: Duration, Default: "30s",
		Accepts: acceptsSpan + "from 1s to 1d",
		Help:    "How long the start may wait for the baseline. With what was read until then the filter goes on learning.",
		set: func(c *Config, v string) error {
			return setDuration(&c.BaselineTimeout, v, time.Second, 24*time.Hour)
		},
	},
	{
		Name: "redis_url", Kind: String,
		Accepts: replica.AcceptedURLs,
		Help:    "Redis 6.2 or newer, or Valkey, through which several instances share one history, by the name of the cluster. Not together with state_path.",
		set: func(c *Config, v string) (err error) {
			c.Redis, err = replica.ParseURL(v)
			return err
		},
	},
	{
		Name: "redis_timeout", Kind: Duration, Default: "50ms",
		Accepts: "a duration such as 50ms, 0.2s, from 1ms to 5s",
		Help:    "How long a chunk may wait for Redis. Once that was too short, nothing waits until Redis answers again.",
		set: func(c *Config, v string) error {
			return setShort(&c.RedisTimeout, v, time.Millisecond, 5*time.Second)
		},
	},
	{
		Name: "redis_password_file", Kind: String,
		Accepts: acceptsPath,
		Help:    "File that holds the password, read anew for each connection. Without it, that in redis_url or in the environment variable " + replica.PasswordVariable + " is used.",
		set: func(c *Config, v string) error {
			return setPath(&c.RedisAccess.PasswordFile, v)
		},
	},
	{
		Name: "redis_ca_file", Kind: String,
		Accepts: acceptsPath,
		Help:    "Certificate authorities of Redis, in PEM. Without it, those of the system.",
		set: func(c *Config, v string) error {
			return setPath(&c.RedisAccess.CAFile, v)
		},
	},
	{
		Name: "redis_cert_file", Kind: String,
		Accepts: acceptsPath,
		Help:    "Certificate to show to Redis, in PEM; with redis_key_file.",
		set: func(c *Config, v string) error {
			return setPath(&c.RedisAccess.CertFile, v)
		},
	},
	{
		Name: "redis_key_file", Kind: String,
		Accepts: acceptsPath,
		Help:    "Private key of redis_cert_file, in PEM.",
		set: func(c *Config, v string) error {
			return setPath(&c.RedisAccess.KeyFile, v)
		},
	},
	{
		Name: "metrics_listen", Kind: String,
		Accepts: "an IP address, localhost or nothing for all addresses, and a port, such as 127.0.0.1:2021 or :2021",
		Help:    "Address at which Prometheus finds metrics of this instance, under /metrics. Without it, none are served. All instances in a process share one server.",
		set: func(c *Config, v string) error {
			return setListen(&c.MetricsListen, v)
		},
	},
}
