package detector_test

import (
	"fmt"
	"math"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
	. "github.com/secretwatch/secretwatch/detector/internal/bench"
	"github.com/secretwatch/secretwatch/detector/rule"
)

// heap is the size of what is reachable.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// floods are what one identity, mallory who is known and may read what she
// likes, sends to flush a bounded history. Each must leave mallory's own habits
// and everybody else's untouched.
var floods = []struct {
	name string
	send func(b *Bench, i int) Got
}{
	{"user agents", func(b *Bench, i int) Got {
		return b.Send(mallory, With("agent-"+strconv.Itoa(i)+"/v1.0 (linux/amd64) kubernetes/abc"))
	}},
	{"oversized user agents", func(b *Bench, i int) Got {
		return b.Send(mallory, With(strconv.Itoa(i)+padding))
	}},
	{"addresses through a trusted proxy", func(b *Bench, i int) Got {
		return b.Send(mallory, From(address(i), "10.9.0.1"))
	}},
	{"IPv6 addresses through a trusted proxy", func(b *Bench, i int) Got {
		return b.Send(mallory, From(fmt.Sprintf("2001:db8:%x:%x::1", i>>16, i&0xffff), "10.9.0.1"))
	}},
	{"namespaces", func(b *Bench, i int) Got { return b.Send(mallory, On("ns-"+strconv.Itoa(i), "x")) }},
	{"namespaces, slowly", func(b *Bench, i int) Got {
		b.Now += int64(100 * time.Second)
		return b.Send(mallory, On("ns-"+strconv.Itoa(i), "x"))
	}},
	{"namespaces that do not exist", func(b *Bench, i int) Got {
		return b.Send(mallory, On("ns-"+strconv.Itoa(i)+padding, "x"), Missing)
	}},
	{"object names", func(b *Bench, i int) Got { return b.Send(mallory, On("shop", "secret-"+strconv.Itoa(i))) }},
	{"created objects", func(b *Bench, i int) Got {
		return b.Send(mallory, Verb("create"), On("shop", "secret-"+strconv.Itoa(i)))
	}},
	{"deleted objects", func(b *Bench, i int) Got {
		return b.Send(mallory, Verb("delete"), On("shop", "secret-"+strconv.Itoa(i)))
	}},
	{"denied objects", func(b *Bench, i int) Got { return b.Send(mallory, On("shop", "secret-"+strconv.Itoa(i)), Denied) }},
	{"forged chains", func(b *Bench, i int) Got {
		return b.Send(mallory, From(address(i), "192.0.2.10", address(i+1), "198.51.100.77"))
	}},
	{"forged chains by a trusted proxy", func(b *Bench, i int) Got {
		return b.Send(mallory, From("192.0.2.10", address(i), "10.9.0.1"))
	}},
	{"impersonated users", func(b *Bench, i int) Got {
		return b.Send(mallory, Acting("somebody-"+strconv.Itoa(i)+padding))
	}},
	{"minted tokens", func(b *Bench, i int) Got {
		return b.Send(mallory, Minting("shop", "account-"+strconv.Itoa(i), "JTI=flood-"+strconv.Itoa(i)))
	}},
	{"groups", func(b *Bench, i int) Got {
		return b.Send(mallory, func(ev *audit.Event) { ev.User.Groups = []string{"group-" + strconv.Itoa(i)} })
	}},
	{"credentials", func(b *Bench, i int) Got {
		return b.Send(mallory, func(ev *audit.Event) { ev.User.CredentialID = "JTI=" + strconv.Itoa(i) })
	}},
	{"selectors", func(b *Bench, i int) Got {
		return b.Send(mallory, List(""), Query("labelSelector=x%3D"+strconv.Itoa(i)))
	}},
	{"pods", func(b *Bench, i int) Got {
		return b.Send(WebPod, As(Account("shop", "web", "web-"+strconv.Itoa(i))), From(address(i)))
	}},
	{"audit ids", func(b *Bench, i int) Got {
		return b.Send(mallory, func(ev *audit.Event) { ev.AuditID = strconv.Itoa(i) + padding })
	}},
	{"unauthenticated requests", func(b *Bench, i int) Got { return b.Send(mallory, Unauthenticated, From(address(i))) }},
	{"broken times", func(b *Bench, i int) Got {
		return b.Send(mallory, With("x-"+strconv.Itoa(i)), func(ev *audit.Event) {
			ev.Time = [...]int64{0, -1, 1, math.MinInt64, math.MaxInt64, math.MaxInt64 - int64(i)}[i%6]
			ev.StageTime = ev.Time
		})
	}},
}

var padding = strings.Repeat("-padding", 127)

// mallory is known with one client, from one address, in one namespace.
func mallory(ev *audit.Event) {
	ev.User = audit.User{Username: "mallory", Groups: []string{"shop-devs", "system:authenticated"}}
	ev.SourceIPs = []string{"198.51.100.77"}
}

// floodSize is how many requests a flood has: many more than anything is bounded
// by.
func floodSize(name string) int {
	switch name {
	case "user agents", "addresses through a trusted proxy", "namespaces", "object names", "forged chains", "people":
		if !testing.Short() {
			return 100_000
		}
	case "namespaces, slowly":
		return 700 // within a probation
	}
	return 10_000
}

func TestFloods(t *testing.T) {
	for _, flood := range floods {
		t.Run(flood.name, func(t *testing.T) {
			b := New(t, func(cfg *detector.Config) {
				cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")}
			})
			for range 4 {
				b.Usual()
				b.Send(mallory)
				b.After(2 * time.Hour)
			}
			b.Now = Start + int64(25*time.Hour)
			b.Quiet()
			require.Equal(t, "clean", b.Send(mallory).String())
			// Somebody else is on probation when the flood begins.
			other := []Change{Bob, With(K9s)}
			require.True(t, b.Send(other...).First)
			from := b.Now

			before := heap()
			for i := range floodSize(flood.name) {
				if i%64 == 0 {
					b.Now -= int64(50 * time.Second) // a flood is fast, and near in order
				}
				flood.send(b, i)
			}
			grown := heap() - before
			t.Logf("%d KB grown", grown>>10)
			require.Less(t, grown, int64(4<<20), "bytes grown")
			runtime.KeepAlive(b)

			if flood.name != "broken times" {
				g := b.Send(mallory)
				require.Empty(t, g.Rules, "%s: mallory as always, %s", flood.name, g.Reason)
				require.Equal(t, "complete", g.History)
			}
			if flood.name != "pods" {
				b.Quiet()
			}
			b.Now = max(b.Now-int64(time.Hour), from+1)
			b.Now = min(b.Now, from+int64(23*time.Hour))
			g := b.Send(other...)
			require.True(t, g.Has("unusual-user-agent"), "%v", g.Rules)
			require.False(t, g.First, g.Reason)
			require.Contains(t, g.Reason, "(again)")
		})
	}
}

// A flood in the learning period is learnt from, as everything is: but what was
// in use more than once stays, nobody else is touched, and afterwards mallory's
// history says that it cannot tell.
func TestFloodsWhileLearning(t *testing.T) {
	for _, flood := range floods {
		t.Run(flood.name, func(t *testing.T) {
			b := New(t, func(cfg *detector.Config) {
				cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")}
			})
			use := func() {
				b.Usual()
				b.Send(mallory)
			}
			use()
			b.After(time.Hour)
			use()
			before := heap()
			for i := range 10_000 {
				if i%64 == 0 {
					b.Now -= int64(70 * time.Second)
				}
				flood.send(b, i)
			}
			require.Less(t, heap()-before, int64(4<<20), "bytes grown")
			runtime.KeepAlive(b)
			b.Now = Start + int64(20*time.Hour)
			use()
			b.Now = Start + int64(26*time.Hour)
			if flood.name != "pods" && flood.name != "broken times" {
				b.Quiet()
				require.Empty(t, b.Send(mallory).Rules)
			}
			caught(t, b.Send(With(K9s)), rule.Medium, "unusual-user-agent")
			if flood.name == "user agents" {
				g := b.Send(mallory, With("never/v1 (linux/amd64) kubernetes/abc"))
				require.Equal(t, "evicted", g.History)
				require.False(t, g.Has("unusual-user-agent"))
			}
		})
	}
}

// 100,000 identities displace nobody who is known.
func TestFloodOfIdentities(t *testing.T) {
	for name, who := range map[string]string{"people": "user-%d", "service accounts": "system:serviceaccount:ns:%d", "nodes": "system:node:n%d", "components": "system:x%d"} {
		t.Run(name, func(t *testing.T) {
			b := Cluster(t, func(cfg *detector.Config) { cfg.MaxPrincipals = 2000 })
			b.Quiet()
			before := heap()
			for i := range floodSize(name) {
				if i%64 == 0 {
					b.Now -= int64(60 * time.Second)
				}
				b.Send(Named(fmt.Sprintf(who, i)), From(address(i)))
			}
			known, fresh := b.D.Store().Len()
			require.LessOrEqual(t, known, 2100)
			require.LessOrEqual(t, fresh, 400)
			require.Less(t, heap()-before, int64(16<<20))
			runtime.KeepAlive(b)
			b.Quiet()
			caught(t, b.Send(With(K9s)), rule.Medium, "unusual-user-agent")
		})
	}
}

// address is one of 2^24 public addresses.
func address(i int) string {
	return fmt.Sprintf("%d.%d.%d.%d", 60+i>>24, i>>16&255, i>>8&255, i&255)
}
