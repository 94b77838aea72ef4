package canary

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	const plain = "PLAINTEXT-of-a-secret?>"
	value := base64.StdEncoding.EncodeToString([]byte(plain))
	quote := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	jwt := part(`{"alg":"RS256","kid":"abcdefghijkl"}`) + "." + part(`{"sub":"system:serviceaccount:shop:web"}`)
	lines := []string{
		`{"objectRef":{"resource":"secrets"},"user":{"username":"somebody-known"},"requestObject":{"kind":"Secret","data":{"a":"` + value + `","b":"b3Bz","name":"somebody-known"}}}`,
		`{"objectRef":{"resource":"serviceaccounts","subresource":"token"},"responseObject":{"status":{"token":"` + jwt + `"}}}`,
		`{"objectRef":{"resource":"configmaps"},"responseObject":{"data":{"a":"what may be told"}}}`,
	}
	if _, err := Collect(lines); err == nil || !strings.Contains(err.Error(), "somebody-known") {
		t.Fatalf("a value that cannot be told from the rest: %v", err)
	}
	lines[0] = strings.Replace(lines[0], `"name":"somebody-known"`, `"z":""`, 1)
	s, err := Collect(lines)
	if err != nil || s.Len() != 3 {
		t.Fatal(err, s.Len())
	}
	f := func(text string, values int) {
		t.Helper()
		if n := s.Count([]byte(text)); n != values || (s.Find([]byte(text)) != "") != (values > 0) {
			t.Fatalf("%d values in %q, want %d: %s", n, text, values, s.Find([]byte(text)))
		}
	}
	f(strings.Join(lines, "\n"), 3)
	f(quote(quote(lines[0])), 2)
	f(value[3:15], 1)
	f(value[3:14], 0)
	f(plain, 1)
	f(base64.URLEncoding.EncodeToString([]byte(plain)), 1)
	f("b3Bz", 0)
	f(`{\"b\":\"b3Bz\"}`, 1)
	f("\x81\xa1b\xa4b3Bz", 1)
	f(jwt, 1)
	f("part "+jwt[50:70], 1)
	f("somebody-known, what may be told", 0)
	var escaped strings.Builder
	for _, r := range value {
		escaped.WriteString(`\u00` + strings.ToUpper(string("0123456789abcdef"[r>>4])) + string("0123456789abcdef"[r&15]))
	}
	f(escaped.String(), 1)
	f(strings.ReplaceAll(escaped.String(), `\`, `\u005c`), 1)
	f(quote(escaped.String()), 1)
}
