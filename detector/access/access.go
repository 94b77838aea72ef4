package access

import (
	"strings"

	"github.com/secretwatch/secretwatch/detector/audit"
)

// Action is what a request did, as far as rules tell requests apart.
type Action uint8

// Actions. Read covers get, list and watch and the writes that answer with the
// object; Review is a self permission review, context only.
const (
	Other Action = iota
	Read
	Create
	Delete
	DeleteCollection
	Mint   // create of serviceaccounts/token
	Review // selfsubjectaccessreviews, selfsubjectrulesreviews
)

// Outcome is how a request ended.
type Outcome uint8

// Outcomes. Failed is authorised but without an answer that holds the object:
// not found, conflict, invalid.
const (
	Allowed Outcome = iota
	Denied
	Unauthenticated
	Failed
)

func (o Outcome) String() string {
	return [...]string{"allowed", "denied", "unauthenticated", "error"}[o]
}

// Access is one request as the rules see it. It aliases the event.
type Access struct {
	Event *audit.Event
	Time  int64 // nanoseconds since the Unix epoch, 0 if unknown; never negative

	Principal string // who authenticated; "" for nobody
	Effective string // whom the request acted as
	Class     Class
	Source    Source
	Client    Client
	// ClientKey and ClientText are what the client counts as. Inside the cluster
	// programs are scheduled to machines of any kind, so that the platform is left
	// out; on people's desks a new platform is news. ClientText may be kept.
	ClientKey  uint64
	ClientText string

	Action  Action
	Outcome Outcome
	// Bulk: every object of a namespace or of the cluster (list, watch and
	// deletecollection without a name).
	Bulk bool
	// ClusterWide: Bulk over all namespaces.
	ClusterWide bool
	// Informer: asked in the way of client-go's reflector, which keeps a cache.
	Informer bool

	Namespace    string
	NamespaceKey uint64 // Key of it
	Name         string
	Object       uint64 // identifies namespace and name; for Bulk the namespace's collection
}

// Judged says whether an event is one of those that are judged: core secrets,
// service account tokens, self reviews; see Stages for which of a request's
// events stands for it.
func Judged(ev *audit.Event) bool {
	switch ev.Resource {
	case "secrets":
		return ev.APIGroup == ""
	case "serviceaccounts":
		return ev.APIGroup == "" && ev.Subresource == "token" && ev.Verb == "create"
	}
	return false
}

// From fills a with ev as seen through s and cs. It reports false when the event
// is none that is judged.
func (a *Access) From(ev *audit.Event, s *Sources, cs *Clients) bool {
	if !Judged(ev) {
		return false
	}
	*a = Access{}
	a.Event, a.Time, a.Namespace, a.Name = ev, ev.Time, ev.Namespace, ev.Name
	if a.Time <= 0 {
		a.Time = max(ev.StageTime, 0)
	}
	a.Principal = ev.User.Username
	a.Class = ClassOf(a.Principal)
	if a.Class == Anonymous {
		a.Principal = "system:anonymous"
	}
	a.Effective = a.Principal
	if ev.Impersonated.Username != "" {
		a.Effective = ev.Impersonated.Username
	}
	a.Outcome = outcome(ev)
	a.action()
	a.Source = s.Resolve(ev.SourceIPs, a.Class)
	c := cs.read(ev.UserAgent)
	a.Client, a.ClientKey, a.ClientText = c.Client, c.Key, c.text
	if a.Class.InCluster() {
		a.ClientKey, a.ClientText = c.bareKey, c.bareText
	}
	a.NamespaceKey = Key(a.Namespace)
	a.Object = ObjectKey(a.Namespace, a.Name)
	return true
}

func outcome(ev *audit.Event) Outcome {
	switch {
	case ev.Code == 401:
		return Unauthenticated
	case ev.Decision == "forbid":
		return Denied
	case ev.Code == 403:
		// With a decision of "allow" it was admission that refused.
		if ev.Decision == "allow" {
			return Failed
		}
		return Denied
	case ev.Code >= 400 || ev.Stage == audit.StagePanic:
		return Failed
	}
	return Allowed
}

func (a *Access) action() {
	ev := a.Event
	if ev.Resource == "serviceaccounts" {
		a.Action = Mint
		return
	}
	if ev.Subresource != "" {
		// Secrets have no subresources: such requests end in 403 or 404.
		a.Action = Other
		return
	}
	switch ev.Verb {
	case "get", "list", "watch":
		a.Action = Read
	case "update", "patch":
		a.Action = Read
	case "create":
		a.Action = Create
	case "delete":
		a.Action = Delete
	case "deletecollection":
		a.Action = DeleteCollection
	default:
		a.Action = Other
	}
	if a.Name == "" && (ev.Verb == "list" || ev.Verb == "watch" || ev.Verb == "deletecollection") {
		if a.Namespace == "" {
			a.Namespace = FieldValue(QueryValue(ev.RequestURI, "fieldSelector"), "metadata.namespace")
		}
		a.Bulk = true
		a.ClusterWide = a.Namespace == ""
		query := queryOf(ev.RequestURI)
		a.Informer = ev.Verb != "deletecollection" &&
			(strings.Contains(query, "resourceVersion=") || strings.Contains(query, "sendInitialEvents=true"))
	}
}

func queryOf(uri string) string {
	_, q, _ := strings.Cut(uri, "?")
	return q
}

const helmPrefix = "sh.helm.release.v1."

// ObjectKey identifies a secret. All revisions of a Helm release
// (sh.helm.release.v1.NAME.vN, one secret each) are one object: every deploy
// makes a new one and reads the ones before it.
func ObjectKey(namespace, name string) uint64 {
	if strings.HasPrefix(name, helmPrefix) {
		if i := strings.LastIndex(name, ".v"); i >= len(helmPrefix) && digits(name[i+2:]) {
			name = name[:i]
		}
	}
	return keyOf(namespace, name)
}

func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
