package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/secretwatch/secretwatch/plugin/delivery"
)

func TestReadOutputProperties(t *testing.T) {
	f := func(props map[string]string, want string) {
		t.Helper()
		cfg, effective, err := readOutputProperties(func(k string) (string, bool) { v, ok := props[k]; return v, ok })
		if err != nil {
			effective = err.Error()
		}
		if (cfg == nil) != (err != nil) || effective != want && (err == nil || !strings.Contains(effective, want)) {
			t.Errorf("%v: got %s, want %s", props, effective, want)
		}
	}
	const timeouts = `connect_timeout="5s" ack_timeout="15s" tls_verify="on"`
	f(map[string]string{"target": "stdout"}, `target="stdout" only_findings="off" `+timeouts)
	f(map[string]string{"target": "forward://c", "shared_key": "hush", "window": "3d", "min_severity": "low"},
		`target="forward://c" only_findings="off" `+timeouts+` shared_key="***" window="3d"`)
	f(nil, "property target is missing; accepted: forward://")
	f(map[string]string{"target": "stdout", "window": "3y"}, `property window: bad value "3y"`)
}

func TestNewOutput(t *testing.T) {
	f := func(props map[string]string, want string) {
		t.Helper()
		cfg, _, err := readOutputProperties(func(k string) (string, bool) { v, ok := props[k]; return v, ok })
		if err != nil {
			t.Fatal(err)
		}
		ins, err := newOutput(cfg, newOutputLog("test"))
		if err != nil {
			if want == "" || !strings.Contains(err.Error(), want) {
				t.Errorf("%v: %v", props, err)
			}
			return
		}
		if want != "" {
			t.Errorf("%v: no error", props)
		}
		if r := ins.output.Deliver([]byte{0x92, 1, 0x80}, "t", true); strings.HasPrefix(props["target"], "forward") != (r == delivery.Retry) {
			t.Errorf("%v: result %v", props, r)
		}
		if err := ins.close(); err != nil {
			t.Error(err)
		}
	}
	dir := t.TempDir()
	f(map[string]string{"target": "file://" + filepath.Join(dir, "out")}, "")
	f(map[string]string{"target": "stdout", "only_findings": "on"}, "")
	f(map[string]string{"target": "forward+unix://" + filepath.Join(dir, "none"), "connect_timeout": "0.1s"}, "")
	f(map[string]string{"target": "forward+tls://127.0.0.1:1", "connect_timeout": "0.1s"}, "")
	f(map[string]string{"target": "forward+tls://c", "tls_ca_file": filepath.Join(dir, "none")}, "certificate authorities: open ")
	f(map[string]string{"target": "forward://c", "shared_key_file": filepath.Join(dir, "none")}, "shared key: open ")
}
