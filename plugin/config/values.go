package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/secretwatch/secretwatch/detector/rule"
)

// splitList splits at commas and drops blanks around items and empty items.
func splitList(value string) []string {
	var items []string
	for _, item := range strings.Split(value, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

func setInt(dst *int, value string, lo, hi int) error {
	n, err := strconv.Atoi(value)
	switch {
	case errors.Is(err, strconv.ErrRange), err == nil && (n < lo || n > hi):
		return errors.New("out of range")
	case err != nil:
		return errors.New("not a whole number")
	}
	*dst = n
	return nil
}

// setBool accepts what flb_utils_bool of Fluent Bit accepts.
func setBool(dst *bool, value string) error {
	switch strings.ToLower(value) {
	case "true", "on", "yes":
		*dst = true
	case "false", "off", "no":
		*dst = false
	default:
		return errors.New("not a boolean")
	}
	return nil
}

// setText accepts printable UTF-8 of lo to hi bytes.
func setText(dst *string, value string, lo, hi int) error {
	if len(value) < lo {
		return errors.New("empty")
	}
	if len(value) > hi {
		return errors.New("too long")
	}
	if !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl) {
		return errors.New("not printable text")
	}
	*dst = value
	return nil
}

func setOneOf(dst *string, value string, accepted []string) error {
	i := slices.IndexFunc(accepted, func(a string) bool { return strings.EqualFold(a, value) })
	if i < 0 {
		return errors.New("not one of them")
	}
	*dst = accepted[i]
	return nil
}

func setLevel(dst *rule.Severity, value string) error {
	s, err := rule.ParseSeverity(strings.ToLower(value))
	if err != nil || s == rule.None {
		return errors.New("no such level")
	}
	*dst = s
	return nil
}

func setSeverityKey(c *Config, value string) error {
	if strings.EqualFold(value, "off") {
		c.SeverityKey = ""
		return nil
	}
	if value == "secretwatch" {
		return errors.New("the verdict itself has that name")
	}
	return setText(&c.SeverityKey, value, 1, 256)
}

func parseSeverities(value string) (map[string]rule.Severity, error) {
	severities := map[string]rule.Severity{}
	for _, item := range splitList(value) {
		id, level, ok := strings.Cut(item, "=")
		if !ok {
			return nil, fmt.Errorf("%s has no =", quote(item))
		}
		id = strings.TrimSpace(id)
		if !slices.Contains(rule.IDs(), id) {
			return nil, fmt.Errorf("no rule %s", quote(id))
		}
		s, err := rule.ParseSeverity(strings.ToLower(strings.TrimSpace(level)))
		if err != nil {
			return nil, fmt.Errorf("no level %s", quote(strings.TrimSpace(level)))
		}
		severities[id] = s
	}
	return severities, nil
}

// setListen accepts host:port. Names other than localhost are not resolved: that
// could take long, and would be done once.
func setListen(dst *string, value string) error {
	host, port, err := net.SplitHostPort(value)
	if err != nil {
		return errors.New("not an address and a port")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return errors.New("no such port")
	}
	if host != "" && host != "localhost" {
		ip, err := netip.ParseAddr(host)
		if err != nil {
			return errors.New("not an IP address")
		}
		host = ip.String()
	}
	*dst = net.JoinHostPort(host, port)
	return nil
}

// parsePaths checks that each glob is one.
func parsePaths(value string) ([]string, error) {
	globs := splitList(value)
	for _, g := range globs {
		if _, err := filepath.Match(g, ""); err != nil {
			return nil, fmt.Errorf("%s is no pattern", quote(g))
		}
	}
	return globs, nil
}

// parseSecretGlobs wants a slash in each glob: one without would silently never
// match a "namespace/name".
func parseSecretGlobs(value string) ([]string, error) {
	globs := splitList(value)
	for _, g := range globs {
		if !strings.Contains(g, "/") {
			return nil, fmt.Errorf("%s has no /", quote(g))
		}
	}
	return globs, nil
}
