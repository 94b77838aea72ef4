package access

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func prefixes(s ...string) (p []netip.Prefix) {
	for _, x := range s {
		p = append(p, netip.MustParsePrefix(x))
	}
	return p
}

func TestResolve(t *testing.T) {
	s := &Sources{TrustedProxies: prefixes("10.9.0.0/16", "fd00:9::/64"), IPv4Prefix: 32, IPv6Prefix: 64}
	f := func(addr, peer string, presented int, text string, ips ...string) {
		t.Helper()
		src := s.Resolve(ips, Person)
		require.Equal(t, ParseAddr(addr), src.Addr)
		require.Equal(t, ParseAddr(peer), src.Peer)
		require.Equal(t, presented, src.Presented)
		require.Equal(t, text, src.Text())
		if addr != "" && ParseAddr(addr).Is4() && !slices.Contains(ips, "::ffff:"+addr) {
			require.Equal(t, addr, src.Written)
		} else {
			require.Empty(t, src.Written)
		}
	}
	f("", "", 0, "unknown")
	f("192.0.2.1", "192.0.2.1", 0, "192.0.2.1", "192.0.2.1")
	f("192.0.2.1", "192.0.2.1", 0, "192.0.2.1", "::ffff:192.0.2.1")
	f("192.0.2.2", "192.0.2.2", 1, "192.0.2.2", "192.0.2.1", "192.0.2.2")
	f("192.0.2.1", "10.9.0.1", 0, "192.0.2.1", "192.0.2.1", "10.9.0.1")
	f("192.0.2.1", "10.9.0.1", 0, "192.0.2.1", "192.0.2.1", "fd00:9::7", "::ffff:10.9.0.1")
	f("192.0.2.2", "10.9.0.1", 1, "192.0.2.2", "192.0.2.1", "192.0.2.2", "10.9.0.1")
	f("192.0.2.2", "192.0.2.2", 2, "192.0.2.2", "192.0.2.1", "10.9.0.1", "192.0.2.2")
	f("10.9.0.2", "10.9.0.1", 0, "10.9.0.2", "10.9.0.2", "10.9.0.1") // proxies alone: the left-most
	// To the left of what is no address nothing is believed.
	f("10.9.0.1", "10.9.0.1", 2, "10.9.0.1", "192.0.2.1", "garbage", "10.9.0.1")
	f("", "", 2, "unknown", "192.0.2.1", "garbage")
	f("2001:db8::7", "2001:db8::7", 0, "2001:db8::/64", "2001:db8::7%eth0")
}

func TestResolveNormalises(t *testing.T) {
	plain := &Sources{IPv4Prefix: 32, IPv6Prefix: 64}
	named := &Sources{IPv4Prefix: 24, IPv6Prefix: 48, Networks: []Network{
		{"office", netip.MustParsePrefix("192.0.2.0/24")}, {"pods", netip.MustParsePrefix("10.244.0.0/16")}, {"vpn", netip.MustParsePrefix("10.0.0.0/8")},
	}}
	f := func(s *Sources, class Class, ip, network string, inside bool, same, other string) {
		t.Helper()
		src := s.Resolve([]string{ip}, class)
		require.Equal(t, network, src.Network)
		require.Equal(t, inside, src.Inside)
		require.Equal(t, src.Key, s.Resolve([]string{same}, class).Key)
		require.NotEqual(t, src.Key, s.Resolve([]string{other}, class).Key)
	}
	f(plain, Person, "10.1.2.3", "", true, "10.1.2.3", "10.1.2.4")
	f(plain, Person, "192.0.2.1", "", false, "::ffff:192.0.2.1", "192.0.2.2")
	f(plain, ServiceAccount, "10.1.2.3", "cluster", true, "172.16.9.9", "192.0.2.1")
	f(plain, Node, "fd00::1", "cluster", true, "100.64.1.1", "2001:db8::1")
	f(plain, ServiceAccount, "192.0.2.1", "", false, "192.0.2.1", "192.0.2.2")
	f(plain, Person, "2001:db8:0:1::1", "", false, "2001:db8:0:1:ffff::", "2001:db8:0:2::1")
	f(named, Person, "192.0.2.1", "office", false, "192.0.2.255", "192.0.3.1")
	f(named, ServiceAccount, "10.244.1.1", "pods", true, "10.244.255.1", "10.245.0.1")
	f(named, ServiceAccount, "10.245.0.1", "vpn", false, "10.1.1.1", "10.244.0.1")
	f(named, Person, "198.51.100.1", "", false, "198.51.100.200", "198.51.101.1")
	f(named, Person, "2001:db8:1::1", "", false, "2001:db8:1:ff::1", "2001:db8:2::1")
	require.NotEqual(t, plain.Resolve(nil, Person).Key, plain.Resolve([]string{"0.0.0.0"}, Person).Key)
}

func TestArea(t *testing.T) {
	f := func(a, b string, same bool) {
		t.Helper()
		require.Equal(t, same, Area(netip.MustParseAddr(a)) == Area(netip.MustParseAddr(b)))
	}
	f("192.0.2.1", "192.0.2.254", true)
	f("192.0.2.1", "192.0.3.1", false)
	f("10.1.2.3", "10.1.200.3", true)
	f("10.1.2.3", "10.2.2.3", false)
	f("2001:db8:1::1", "2001:db8:1:ffff::1", true)
	f("2001:db8:1::1", "2001:db8:2::1", false)
	require.NotEqual(t, AddrKey(netip.MustParseAddr("1.2.3.4")), AddrKey(netip.MustParseAddr("1.2.3.5")))
}

// FuzzWritten: what stands for an address without being formatted is its usual form.
func FuzzWritten(f *testing.F) {
	for _, s := range []string{"192.0.2.1", "010.0.0.1", "10.0.0.1%eth0", "::ffff:192.0.2.1", "0:0:0:0:0:ffff:192.0.2.1", "2001:DB8::1", " 10.0.0.1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, ip string) {
		src := (&Sources{IPv4Prefix: 32, IPv6Prefix: 64}).Resolve([]string{ip}, Person)
		if src.Written != "" && src.Written != src.Addr.String() {
			t.Errorf("%q is %v", src.Written, src.Addr)
		}
	})
}
