package content

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// savedObject is one line of an export of Kibana.
type savedObject struct {
	ID         string
	Type       string
	Attributes map[string]any
	References []reference
	// With these Kibana knows what it has to migrate: it refuses what is newer than itself.
	CoreMigrationVersion, TypeMigrationVersion string
}

type reference struct{ ID, Type, Name string }

// lens is a panel's attributes for Lens, as far as they are used.
type lens struct {
	VisualizationType string
	References        []reference
	State             struct {
		Query            struct{ Language, Query string }
		DatasourceStates struct {
			FormBased struct {
				Layers map[string]struct {
					ColumnOrder []string
					Columns     map[string]struct {
						OperationType, DataType, SourceField string
						Filter                               *struct{ Query string }
						Params                               struct {
							OrderBy struct{ ColumnID string }
						}
					}
				}
			}
		}
		Visualization struct {
			LayerID, MetricAccessor string
			Columns                 []struct{ ColumnID string }
			Layers                  []struct {
				LayerID, XAccessor, SplitAccessor string
				Accessors                         []string
			}
		}
	}
}

// mapped returns the types of the index template, by field.
func mapped(t testing.TB) map[string]string {
	t.Helper()
	var template struct {
		Template struct {
			Mappings struct{ Properties map[string]any }
		}
	}
	require.NoError(t, json.Unmarshal(read(t, filepath.Join(conf, "elastic", "index-template.json")), &template))
	types := map[string]string{}
	var flatten func(prefix string, properties map[string]any)
	flatten = func(prefix string, properties map[string]any) {
		for name, p := range properties {
			p := p.(map[string]any)
			if in, ok := p["properties"].(map[string]any); ok {
				flatten(prefix+name+".", in)
				continue
			}
			types[prefix+name] = p["type"].(string)
		}
	}
	flatten("", template.Template.Mappings.Properties)
	return types
}

// inner decodes an attribute that holds JSON as text.
func inner(t testing.TB, attributes any, name string, v any) {
	t.Helper()
	text, ok := attributes.(map[string]any)[name].(string)
	require.True(t, ok, name)
	require.NoError(t, json.Unmarshal([]byte(text), v), name)
}

// kqlField finds the fields of a query in Kibana's language.
var kqlField = regexp.MustCompile(`([\w@.]+) (?::|[<>]=?) `)

// TestKibanaDashboard checks that the export is whole: each object it refers to is in
// it, each field is mapped so that it can be used as it is, and no panel covers
// another. Names and versions are those of an export of Kibana 8.12.
func TestKibanaDashboard(t *testing.T) {
	types := mapped(t)
	lines := strings.Split(strings.TrimSpace(string(read(t, filepath.Join(conf, "elastic", "dashboard.ndjson")))), "\n")
	objects := map[string]savedObject{}
	for _, line := range lines[:len(lines)-1] {
		var o savedObject
		require.NoError(t, json.Unmarshal([]byte(line), &o))
		objects[o.Type+" "+o.ID] = o
		require.Equal(t, "8.8.0", o.CoreMigrationVersion)
		require.Equal(t, map[string]string{"index-pattern": "8.0.0", "search": "7.9.3", "dashboard": "8.9.0"}[o.Type], o.TypeMigrationVersion)
	}
	var summary struct{ ExportedCount, MissingRefCount int }
	require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &summary))
	require.Equal(t, len(objects), summary.ExportedCount)
	require.Zero(t, summary.MissingRefCount)
	unused := map[string]map[string]bool{} // references by object, until they are used
	for key, o := range objects {
		unused[key] = map[string]bool{}
		for _, r := range o.References {
			require.Contains(t, objects, r.Type+" "+r.ID, key)
			require.False(t, unused[key][r.Name], r.Name)
			unused[key][r.Name] = true
		}
	}
	use := func(key, name string) {
		t.Helper()
		require.True(t, unused[key][name], "%s has no reference %s", key, name)
		delete(unused[key], name)
	}
	query := func(text string) {
		t.Helper()
		for _, m := range kqlField.FindAllStringSubmatch(text, -1) {
			require.Contains(t, types, m[1], text)
		}
		require.True(t, text == "" || kqlField.MatchString(text), text)
	}

	const viewKey, searchKey, key = "index-pattern secretwatch-findings", "search secretwatch-findings-search", "dashboard secretwatch"
	require.ElementsMatch(t, []string{viewKey, searchKey, key}, slices.Collect(maps.Keys(objects)))
	view := objects[viewKey].Attributes
	require.Equal(t, "logs-secretwatch.findings-*", view["title"], "the pattern of the index template")
	require.Equal(t, "date", types[view["timeFieldName"].(string)])

	type source struct {
		Query        struct{ Query string }
		IndexRefName string
	}
	search := objects[searchKey].Attributes
	var s source
	inner(t, search["kibanaSavedObjectMeta"], "searchSourceJSON", &s)
	use(searchKey, s.IndexRefName)
	query(s.Query.Query)
	for _, column := range search["columns"].([]any) {
		require.Contains(t, types, column)
	}

	dashboard := objects[key].Attributes
	s = source{}
	inner(t, dashboard["kibanaSavedObjectMeta"], "searchSourceJSON", &s)
	query(s.Query.Query)
	var controls map[string]struct {
		Type          string
		ExplicitInput struct{ ID, FieldName, DataViewID string }
	}
	inner(t, dashboard["controlGroupInput"], "panelsJSON", &controls)
	for id, c := range controls {
		require.Equal(t, id, c.ExplicitInput.ID)
		require.Equal(t, "index-pattern "+c.ExplicitInput.DataViewID, viewKey)
		require.Equal(t, "keyword", types[c.ExplicitInput.FieldName], id)
		use(key, "controlGroup_"+id+":optionsListDataView")
	}
	var panels []struct {
		Type, PanelIndex, PanelRefName, Title string
		GridData                              struct {
			X, Y, W, H int
			I          string
		}
		EmbeddableConfig struct{ Attributes lens }
	}
	inner(t, dashboard, "panelsJSON", &panels)
	taken := map[[2]int]string{}
	for _, p := range panels {
		require.Equal(t, p.PanelIndex, p.GridData.I)
		require.LessOrEqual(t, p.GridData.X+p.GridData.W, 48, p.Title)
		for x := p.GridData.X; x < p.GridData.X+p.GridData.W; x++ {
			for y := p.GridData.Y; y < p.GridData.Y+p.GridData.H; y++ {
				require.Empty(t, taken[[2]int{x, y}], "%s covers another panel", p.Title)
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "search" {
			use(key, p.PanelIndex+":"+p.PanelRefName)
			continue
		}
		require.Equal(t, "lens", p.Type)
		l := p.EmbeddableConfig.Attributes
		query(l.State.Query.Query)
		require.Len(t, l.State.DatasourceStates.FormBased.Layers, 1, p.Title)
		for id, layer := range l.State.DatasourceStates.FormBased.Layers {
			name := "indexpattern-datasource-layer-" + id
			use(key, p.PanelIndex+":"+name)
			require.Equal(t, []reference{{ID: "secretwatch-findings", Type: "index-pattern", Name: name}}, l.References)
			require.ElementsMatch(t, layer.ColumnOrder, slices.Collect(maps.Keys(layer.Columns)))
			shown := []string{}
			v := l.State.Visualization
			switch l.VisualizationType {
			case "lnsMetric":
				require.Equal(t, id, v.LayerID)
				shown = append(shown, v.MetricAccessor)
			case "lnsDatatable":
				require.Equal(t, id, v.LayerID)
				for _, c := range v.Columns {
					shown = append(shown, c.ColumnID)
				}
			case "lnsXY":
				require.Len(t, v.Layers, 1)
				require.Equal(t, id, v.Layers[0].LayerID)
				shown = append(v.Layers[0].Accessors, v.Layers[0].XAccessor, v.Layers[0].SplitAccessor)
			default:
				t.Errorf("%s: nobody checks %s", p.Title, l.VisualizationType)
			}
			require.ElementsMatch(t, layer.ColumnOrder, shown, p.Title)
			for _, c := range layer.Columns {
				takes := map[string][]string{
					"terms": {"keyword", "ip"}, "unique_count": {"keyword", "ip"}, "max": {"short", "long", "float", "date"}, "date_histogram": {"date"},
				}[c.OperationType]
				if c.OperationType == "count" {
					require.Equal(t, "___records___", c.SourceField)
				} else {
					require.Contains(t, takes, types[c.SourceField], "%s of %s", c.OperationType, c.SourceField)
				}
				if c.OperationType == "terms" {
					require.Contains(t, layer.Columns, c.Params.OrderBy.ColumnID)
				}
				if c.Filter != nil {
					query(c.Filter.Query)
				}
			}
		}
	}
	for key, names := range unused {
		require.Empty(t, names, "%s: references that nothing uses", key)
	}
}
