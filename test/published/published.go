// Package published re-implements detection rules for Kubernetes secret access
// as SIEM vendors publish them, for comparison only. They see get and list,
// never watch, and count one alert for each rule and request that matches.
package published

import (
	"strings"

	"github.com/secretwatch/secretwatch/detector/audit"
)

// Rule is one of the published rules.
type Rule int

// The rules, in the order of Rules.
const (
	NewTriple Rule = iota
	ScriptingAgent
	SensitiveList
	ThreeGets
	WorkloadRead
	TokenCreated
	NumRules
)

// Describe says what a rule matches.
func (r Rule) Describe() string {
	return [...]string{
		"new combination of address, user and user agent in 7 days, $Format user agents excluded",
		"a scripting user agent reads secrets",
		"secrets listed across the cluster or in kube-system or default, by URI",
		"three distinct secrets read in six minutes by one identity",
		"a service account or node reads secrets",
		"a service account token is created",
	}[r]
}

// Alerts is a set of rules.
type Alerts uint8

// Has reports whether r alerted.
func (a Alerts) Has(r Rule) bool { return a&(1<<r) != 0 }

// Count is the number of rules that alerted.
func (a Alerts) Count() int {
	n := 0
	for ; a != 0; a &= a - 1 {
		n++
	}
	return n
}

const (
	minute  = int64(60e9)
	history = 7 * 24 * 60 * minute
	gets    = 6 * minute
)

type triple struct{ ip, user, agent string }

type read struct {
	t    int64
	name string
}

// Rules holds what the rules remember. Not safe for concurrent use.
type Rules struct {
	// Values are pointers: an assignment to a string key that is there replaces
	// the key as well, and what events hold does not last.
	triples map[triple]*int64 // last seen
	reads   map[string]*[]read
}

// New returns rules that have seen nothing.
func New() *Rules {
	return &Rules{triples: map[triple]*int64{}, reads: map[string]*[]read{}}
}

// Judge takes the events of a log in order and says which rules alert on ev.
// Like the published queries it looks at the stage ResponseComplete.
func (s *Rules) Judge(ev *audit.Event) Alerts {
	if ev.Stage != audit.StageResponseComplete || ev.APIGroup != "" {
		return 0
	}
	var a Alerts
	if ev.Resource == "serviceaccounts" && ev.Subresource == "token" && ev.Verb == "create" {
		return 1 << TokenCreated
	}
	if ev.Resource != "secrets" || ev.Verb != "get" && ev.Verb != "list" {
		return 0
	}
	if s.newTriple(ev) {
		a |= 1 << NewTriple
	}
	if scripting(ev.UserAgent) {
		a |= 1 << ScriptingAgent
	}
	if ev.Verb == "list" && sensitive(ev.RequestURI) {
		a |= 1 << SensitiveList
	}
	if ev.Verb == "get" && s.thirdGet(ev) {
		a |= 1 << ThreeGets
	}
	if strings.HasPrefix(ev.User.Username, "system:serviceaccount:") || strings.HasPrefix(ev.User.Username, "system:node:") {
		a |= 1 << WorkloadRead
	}
	return a
}

// newTriple is a new-terms rule: the terms are the first source address, the
// user and the user agent as they stand.
func (s *Rules) newTriple(ev *audit.Event) bool {
	if strings.Contains(ev.UserAgent, "kubernetes/$Format") || len(ev.SourceIPs) == 0 {
		return false
	}
	k := triple{ev.SourceIPs[0], ev.User.Username, ev.UserAgent}
	last := s.triples[k]
	if last == nil {
		at := ev.Time
		s.triples[triple{strings.Clone(k.ip), strings.Clone(k.user), strings.Clone(k.agent)}] = &at
		return true
	}
	before := *last
	*last = max(ev.Time, before)
	return ev.Time-before > history
}

var scriptingAgents = []string{
	"curl/", "wget/", "python-requests", "python-urllib", "aiohttp", "go-http-client", "java/", "okhttp", "apache-httpclient",
	"node-fetch", "axios", "undici", "php", "guzzle", "ruby", "libwww-perl", "powershell", "postmanruntime", "httpie",
	"restsharp", "mozilla/", "kali", "peirates", "kubehound", "kdigger", "stratus-red-team",
}

func scripting(agent string) bool {
	agent = strings.ToLower(agent)
	for _, x := range scriptingAgents {
		if strings.Contains(agent, x) {
			return true
		}
	}
	return false
}

func sensitive(uri string) bool {
	path, _, _ := strings.Cut(uri, "?")
	switch path {
	case "/api/v1/secrets", "/api/v1/namespaces/kube-system/secrets", "/api/v1/namespaces/default/secrets":
		return true
	}
	return false
}

// thirdGet is true once there are three distinct secrets in the window, and
// then starts anew, as a threshold rule with suppression does.
func (s *Rules) thirdGet(ev *audit.Event) bool {
	list := s.reads[ev.User.Username]
	if list == nil {
		list = new([]read)
		s.reads[strings.Clone(ev.User.Username)] = list
	}
	kept := (*list)[:0]
	name := ev.Namespace + "/" + ev.Name
	for _, x := range *list {
		if x.t > ev.Time-gets && x.name != name {
			kept = append(kept, x)
		}
	}
	kept = append(kept, read{ev.Time, name})
	if len(kept) >= 3 {
		*list = kept[:0]
		return true
	}
	*list = kept
	return false
}
