package config

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestOutputTable(t *testing.T) {
	for _, p := range OutputProperties {
		if Find(p.Name) != nil {
			t.Errorf("%s: is in both tables", p.Name)
		}
		if p.Help == "" || p.Accepts == "" || !strings.HasSuffix(p.Help, ".") || strings.HasSuffix(p.Accepts, ".") {
			t.Errorf("%s: help must be sentences, accepts a phrase", p.Name)
		}
		// flb_output_set_property of Fluent Bit takes these itself.
		for _, taken := range []string{"match", "match_regex", "alias", "host", "port", "ipv6", "retry_limit", "tls", "workers", "log_level"} {
			if p.Name == taken {
				t.Errorf("%s: is never seen by a plugin", p.Name)
			}
		}
	}
}

func TestDefaultOutput(t *testing.T) {
	c := DefaultOutput()
	if want := (Output{ConnectTimeout: 5 * time.Second, AckTimeout: 15 * time.Second, TLSVerify: true}); !reflect.DeepEqual(c.Output, want) {
		t.Errorf("%+v", c.Output)
	}
	c.Output = Output{}
	if !reflect.DeepEqual(c, Default()) {
		t.Error("the other properties differ from those of the filter")
	}
	if err := Default().Set("target", "stdout"); err == nil {
		t.Error("the filter takes properties of the output")
	}
	if err := c.SetOutput("Window", "3d"); err != nil || c.Detector.Window != 72*time.Hour {
		t.Error("the output does not take properties of the filter")
	}
	if err := c.SetOutput("targt", "stdout"); err == nil || !strings.Contains(err.Error(), "unknown property") {
		t.Error(err)
	}
}

func TestTarget(t *testing.T) {
	f := func(value string, kind TargetKind, address string) {
		t.Helper()
		c := DefaultOutput()
		if err := c.SetOutput("target", value); err != nil || c.Output.Target != (Target{kind, address}) {
			t.Errorf("%s: %v, %+v", value, err, c.Output.Target)
		}
		if err := c.CheckOutput(); err != nil {
			t.Error(err)
		}
	}
	f("stdout", Stdout, "")
	f(" stdout:// ", Stdout, "")
	f("forward://collector", ForwardTCP, "collector:24224")
	f("forward://collector.example:1234/", ForwardTCP, "collector.example:1234")
	f("forward://[2001:db8::1]:24224", ForwardTCP, "[2001:db8::1]:24224")
	f("forward+tls://192.0.2.1:24224", ForwardTLS, "192.0.2.1:24224")
	f("forward+unix:///run/fluent.sock", ForwardUnix, "/run/fluent.sock")
	f("file:///var/log/findings.jsonl", File, "/var/log/findings.jsonl")

	bad := func(value, want string) {
		t.Helper()
		c := DefaultOutput()
		err := c.SetOutput("target", value)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "property target: bad value ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want %s", value, err, want)
		}
		if c.Output.Target.Kind != NoTarget {
			t.Errorf("%q: is set", value)
		}
	}
	bad("", "no such scheme")
	bad("collector:24224", "a scheme and // come first")
	bad("file:findings.jsonl", "a scheme and // come first")
	bad("tcp://collector:24224", "no such scheme")
	bad("forward://", "a host is missing")
	bad("forward://c:0", "no such port")
	bad("forward://c:99999", "no such port")
	bad("forward://c:x", "not a URL")
	bad("forward://c:1/path", "nothing follows the port")
	bad("forward://c:1?tls=on", "nothing follows host and path")
	bad("file://relative", "three slashes")
	bad("file:///", "three slashes")
	bad("file:///dir/", "three slashes")
	bad("forward+unix://x/y", "three slashes")
	bad("forward://me:pa@ss@c:1", `"forward://***@c:1": no user or password`)
}

func TestOutputBadValues(t *testing.T) {
	f := func(name, value string) {
		t.Helper()
		c := DefaultOutput()
		if err := c.SetOutput(name, value); err == nil || !strings.HasPrefix(err.Error(), "property "+name+": bad value ") {
			t.Errorf("%s=%q: %v", name, value, err)
		}
		if !reflect.DeepEqual(c, DefaultOutput()) {
			t.Errorf("%s=%q: changed the configuration", name, value)
		}
	}
	f("only_findings", "maybe")
	f("connect_timeout", "0")
	f("ack_timeout", "1d")
	f("tls_verify", "0")
	f("tls_ca_file", "ca.pem")
	f("tls_cert_file", "")
	f("tls_key_file", "./key")
	f("tls_server_name", "")
	f("shared_key_file", "key")
	f("shared_key", "a\nb")
	if err := DefaultOutput().SetOutput("shared_key", "hush\n!"); strings.Contains(err.Error(), "hush") {
		t.Error(err)
	}
}

func TestCheckOutput(t *testing.T) {
	f := func(want string, properties ...string) {
		t.Helper()
		c := DefaultOutput()
		for i := 0; i < len(properties); i += 2 {
			if err := c.SetOutput(properties[i], properties[i+1]); err != nil {
				t.Error(err)
			}
		}
		err := c.CheckOutput()
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", properties, err, want)
		}
	}
	f("target is missing")
	f("need each other", "target", "forward+tls://c", "tls_cert_file", "/c")
	f("need a target forward+tls", "target", "forward://c", "tls_ca_file", "/c")
	f("need a target forward+tls", "target", "stdout", "tls_verify", "off")
	f("exclude each other", "target", "forward://c", "shared_key", "k", "shared_key_file", "/k")
	f("need a target of the forward protocol", "target", "file:///f", "shared_key", "k")
	f("", "target", "forward+unix:///s", "shared_key", "k")
	f("", "target", "forward+tls://c", "tls_cert_file", "/c", "tls_key_file", "/k", "shared_key_file", "/s")
}
