// Package audit reads Kubernetes audit events (audit.k8s.io/v1 Event) out of
// JSON text or MessagePack records, without copying what it reads.
package audit

// Event holds the fields of one audit event that the detector looks at.
//
// Field names follow k8s.io/apiserver/pkg/apis/audit/v1.Event. All strings may
// alias the parsed input or the parser's own buffer: they are valid until the
// next call on the parser that filled the event, or until the input buffer is
// reused, whichever comes first. Clone what must outlive that.
type Event struct {
	AuditID    string
	Stage      Stage
	Verb       string
	RequestURI string
	UserAgent  string

	User         User
	Impersonated User // impersonatedUser; Username is empty when absent

	// SourceIPs as recorded: X-Forwarded-For entries, X-Real-Ip, and the
	// connection's peer last.
	SourceIPs []string

	Resource    string // objectRef.resource
	APIGroup    string // objectRef.apiGroup, empty for the core group
	Namespace   string
	Name        string
	Subresource string

	// Code is responseStatus.code, 0 when absent.
	Code int
	// StatusMessage is responseStatus.message. A denied impersonation names
	// its target only there.
	StatusMessage string

	// Decision is the annotation authorization.k8s.io/decision.
	Decision string
	// IssuedCredentialID is the annotation
	// authentication.kubernetes.io/issued-credential-id (Kubernetes 1.30+).
	IssuedCredentialID string
	// LegacyToken is the annotation authentication.k8s.io/legacy-token.
	LegacyToken string

	// Time is requestReceivedTimestamp in nanoseconds since the Unix epoch; 0
	// when absent or unreadable.
	Time int64
	// StageTime is stageTimestamp in nanoseconds since the Unix epoch, or 0.
	StageTime int64
}

// User is authentication.k8s.io/v1 UserInfo as far as it is used.
type User struct {
	Username string
	UID      string
	Groups   []string

	// The entries of user.extra that identify the very credential. Present at
	// every audit level.
	CredentialID string // authentication.kubernetes.io/credential-id: JTI=… or X509SHA256=…
	PodName      string // authentication.kubernetes.io/pod-name
	PodUID       string // authentication.kubernetes.io/pod-uid
	NodeName     string // authentication.kubernetes.io/node-name
	NodeUID      string // authentication.kubernetes.io/node-uid
}

// Stage is the stage of a request at which an event was generated.
type Stage uint8

// Stages of audit.k8s.io/v1. StageUnknown stands for an absent or unknown one.
const (
	StageUnknown Stage = iota
	StageRequestReceived
	StageResponseStarted
	StageResponseComplete
	StagePanic
)

// ParseStage maps the API's spelling to a Stage.
func ParseStage(s string) Stage {
	switch s {
	case "RequestReceived":
		return StageRequestReceived
	case "ResponseStarted":
		return StageResponseStarted
	case "ResponseComplete":
		return StageResponseComplete
	case "Panic":
		return StagePanic
	}
	return StageUnknown
}

// Reset empties the event, keeping its slices' memory.
func (e *Event) Reset() {
	ips := e.SourceIPs[:0]
	groups := e.User.Groups[:0]
	imp := e.Impersonated.Groups[:0]
	*e = Event{SourceIPs: ips}
	e.User.Groups = groups
	e.Impersonated.Groups = imp
}

// Clear empties the event and forgets every string, also those behind the ends
// of its slices. An event that is kept for reuse after its input was freed must
// be cleared.
func (e *Event) Clear() {
	e.Reset()
	for _, s := range [...]*[]string{&e.SourceIPs, &e.User.Groups, &e.Impersonated.Groups} {
		if cap(*s) > 1024 {
			*s = nil
		}
		clear((*s)[:cap(*s)])
	}
}
