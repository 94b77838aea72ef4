package sim

import "fmt"

// How a namespace's applications are rolled out.
const (
	byHelmCI    = "helm-ci"    // a CI job runs helm
	byKubectlCI = "kubectl-ci" // a CI job runs kubectl apply
	byHosted    = "hosted"     // as helm-ci, on hosted runners with addresses of their own
	byArgo      = "argocd"
	byFlux      = "flux"
)

// namespace belongs to a team and holds secrets and applications.
type namespace struct {
	name    string
	team    int
	secrets []string
	apps    []*app
	rollout string
	gone    bool
}

var teamNames = []string{
	"shop", "payments", "search", "catalog", "billing", "identity", "mobile", "media", "risk", "ledger",
	"logistics", "pricing", "crm", "reports", "data", "ml", "messaging", "support", "partners", "fraud",
}

var appNames = []string{
	"api", "web", "worker", "gateway", "scheduler", "importer", "exporter", "notifier", "indexer", "sync",
	"auth", "backend", "consumer", "processor", "frontend", "cache", "relay", "loader", "runner", "broker",
	"mailer", "matcher", "planner", "router", "tracker", "admin", "batch", "bridge", "collector", "resolver",
}

func (s *simulation) buildNamespaces() {
	rollouts := []string{byArgo, byFlux, byHelmCI, byArgo, byKubectlCI, byFlux, byHosted}
	for t, name := range teamNames {
		stages := []string{"prod", "staging"}
		if t%4 == 0 {
			stages = append(stages, "dev")
		}
		for _, stage := range stages {
			s.addNamespace(name+"-"+stage, t, rollouts[t%len(rollouts)])
		}
	}
}

func (s *simulation) addNamespace(name string, team int, rollout string) *namespace {
	n := &namespace{name: name, team: team, rollout: rollout}
	for _, x := range []string{"db-credentials", "regcred", "tls-" + name, "session-key", "smtp", "s3-access", "redis-auth", "oauth-client"} {
		if chance(s.rng, 0.8) {
			n.secrets = append(n.secrets, x)
		}
	}
	for i := range 2 + s.rng.IntN(10) {
		n.secrets = append(n.secrets, fmt.Sprintf("config-%02d", i))
	}
	s.namespaces = append(s.namespaces, n)
	return n
}

// infraSecrets are the secrets of namespaces that belong to the platform.
var infraSecrets = map[string][]string{
	"kube-system": {"bootstrap-token-a1b2c3", "cloud-credentials", "etcd-backup", "sh.helm.release.v1.cilium.v12"},
	"default":     {"legacy-deployer-token", "wildcard-tls"},
	"monitoring":  {"grafana-admin", "alertmanager-config", "prometheus-remote-write", "sh.helm.release.v1.kube-prometheus.v31"},
	"argocd":      {"argocd-secret", "cluster-prod", "repo-github", "argocd-initial-admin-secret"},
	"flux-system": {"flux-system", "sops-age", "webhook-token"},
	"velero":      {"cloud-credentials"},
	"vault":       {"vso-approle", "unseal-keys"},
	"ci":          {"runner-token", "registry-push"},
}
