package validate

import (
	"bytes"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/stretchr/testify/require"
)

// The Dockerfile is one for BuildKit, and none of the rules that it checks while
// parsing has anything to say.
func TestDockerfile(t *testing.T) {
	text := read(t, "image/Dockerfile")
	result, err := parser.Parse(bytes.NewReader(text))
	require.NoError(t, err)
	require.Empty(t, result.Warnings)
	lint := linter.New(&linter.Config{Warn: func(rule, description, url, message string, _ []parser.Range) {
		t.Errorf("%s: %s", rule, message)
	}})
	stages, args, err := instructions.Parse(result.AST, lint)
	require.NoError(t, err)
	require.Len(t, args, 2)
	require.Len(t, stages, 2)
	require.Equal(t, "secretwatch", stages[0].Name)
	from := stages[1].Commands[0].(*instructions.CopyCommand)
	require.Equal(t, "secretwatch", from.From)
	require.Equal(t, []string{"/plugins/"}, from.SourcePaths)
	// The trailing slash keeps the link in the directory a link.
	require.Equal(t, "/fluent-bit/plugins/", from.DestPath)
}
