package detector

import (
	"net/netip"
	"time"

	"github.com/secretwatch/secretwatch/detector/access"
	"github.com/secretwatch/secretwatch/detector/rule"
)

// Config is what a Detector can be told. The zero value is not usable; start
// from DefaultConfig.
type Config struct {
	// Window is how long a value stays known after it was last seen.
	Window time.Duration
	// LearningPeriod is the span of event time from the first judged event in
	// which novelty teaches and raises nothing.
	LearningPeriod time.Duration
	// Probation is how long a flagged value goes on being tagged, as a repeat.
	Probation time.Duration

	BurstCount  int
	BurstWindow time.Duration

	// MaxPrincipals and MaxValues bound the history: identities, and values
	// per identity and dimension.
	MaxPrincipals int
	MaxValues     int

	// Networks are named address ranges; an address inside one counts as that
	// network. Checked in order.
	Networks []access.Network
	// TrustedProxies are peers whose X-Forwarded-For entries are believed.
	TrustedProxies []netip.Prefix
	// IPv4Prefix and IPv6Prefix are the prefix lengths to which addresses
	// outside of Networks are cut, 32 and 64 by default.
	IPv4Prefix int
	IPv6Prefix int

	// Globs (path.Match without special treatment of "/": * matches any run of
	// characters, ? one) of accesses that are never judged. IgnoreSecrets
	// matches "namespace/name".
	IgnoreUsers      []string
	IgnoreNamespaces []string
	IgnoreSecrets    []string

	// Severities overrides a rule's base severity by rule id; None disables it.
	Severities map[string]rule.Severity
	// MinSeverity is the lowest severity reported as found.
	MinSeverity rule.Severity
}

// Network is a named address range.
type Network = access.Network

// DefaultConfig returns the documented defaults.
func DefaultConfig() Config {
	return Config{
		Window:         7 * 24 * time.Hour,
		LearningPeriod: 24 * time.Hour,
		Probation:      24 * time.Hour,
		BurstCount:     10,
		BurstWindow:    5 * time.Minute,
		MaxPrincipals:  10000,
		MaxValues:      64,
		IPv4Prefix:     32,
		IPv6Prefix:     64,
		MinSeverity:    rule.Low,
	}
}
