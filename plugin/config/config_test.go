package config

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/rule"
)

func TestDefaultsAgreeWithDetector(t *testing.T) {
	want := &Config{Detector: detector.DefaultConfig(), Format: "native", SeverityKey: "severity", SplitEventLists: true, Redact: true, StateFlush: 10 * time.Second, BaselineTimeout: 30 * time.Second, RedisTimeout: 50 * time.Millisecond}
	if got := Default(); !reflect.DeepEqual(got, want) {
		t.Errorf("defaults of the table\n%+v\ndiffer from those of the detector\n%+v", got, want)
	}
}

func TestTable(t *testing.T) {
	name := regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	seen := map[string]bool{}
	for _, p := range Properties {
		if !name.MatchString(p.Name) || seen[p.Name] {
			t.Errorf("%s: name is not unique lower snake_case", p.Name)
		}
		seen[p.Name] = true
		if p.Help == "" || p.Accepts == "" || !strings.HasSuffix(p.Help, ".") || strings.HasSuffix(p.Accepts, ".") {
			t.Errorf("%s: help must be sentences, accepts a phrase", p.Name)
		}
	}
}

func TestDuration(t *testing.T) {
	f := func(s string, want time.Duration) {
		t.Helper()
		if got, err := ParseDuration(s); err != nil || got != want {
			t.Errorf("%q: got %v, %v; want %v", s, got, err, want)
		}
	}
	const day = 24 * time.Hour
	f("7d", 7*day)
	f("1d12h", 36*time.Hour)
	f("2w", 14*day)
	f("1w2d3h4m5s", 9*day+3*time.Hour+4*time.Minute+5*time.Second)
	f("90s", 90*time.Second)
	f("4m15s", 255*time.Second)
	f("1.5h", 90*time.Minute)
	f("3600", time.Hour)
	f("0", 0)
	f("0s", 0)
	f("0.5", 500*time.Millisecond)
	f("7D", 7*day)
	f(".5m", 30*time.Second)
	f("9223372036", 9223372036*time.Second)

	bad := func(s string) {
		t.Helper()
		if got, err := ParseDuration(s); err == nil {
			t.Errorf("%q: got %v, want an error", s, got)
		}
	}
	bad("")
	bad("-1")
	bad("-7d")
	bad("+1d")
	bad("d")
	bad(".")
	bad("1..5h")
	bad("7x")
	bad("7 d")
	bad("1h1d")
	bad("1h1h")
	bad("1d12")
	bad("12ms")
	bad("1e3")
	bad("NaN")
	bad("inf")
	bad("9223372037")
	bad("20000000000000000000s")
	bad("99999999999999999999999999999999999.9w")
	bad("15250w1d99999999h")
	bad("7d\n")
}

func FuzzDuration(f *testing.F) {
	f.Add("1d12h")
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := ParseDuration(s); err == nil && d < 0 {
			t.Errorf("%q: %v", s, d)
		}
	})
}

func set(t *testing.T, name, value string) *Config {
	t.Helper()
	c := Default()
	if err := c.Set(name, value); err != nil {
		t.Errorf("%s=%s: %v", name, value, err)
	}
	return c
}

func TestSet(t *testing.T) {
	if c := set(t, "WINDOW", " 36h "); c.Detector.Window != 36*time.Hour {
		t.Error(c.Detector.Window)
	}
	if c := set(t, "learning_period", "0"); c.Detector.LearningPeriod != 0 {
		t.Error(c.Detector.LearningPeriod)
	}
	for value, want := range map[string]bool{"on": true, "True": true, "YES": true, "off": false, "false": false, "No": false} {
		if c := set(t, "tag_all", value); c.TagAll != want {
			t.Error(value, c.TagAll)
		}
	}
	c := set(t, "networks", "pods=10.244.0.0/16, pods = 10.245.1.1 ,v6=2001:db8::1,dirty=10.1.2.3/8,mapped=::ffff:192.0.2.1,, ")
	var got []string
	for _, n := range c.Detector.Networks {
		got = append(got, n.Name+"="+n.Prefix.String())
	}
	if want := []string{"pods=10.244.0.0/16", "pods=10.245.1.1/32", "v6=2001:db8::1/128", "dirty=10.0.0.0/8", "mapped=192.0.2.1/32"}; !slices.Equal(got, want) {
		t.Errorf("networks %v, want %v", got, want)
	}
	if c := set(t, "trusted_proxies", "10.0.0.5,192.0.2.0/28,::ffff:10.0.0.0/104"); len(c.Detector.TrustedProxies) != 3 ||
		c.Detector.TrustedProxies[2].String() != "10.0.0.0/8" {
		t.Error(c.Detector.TrustedProxies)
	}
	if c := set(t, "ignore_users", "system:node:*, alice"); !slices.Equal(c.Detector.IgnoreUsers, []string{"system:node:*", "alice"}) {
		t.Error(c.Detector.IgnoreUsers)
	}
	if c := set(t, "ignore_secrets", "*/sh.helm.release.v1.*"); len(c.Detector.IgnoreSecrets) != 1 {
		t.Error(c.Detector.IgnoreSecrets)
	}
	if c := set(t, "severities", "new-source-ip=off, unusual-user = High"); !reflect.DeepEqual(c.Detector.Severities,
		map[string]rule.Severity{"new-source-ip": rule.None, "unusual-user": rule.High}) {
		t.Error(c.Detector.Severities)
	}
	if c := set(t, "min_severity", "high"); c.Detector.MinSeverity != rule.High {
		t.Error(c.Detector.MinSeverity)
	}
	if c := set(t, "severity_key", "off"); c.SeverityKey != "" {
		t.Error(c.SeverityKey)
	}
	if c := set(t, "severity_key", "level"); c.SeverityKey != "level" {
		t.Error(c.SeverityKey)
	}
	if c := set(t, "cluster", "prod-eu"); c.Cluster != "prod-eu" {
		t.Error(c.Cluster)
	}
	for value, want := range map[string]string{
		":2021": ":2021", "127.0.0.1:2021": "127.0.0.1:2021", " localhost:1 ": "localhost:1",
		"[::1]:65535": "[::1]:65535", "[0:0::1]:2021": "[::1]:2021", "[fe80::1%eth0]:2021": "[fe80::1%eth0]:2021",
	} {
		if c := set(t, "metrics_listen", value); c.MetricsListen != want {
			t.Errorf("%q: %q", value, c.MetricsListen)
		}
	}
	if c := set(t, "key", "message"); c.Key != "message" {
		t.Error(c.Key)
	}
}

func TestSetAgainReplaces(t *testing.T) {
	c := set(t, "networks", "a=10.0.0.0/8,b=192.0.2.1")
	if err := c.Set("networks", "c=198.51.100.0/24"); err != nil || len(c.Detector.Networks) != 1 {
		t.Error(err, c.Detector.Networks)
	}
}

func TestBadValues(t *testing.T) {
	f := func(name, value string) {
		t.Helper()
		c := Default()
		err := c.Set(name, value)
		if err == nil {
			t.Errorf("%s=%q: no error", name, value)
			return
		}
		msg := err.Error()
		p := Find(name)
		if !strings.HasPrefix(msg, "property "+p.Name+": bad value "+quote(value)) || !strings.HasSuffix(msg, "; accepted: "+p.Accepts) {
			t.Errorf("%s=%q: %s", name, value, msg)
		}
		if strings.ContainsAny(msg, "\r\n\x00") || len(msg) > 2000 {
			t.Errorf("%s=%q: not one short line: %q", name, value, msg)
		}
		if !reflect.DeepEqual(c, Default()) {
			t.Errorf("%s=%q: changed the configuration", name, value)
		}
	}
	f("window", "")
	f("window", "0")
	f("window", "-7d")
	f("window", "20y")
	f("window", "3651d")
	f("window", "7d\nfoo")
	f("learning_period", "-1")
	f("burst_window", "2d")
	f("burst_count", "1")
	f("burst_count", "ten")
	f("burst_count", "99999999999999999999")
	f("max_principals", "0")
	f("ipv4_prefix", "33")
	f("ipv6_prefix", "129")
	f("networks", "10.0.0.0/8")
	f("networks", "=10.0.0.0/8")
	f("networks", "a=10.0.0.0/33")
	f("networks", "a=10.0.0.256")
	f("networks", "a=fe80::1%eth0")
	f("networks", "10.0.0.1=10.0.0.0/8")
	f("networks", "a b=10.0.0.0/8")
	f("networks", strings.Repeat("a", 65)+"=10.0.0.0/8")
	f("networks", strings.Repeat("x", 100000))
	f("trusted_proxies", "proxy.example.com")
	f("trusted_proxies", "10.0.0.5, 0.0.0.0/0")
	f("trusted_proxies", "::/0")
	f("trusted_proxies", "::ffff:0.0.0.0/90")
	f("ignore_secrets", "sh.helm.release.v1.*")
	f("severities", "no-such-rule=low")
	f("severities", "new-source-ip=loud")
	f("severities", "new-source-ip")
	f("min_severity", "off")
	f("min_severity", "none")
	f("format", "xml")
	f("severity_key", "")
	f("severity_key", "secretwatch")
	f("tag_all", "1")
	f("tag_all", "")
	f("key", "")
	f("cluster", "a\x00b")
	f("cluster", strings.Repeat("c", 254))
	f("metrics_listen", "")
	f("metrics_listen", "on")
	f("metrics_listen", "2021")
	f("metrics_listen", "127.0.0.1")
	f("metrics_listen", "::1:2021")
	f("metrics_listen", "metrics.example:2021")
	f("metrics_listen", "127.0.0.1:0")
	f("metrics_listen", "127.0.0.1:65536")
	f("metrics_listen", "127.0.0.1:-1")
	f("metrics_listen", "127.0.0.1:http")
	f("metrics_listen", "http://127.0.0.1:2021")
	f("metrics_listen", "127.0.0.1:2021/metrics")
}

func TestUnknownProperty(t *testing.T) {
	err := Default().Set("learn_period", "1d")
	if err == nil || !strings.Contains(err.Error(), "did you mean learning_period?") || !strings.Contains(err.Error(), "tag_all") {
		t.Error(err)
	}
	err = Default().Set(strings.Repeat("é\n", 100000), "1")
	if err == nil || strings.Contains(err.Error(), "\n") || len(err.Error()) > 2000 {
		t.Error(err)
	}
}

func TestGeneratedFilesAreCurrent(t *testing.T) {
	inc, err := os.ReadFile("../config_map.inc")
	if err != nil || string(inc) != ConfigMap() {
		t.Errorf("plugin/config_map.inc is stale, run go generate ./plugin (%v)", err)
	}
	doc, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if want, ok := ReplaceTables(string(doc)); !ok || want != string(doc) {
		t.Errorf("a property table of README.md is stale, run go generate ./plugin")
	}
}

func TestRedisURLsAreNotShownWithPasswords(t *testing.T) {
	p := Find("redis_url")
	for value, want := range map[string]string{
		"redis://user:secret@redis:6379/1": "redis://***@redis:6379/1",
		"redis+cluster://:secret@a,b":      "redis+cluster://***@a,b",
		"redis://redis":                    "redis://redis",
	} {
		if got := p.Shown(value); got != want {
			t.Errorf("%s is shown as %s", value, got)
		}
	}
	err := Default().Set("redis_url", "redis://user:secret@a,b")
	if err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "several hosts") {
		t.Errorf("%v", err)
	}
}
