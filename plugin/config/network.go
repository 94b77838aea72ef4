package config

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/secretwatch/secretwatch/detector"
)

// parsePrefix reads a CIDR or a bare address, which is a /32 or /128. Host bits
// are cleared; an IPv4 address mapped into IPv6 is taken as IPv4, as the API
// server logs it. Zones are refused.
func parsePrefix(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("%s is no address or CIDR", quote(s))
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%s is no address or CIDR", quote(s))
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return netip.Prefix{}, fmt.Errorf("%s mixes IPv4 and IPv6", quote(s))
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}

// parseProxies reads the proxies whose word is taken.
func parseProxies(value string) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for _, item := range splitList(value) {
		p, err := parsePrefix(item)
		if err != nil {
			return nil, err
		}
		if p.Bits() == 0 {
			return nil, fmt.Errorf("with %s everybody could choose a source", quote(item))
		}
		prefixes = append(prefixes, p)
	}
	return prefixes, nil
}

func parseNetworks(value string) ([]detector.Network, error) {
	var networks []detector.Network
	for _, item := range splitList(value) {
		name, cidr, ok := strings.Cut(item, "=")
		if !ok {
			return nil, fmt.Errorf("%s has no =", quote(item))
		}
		name = strings.TrimSpace(name)
		if err := checkNetworkName(name); err != nil {
			return nil, err
		}
		p, err := parsePrefix(strings.TrimSpace(cidr))
		if err != nil {
			return nil, err
		}
		networks = append(networks, detector.Network{Name: name, Prefix: p})
	}
	return networks, nil
}

// checkNetworkName keeps names apart from addresses, because both appear as a
// source in verdicts.
func checkNetworkName(name string) error {
	if name == "" {
		return errors.New("a name is missing")
	}
	if len(name) > 64 {
		return fmt.Errorf("name %s is longer than 64 characters", quote(name))
	}
	for i, r := range name {
		letter := 'a' <= r|0x20 && r|0x20 <= 'z'
		if i == 0 && !letter || !letter && !('0' <= r && r <= '9') && !strings.ContainsRune("-_.", r) {
			return fmt.Errorf("name %s must be a letter, then letters, digits or any of - _ . only", quote(name))
		}
	}
	return nil
}
