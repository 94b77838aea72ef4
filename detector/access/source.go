package access

import (
	"net/netip"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// Network is a named address range.
type Network struct {
	Name   string
	Prefix netip.Prefix
}

// Sources normalises source addresses. It is immutable after its fields are
// set and safe for concurrent use.
type Sources struct {
	Networks       []Network
	TrustedProxies []netip.Prefix
	IPv4Prefix     int // bits, 32 keeps addresses exact
	IPv6Prefix     int // bits, 64 by default
}

// Source is where a request came from.
type Source struct {
	// Addr is the right-most recorded address that is no trusted proxy; invalid
	// when none could be read.
	Addr netip.Addr
	// Written is Addr as it was recorded, where that is its usual form, else "". It aliases
	// the event.
	Written string
	// Peer is the right-most recorded address, the connection's own.
	Peer netip.Addr
	// Network is the configured network Addr lies in, "cluster" for a private
	// address of an identity that runs in the cluster, else "".
	Network string
	// Prefix is what Addr counts as outside of networks.
	Prefix netip.Prefix
	// Inside says that Addr belongs to the cluster: it lies in a network named
	// pods, nodes or cluster, or is private where no such network is configured.
	Inside bool
	// Presented is the number of recorded entries to the left of Addr: what the
	// client itself, or a proxy that is not trusted, claimed.
	Presented int
	// Key identifies the normalised source.
	Key uint64
}

// clusterNetwork is the name under which private addresses of in-cluster
// identities count as one source.
const clusterNetwork = "cluster"

// isClusterNetwork says whether a configured network's name marks the cluster
// itself rather than an office, a VPN or a CI farm.
func isClusterNetwork(name string) bool {
	switch strings.ToLower(name) {
	case "pods", "pod", "nodes", "node", "cluster", "services":
		return true
	}
	return false
}

var cgnat = netip.MustParsePrefix("100.64.0.0/10")

// Private says whether an address is not routed on the internet: RFC 1918,
// RFC 4193, RFC 6598, loopback and link-local.
func Private(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || cgnat.Contains(a)
}

// ParseAddr reads one entry of sourceIPs. IPv4-mapped IPv6 becomes IPv4, a zone
// is dropped. Invalid entries give the zero Addr.
func ParseAddr(s string) netip.Addr {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

func (s *Sources) trusted(a netip.Addr) bool {
	for _, p := range s.TrustedProxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// Resolve walks ips, the sourceIPs of an event, from the right over trusted
// proxies to the first address that is none, and normalises it for an identity
// of the class. When every entry is a trusted proxy the left-most stands.
func (s *Sources) Resolve(ips []string, class Class) Source {
	var src Source
	for i := len(ips) - 1; i >= 0; i-- {
		a := ParseAddr(ips[i])
		if !a.IsValid() {
			// The API server drops what it cannot parse, so this is a foreign
			// writer's entry: nothing to its left can be believed.
			src.Presented = i + 1
			break
		}
		if !src.Peer.IsValid() {
			src.Peer = a
		}
		src.Addr, src.Written = a, ""
		if a.Is4() && strings.IndexByte(ips[i], ':') < 0 {
			src.Written = ips[i] // of dotted addresses only the usual form is valid
		}
		src.Presented = i
		if !s.trusted(a) {
			break
		}
	}
	s.normalise(&src, class)
	return src
}

var (
	noSource      = keyOf("source", "none")
	clusterSource = keyOf("network", clusterNetwork)
)

func (s *Sources) normalise(src *Source, class Class) {
	a := src.Addr
	if !a.IsValid() {
		src.Key = noSource
		return
	}
	clusterNamed := false
	for i := range s.Networks {
		n := &s.Networks[i]
		inCluster := isClusterNetwork(n.Name)
		clusterNamed = clusterNamed || inCluster
		if src.Network == "" && n.Prefix.Contains(a) {
			src.Network = n.Name
			src.Inside = inCluster
		}
	}
	if !clusterNamed && (src.Network == "" || !src.Inside) {
		src.Inside = Private(a) && src.Network == ""
	}
	if src.Network == "" && len(s.Networks) == 0 && class.InCluster() && Private(a) {
		src.Network = clusterNetwork
		src.Key = clusterSource
		return
	}
	if src.Network != "" {
		src.Key = keyOf("network", src.Network)
		return
	}
	bits := s.IPv6Prefix
	if a.Is4() {
		bits = s.IPv4Prefix
	}
	p, err := a.Prefix(bits)
	if err != nil {
		p = netip.PrefixFrom(a, a.BitLen())
	}
	src.Prefix = p
	src.Key = hashPrefix(p)
}

// AppendText appends what the source counts as: a network's name, an address,
// or a prefix.
func (src *Source) AppendText(dst []byte) []byte {
	switch {
	case src.Network != "":
		return append(dst, src.Network...)
	case !src.Addr.IsValid():
		return append(dst, "unknown"...)
	case src.Prefix.IsSingleIP():
		return src.Prefix.Addr().AppendTo(dst)
	}
	return src.Prefix.AppendTo(dst)
}

// Text is AppendText as a new string.
func (src *Source) Text() string { return string(src.AppendText(nil)) }

// Neighbourhood is a coarser key: the /24 of an IPv4 and the /48 of an IPv6
// address. Pools of egress addresses and a laptop in its office share one.
func Neighbourhood(a netip.Addr) uint64 {
	bits := 48
	if a.Is4() {
		bits = 24
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return 0
	}
	return hashPrefix(p)
}

// Area is where people sit: the Neighbourhood of a public address, the /16 of a
// private IPv4 one, since one organisation hands those out (a VPN's pool).
func Area(a netip.Addr) uint64 {
	if a.Is4() && Private(a) {
		if p, err := a.Prefix(16); err == nil {
			return hashPrefix(p)
		}
	}
	return Neighbourhood(a)
}

func hashPrefix(p netip.Prefix) uint64 {
	var b [18]byte
	a := p.Addr().As16()
	copy(b[:], a[:])
	b[16] = byte(p.Bits())
	if p.Addr().Is4() {
		b[17] = 4
	}
	return xxhash.Sum64(b[:])
}

// AddrKey identifies one exact address.
func AddrKey(a netip.Addr) uint64 {
	return hashPrefix(netip.PrefixFrom(a, a.BitLen()))
}
