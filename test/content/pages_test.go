package content

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

// root is the top of the repository.
const root = "../.."

var (
	fence    = regexp.MustCompile("(?ms)^ *```.*?^ *```")
	codeSpan = regexp.MustCompile("`[^`\n]*`")
	link     = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#+ (.*)$`)
)

// TestLinks: what pages link to within the repository is there, also the headings
// in other pages. Other sites are not asked.
func TestLinks(t *testing.T) {
	links := 0
	for _, page := range pages(t) {
		text := codeSpan.ReplaceAllString(fence.ReplaceAllString(string(read(t, page)), ""), "")
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			u, err := url.Parse(m[1])
			require.NoError(t, err, page)
			if u.Scheme != "" {
				continue
			}
			links++
			target := page
			if u.Path != "" {
				target = filepath.Join(filepath.Dir(page), filepath.FromSlash(u.Path))
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %s is not there", page, m[1])
				continue
			}
			if u.Fragment != "" && !anchors(t, target)[u.Fragment] {
				t.Errorf("%s: %s: no such heading", page, m[1])
			}
		}
	}
	require.Greater(t, links, 50)
}

// pages returns all Markdown files of the repository.
func pages(t testing.TB) []string {
	t.Helper()
	var names []string
	walkFiles(t, func(name string) {
		if filepath.Ext(name) == ".md" {
			names = append(names, name)
		}
	})
	return names
}

// walkFiles calls f for all files of the repository, without what was built or
// installed.
func walkFiles(t testing.TB, f func(name string)) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != root && (d.Name() == "build" || d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".")):
			return filepath.SkipDir
		case !d.IsDir():
			f(name)
		}
		return nil
	}))
}

// anchors returns the fragments by which the headings of a page are linked to, as
// GitHub makes them: lower case, without punctuation, hyphens for spaces.
func anchors(t testing.TB, page string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	text := fence.ReplaceAllString(string(read(t, page)), "")
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		all[strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, m[1])] = true
	}
	return all
}

// TestAnchors holds anchors against headings as GitHub links to them.
func TestAnchors(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	require.NoError(t, os.WriteFile(page, []byte("# What it costs\n\n## `key`, and why?\n\n```sh\n# no heading\n```\n"), 0o644))
	require.Equal(t, map[string]bool{"what-it-costs": true, "key-and-why": true}, anchors(t, page))
}

// namedTest finds the names of tests, benchmarks and fuzz targets in running text.
var namedTest = regexp.MustCompile("`((?:Test|Benchmark|Fuzz)[A-Z]\\w*)`")

// TestNamedTestsExist: tests that pages call on to show something are there.
func TestNamedTestsExist(t *testing.T) {
	declared := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Benchmark|Fuzz)\w+)\(`)
	walkFiles(t, func(name string) {
		if strings.HasSuffix(name, "_test.go") {
			for _, m := range function.FindAllStringSubmatch(string(read(t, name)), -1) {
				declared[m[1]] = true
			}
		}
	})
	named := 0
	for _, page := range pages(t) {
		for _, m := range namedTest.FindAllStringSubmatch(string(read(t, page)), -1) {
			named++
			require.True(t, declared[m[1]], "%s: there is no %s", page, m[1])
		}
	}
	require.Greater(t, named, 20)
}

// TestMap: CONTRIBUTING.md has a line for each package, or for the one it belongs to.
func TestMap(t *testing.T) {
	text := string(read(t, filepath.Join(root, "CONTRIBUTING.md")))
	seen := map[string]bool{}
	walkFiles(t, func(name string) {
		dir, err := filepath.Rel(root, filepath.Dir(name))
		require.NoError(t, err)
		if filepath.Ext(name) != ".go" || seen[dir] {
			return
		}
		seen[dir] = true
		for at := dir; at != "."; at = filepath.Dir(at) {
			// In test/ the folder's own name is enough.
			if strings.Contains(text, "`"+at+"`") || filepath.Dir(at) == "test" && strings.Contains(text, "`"+filepath.Base(at)+"`") {
				return
			}
			if filepath.Dir(filepath.Dir(at)) == "." {
				break // the folders at the top say nothing of each package in them
			}
		}
		if !strings.HasPrefix(dir, "scripts/") {
			t.Errorf("CONTRIBUTING.md lacks %s", dir)
		}
	})
	require.Greater(t, len(seen), 30)
}
