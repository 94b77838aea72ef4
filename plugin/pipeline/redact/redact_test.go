package redact

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/valyala/fastjson"

	"github.com/secretwatch/secretwatch/detector/msgpack"
)

func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// run redacts the body that a JSON text is and returns it as JSON, or "" for
// what stays.
func run(t *testing.T, text string) string {
	t.Helper()
	body := msgpack.AppendValue(nil, fastjson.MustParse(text))
	var r Redactor
	out, did := r.Append([]byte("x"), body)
	if out[0] != 'x' || did.Redacted != (len(out) > 1) {
		t.Fatalf("%+v with %d bytes", did, len(out))
	}
	if !did.Redacted {
		return ""
	}
	end, err := msgpack.Skip(out, 1)
	if err != nil || end != len(out) {
		t.Fatalf("%s became %q", text, out)
	}
	got, _, _ := msgpack.AppendJSON(nil, out, 1)
	return string(got)
}

func TestRedact(t *testing.T) {
	// Each event structured, as text, and as text within text.
	f := func(event, want string) {
		t.Helper()
		check := func(in, want string) {
			t.Helper()
			if got := run(t, in); got != want {
				t.Fatalf("%s\ngot  %s\nwant %s", in, got, want)
			}
		}
		wrap := func(before, event, after, want string) {
			t.Helper()
			if want != "" {
				want = before + want + after
			}
			check(before+event+after, want)
		}
		q, qw := quote(event), quote(want)
		if want == "" {
			qw = ""
		}
		wrap(`{"a":[1,`, event, `],"b":"c"}`, want)
		wrap(`{"log":`, q, `}`, qw)
		wrap(`{"x":1,"log":`, q, `,"y":"z"}`, qw)
		text := `{"logEvents":[{"id":"é\t","message":` + q + `},{"message":"x"}]}`
		wantText := `{"logEvents":[{"id":"é\t","message":` + qw + `},{"message":"x"}]}`
		if want == "" {
			check(`{"m":`+quote(text)+`}`, "")
			return
		}
		check(`{"m":`+quote(text)+`}`, `{"m":`+quote(wantText)+`}`)
		check(`{"m":`+quote(" "+text+"\n")+`}`, `{"m":`+quote(" "+wantText+"\n")+`}`)
	}
	const ref = `"objectRef":{"resource":"secrets","namespace":"a","name":"b"}`
	const object = `{"kind":"Secret","data":{"k":"djEy"}}`
	f(`{`+ref+`,"requestObject":`+object+`,"responseObject":`+object+`,"z":1}`, `{`+ref+`,"z":1}`)
	f(`{"requestObject":`+object+`,"responseObject":`+object+`,`+ref+`}`, `{`+ref+`}`)
	f(`{"requestObject":`+object+`,`+ref+`,"responseObject":`+object+`}`, `{`+ref+`}`)
	f(`{`+ref+`,"requestObject":[{"op":"replace","value":"djEy"}]}`, `{`+ref+`}`)
	f(`{`+ref+`,"requestObject":"djEy"}`, `{`+ref+`}`)
	f(`{`+ref+`,"responseObject":null}`, `{`+ref+`}`)
	f(`{`+ref+`,"responseObject":{"kind":"Table","rows":["djEy"]}}`, `{`+ref+`}`)
	f(`{`+ref+`,"requestObject":1,"x":[{"requestObject":2}],"requestObject":3}`, `{`+ref+`,"x":[{"requestObject":2}]}`)
	f(`{"requestObject":`+object+`}`, `{}`)
	f(`{"responseObject":{"kind":"SecretList","items":[]}}`, `{}`)
	f(`{"responseObject":`+quote(object)+`}`, `{}`)
	f(`{"requestURI":"/api/v1/namespaces/a/secrets?x","responseObject":{"k":"v"}}`, `{"requestURI":"/api/v1/namespaces/a/secrets?x"}`)
	f(`{"objectRef":{"resource":"pods"},"responseObject":{"kind":"Pod"}}`, "")
	f(`{"objectRef":{"resource":"secrets","apiGroup":"other.io"},"responseObject":{"kind":"X"}}`, "")
	f(`{"objectRef":{"resource":"serviceaccounts","subresource":"token"},"responseObject":{"status":{"token":"e"}}}`, `{"objectRef":{"resource":"serviceaccounts","subresource":"token"}}`)
	f(`{"objectRef":{"resource":"serviceaccounts"},"responseObject":{"kind":"ServiceAccount"}}`, "")
	f(`{"objectRef":{"resource":"tokenreviews","apiGroup":"authentication.k8s.io"},"requestObject":{"spec":{"token":"e"}}}`,
		`{"objectRef":{"resource":"tokenreviews","apiGroup":"authentication.k8s.io"}}`)
	f(`{`+ref+`,"responseStatus":{"code":200}}`, "")
	// What repeats the body.
	f(`{`+ref+`,"responseStatus":{"message":"x is invalid: patch: Invalid value: \"{djEy}\"","details":{"causes":[1]},"code":422}}`,
		`{`+ref+`,"responseStatus":{"code":422}}`)
	f(`{`+ref+`,"responseStatus":{"code":400,"message":"error found in #10 byte of ...|djEy|..."}}`, `{`+ref+`,"responseStatus":{"code":400}}`)
	f(`{"objectRef":{"resource":"pods"},"responseStatus":{"message":"patch: Invalid value","code":422}}`, "")
	f(`{`+ref+`,"responseStatus":{"message":"metadata.name: Invalid value: \"B\"","code":422}}`, "")
	f(`{`+ref+`,"requestObject":1,"annotations":{"authorization.k8s.io/decision":"allow","patch.webhook.admission.k8s.io/round_0_index_0":"djEy"}}`,
		`{`+ref+`,"annotations":{"authorization.k8s.io/decision":"allow"}}`)
	// Elastic, flat.
	f(`{"kubernetes.audit.objectRef.resource":"secrets","kubernetes.audit.requestObject.data.k":"djEy","kubernetes.audit.responseObject":{},"a":1}`,
		`{"kubernetes.audit.objectRef.resource":"secrets","a":1}`)
	// Google.
	f(`{"protoPayload":{"methodName":"io.k8s.core.v1.secrets.update","request":`+object+`,"response":`+object+`,"status":{}}}`,
		`{"protoPayload":{"methodName":"io.k8s.core.v1.secrets.update","status":{}}}`)
	f(`{"protoPayload":{"methodName":"io.k8s.core.v1.serviceaccounts.token.create","response":{"status":{"token":"e"}}}}`,
		`{"protoPayload":{"methodName":"io.k8s.core.v1.serviceaccounts.token.create"}}`)
	f(`{"protoPayload":{"methodName":"io.k8s.core.v1.pods.get","response":{"x":"secrets"}}}`, "")
}

// TestBytes: what is not removed stays byte for byte, also in escapes and blanks.
func TestBytes(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		body := msgpack.AppendStr(msgpack.AppendStr(msgpack.AppendMapHeader(nil, 1), "log"), text)
		var r Redactor
		out, did := r.Append(nil, body)
		if !did.Redacted {
			out = body
		}
		if _, at, ok := msgpack.ReadMapHeader(out, 0); ok {
			at, _ = msgpack.Skip(out, at)
			got, _, _ := msgpack.ReadStr(out, at)
			if string(got) == want {
				return
			}
			t.Fatalf("got  %s\nwant %s", got, want)
		}
		t.Fatal(out)
	}
	f(`{ "objectRef" : {"resource":"secrets"} , "requestObject" : {"a":[1,2]} , "x\u0041" : "\/\u00e9" }`,
		`{ "objectRef" : {"resource":"secrets"} , "x\u0041" : "\/\u00e9" }`)
	f(`{ "requestObject" : {} , "responseObject" : {} , "objectRef" : {"resource":"secrets"} }`, `{ "objectRef" : {"resource":"secrets"} }`)
	f(`{"requestObject":{},"responseObject":{"kind":"Secret"} }`, `{ }`)
	f(`{"m\u0065":"\u007b\"objectRef\":{\"resource\":\"secrets\"},\"requestObject\":\"\u00e9\ud83d\ude00\",\"a\":\"\\u0041\/\"}","n":"\/"}`,
		`{"m\u0065":"\u007b\"objectRef\":{\"resource\":\"secrets\"},\"a\":\"\\u0041\/\"}","n":"\/"}`)
	f(`{"request\u004fbject":{},"responseObject":{"kind":"Secret"}}`, `{}`)
	// Bin keeps being bin.
	bin := append([]byte{0x81, 0xa3, 'l', 'o', 'g', 0xc4, 45}, `{"responseObject":{"kind":"Secret"},"a":"bcd"}`[:45]...)
	var r Redactor
	if out, did := r.Append(nil, bin); did.Cut != 1 || out[5] != 0xc6 {
		t.Fatalf("%+v %q", did, out)
	}
}

func TestTruncated(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		body := msgpack.AppendStr(msgpack.AppendStr(msgpack.AppendMapHeader(nil, 1), "log"), text)
		var r Redactor
		out, did := r.Append(nil, body)
		if want == "" {
			if did.Redacted || did.Cut != 0 {
				t.Fatalf("%s became %q", text, out)
			}
			return
		}
		if want += Marker; did.Cut != 1 || !strings.HasSuffix(string(out), want) {
			t.Fatalf("%s\nbecame %q\nwant   %q", text, out, want)
		}
	}
	const ref = `{"kind":"Event","objectRef":{"resource":"secrets"},`
	f(ref+`"responseObject":{"kind":"Secret","data":{"a":"djEy[Truncated...]`, ref)
	f(ref+`"requestObject":{"data":{}},"responseObject":{"kind":"Secret","data":{"a":"djEy[Truncated...]`, ref)
	f(`{"objectRef":{"resource":"pods"},"responseObject":{"kind":"Pod","volumes":["secrets"[Truncated...]`, "")
	f(`{"objectRef":{"resource":"pods"},"responseObject":{"kind":"Secret"[Truncated...]`, `{"objectRef":{"resource":"pods"},`)
	f(ref+`"x":"[Truncated...]`, "")
	f(`{"log":"{\u0022responseObject\u0022:{\u0022kind\u0022:\u0022Secret\u0022,\u0022data`, `{"log":"{\u0022`)
	f(`2026-11-23T04:05:37Z stdout F `+ref+`"responseObject":{"data":{"a":"djEy"}}}`, `2026-11-23T04:05:37Z stdout F `+ref)
	f(`{"logEvents":[{"message":"{\"objectRef\":{\"resource\":\"secrets\"},\"responseObject\":{\"data`, `{"logEvents":[{"message":"{\"objectRef\":{\"resource\":\"secrets\"},`)
	f(`[{"objectRef":{"resource":"secrets"},"responseObject":{"a":"djEy"`, `[{"objectRef":{"resource":"secrets"},`)
	f(`{"protoPayload":{"methodName":"io.k8s.core.v1.secrets.get","response":{"data"`, `{"protoPayload":{"methodName":"io.k8s.core.v1.secrets.get",`)
	// Only the text that is broken is cut.
	inner := `{"objectRef":{"resource":"secrets"},"responseObject":{"a":"djEy[Truncated...]`
	cutText := `{"objectRef":{"resource":"secrets"},` + Marker
	got := run(t, `{"log":`+quote(`{"logEvents":[{"message":`+quote(inner)+`,"id":1}]}`)+`,"a":1}`)
	if want := `{"log":` + quote(`{"logEvents":[{"message":`+quote(cutText)+`,"id":1}]}`) + `,"a":1}`; got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
}

func TestAllocates(t *testing.T) {
	text := `{"kind":"Event","objectRef":{"resource":"secrets"},"requestObject":{"a":"b"},"annotations":{"x":"y"}}`
	body := msgpack.AppendValue(nil, fastjson.MustParse(`{"log":`+quote(`{"message":`+quote(text)+`}`)+`,"s":`+text+`}`))
	var r Redactor
	dst := make([]byte, 0, 1000)
	if n := testing.AllocsPerRun(100, func() { r.Append(dst, body) }); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

// FuzzRedact: whatever comes in, what comes out is MessagePack again, and there is
// nothing left to remove.
func FuzzRedact(f *testing.F) {
	add := func(text string) { f.Add(msgpack.AppendValue(nil, fastjson.MustParse(text))) }
	const event = `{"objectRef":{"resource":"secrets"},"requestObject":{"a":"b"},"annotations":{"patch.webhook.admission":"y"}}`
	add(event)
	add(`{"log":` + quote(event) + `}`)
	add(`{"log":` + quote(`{"message":`+quote(event)+`}`) + `,"x":[` + event + `]}`)
	add(`{"log":` + quote(event[:60]) + `}`)
	f.Fuzz(func(t *testing.T, body []byte) {
		end, err := msgpack.Skip(body, 0)
		if err != nil {
			return
		}
		body = body[:end]
		var r Redactor
		out, did := r.Append(nil, body)
		if !did.Redacted {
			return
		}
		if end, err := msgpack.Skip(out, 0); err != nil || end != len(out) {
			t.Fatalf("%q became %q", body, out)
		}
		if did.Cut > 0 {
			return
		}
		if again, did := r.Append(nil, out); did.Redacted && did.Cut == 0 {
			t.Fatalf("%q became %q and then %q", body, out, again)
		}
	})
}
