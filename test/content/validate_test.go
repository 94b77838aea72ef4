package content

import (
	"testing"

	"github.com/secretwatch/secretwatch/test/nested"
)

// TestValidators runs the checks in validate/, with the types and parsers of
// Kubernetes, kustomize and Prometheus. The first run fetches and compiles them.
func TestValidators(t *testing.T) { nested.Test(t, "validate") }

// TestLogQL runs the checks in logql/, with the parser of Loki.
func TestLogQL(t *testing.T) { nested.Test(t, "logql") }
