package audit

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/valyala/fastjson"
)

// parseTree is ParseJSON by way of fastjson's tree of values: slower, and plainly
// right.
func parseTree(data []byte, ev *Event) error {
	var p fastjson.Parser
	ev.Reset()
	v, err := p.ParseBytes(data)
	if err != nil {
		return fmt.Errorf("%w: %.200s", ErrSyntax, err.Error())
	}
	if v.Type() != fastjson.TypeObject {
		return ErrNotAudit
	}
	var s shape
	v.GetObject().Visit(func(key []byte, v *fastjson.Value) {
		switch v.Type() {
		case fastjson.TypeString:
			ev.setTop(aliasOf(key), treeString(v), &s)
		case fastjson.TypeObject:
			switch string(key) {
			case "user":
				treeUser(v, &ev.User)
			case "impersonatedUser":
				treeUser(v, &ev.Impersonated)
			case "objectRef":
				v.GetObject().Visit(func(key []byte, v *fastjson.Value) {
					treeSet(ev.reference(aliasOf(key)), v)
				})
			case "annotations":
				v.GetObject().Visit(func(key []byte, v *fastjson.Value) {
					treeSet(ev.annotation(aliasOf(key)), v)
				})
			case "responseStatus":
				treeStatus(v, ev)
			}
		case fastjson.TypeArray:
			if string(key) == "sourceIPs" {
				ev.SourceIPs = treeStrings(v, ev.SourceIPs[:0])
			}
		}
	})
	if !s.isAudit() {
		return ErrNotAudit
	}
	return nil
}

func treeUser(v *fastjson.Value, u *User) {
	v.GetObject().Visit(func(key []byte, v *fastjson.Value) {
		switch string(key) {
		case "username":
			treeSet(&u.Username, v)
		case "uid":
			treeSet(&u.UID, v)
		case "groups":
			if v.Type() == fastjson.TypeArray {
				u.Groups = treeStrings(v, u.Groups[:0])
			}
		case "extra":
			if v.Type() != fastjson.TypeObject {
				return
			}
			v.GetObject().Visit(func(key []byte, v *fastjson.Value) {
				field := u.extra(aliasOf(key))
				if field == nil || v.Type() != fastjson.TypeArray {
					return
				}
				if a := v.GetArray(); len(a) > 0 {
					treeSet(field, a[0])
				}
			})
		}
	})
}

func treeStatus(v *fastjson.Value, ev *Event) {
	v.GetObject().Visit(func(key []byte, v *fastjson.Value) {
		switch string(key) {
		case "message":
			treeSet(&ev.StatusMessage, v)
		case "code":
			if v.Type() != fastjson.TypeNumber {
				return
			}
			if n, ok := codeOf(v.GetFloat64()); ok {
				ev.Code = n
			}
		}
	})
}

// treeSet sets a field that may be nil to v if v is a string.
func treeSet(field *string, v *fastjson.Value) {
	if field != nil && v.Type() == fastjson.TypeString {
		*field = treeString(v)
	}
}

// treeStrings appends the strings of an array; other elements are left out.
func treeStrings(v *fastjson.Value, dst []string) []string {
	for _, e := range v.GetArray() {
		if e.Type() == fastjson.TypeString {
			dst = append(dst, treeString(e))
		}
	}
	return dst
}

// treeString returns the text of a string value, aliasing the parser's memory.
func treeString(v *fastjson.Value) string {
	b, _ := v.StringBytes()
	return aliasOf(b)
}

// compare parses text as it is done everywhere and with a tree, and fails unless
// the two agree, with marks where there can be any and without.
func compare(t testing.TB, text string) {
	t.Helper()
	compareNow(t, text)
	if marking {
		marking = false
		defer func() { marking = true }()
		compareNow(t, text)
	}
}

func compareNow(t testing.TB, text string) {
	t.Helper()
	var p Parser
	var got, want Event
	gotErr, wantErr := p.ParseJSON([]byte(text), &got), parseTree([]byte(text), &want)
	if errors.Is(gotErr, ErrSyntax) != errors.Is(wantErr, ErrSyntax) || errors.Is(gotErr, ErrNotAudit) != errors.Is(wantErr, ErrNotAudit) {
		t.Fatalf("got %v, want %v for %.200q", gotErr, wantErr, text)
	}
	if gotErr != nil {
		return
	}
	clean(&got)
	clean(&want)
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %+v\nwant %+v\nfor %q", got, want, text)
	}
}

func TestScanner(t *testing.T) {
	f := func(text string) {
		t.Helper()
		compare(t, text)
	}
	for i := range full {
		f(full[:i])                               // cut
		f(full[:i] + full[i+1:])                  // a byte lost
		f(full[:i] + " \n" + full[i:])            // white space, also where it does not belong
		f(full[:i] + "\x00" + full[i:])           // a byte too many
		f(full[:i] + "\"" + full[i:])             // a quote
		f(full[:i] + "\\" + full[i:])             // an escape
		f(full[:i] + "\\ud83d\\ude00" + full[i:]) // two surrogates
		f(full[:i] + "[]" + full[i:])             // a value
	}
	const head = `{"kind":"Event","apiVersion":"audit.k8s.io/v1","x":`
	for _, value := range []string{
		``, ` `, `-`, `+`, `1`, `-1.5e+3`, `--`, `+-1`, `.`, `1.2.3`, `inf`, `-INF`, `+nan`, `NaN`, `nan`, `nul`, `null`, `nulls`, `in`, `-n`,
		`true`, `tru`, `True`, `false`, `fals`, `{`, `}`, `[`, `]`, `{}`, `[]`, `{]`, `[}`, `[,]`, `[1,]`, `[,1]`, `{,}`, `{"a":1,}`, `{"a"}`,
		`{"a":}`, `{a:1}`, `{1:1}`, `[1 2]`, `{"a":1 "b":2}`, `"`, `"\`, `"\"`, `"\\"`, `"\\\"`, `[[],[[]],{"a":{}}]`, "\x00", "\"\x00\"", `""""`,
	} {
		f(value)
		f(head + value)
		f(head + value + `}`)
		f(head + value + `,"verb":"get"}`)
		f(head + `{"y":` + value + `}}`)
		f(head + `[` + value + `]}`)
	}
	for _, depth := range []int{298, 299, 300, 301, 1000} {
		for _, inner := range []string{``, `1`, `{}`} {
			f(head + strings.Repeat(`[`, depth) + inner + strings.Repeat(`]`, depth) + `}`)
			f(strings.Repeat(`[`, depth) + inner + strings.Repeat(`]`, depth))
			f(head + strings.Repeat(`{"a":`, depth) + inner + strings.Repeat(`}`, depth) + `}`)
		}
	}
}
