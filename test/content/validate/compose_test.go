package validate

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/config"
	"github.com/stretchr/testify/require"
)

// loadCompose reads conf/compose as docker compose does, by its schema.
func loadCompose(t *testing.T, profile string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join(conf, "compose/compose.yaml")}, cli.WithProfiles([]string{profile}))
	require.NoError(t, err)
	project, err := options.LoadProject(context.Background())
	require.NoError(t, err)
	return project
}

func TestCompose(t *testing.T) {
	f := func(profile string, want ...string) {
		t.Helper()
		project := loadCompose(t, profile)
		require.ElementsMatch(t, want, project.ServiceNames())
		// Dependencies are there, and none goes round in circles.
		require.NoError(t, project.ForEachService(project.ServiceNames(), func(string, *types.ServiceConfig) error { return nil }))
		for name, s := range project.Services {
			require.Regexp(t, regexp.MustCompile(`^[a-z0-9./-]+:v?\d+\.\d+\.\d+$`), s.Image, "%s: an exact tag", name)
			require.False(t, s.Privileged, name)
			require.Equal(t, []string{"ALL"}, s.CapDrop, name)
			require.Contains(t, s.SecurityOpt, "no-new-privileges:true", name)
			for _, p := range s.Ports {
				require.True(t, net.ParseIP(p.HostIP).IsLoopback(), "%s: port %s", name, p.Published)
			}
			for _, v := range s.Volumes {
				if v.Type != types.VolumeTypeBind {
					continue
				}
				require.True(t, v.ReadOnly, "%s: %s", name, v.Target)
				if filepath.Base(v.Source) == "build" {
					continue // made by make build
				}
				_, err := os.Stat(v.Source)
				require.NoError(t, err, name)
			}
		}
		library := project.Services["fluent-bit-"+profile].Volumes[0]
		root, err := filepath.Abs(filepath.Join(conf, ".."))
		require.NoError(t, err)
		require.Equal(t, filepath.Join(root, "build"), library.Source)
		configuration := string(read(t, "compose/fluent-bit-"+profile+".yaml"))
		require.Contains(t, configuration, "  - "+library.Target+"/flb-filter_secretwatch.so\n")
	}
	f("loki", "recorded-log", "fluent-bit-loki", "loki", "prometheus", "grafana")
	f("elastic", "recorded-log", "fluent-bit-elastic", "elasticsearch", "elasticsearch-setup", "kibana", "kibana-setup")
}

// Names and ports by which services speak to each other are those of the file.
func TestComposeAddresses(t *testing.T) {
	f := func(profile, file, service, port string) {
		t.Helper()
		s, ok := loadCompose(t, profile).Services[service]
		require.True(t, ok, service)
		found := false
		for _, p := range s.Ports {
			found = found || p.Published == port && strconv.Itoa(int(p.Target)) == port
		}
		require.True(t, found, "%s publishes no port %s", service, port)
		text := string(read(t, "compose/"+file))
		require.Regexp(t, `(//|"|host: )`+service+`(:|\n +port: )`+port, text, file)
	}
	f("loki", "fluent-bit-loki.yaml", "loki", "3100")
	f("loki", "grafana/datasources.yaml", "loki", "3100")
	f("loki", "grafana/datasources.yaml", "prometheus", "9090")
	f("loki", "prometheus.yaml", "fluent-bit-loki", "2020")
	f("elastic", "fluent-bit-elastic.yaml", "elasticsearch", "9200")
	f("elastic", "elastic-setup.sh", "elasticsearch", "9200")
	f("elastic", "elastic-setup.sh", "kibana", "5601")
}

// The configuration of Prometheus is one, by its own loader.
func TestComposePrometheus(t *testing.T) {
	c, err := config.LoadFile(filepath.Join(conf, "compose/prometheus.yaml"), false, promslog.NewNopLogger())
	require.NoError(t, err)
	require.Len(t, c.ScrapeConfigs, 2)
	var mounted []string
	for _, v := range loadCompose(t, "loki").Services["prometheus"].Volumes {
		mounted = append(mounted, v.Target)
	}
	for _, rules := range c.RuleFiles {
		require.Contains(t, mounted, "/etc/prometheus/"+filepath.Base(rules))
	}
}
