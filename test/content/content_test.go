// Package content checks what users copy out of conf/: that it parses, that it
// only names properties, rules and fields there are, and that pages say what the
// code does. Checks that need more than this module has are in validate/, a
// module of its own.
package content

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/detector/rule"
	"github.com/secretwatch/secretwatch/plugin/config"
	"github.com/secretwatch/secretwatch/plugin/metrics"
	"github.com/secretwatch/secretwatch/plugin/pipeline"
)

const conf = "../../conf"

// folders are those this package looks after.
var folders = []string{"rules", "image", "compose", "kubernetes", "sigma", "prometheus", "loki", "elastic", "grafana"}

// files returns the files of folders whose names end in one of exts.
func files(t testing.TB, exts ...string) []string {
	t.Helper()
	var names []string
	for _, dir := range folders {
		err := filepath.WalkDir(filepath.Join(conf, dir), func(name string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && slices.Contains(exts, filepath.Ext(name)) {
				names = append(names, name)
			}
			return err
		})
		require.NoError(t, err)
	}
	return names
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	return b
}

// documents returns the documents of a YAML file.
func documents(t testing.TB, name string) []map[string]any {
	t.Helper()
	file, err := os.Open(name)
	require.NoError(t, err)
	defer file.Close()
	var all []map[string]any
	for d := yaml.NewDecoder(file); ; {
		var one map[string]any
		err := d.Decode(&one)
		if err != nil {
			require.ErrorContains(t, err, "EOF", name)
			return all
		}
		all = append(all, one)
	}
}

// nobody is a judge that finds nothing.
type nobody struct{}

func (nobody) Judge(*audit.Event, *detector.Verdict) detector.Result { return detector.Clean }

func newPipeline(t testing.TB, format string) *pipeline.Pipeline {
	t.Helper()
	p, err := pipeline.New(pipeline.Options{Judge: nobody{}, Format: format, SeverityKey: "severity", Cluster: "c"}, nil)
	require.NoError(t, err)
	return p
}

// members returns what a record with the verdict gains.
func members(t testing.TB, format string, v *detector.Verdict) map[string]any {
	t.Helper()
	text := "{" + string(newPipeline(t, format).AppendJSON(nil, v)) + "}"
	var m map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &m), text)
	return m
}

// full is a verdict with every field set, so that every key shows.
func full() *detector.Verdict {
	return &detector.Verdict{
		Severity: rule.High, RiskScore: 73, Title: "t", Rules: rule.IDs(), Reason: "r", First: true, Fingerprint: "f",
		History: "complete", User: "u", EffectiveUser: "e", SourceIP: "192.0.2.1", UserAgent: "a", Verb: "get",
		Namespace: "n", Secret: "s", Outcome: "allowed", AuditID: "i", Techniques: []string{"T1552.007"},
	}
}

// fieldsOf returns the names of a format's fields, levels joined by dots, with
// their values for the full verdict.
func fieldsOf(t testing.TB, format string) map[string]any { return fieldsOfVerdict(t, format, full()) }

func fieldsOfVerdict(t testing.TB, format string, v *detector.Verdict) map[string]any {
	all := map[string]any{}
	var walk func(prefix string, m map[string]any)
	walk = func(prefix string, m map[string]any) {
		for k, v := range m {
			if in, ok := v.(map[string]any); ok {
				walk(prefix+k+".", in)
				continue
			}
			all[prefix+k] = v
		}
	}
	walk("", members(t, format, v))
	return all
}

func TestParses(t *testing.T) {
	for _, name := range files(t, ".yaml", ".yml") {
		require.NotEmpty(t, documents(t, name), name)
	}
	for _, name := range files(t, ".json") {
		require.True(t, json.Valid(read(t, name)), name)
	}
	for _, name := range files(t, ".ndjson") {
		for _, line := range strings.Split(strings.TrimSpace(string(read(t, name))), "\n") {
			require.True(t, json.Valid([]byte(line)), "%s: %s", name, line)
		}
	}
}

// nativeField finds fields of the native map, flatField those of the flat format
// and of Loki's json stage.
var (
	nativeField = regexp.MustCompile(`\bsecretwatch\.([a-z_]+)\b`)
	flatField   = regexp.MustCompile(`\bsecretwatch_([a-z_]+)\b`)
)

// notFields follow "secretwatch." or "secretwatch_" in names of other things:
// hosts, files.
var notFields = []string{"secretwatch.secretwatch", "secretwatch.svc", "secretwatch.so", "secretwatch.original", "secretwatch.bolt",
	"secretwatch.findings", "secretwatch.oci", "secretwatch.yaml", "secretwatch.spdx", "secretwatch.x", "secretwatch_x", "secretwatch_plugin"}

// TestMetricsPage: the table of metrics has all of them, and no others.
func TestMetricsPage(t *testing.T) {
	var listed []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(secretwatch_[a-z_]+)` \\|").FindAllStringSubmatch(string(read(t, filepath.Join(conf, "prometheus/README.md"))), -1) {
		listed = append(listed, m[1])
	}
	require.ElementsMatch(t, metrics.Names(), listed)
}

// metricNames returns the names of the metrics of metrics_listen, and of what
// histograms consist of.
func metricNames() map[string]bool {
	names := map[string]bool{}
	for _, name := range metrics.Names() {
		names[name] = true
		if strings.HasSuffix(name, "_duration_seconds") {
			names[name+"_bucket"], names[name+"_count"], names[name+"_sum"] = true, true, true
		}
	}
	return names
}

func TestFieldsExist(t *testing.T) {
	native, flat, isMetric := fieldsOf(t, "native"), fieldsOf(t, "flat"), metricNames()
	native["secretwatch.redacted"] = true // a record's, not a verdict's
	for _, name := range append(pages(t), files(t, ".yaml", ".yml", ".json", ".ndjson")...) {
		text := string(read(t, name))
		for _, m := range nativeField.FindAllString(text, -1) {
			if !slices.Contains(notFields, m) {
				require.Contains(t, native, m, name)
			}
		}
		for _, m := range flatField.FindAllString(text, -1) {
			if !slices.Contains(notFields, m) && !isMetric[m] {
				require.Contains(t, flat, m, name)
			}
		}
	}
}

// TestPropertiesExist: whatever configures the filter, in YAML or in a classic
// section, does so with properties there are and values they take.
func TestPropertiesExist(t *testing.T) {
	filters := 0
	check := func(name string, pairs [][2]string) {
		t.Helper()
		filters++
		c := config.Default()
		for _, p := range pairs {
			switch p[0] {
			case "name", "match", "match_regex", "alias", "log_level":
				continue
			}
			require.NoError(t, c.Set(p[0], p[1]), name)
		}
	}
	for _, name := range files(t, ".yaml", ".yml") {
		for _, doc := range documents(t, name) {
			walk(doc, func(v any) {
				switch v := v.(type) {
				case map[string]any:
					if v["name"] == "secretwatch" && v["match"] != nil {
						var pairs [][2]string
						for k, value := range v {
							b, err := yaml.Marshal(value)
							require.NoError(t, err)
							pairs = append(pairs, [2]string{k, strings.Trim(strings.TrimSpace(string(b)), `"'`)})
						}
						check(name, pairs)
					}
				case string:
					for _, pairs := range classic(v) {
						check(name, pairs)
					}
				}
			})
		}
	}
	require.Positive(t, filters)
}

// classic returns the properties of the secretwatch filters in a configuration of
// the classic form.
func classic(text string) (filters [][][2]string) {
	for _, section := range strings.Split(text, "[FILTER]")[1:] {
		if i := strings.Index(section, "\n["); i >= 0 {
			section = section[:i]
		}
		var pairs [][2]string
		ours := false
		for _, line := range strings.Split(section, "\n") {
			key, value, ok := strings.Cut(strings.TrimSpace(line), " ")
			if !ok || strings.HasPrefix(key, "#") {
				continue
			}
			key, value = strings.ToLower(key), strings.TrimSpace(value)
			ours = ours || key == "name" && value == "secretwatch"
			pairs = append(pairs, [2]string{key, value})
		}
		if ours {
			filters = append(filters, pairs)
		}
	}
	return filters
}

// walk calls f for v and everything in it.
func walk(v any, f func(v any)) {
	f(v)
	switch v := v.(type) {
	case map[string]any:
		for _, in := range v {
			walk(in, f)
		}
	case []any:
		for _, in := range v {
			walk(in, f)
		}
	}
}

// property finds properties with a value in running text.
var property = regexp.MustCompile("`([a-z_0-9]+): ([^`]+)`")

// TestPagesNameProperties: `name: value` in a page on a rule is a property that
// takes it, and elsewhere, if it is a property, takes it.
func TestPagesNameProperties(t *testing.T) {
	known := map[string]bool{}
	for _, p := range config.Properties {
		known[p.Name] = true
	}
	checked := 0
	for _, name := range pages(t) {
		ours := filepath.Dir(name) == filepath.Join(conf, "rules")
		text := strings.Join(strings.Fields(string(read(t, name))), " ")
		for _, m := range property.FindAllStringSubmatch(text, -1) {
			if ours || known[m[1]] {
				checked++
				require.NoError(t, config.Default().Set(m[1], m[2]), name)
			}
		}
	}
	require.Greater(t, checked, 10)
}

// TestInputsAreNamed: where Fluent Bit serves its metrics, its input has the name
// that the alerts ask for.
func TestInputsAreNamed(t *testing.T) {
	require.Contains(t, string(read(t, filepath.Join(conf, "prometheus/alerts.yaml"))), `{name="kube-audit"}`)
	serves, named := regexp.MustCompile(`(?i)\bhttp_server:? +on\b`), regexp.MustCompile(`(?i)\balias:? +kube-audit\b`)
	served := 0
	for _, name := range files(t, ".yaml") {
		if text := read(t, name); serves.Match(text) {
			served++
			require.Regexp(t, named, string(text), name)
		}
	}
	require.Equal(t, 9, served)
}

// TestInitContainers: wherever the library is copied into a pod, it is by the image
// that conf/image describes, into a volume of that container.
func TestInitContainers(t *testing.T) {
	containers := 0
	for _, name := range files(t, ".yaml") {
		for _, doc := range documents(t, name) {
			walk(doc, func(v any) {
				c, _ := v.(map[string]any)
				if c["name"] != "copy-plugin" {
					return
				}
				containers++
				require.Equal(t, "ghcr.io/secretwatch/secretwatch:VERSION", c["image"], name)
				require.NotContains(t, c, "command", name)
				args, _ := c["args"].([]any)
				mounts, _ := c["volumeMounts"].([]any)
				require.Len(t, args, 1, name)
				require.Len(t, mounts, 1, name)
				mount, _ := mounts[0].(map[string]any)
				require.Equal(t, mount["mountPath"], strings.TrimSuffix(args[0].(string), "/"), name)
				require.Contains(t, string(read(t, name))+string(beside(t, name)), mount["mountPath"].(string)+"/flb-filter_secretwatch.so", name)
			})
		}
	}
	require.Equal(t, 4, containers)
}

// beside returns the configuration of Fluent Bit beside a manifest, if there is one.
func beside(t testing.TB, name string) []byte {
	t.Helper()
	path := filepath.Join(filepath.Dir(name), "fluent-bit.yaml")
	if _, err := os.Stat(path); err != nil {
		return nil
	}
	return read(t, path)
}

// fluentBitImage finds references to the official image.
var fluentBitImage = regexp.MustCompile(`cr\.fluentbit\.io/fluent/fluent-bit:[^\s}"']+`)

// TestOneFluentBit: manifests, compose file, Dockerfile and `make image` name one
// version of Fluent Bit.
func TestOneFluentBit(t *testing.T) {
	names := append(files(t, ".yaml", ".md"), filepath.Join(conf, "image/Dockerfile"), "../../scripts/image.sh")
	found := map[string][]string{}
	for _, name := range names {
		for _, image := range fluentBitImage.FindAllString(string(read(t, name)), -1) {
			found[image] = append(found[image], name)
		}
	}
	require.Len(t, found, 1, "%v", found)
	for _, in := range found {
		require.GreaterOrEqual(t, len(in), 5)
	}
}
