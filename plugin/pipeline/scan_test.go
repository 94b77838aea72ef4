package pipeline

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/secretwatch/secretwatch/detector/audit"
)

// plainScan is the meaning of nextNeedle.
func plainScan(b []byte, from int) int {
	for at := from; at < len(b); at++ {
		escape := at >= 6 && string(b[at-6:at-4]) == `\u`
		if bytes.HasPrefix(b[at:], []byte("secrets")) {
			word := at > 0 && strings.IndexByte("-abcdefghijklmnopqrstuvwxyz", b[at-1]) >= 0
			if !word || escape {
				return at
			}
		}
		before, after := byte(0), ""
		if at > 0 {
			before = b[at-1]
		}
		if bytes.HasPrefix(b[at:], []byte("token")) {
			after = string(b[at+5:])
			letter := after != "" && (after[0] >= 'a' && after[0] <= 'z' || after[0] >= 'A' && after[0] <= 'Z')
			if at > 0 && (escape || strings.IndexByte("\"\xa5\x05", before) >= 0 ||
				strings.IndexByte("/.", before) >= 0 && !letter ||
				strings.IndexByte("\xac\x0c", before) >= 0 && strings.HasPrefix(after, "reviews")) {
				return at
			}
		}
		if bytes.HasPrefix(b[at:], []byte("Secret")) && at > 0 {
			after, list := strings.CutPrefix(string(b[at+6:]), "List")
			quoted := (before == '"' || escape) && (strings.HasPrefix(after, `"`) || strings.HasPrefix(after, `\`))
			if quoted || list && strings.IndexByte("\xaa\x0a", before) >= 0 || !list && strings.IndexByte("\xa6\x06", before) >= 0 {
				return at
			}
		}
	}
	return -1
}

func TestScan(t *testing.T) {
	f := func(b []byte, from int) {
		t.Helper()
		want := plainScan(b, from)
		if got := nextNeedle(b, from); got != want {
			t.Fatalf("nextNeedle(%q, %d) = %d, want %d", b, from, got, want)
		}
		// Neither way to find candidates may miss one.
		for from < len(b) {
			a, c := candidate(b[from:]), candidateGo(b[from:])
			if a != c {
				t.Fatalf("candidate(%q) = %d, candidateGo = %d", b[from:], a, c)
			}
			if a < 0 {
				break
			}
			from += a + 1
		}
	}
	f(nil, 0)
	f([]byte("s"), 0)
	f([]byte("token"), 0)
	for size := range 150 {
		for _, needle := range []string{"secrets", `"token`, "\xa5token", "\x05token", "token", "secret", "xtoken", "-secrets", "lsecrets", "2secrets", "/secrets", `\u002fsecrets`, `\x002fsecrets`, `\u0022token`, `\u0022Secret\u0022`, `\u0022SecretList\`, `\x0022Secret"`, "/token", ".token.", "/tokens", "\xactokenreviews", "\xactoken", `"Secret"`, `"SecretList\`, "\xa6Secret", "\xaaSecretList", `"Secrets"`, "\xaaSecret"} {
			for at := 0; at+len(needle) <= size; at++ {
				b := bytes.Repeat([]byte{'.'}, size)
				copy(b[at:], needle)
				f(b, 0)
				f(b, at)
				f(b, min(at+1, size))
			}
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	parts := []string{"Secret", "cr", "r.t", "tok", "ok", "S", "List", "reviews", "/", "\\", "\xa6", "\xaa", "\xac", "secrets", "secret", "token", `"`, "\xa5", "\x05", "s", "e", "c", "r", "t", `\u0022`, "k", "n", "cret", "crat", "ken", ".", "................", "sesecretsecrets"}
	for range 20000 {
		var b []byte
		for range r.IntN(60) {
			b = append(b, parts[r.IntN(len(parts))]...)
		}
		f(b, r.IntN(len(b)+1))
	}
}

func TestOnlyReviews(t *testing.T) {
	f := func(text string, want bool) {
		t.Helper()
		b := []byte(text)
		if got := onlyReviews(b, nextNeedle(b, 0)); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	f(`{"resource":"tokenreviews"}`, true)
	f(`{"requestURI":"/apis/authentication.k8s.io/v1/tokenreviews","resource":"tokenreviews"}`, true)
	f("\xa8resource\xactokenreviews", true)
	f(`{"resource":"tokenreviews","subresource":"token"}`, false)
	f(`{"name":"token","resource":"tokenreviews"}`, false)
	f(`{"resource":"tokenreviews","x":"secrets"}`, false)
	f(`{"resource":"tokenreview"}`, false)
	f(`"tokenreviewstoken"`, true) // one word, which names neither
}

// TestReviews: reviews of tokens are redacted, and otherwise not even parsed.
func TestReviews(t *testing.T) {
	parsed := 0
	p := newPipeline(t, func(o *Options) { o.Judge = fakeJudge{seen: func(*audit.Event) { parsed++ }} })
	f := func(more string, changes bool, parses int) {
		t.Helper()
		text := `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Request","auditID":"id-1","stage":"ResponseComplete",` +
			`"requestURI":"/apis/authentication.k8s.io/v1/tokenreviews","verb":"create","user":{"username":"bad"},` +
			`"objectRef":{"resource":"tokenreviews","apiGroup":"authentication.k8s.io"}` + more + `}`
		parsed = 0
		out, changed := process(t, p, append(logRecord("x"), logRecord(text)...))
		if changed != changes || parsed != parses || changed && bytes.Contains(out, []byte("hunter2")) {
			t.Errorf("%s: changed %v, parsed %d: %q", more, changed, parsed, out)
		}
	}
	f(``, false, 0)
	f(`,"requestObject":{"kind":"TokenReview","spec":{"token":"hunter2"}}`, true, 1)
	f(`,"responseObject":{"spec":{"token":"hunter2"}}`, true, 1)
	f(`,"annotations":{"note":"about secrets"}`, false, 1)
}
