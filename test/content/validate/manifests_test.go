// Package validate holds conf/ against the types and parsers of the projects that
// will read it: Kubernetes, kustomize, Prometheus. It is a module of its own so that
// the library does not depend on them.
package validate

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/apiserver/pkg/audit/policy"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

const conf = "../../../conf"

// strict decodes YAML into v and fails for a field that v does not have, or has twice.
func strict(t *testing.T, name string, text []byte, v any) {
	t.Helper()
	if err := yaml.UnmarshalStrict(text, v); err != nil {
		t.Errorf("%s: %v\n%s", name, err, text)
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(conf, name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestKustomize builds all shapes and decodes each object into its type.
func TestKustomize(t *testing.T) {
	f := func(dir string, want ...string) {
		t.Helper()
		built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).
			Run(filesys.MakeFsOnDisk(), filepath.Join(conf, "kubernetes", dir))
		if err != nil {
			t.Fatal(err)
		}
		text, err := built.AsYaml()
		if err != nil {
			t.Fatal(err)
		}
		var kinds []string
		var pods []*corev1.PodSpec
		for _, doc := range bytes.Split(text, []byte("\n---\n")) {
			var head struct {
				Kind       string `json:"kind"`
				APIVersion string `json:"apiVersion"`
				Metadata   struct {
					Namespace string `json:"namespace"`
				} `json:"metadata"`
			}
			if err := yaml.Unmarshal(doc, &head); err != nil {
				t.Fatal(err)
			}
			kinds = append(kinds, head.Kind)
			if head.Kind != "Namespace" && head.Metadata.Namespace != "secretwatch" {
				t.Errorf("%s: %s in namespace %q", dir, head.Kind, head.Metadata.Namespace)
			}
			switch head.APIVersion + " " + head.Kind {
			case "v1 Namespace":
				strict(t, dir, doc, &corev1.Namespace{})
			case "v1 ServiceAccount":
				var a corev1.ServiceAccount
				strict(t, dir, doc, &a)
				if a.AutomountServiceAccountToken == nil || *a.AutomountServiceAccountToken {
					t.Errorf("%s: the service account's token is mounted", dir)
				}
			case "v1 ConfigMap":
				strict(t, dir, doc, &corev1.ConfigMap{})
			case "v1 Service":
				strict(t, dir, doc, &corev1.Service{})
			case "v1 PersistentVolumeClaim":
				strict(t, dir, doc, &corev1.PersistentVolumeClaim{})
			case "networking.k8s.io/v1 NetworkPolicy":
				strict(t, dir, doc, &networkingv1.NetworkPolicy{})
			case "apps/v1 DaemonSet":
				var d appsv1.DaemonSet
				strict(t, dir, doc, &d)
				pods = append(pods, &d.Spec.Template.Spec)
			case "apps/v1 Deployment":
				var d appsv1.Deployment
				strict(t, dir, doc, &d)
				pods = append(pods, &d.Spec.Template.Spec)
			default:
				t.Errorf("%s: nobody checks %s %s", dir, head.APIVersion, head.Kind)
			}
		}
		slices.Sort(kinds)
		slices.Sort(want)
		if !slices.Equal(kinds, want) {
			t.Errorf("%s has %s", dir, kinds)
		}
		if len(pods) == 0 {
			t.Fatalf("%s: no pod", dir)
		}
		for _, pod := range pods {
			checkPod(t, dir, pod)
		}
	}
	f("daemonset", "Namespace", "ServiceAccount", "ConfigMap", "DaemonSet", "NetworkPolicy")
	f("daemonset-redis", "Namespace", "ServiceAccount", "ConfigMap", "DaemonSet", "NetworkPolicy", "Deployment", "Service", "NetworkPolicy")
	f("webhook", "Namespace", "ServiceAccount", "ConfigMap", "Service", "PersistentVolumeClaim", "Deployment", "NetworkPolicy")
}

// TestRedisComponent: the component's objects fit those of the DaemonSet, and its
// configuration is that of the DaemonSet but for where history is.
func TestRedisComponent(t *testing.T) {
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).
		Run(filesys.MakeFsOnDisk(), filepath.Join(conf, "kubernetes", "daemonset-redis"))
	if err != nil {
		t.Fatal(err)
	}
	var service corev1.Service
	var server appsv1.Deployment
	var fluentBit appsv1.DaemonSet
	var in, out networkingv1.NetworkPolicy
	var config corev1.ConfigMap
	for _, r := range built.Resources() {
		text, err := r.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		switch r.GetKind() + " " + r.GetName() {
		case "Service secretwatch-redis":
			strict(t, "service", text, &service)
		case "Deployment secretwatch-redis":
			strict(t, "deployment", text, &server)
		case "DaemonSet secretwatch":
			strict(t, "daemonset", text, &fluentBit)
		case "NetworkPolicy secretwatch-redis":
			strict(t, "policy", text, &in)
		case "NetworkPolicy secretwatch":
			strict(t, "policy", text, &out)
		}
		if r.GetKind() == "ConfigMap" {
			strict(t, "config", text, &config)
		}
	}
	pod := server.Spec.Template
	for name, selector := range map[string]map[string]string{
		"the service": service.Spec.Selector, "the deployment": server.Spec.Selector.MatchLabels,
		"the policy": in.Spec.PodSelector.MatchLabels, "the way out": out.Spec.Egress[1].To[0].PodSelector.MatchLabels,
	} {
		if len(selector) == 0 || !labels.SelectorFromSet(selector).Matches(labels.Set(pod.Labels)) {
			t.Errorf("%s selects %v, the pods are %v", name, selector, pod.Labels)
		}
	}
	if from := in.Spec.Ingress[0].From[0].PodSelector.MatchLabels; !labels.SelectorFromSet(from).Matches(labels.Set(fluentBit.Spec.Template.Labels)) {
		t.Errorf("the policy lets in %v", from)
	}
	if labels.SelectorFromSet(out.Spec.PodSelector.MatchLabels).Matches(labels.Set(pod.Labels)) {
		t.Error("the policy of the DaemonSet is the server's too")
	}
	env := fluentBit.Spec.Template.Spec.Containers[0].Env
	if len(env) != 1 || env[0].Name != "SECRETWATCH_REDIS_PASSWORD" || env[0].ValueFrom.SecretKeyRef.Name != pod.Spec.Volumes[0].Secret.SecretName {
		t.Errorf("environment %+v", env)
	}
	if config.Data["fluent-bit.yaml"] != string(read(t, "kubernetes/redis/fluent-bit.yaml")) {
		t.Error("the configuration is not the component's")
	}
	history := regexp.MustCompile(`(?m)^ +(#.*(cluster|SECRETWATCH_REDIS_PASSWORD|same name).*|(cluster|redis_url|state_path): .*)\n`)
	own, its := read(t, "kubernetes/daemonset/fluent-bit.yaml"), read(t, "kubernetes/redis/fluent-bit.yaml")
	if !bytes.Equal(history.ReplaceAll(own, nil), history.ReplaceAll(its, nil)) {
		t.Errorf("configurations differ in more than the history:\n%s\n%s", history.ReplaceAll(own, nil), history.ReplaceAll(its, nil))
	}
	if url := "redis://secretwatch@" + service.Name + ":6379\n"; !bytes.Contains(its, []byte(url)) || service.Spec.Ports[0].Port != 6379 {
		t.Errorf("the configuration lacks %s", url)
	}
}

// checkPod checks what the API server would only say when the pod is created, and
// what the Pod Security level restricted asks for (k8s.io/pod-security-admission).
func checkPod(t *testing.T, name string, pod *corev1.PodSpec) {
	t.Helper()
	if pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken {
		t.Errorf("%s: a token is mounted", name)
	}
	volumes, host := map[string]bool{}, false
	for _, v := range pod.Volumes {
		volumes[v.Name] = true
		host = host || v.HostPath != nil
	}
	sc := pod.SecurityContext
	if sc == nil || sc.SeccompProfile == nil || sc.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Errorf("%s: no seccomp profile", name)
	}
	if !host && (sc.RunAsNonRoot == nil || !*sc.RunAsNonRoot || sc.RunAsUser == nil || *sc.RunAsUser == 0) {
		t.Errorf("%s: runs as root without need", name)
	}
	if pod.HostNetwork || pod.HostPID || pod.HostIPC {
		t.Errorf("%s: shares namespaces of the host", name)
	}
	for _, c := range append(pod.InitContainers, pod.Containers...) {
		for _, m := range c.VolumeMounts {
			if !volumes[m.Name] {
				t.Errorf("%s: %s mounts %s, which is no volume", name, c.Name, m.Name)
			}
			if m.Name == "audit-log" && !m.ReadOnly {
				t.Errorf("%s: the audit log can be written", name)
			}
		}
		s := c.SecurityContext
		switch {
		case s == nil, s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation,
			s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem,
			s.Capabilities == nil || len(s.Capabilities.Drop) != 1 || s.Capabilities.Drop[0] != "ALL",
			s.Privileged != nil && *s.Privileged:
			t.Errorf("%s: container %s is not locked down", name, c.Name)
		}
		ports := map[string]bool{}
		for _, p := range c.Ports {
			ports[p.Name] = true
		}
		for _, p := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe} {
			if p == nil {
				continue
			}
			var port string
			switch {
			case p.HTTPGet != nil:
				port = p.HTTPGet.Port.String()
			case p.TCPSocket != nil:
				port = p.TCPSocket.Port.String()
			}
			if !ports[port] {
				t.Errorf("%s: probe of port %q, which is none", name, port)
			}
		}
	}
}

// TestAuditPolicy loads the policy as the API server does and asks it about requests.
func TestAuditPolicy(t *testing.T) {
	p, err := policy.LoadPolicyFromBytes(read(t, "kubernetes/audit-policy.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	evaluator := policy.NewPolicyRuleEvaluator(p)
	f := func(want audit.Level, group, resource, subresource string) {
		t.Helper()
		for _, verb := range []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"} {
			for _, name := range []string{"", "system:anonymous", "system:serviceaccount:kube-system:x", "system:node:n", "system:apiserver"} {
				for _, namespace := range []string{"", "kube-system", "shop"} {
					got := evaluator.EvaluatePolicyRule(authorizer.AttributesRecord{
						User: &user.DefaultInfo{Name: name, Groups: []string{"system:masters"}}, Verb: verb, Namespace: namespace,
						APIGroup: group, APIVersion: "v1", Resource: resource, Subresource: subresource, ResourceRequest: true,
					})
					if got.Level != want {
						t.Errorf("%s %s/%s/%s by %q in %q: level %s, want %s", verb, group, resource, subresource, name, namespace, got.Level, want)
					}
					if len(got.OmitStages) != 1 || got.OmitStages[0] != audit.StageRequestReceived {
						t.Errorf("%s %s: omits %v", verb, resource, got.OmitStages)
					}
				}
			}
		}
	}
	f(audit.LevelMetadata, "", "secrets", "")
	f(audit.LevelMetadata, "", "serviceaccounts", "token")
	f(audit.LevelMetadata, "", "configmaps", "")
	f(audit.LevelMetadata, "authentication.k8s.io", "tokenreviews", "")
	f(audit.LevelMetadata, "", "pods", "exec")
	f(audit.LevelMetadata, "", "pods", "ephemeralcontainers")
	f(audit.LevelNone, "", "pods", "")
	for _, r := range p.Rules {
		if audit.LevelMetadata.Less(r.Level) {
			t.Errorf("a rule of level %s may log bodies", r.Level)
		}
	}
}

// TestWebhookStaysReady: an output that fails does not take the pod that API servers
// post to out of its service.
func TestWebhookStaysReady(t *testing.T) {
	var d appsv1.Deployment
	strict(t, "deployment.yaml", read(t, "kubernetes/webhook/deployment.yaml"), &d)
	var values struct {
		ReadinessProbe corev1.Probe `json:"readinessProbe"`
	}
	if err := yaml.Unmarshal(read(t, "kubernetes/helm/webhook-values.yaml"), &values); err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]*corev1.Probe{"deployment.yaml": d.Spec.Template.Spec.Containers[0].ReadinessProbe, "webhook-values.yaml": &values.ReadinessProbe} {
		if p == nil || p.HTTPGet == nil || p.HTTPGet.Path != "/" {
			t.Errorf("%s: readiness %+v", name, p)
		}
	}
}

// TestWebhookKubeconfig: the address is that of the service.
func TestWebhookKubeconfig(t *testing.T) {
	var k struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Clusters   []struct {
			Name    string `json:"name"`
			Cluster struct {
				Server     string `json:"server"`
				ServerName string `json:"tls-server-name"`
				CA         string `json:"certificate-authority"`
			} `json:"cluster"`
		} `json:"clusters"`
		Users []struct {
			Name string `json:"name"`
			User struct {
				Certificate string `json:"client-certificate"`
				Key         string `json:"client-key"`
			} `json:"user"`
		} `json:"users"`
		Contexts []struct {
			Name    string `json:"name"`
			Context struct {
				Cluster string `json:"cluster"`
				User    string `json:"user"`
			} `json:"context"`
		} `json:"contexts"`
		Current string `json:"current-context"`
	}
	strict(t, "audit-webhook.kubeconfig.yaml", read(t, "kubernetes/audit-webhook.kubeconfig.yaml"), &k)
	var s corev1.Service
	strict(t, "service.yaml", read(t, "kubernetes/webhook/service.yaml"), &s)
	if want := "https://" + s.Spec.ClusterIP + ":9880/"; k.Clusters[0].Cluster.Server != want || s.Spec.Ports[0].Port != 9880 {
		t.Errorf("the webhook goes to %s, the service is %s", k.Clusters[0].Cluster.Server, want)
	}
	c := k.Contexts[0]
	if k.Current != c.Name || c.Context.Cluster != k.Clusters[0].Name || c.Context.User != k.Users[0].Name {
		t.Errorf("%+v", k)
	}
}

// TestHelmValues: the values only set what the chart reads, by the list of its own
// values; the parts that go into the pod have the types of a pod.
func TestHelmValues(t *testing.T) {
	list, err := os.Open("testdata/fluent-bit-chart-0.58.1-keys.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer list.Close()
	text, err := io.ReadAll(list)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, key := range strings.Fields(string(text)) {
		known[key] = true
	}
	for _, name := range []string{"daemonset", "webhook"} {
		text := read(t, "kubernetes/helm/"+name+"-values.yaml")
		var all map[string]any
		strict(t, name, text, &all)
		for key, value := range all {
			if !known[key] {
				t.Errorf("%s: the chart does not know %s", name, key)
			}
			if key == "config" {
				for part := range value.(map[string]any) {
					if !known["config."+part] {
						t.Errorf("%s: the chart does not know config.%s", name, part)
					}
				}
			}
		}
		var v struct {
			PodSecurityContext    *corev1.PodSecurityContext
			SecurityContext       *corev1.SecurityContext
			InitContainers        []corev1.Container
			ExtraVolumes          []corev1.Volume
			ExtraVolumeMounts     []corev1.VolumeMount
			DaemonSetVolumes      []corev1.Volume
			DaemonSetVolumeMounts []corev1.VolumeMount
			Tolerations           []corev1.Toleration
			Resources             corev1.ResourceRequirements
		}
		part := map[string]any{}
		for _, key := range []string{"podSecurityContext", "securityContext", "initContainers", "extraVolumes", "extraVolumeMounts",
			"daemonSetVolumes", "daemonSetVolumeMounts", "tolerations", "resources"} {
			if all[key] != nil {
				part[key] = all[key]
			}
		}
		again, err := yaml.Marshal(part)
		if err != nil {
			t.Fatal(err)
		}
		strict(t, name, again, &v)
		no := false
		checkPod(t, "helm/"+name, &corev1.PodSpec{
			AutomountServiceAccountToken: &no,
			SecurityContext:              v.PodSecurityContext,
			InitContainers:               v.InitContainers,
			Volumes:                      append(v.ExtraVolumes, v.DaemonSetVolumes...),
			Containers: []corev1.Container{{
				Name: "fluent-bit", SecurityContext: v.SecurityContext, VolumeMounts: append(v.ExtraVolumeMounts, v.DaemonSetVolumeMounts...),
			}},
		})
	}
}
