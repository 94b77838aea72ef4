package e2e

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What somebody sees who tries it first.
func TestDemo(t *testing.T) {
	demo := exec.Command("make", "demo")
	demo.Dir = "../.."
	out, err := demo.CombinedOutput()
	require.NoError(t, err, string(out))
	text := string(out)
	require.Contains(t, text, "7402 records in, 196 of them tagged; values of secrets removed from 882.")
	attacks := regexp.MustCompile(`(?m)^ATTACK .*\n(?: {8}\S.*\n)*? {8}(?:MEDIUM|HIGH|CRITICAL) \(\d+\): \S+, .* records tagged\n(?: {8}- \S.*\n)`)
	require.Equal(t, strings.Count(text, "\nATTACK "), len(attacks.FindAllString(text, -1)), text)
	require.NotContains(t, text, "(0)")
	require.Equal(t, 2, strings.Count(text, "nothing tagged"))
}
