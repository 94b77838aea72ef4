package main

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/secretwatch/secretwatch/detector"
)

// parseNetworks reads "name=prefix, name=prefix".
func parseNetworks(s string) ([]detector.Network, error) {
	var list []detector.Network
	if s == "" {
		return nil, nil
	}
	for _, x := range strings.Split(s, ",") {
		name, prefix, ok := strings.Cut(strings.TrimSpace(x), "=")
		p, err := netip.ParsePrefix(prefix)
		if !ok || err != nil {
			return nil, fmt.Errorf("network %q: accepted is name=address/bits", x)
		}
		list = append(list, detector.Network{Name: name, Prefix: p})
	}
	return list, nil
}

// describe says which networks are configured.
func describe(networks string) string {
	if networks == "" {
		return "no networks configured"
	}
	return "networks " + networks
}
