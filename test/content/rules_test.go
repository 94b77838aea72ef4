package content

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/detector/rule"
)

var update = flag.Bool("update", false, "write the examples in conf/rules anew")

func page(id string) string { return filepath.Join(conf, "rules", id+".md") }

func TestOnePageARule(t *testing.T) {
	names, err := filepath.Glob(page("*"))
	require.NoError(t, err)
	var have []string
	for _, name := range names {
		if id := strings.TrimSuffix(filepath.Base(name), ".md"); id != "README" {
			have = append(have, id)
		}
	}
	require.ElementsMatch(t, rule.IDs(), have)
}

// TestPagesAgree holds the head of each page, and its line in the list, against
// the rule, and its parts against what a reader expects.
func TestPagesAgree(t *testing.T) {
	list := string(read(t, page("README")))
	for _, r := range rule.All() {
		info := r.Info()
		text := string(read(t, page(info.ID)))
		title, _, _ := strings.Cut(text, "\n")
		require.Equal(t, "# "+info.Title, title)
		row := func(name string) string {
			_, rest, ok := strings.Cut(text, "\n| "+name+" | ")
			require.True(t, ok, "%s: no row %s", info.ID, name)
			value, _, _ := strings.Cut(rest, " |\n")
			return value
		}
		require.Equal(t, "`"+info.ID+"`", row("Rule"))

		levels := levelsOf(t, info.ID)
		var names, scores []string
		for _, s := range levels {
			names = append(names, s.String())
			b, _ := json.Marshal(s.Score())
			scores = append(scores, s.String()+" "+string(b))
		}
		require.Equal(t, strings.Join(scores, ", "), row("Severities"), info.ID)
		require.Contains(t, list, "| [`"+info.ID+"`]("+info.ID+".md) | "+strings.Join(names, ", ")+" |")
		for _, s := range names {
			require.Contains(t, text, "**"+s+"**", "%s: not a word on %s", info.ID, s)
		}

		var parts []string
		for _, m := range heading.FindAllStringSubmatch(text, -1) {
			parts = append(parts, m[1])
		}
		require.Equal(t, []string{info.Title, "What it sees", "Example", "Triage", "Usually harmless", "Tuning"}, parts)

		var techniques []string
		for _, id := range info.Techniques {
			techniques = append(techniques, id+" "+techniqueName(t, id))
		}
		require.Equal(t, strings.Join(techniques, ", "), row("Techniques"), info.ID)
	}
}

// levelsOf returns the severities that the source of a rule names.
func levelsOf(t testing.TB, id string) []rule.Severity {
	t.Helper()
	name := "../../detector/rule/" + strings.ReplaceAll(id, "-", "_") + ".go"
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
	require.NoError(t, err)
	byName := map[string]rule.Severity{"Low": rule.Low, "Medium": rule.Medium, "High": rule.High, "Critical": rule.Critical}
	var all []rule.Severity
	ast.Inspect(file, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			if s, ok := byName[id.Name]; ok && !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
		return true
	})
	slices.Sort(all)
	return all
}

// techniqueName is what ATT&CK calls a technique: "Unsecured Credentials:
// Container API".
func techniqueName(t testing.TB, id string) string {
	t.Helper()
	v := full()
	v.Techniques = []string{id}
	threat, _ := members(t, "ecs", v)["threat"].(map[string]any)
	technique, ok := threat["technique"].(map[string]any)
	require.True(t, ok, "technique %s has no name", id)
	name := technique["name"].([]any)[0].(string)
	if sub, ok := technique["subtechnique"].(map[string]any); ok {
		name += ": " + sub["name"].([]any)[0].(string)
	}
	return name
}

const (
	exampleStart = "<!-- example, written by go test ./test/content -update -->\n"
	exampleEnd   = "<!-- /example -->\n"
)

// TestExamples: the example of a page is what the recorded log gives.
func TestExamples(t *testing.T) {
	found := examples(t)
	for _, id := range rule.IDs() {
		text := string(read(t, page(id)))
		head, rest, ok := strings.Cut(text, exampleStart)
		require.True(t, ok, "%s: no example", id)
		have, tail, ok := strings.Cut(rest, exampleEnd)
		require.True(t, ok, "%s: the example has no end", id)
		require.NotNil(t, found[id], "nothing found by %s", id)
		want := "```json\n" + string(found[id]) + "\n```\n"
		if *update {
			require.NoError(t, os.WriteFile(page(id), []byte(head+exampleStart+want+exampleEnd+tail), 0o644))
			continue
		}
		// The fingerprint is of no meaning to a reader, and not promised to stay.
		require.Equal(t, fingerprint.ReplaceAllString(want, ""), fingerprint.ReplaceAllString(have, ""), "%s: no longer what the detector says; go test ./test/content -update writes it anew", id)
	}
}

var fingerprint = regexp.MustCompile(`(?m)^  "fingerprint": .*$`)

// TestReadmeExample: so is the one in the README.
func TestReadmeExample(t *testing.T) {
	m := regexp.MustCompile("(?s)```json\n\"severity\": \"([a-z]+)\",\n\"secretwatch\": (.*?\"audit_id\": \"([^\"]+)\".*?)\n```").FindStringSubmatch(string(read(t, "../../README.md")))
	require.NotNil(t, m)
	p, found := newPipeline(t, "native"), ""
	findings(t, func(v *detector.Verdict, _ bool) {
		if v.AuditID == m[3] {
			require.Equal(t, v.Severity.String(), m[1])
			found = string(pretty(t, p.AppendJSON(nil, v)))
		}
	})
	require.Equal(t, fingerprint.ReplaceAllString(found, ""), fingerprint.ReplaceAllString(m[2], ""))
}

// examples returns for each rule the first finding with the fewest other rules,
// those of the recorded log before those of testdata/extra.jsonl.
func examples(t testing.TB) map[string][]byte {
	p := newPipeline(t, "native")
	best, found := map[string]int{}, map[string][]byte{}
	findings(t, func(v *detector.Verdict, extra bool) {
		if !v.First {
			return
		}
		others := len(v.Rules)
		if extra {
			others += 100
		}
		for _, id := range v.Rules {
			if n, ok := best[id]; ok && n <= others {
				continue
			}
			best[id] = others
			found[id] = pretty(t, p.AppendJSON(nil, v))
		}
	})
	return found
}

// findings judges the recorded log, then the events of testdata/extra.jsonl, and
// calls f for each finding. The verdict is f's until it returns.
func findings(t testing.TB, f func(v *detector.Verdict, extra bool)) {
	cfg := detector.DefaultConfig()
	cfg.LearningPeriod = 255 * time.Second // its baseline is that short
	d, err := detector.New(cfg)
	require.NoError(t, err)
	judge := func(r io.Reader, extra bool) {
		var (
			parse audit.Parser
			ev    audit.Event
			v     detector.Verdict
		)
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, 64<<20)
		for lines.Scan() {
			if parse.ParseJSON(lines.Bytes(), &ev) == nil && d.Judge(&ev, &v) == detector.Found {
				f(&v, extra)
			}
		}
		require.NoError(t, lines.Err())
	}
	file, err := os.Open("../data/audit.jsonl.gz")
	require.NoError(t, err)
	defer file.Close()
	z, err := gzip.NewReader(file)
	require.NoError(t, err)
	judge(z, false)
	judge(bytes.NewReader(read(t, "testdata/extra.jsonl")), true)
}

// pretty is the map secretwatch without the cluster, one field a line.
func pretty(t testing.TB, members []byte) []byte {
	text := string(members)
	i := strings.Index(text, `"secretwatch":`)
	require.GreaterOrEqual(t, i, 0)
	text = strings.Replace(text[i+len(`"secretwatch":`):], `,"cluster":"c"`, "", 1)
	var fields []byte
	dec := json.NewDecoder(strings.NewReader(text))
	_, err := dec.Token()
	require.NoError(t, err)
	for dec.More() {
		key, err := dec.Token()
		require.NoError(t, err)
		var value json.RawMessage
		require.NoError(t, dec.Decode(&value))
		if fields != nil {
			fields = append(fields, ",\n"...)
		}
		fields = append(fields, `  "`+key.(string)+`": `...)
		fields = append(fields, bytes.ReplaceAll(value, []byte(`","`), []byte(`", "`))...)
	}
	return append(append([]byte("{\n"), fields...), "\n}"...)
}
