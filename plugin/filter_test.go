package main

import (
	"strings"
	"testing"
	"time"
)

func TestReadProperties(t *testing.T) {
	f := func(props map[string]string, want string) {
		t.Helper()
		cfg, given, err := readProperties(func(k string) (string, bool) { v, ok := props[k]; return v, ok })
		if err != nil {
			given = err.Error()
		}
		if (cfg == nil) != (err != nil) || !strings.Contains(given, want) {
			t.Errorf("%v: got %s, want %s", props, given, want)
		}
	}
	f(nil, "all properties at their defaults")
	f(map[string]string{"window": "7d"}, "all properties at their defaults")
	f(map[string]string{"window": "3d", "tag_all": "on"}, `window="3d" tag_all="on"`)
	f(map[string]string{"window": "3y"}, `property window: bad value "3y"`)
	f(map[string]string{"cluster": ""}, "all properties at their defaults")

	cfg, _, _ := readProperties(func(k string) (string, bool) { return "3d", k == "window" })
	if cfg.Detector.Window != 72*time.Hour {
		t.Error(cfg.Detector.Window)
	}
}

func TestOneLine(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := oneLine(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	f("plain, héllo 世界", "plain, héllo 世界")
	f("a\nb\r\x00\x1b[31m", `a\nb\r\x00\x1b[31m`)
	f("\u202e", `\u202e`)
	f("it's\t", `it's\t`)
	f("\xff", "\ufffd")
	f(strings.Repeat("é", 2000), strings.Repeat("é", maxLine/2)+"...")
	f("x"+strings.Repeat("é", 2000), "x"+strings.Repeat("é", maxLine/2-1)+"\ufffd...")
}

func TestRegistry(t *testing.T) {
	r := registry{all: map[uintptr]*instance{}}
	a, b := &instance{}, &instance{}
	ha, hb := r.add(a), r.add(b)
	if ha == 0 || hb == 0 || ha == hb || r.get(ha) != a || r.get(hb) != b || r.get(0) != nil {
		t.Error("handles are not unique")
	}
	if r.remove(ha) != a || r.remove(ha) != nil || r.get(ha) != nil {
		t.Error("a removed handle still works")
	}
	if hc := r.add(a); hc == ha {
		t.Error("a handle was used again")
	}
}
