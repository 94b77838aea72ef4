package audit

import (
	"reflect"
	"strings"
	"testing"

	"github.com/valyala/fastjson"
)

// fillFlat feeds an event to f with its levels joined by dots.
func fillFlat(f *Filler, path string, v *fastjson.Value, change func(string) string) {
	switch v.Type() {
	case fastjson.TypeObject:
		v.GetObject().Visit(func(key []byte, v *fastjson.Value) {
			name := string(key)
			if strings.HasSuffix(path, "annotations.") || strings.HasSuffix(path, "extra.") {
				name = change(name)
			}
			fillFlat(f, path+name+".", v, change)
		})
	case fastjson.TypeArray:
		for _, e := range v.GetArray() {
			if s, err := e.StringBytes(); err == nil {
				f.Add(strings.TrimSuffix(path, "."), string(s))
			}
		}
	case fastjson.TypeString:
		f.Text(strings.TrimSuffix(path, "."), string(v.GetStringBytes()))
	case fastjson.TypeNumber:
		f.Number(strings.TrimSuffix(path, "."), v.GetInt64())
	}
}

func TestFiller(t *testing.T) {
	var p Parser
	var want, got Event
	if err := p.ParseJSON([]byte(full), &want); err != nil {
		t.Fatal(err)
	}
	for _, change := range []func(string) string{func(s string) string { return s }, underscored} {
		f := Fill(&got)
		if f.Done() {
			t.Fatal("nothing is an event")
		}
		fillFlat(&f, "", fastjson.MustParse(full), change)
		if !f.Done() || !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %+v\nwant %+v", got, want)
		}
	}
}
