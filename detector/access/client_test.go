package access

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseClient(t *testing.T) {
	f := func(ua, text string, shape Shape, build Build) {
		t.Helper()
		c := ParseClient(ua)
		require.Equal(t, text, c.Text(), ua)
		require.Equal(t, shape, c.Shape, ua)
		require.Equal(t, build, c.Build, ua)
		require.Equal(t, c.Hash(), c.Key)
	}
	f("kubectl/v1.36.1 (linux/amd64) kubernetes/0a1b2c3", "kubectl linux/amd64", Ordinary, Released)
	f("kubectl/v1.36.1 (linux/amd64) kubernetes/0a1b2c3/leader-election", "kubectl linux/amd64", Ordinary, Released)
	f("k9s/v0.0.0 (darwin/arm64) kubernetes/$Format", "k9s darwin/arm64 $Format", Ordinary, Unstamped)
	f("cert-manager-certificates-issuing/v1 (linux/amd64) cert-manager/abc", "cert-manager linux/amd64", Ordinary, Released)
	f("other-name/v1 (linux/amd64) cert-manager/abc", "other-name linux/amd64", Ordinary, NoBuild)
	f("Helm/3.14.0", "Helm", Ordinary, NoBuild)
	f("my tool 7", "my tool 7", Ordinary, NoBuild)
	f("curl/8.5.0", "curl", Tool, NoBuild)
	f("Python 3.11 aiohttp/3.9", "Python 3.11 aiohttp", Tool, NoBuild)
	f("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Lens/6.5.2 Chrome/108 Electron/22 Safari/537.36", "Lens darwin", Ordinary, NoBuild)
	f("Mozilla/5.0 (X11; Linux x86_64) Firefox/121", "Mozilla", Tool, NoBuild)
	f("kubectl", "kubectl", Forged, NoBuild)
	f("kubectl/v1.28.0", "kubectl", Forged, NoBuild)
	f("kubectl/v0.0.0 (linux/amd64) kubernetes/$Format", "kubectl linux/amd64 $Format", Forged, Unstamped)
	f("", "none", Empty, NoBuild)
	f(" \t ", "none", Empty, NoBuild)
	f("/1.0", "", Forged, NoBuild)
	f("(linux/amd64)", " linux/amd64", Forged, NoBuild)
	f("x\x7f/1", "x\x7f", Forged, NoBuild)
	f("x (", "x", Ordinary, NoBuild)
	f("x )(", "x )", Ordinary, NoBuild)
	f("x (a/b/c) kubernetes/abc", "x", Ordinary, NoBuild)
	f("x (Linux/AMD64) kubernetes/abc", "x", Ordinary, NoBuild)
	require.Equal(t, Forged, ParseClient(strings.Repeat("x", 1024)).Shape)
	require.Equal(t, Forged, ParseClient("x\xff").Shape)
}

// Clients are told apart by product, platform, build and shape, never by
// version.
func TestClientKey(t *testing.T) {
	f := func(a, b string, same bool) {
		t.Helper()
		x, y := ParseClient(a), ParseClient(b)
		require.Equal(t, same, x.Key == y.Key, "%s and %s", a, b)
	}
	f("kubectl/v1.36.1 (linux/amd64) kubernetes/0a1b2c3", "kubectl/v1.29.0 (linux/amd64) kubernetes/ffffff", true)
	f("kubectl/v1.36.1 (linux/amd64) kubernetes/0a1b2c3", "kubectl/v1.36.1 (linux/arm64) kubernetes/0a1b2c3", false)
	f("x/v1 (linux/amd64) kubernetes/0a1b2c3", "x/v1 (linux/amd64) kubernetes/$Format", false)
	f("x/v1 (linux/amd64) kubernetes/0a1b2c3", "x/v1 (linux/amd64)", false)
	f("kubectl/v1.36.1 (linux/amd64) kubernetes/0a1b2c3", "kubectl/v1.36.1 (linux/amd64) kubernetes/kali", false)
	f("kubectl/v1.36.1 (linux/amd64) kubernetes/0a1b2c3", "kubectl/v0.0.0 (linux/amd64) kubernetes/0a1b2c3", false)
	f("curl/7", "curl/8", true)
	f("", " ", true)
	f("none", "", false)
}

func TestPretends(t *testing.T) {
	f := func(ua string, want ...Class) {
		t.Helper()
		c := ParseClient(ua)
		for class := Person; class <= Anonymous; class++ {
			allowed := false
			for _, w := range want {
				allowed = allowed || w == class
			}
			require.Equal(t, !allowed, c.Pretends(class), "%s as %s", ua, class)
		}
	}
	f("kubelet/v1.36.1 (linux/amd64) kubernetes/0a1b2c3", Node)
	f("kube-scheduler/v1.36.1 (linux/amd64) kubernetes/0a1b2c3", Component)
	f("kube-controller-manager/v1.36.1 (linux/amd64) kubernetes/0a1b2c3", Component, ServiceAccount)
	f("kubectl", Person, ServiceAccount, Node, Component, Anonymous)
}

func TestClassOf(t *testing.T) {
	f := func(name string, want Class, home string) {
		t.Helper()
		require.Equal(t, want, ClassOf(name))
		require.Equal(t, home, HomeNamespace(name))
	}
	f("", Anonymous, "")
	f("system:anonymous", Anonymous, "")
	f("alice", Person, "")
	f("System:node:x", Person, "")
	f("system:serviceaccount:ns:name", ServiceAccount, "ns")
	f("system:serviceaccount:", ServiceAccount, "")
	f("system:node:n1", Node, "")
	f("system:apiserver", Component, "")
}

func FuzzParseClient(f *testing.F) {
	for _, s := range []string{"", "kubectl/v1 (linux/amd64) kubernetes/abc", "(((", "a)b(c/d", "Mozilla/5.0 Electron/1 x/1", "\xff/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, ua string) {
		c := ParseClient(ua)
		_ = c.Text()
		if c.Key != c.Hash() {
			t.Fatal("key")
		}
	})
}
