package content

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/rule"
)

// levels are Sigma's that are severities here too.
var levels = []string{"low", "medium", "high", "critical"}

var (
	uuid4  = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	isDate = regexp.MustCompile(`^\d{4}-\d\d-\d\d`)
)

// TestSigma holds the rules against the Sigma specification 2 (what is required,
// and the values of what is used) and against what a finding has.
func TestSigma(t *testing.T) {
	tactics := map[string]bool{}
	techniques := map[string]bool{}
	for _, r := range rule.All() {
		for _, id := range r.Info().Techniques {
			v := full()
			v.Techniques = []string{id}
			threat := members(t, "ecs", v)["threat"].(map[string]any)
			tactic := threat["tactic"].(map[string]any)["name"].([]any)[0].(string)
			tactics["attack."+strings.ReplaceAll(strings.ToLower(tactic), " ", "-")] = true
			techniques["attack."+strings.ToLower(id)] = true
		}
	}
	native := fieldsOf(t, "native")
	ids := map[string]bool{}
	bySeverity := map[string]bool{}
	names, err := filepath.Glob(filepath.Join(conf, "sigma", "*.yml"))
	require.NoError(t, err)
	for _, name := range names {
		docs := documents(t, name)
		require.Len(t, docs, 1, name)
		r := docs[0]
		for _, key := range []string{"title", "id", "status", "description", "author", "date", "tags", "logsource", "detection", "falsepositives", "level"} {
			require.Contains(t, r, key, name)
		}
		for key := range r {
			require.Contains(t, []string{"title", "id", "status", "description", "references", "author", "date", "tags", "logsource",
				"detection", "fields", "falsepositives", "level"}, key, name)
		}
		require.LessOrEqual(t, len(r["title"].(string)), 256, name)
		id := r["id"].(string)
		require.Regexp(t, uuid4, id, name)
		require.False(t, ids[id], "%s: id of another rule", name)
		ids[id] = true
		require.Contains(t, []string{"stable", "test", "experimental"}, r["status"], name)
		require.Regexp(t, isDate, fmt.Sprint(r["date"]), name)
		level := r["level"].(string)
		require.Contains(t, levels, level, name)
		haveTactic, haveTechnique := false, false
		for _, tag := range r["tags"].([]any) {
			require.True(t, tactics[tag.(string)] || techniques[tag.(string)], "%s: tag %s is of no rule", name, tag)
			haveTactic = haveTactic || tactics[tag.(string)]
			haveTechnique = haveTechnique || techniques[tag.(string)]
		}
		require.True(t, haveTactic && haveTechnique, name)
		require.Equal(t, "kubernetes", r["logsource"].(map[string]any)["product"], name)

		for _, f := range r["fields"].([]any) {
			require.Contains(t, native, f, name)
		}
		detection := r["detection"].(map[string]any)
		condition := detection["condition"].(string)
		for key, selection := range detection {
			if key == "condition" {
				continue
			}
			require.Contains(t, condition, key, name)
			for field, value := range selection.(map[string]any) {
				field, _, _ = strings.Cut(field, "|")
				require.Contains(t, native, field, name)
				switch field {
				case "secretwatch.rules":
					require.Contains(t, rule.IDs(), value, name)
					require.Contains(t, levelNames(levelsOf(t, value.(string))), level, "%s: not a level of %s", name, value)
					require.Equal(t, titleOf(value.(string)), r["title"], name)
				case "secretwatch.severity":
					require.Equal(t, level, value, name)
					bySeverity[level] = true
				case "secretwatch.first":
					require.Equal(t, true, value, name)
				}
			}
		}
	}
	require.Len(t, bySeverity, len(levels), "one for each severity")
	for _, seed := range []string{"unusual-user-agent", "new-source-ip"} {
		require.FileExists(t, filepath.Join(conf, "sigma", seed+".yml"))
	}
}

// TestSigmaFinds: over the fields of a finding, each rule finds the first findings of
// its rule or severity in the recorded log, and nothing else.
func TestSigmaFinds(t *testing.T) {
	names, err := filepath.Glob(filepath.Join(conf, "sigma", "*.yml"))
	require.NoError(t, err)
	selections := map[string]map[string]any{}
	got, want := map[string]int{}, map[string]int{}
	for _, name := range names {
		detection := documents(t, name)[0]["detection"].(map[string]any)
		require.Equal(t, "selection", detection["condition"], name)
		selections[strings.TrimSuffix(filepath.Base(name), ".yml")] = detection["selection"].(map[string]any)
	}
	findings(t, func(v *detector.Verdict, _ bool) {
		fields := fieldsOfVerdict(t, "native", v)
		for name, selection := range selections {
			all := true
			for field, value := range selection {
				list, ok := fields[field].([]any)
				if !ok {
					list = []any{fields[field]}
				}
				all = all && slices.Contains(list, value)
			}
			if all {
				got[name]++
			}
			severity, _ := strings.CutPrefix(name, "severity-")
			if v.First && (severity == v.Severity.String() || slices.Contains(v.Rules, name)) {
				want[name]++
			}
		}
	})
	require.Equal(t, want, got)
	require.Len(t, got, len(names), "a rule that finds nothing")
}

func levelNames(all []rule.Severity) (names []string) {
	for _, s := range all {
		names = append(names, s.String())
	}
	return names
}

func titleOf(id string) string {
	for _, r := range rule.All() {
		if r.Info().ID == id {
			return r.Info().Title
		}
	}
	return ""
}

// TestAlertRules checks the structure of alert rules, and of the queries what can
// be checked without their languages. validate/ parses those for Prometheus, logql/
// those for Loki.
func TestAlertRules(t *testing.T) {
	for _, name := range []string{"prometheus/alerts.yaml", "loki/rules.yaml"} {
		seen := map[string]bool{}
		groups := documents(t, filepath.Join(conf, name))[0]["groups"].([]any)
		for _, g := range groups {
			g := g.(map[string]any)
			require.NotEmpty(t, g["name"], name)
			for _, r := range g["rules"].([]any) {
				r := r.(map[string]any)
				alert := r["alert"].(string)
				require.False(t, seen[alert], "%s: %s twice", name, alert)
				seen[alert] = true
				for key := range r {
					require.Contains(t, []string{"alert", "expr", "for", "labels", "annotations"}, key, alert)
				}
				require.NotEmpty(t, r["labels"].(map[string]any)["severity"], alert)
				notes := r["annotations"].(map[string]any)
				require.NotEmpty(t, notes["summary"], alert)
				require.NotEmpty(t, notes["description"], alert)
				expr := r["expr"].(string)
				balanced(t, expr)
				// A text can only use what the query leaves.
				for _, m := range regexp.MustCompile(`\$labels\.(\w+)`).FindAllStringSubmatch(fmt.Sprint(notes), -1) {
					require.Regexp(t, `by \([^)]*\b`+m[1]+`\b`, expr, "%s: label %s is not in the result", alert, m[1])
				}
				if strings.HasPrefix(name, "loki/") {
					logQL(t, expr)
				}
			}
		}
	}
}

func balanced(t testing.TB, expr string) {
	t.Helper()
	var open []rune
	quote := rune(0)
	pairs := map[rune]rune{')': '(', ']': '[', '}': '{'}
	for _, c := range expr {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '`':
			quote = c
		case strings.ContainsRune("([{", c):
			open = append(open, c)
		case pairs[c] != 0:
			require.NotEmpty(t, open, expr)
			require.Equal(t, pairs[c], open[len(open)-1], expr)
			open = open[:len(open)-1]
		}
	}
	require.Empty(t, open, expr)
	require.Zero(t, quote, expr)
}

var (
	selector = regexp.MustCompile(`\{([^}]*)\}`)
	matcher  = regexp.MustCompile(`^(\w+)\s*(?:=~|!~|!=|=)\s*"[^"]*"$`)
)

// logQL checks that the selectors of a query use few-valued labels alone, job
// among them, and that what is read from the line is read after a json stage.
func logQL(t testing.TB, expr string) {
	t.Helper()
	balanced(t, expr)
	all := selector.FindAllStringSubmatch(expr, -1)
	require.NotEmpty(t, all, expr)
	for _, s := range all {
		labels := map[string]bool{}
		for _, m := range strings.Split(s[1], ",") {
			parts := matcher.FindStringSubmatch(strings.TrimSpace(m))
			require.NotNil(t, parts, "%s: %s", expr, m)
			require.Contains(t, []string{"job", "severity", "cluster"}, parts[1], expr)
			labels[parts[1]] = true
		}
		require.True(t, labels["job"], expr)
	}
	// Grouping stands before the stages.
	if _, stages, ok := strings.Cut(expr, "}"); ok && strings.Contains(expr, "secretwatch_") {
		before, _, found := strings.Cut(stages, "| json")
		require.True(t, found, expr)
		require.NotContains(t, before, "secretwatch_", expr)
	}
	flat := fieldsOf(t, "flat")
	for _, f := range flatField.FindAllString(expr, -1) {
		require.Contains(t, flat, f, expr)
		// Lists do not come out of a json stage for format native.
		_, isList := fieldsOf(t, "native")[strings.Replace(f, "_", ".", 1)].([]any)
		require.False(t, isList, "%s: %s is a list", expr, f)
	}
}

// panel is a panel of the Grafana dashboard, or a row with panels in it.
type panel struct {
	ID         int
	Type       string
	Title      string
	GridPos    struct{ X, Y, W, H int }
	Datasource struct{ Type, UID string }
	Targets    []struct {
		RefID, Expr, QueryType string
		Datasource             struct{ Type, UID string }
	}
	Panels []panel
}

// TestDashboard checks the structure of the dashboard and its queries. What the
// queries return is checked with a real Loki (test/e2e) and with Prometheus' engine
// (validate/).
func TestDashboard(t *testing.T) {
	var d struct {
		Title, UID    string
		SchemaVersion int
		Panels        []panel
		Templating    struct {
			List []struct{ Name, Type, Query string }
		}
	}
	text := read(t, filepath.Join(conf, "grafana", "dashboard.json"))
	require.NoError(t, json.Unmarshal(text, &d))
	require.NotEmpty(t, d.Title)
	require.NotEmpty(t, d.UID)
	require.GreaterOrEqual(t, d.SchemaVersion, 36)
	variables, sources := map[string]bool{}, map[string]string{}
	for _, v := range d.Templating.List {
		require.Contains(t, []string{"datasource", "custom", "textbox"}, v.Type)
		variables[v.Name] = true
		if v.Type == "datasource" {
			sources["${"+v.Name+"}"] = v.Query
		}
	}
	for _, m := range regexp.MustCompile(`\$\{?([a-zA-Z_]+)`).FindAllStringSubmatch(string(text), -1) {
		require.True(t, variables[m[1]] || strings.HasPrefix(m[1], "__"), "variable %s is not there", m[1])
	}
	for _, m := range regexp.MustCompile(`[?&]var-([a-z]+)=`).FindAllStringSubmatch(string(text), -1) {
		require.True(t, variables[m[1]], "a link sets %s, which is not there", m[1])
	}
	require.Contains(t, string(text), `"/d/`+d.UID+`?`, "a principal is followed within the dashboard")
	ids, taken := map[int]bool{}, map[[2]int]string{}
	asked := map[string]int{}
	var check func(p panel)
	check = func(p panel) {
		require.False(t, ids[p.ID], p.Title)
		ids[p.ID] = true
		require.NotEmpty(t, p.Title)
		require.Positive(t, p.GridPos.W)
		require.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, p.Title)
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				require.Empty(t, taken[[2]int{x, y}], "%s covers another panel", p.Title)
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			for _, in := range p.Panels {
				require.Greater(t, in.GridPos.Y, p.GridPos.Y, in.Title)
				check(in)
			}
			return
		}
		require.Contains(t, []string{"stat", "timeseries", "table"}, p.Type, p.Title)
		require.NotEmpty(t, p.Datasource.Type, p.Title)
		require.Equal(t, p.Datasource.Type, sources[p.Datasource.UID], p.Title)
		require.NotEmpty(t, p.Targets, p.Title)
		for _, q := range p.Targets {
			require.Equal(t, p.Datasource, q.Datasource, p.Title)
			asked[p.Datasource.Type]++
			if p.Datasource.Type == "loki" {
				require.Contains(t, []string{"range", "instant"}, q.QueryType, p.Title)
				logQL(t, q.Expr)
			} else {
				balanced(t, q.Expr)
			}
		}
	}
	for _, p := range d.Panels {
		check(p)
	}
	require.Len(t, asked, 2, "findings and health")
}

// TestIndexTemplate: the template maps each field of a finding in format ecs and
// native with a type that takes its value.
func TestIndexTemplate(t *testing.T) {
	types := mapped(t)
	takes := map[string][]string{
		"string":  {"keyword", "text", "match_only_text", "ip", "date"},
		"float64": {"long", "integer", "short", "float", "double"},
		"bool":    {"boolean"},
	}
	v := full()
	v.Techniques = nil
	for _, r := range rule.All() {
		for _, id := range r.Info().Techniques {
			if !slices.Contains(v.Techniques, id) {
				v.Techniques = append(v.Techniques, id)
			}
		}
	}
	fields := fieldsOfVerdict(t, "ecs", v)
	maps.Copy(fields, fieldsOf(t, "native"))
	for name, value := range fields {
		if list, ok := value.([]any); ok {
			value = list[0]
		}
		require.Contains(t, types, name)
		require.Contains(t, takes[fmt.Sprintf("%T", value)], types[name], name)
	}
	// What is a field of the Elastic Common Schema has its type there.
	require.Equal(t, "date", types["@timestamp"])
	shared := 0
	for _, line := range strings.Split(string(read(t, "../../plugin/pipeline/testdata/ecs-fields.tsv")), "\n") {
		column := strings.Split(line, "\t")
		if want := types[column[0]]; want != "" {
			require.Equal(t, column[1], want, column[0])
			shared++
		}
	}
	require.Greater(t, shared, 30)
}

// TestDetectionRule checks the export for Elastic Security.
func TestDetectionRule(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(string(read(t, filepath.Join(conf, "elastic", "detection-rule.ndjson")))), "\n")
	require.Len(t, lines, 2, "rules and a summary")
	var r struct {
		RuleID              string `json:"rule_id"`
		Name                string
		Type, Language      string
		Query               string
		Index               []string
		Severity            string
		RiskScore           int    `json:"risk_score"`
		RuleNameOverride    string `json:"rule_name_override"`
		SeverityMapping     []struct{ Field, Operator, Value, Severity string }
		RiskScoreMapping    []struct{ Field, Operator string }
		InvestigationFields struct {
			FieldNames []string `json:"field_names"`
		} `json:"investigation_fields"`
	}
	// encoding/json does not match names with underscores to fields without.
	text := strings.NewReplacer("severity_mapping", "severitymapping", "risk_score_mapping", "riskscoremapping").Replace(lines[0])
	require.NoError(t, json.Unmarshal([]byte(text), &r))
	// What Kibana reads of a rule of this type (BaseCreateProps, QueryRuleCreateFields
	// and ResponseFields in its rule_schemas.gen.ts).
	var members map[string]any
	require.NoError(t, json.Unmarshal([]byte(lines[0]), &members))
	for name := range members {
		require.Contains(t, []string{"name", "description", "risk_score", "severity", "rule_name_override", "license", "note", "investigation_fields",
			"version", "tags", "enabled", "risk_score_mapping", "severity_mapping", "interval", "from", "to", "actions", "exceptions_list", "author",
			"false_positives", "references", "max_signals", "threat", "setup", "related_integrations", "required_fields", "type", "index", "filters",
			"query", "language", "rule_id", "immutable"}, name)
	}
	require.Equal(t, "query", r.Type)
	require.Equal(t, "kuery", r.Language)
	require.NotEmpty(t, r.RuleID)
	require.Contains(t, levels, r.Severity)
	native := fieldsOf(t, "native")
	require.Contains(t, native, r.RuleNameOverride)
	require.Len(t, r.SeverityMapping, len(levels))
	for i, m := range r.SeverityMapping {
		require.Equal(t, "secretwatch.severity", m.Field)
		require.Equal(t, levels[i], m.Value)
		require.Equal(t, levels[i], m.Severity)
	}
	require.Equal(t, "secretwatch.risk_score", r.RiskScoreMapping[0].Field)
	for _, f := range r.InvestigationFields.FieldNames {
		require.Contains(t, native, f)
	}
	var template struct {
		IndexPatterns []string `json:"index_patterns"`
	}
	require.NoError(t, json.Unmarshal(read(t, filepath.Join(conf, "elastic", "index-template.json")), &template))
	require.Equal(t, template.IndexPatterns, r.Index)
	var summary map[string]any
	require.NoError(t, json.Unmarshal([]byte(lines[1]), &summary))
	require.EqualValues(t, 1, summary["exported_rules_count"])
}
