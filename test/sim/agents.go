package sim

import "strings"

// User agents in the exact forms of the programs that send them.

// commit is the abbreviated build commit of a release. Any stable value does.
func commit(version string) string {
	h := uint64(1469598103934665603)
	for i := 0; i < len(version); i++ {
		h = (h ^ uint64(version[i])) * 1099511628211
	}
	const digits = "0123456789abcdef"
	var b [7]byte
	for i := range b {
		b[i] = digits[h>>(4*i)&15]
	}
	return string(b[:])
}

// clientGo is the form of programs built with version flags:
// name/version (os/arch) kubernetes/commit.
func clientGo(name, version, platform string) string {
	return name + "/" + version + " (" + platform + ") kubernetes/" + commit(version)
}

// format is the form of client-go programs built without version flags.
func format(name, platform string) string {
	return name + "/v0.0.0 (" + platform + ") kubernetes/$Format"
}

func kubectlAgent(version, platform string) string { return clientGo("kubectl", version, platform) }

const linux = "linux/amd64"

// library is how an application talks to the API server.
type library struct {
	name string
	// versions in order of release; %s stands in the agent for it.
	agent    string
	versions []string
	watches  bool // can run informers
}

// libraries of applications, and how many of 100 applications use each.
var libraries = []struct {
	share int
	library
}{
	{34, library{name: "client-go, no version", agent: "NAME/v0.0.0 (linux/amd64) kubernetes/$Format", versions: []string{"v0.34.1", "v0.35.0"}, watches: true}},
	{10, library{name: "client-go, versioned", agent: "NAME/%s (linux/amd64) kubernetes/HASH", versions: []string{"v1.14.2", "v1.15.0", "v1.15.1", "v1.16.0"}, watches: true}},
	{14, library{name: "fabric8", agent: "fabric8-kubernetes-client/%s", versions: []string{"6.9.2", "6.10.0", "6.13.4"}, watches: true}},
	{6, library{name: "java official", agent: "OpenAPI-Generator/%s/java", versions: []string{"19.0.1", "20.0.1", "21.0.2"}, watches: true}},
	{16, library{name: "python official", agent: "OpenAPI-Generator/%s/python", versions: []string{"29.0.0", "30.1.0", "31.0.0"}, watches: true}},
	{4, library{name: "node official", agent: "node-fetch", versions: []string{"0.20.0", "1.0.0"}}},
	{3, library{name: "rust, no agent", agent: "", versions: []string{"0.87"}, watches: true}},
	{3, library{name: "ruby", agent: "rest-client/2.1.0 (linux x86_64) ruby/%s", versions: []string{"3.1.2p20", "3.2.4p170"}}},
	{2, library{name: "dotnet", agent: "KubernetesClient/%s", versions: []string{"13.0.1.0", "14.0.2.0"}, watches: true}},
	{2, library{name: "okhttp", agent: "okhttp/%s", versions: []string{"4.9.3", "4.12.0"}}},
	{3, library{name: "curl script", agent: "curl/%s", versions: []string{"8.5.0", "8.7.1"}}},
	{3, library{name: "python requests", agent: "python-requests/%s", versions: []string{"2.31.0", "2.32.3"}}},
}

// scripts are what scheduled jobs use.
var scripts = []library{
	{name: "kubectl image", agent: "kubectl/%s (linux/amd64) kubernetes/HASH", versions: []string{"v1.29.3", "v1.30.2", "v1.31.1"}},
	{name: "kubectl image", agent: "kubectl/%s (linux/amd64) kubernetes/HASH", versions: []string{"v1.29.3", "v1.30.2", "v1.31.1"}},
	{name: "python official", agent: "OpenAPI-Generator/%s/python", versions: []string{"29.0.0", "30.1.0"}},
	{name: "curl script", agent: "curl/%s", versions: []string{"8.5.0", "8.7.1"}},
}

// agentFor is the user agent of version i of the library in a program.
func (l *library) agentFor(program string, i int) string {
	if i >= len(l.versions) {
		i = len(l.versions) - 1
	}
	v := l.versions[i]
	a := strings.Replace(l.agent, "NAME", program, 1)
	a = strings.Replace(a, "%s", v, 1)
	return strings.Replace(a, "HASH", commit(v), 1)
}

// lensAgent is Lens, an Electron desktop program.
func lensAgent(platform string, version int) string {
	v := []string{"6.5.2", "2024.5.271333", "2024.6.300751"}[min(version, 2)]
	chrome := []string{"102.0.5005.167", "124.0.6367.207", "124.0.6367.243"}[min(version, 2)]
	os := "X11; Linux x86_64"
	if strings.HasPrefix(platform, "darwin") {
		os = "Macintosh; Intel Mac OS X 10_15_7"
	} else if strings.HasPrefix(platform, "windows") {
		os = "Windows NT 10.0; Win64; x64"
	}
	return "Mozilla/5.0 (" + os + ") AppleWebKit/537.36 (KHTML, like Gecko) Lens/" + v + " Chrome/" + chrome + " Electron/22.3.27 Safari/537.36"
}
