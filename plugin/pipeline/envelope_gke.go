package pipeline

import (
	"strings"

	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/plugin/pipeline/tree"
)

// gkeCore begins the names of methods of the core group:
// io.k8s.core.v1.secrets.get, io.k8s.core.v1.serviceaccounts.token.create.
const gkeCore = "io.k8s.core.v1."

// gke is a LogEntry of Google Cloud Logging whose protoPayload is an AuditLog
// (google.cloud.audit.AuditLog) of a Kubernetes API server. It is translated to
// the audit event it was made from:
//
//	protoPayload.methodName                      verb, resource, subresource
//	protoPayload.resourceName                    namespace and name
//	protoPayload.authenticationInfo              user, and whom it impersonates
//	protoPayload.requestMetadata                 address and user agent
//	protoPayload.status.code                     a code of gRPC
//	protoPayload.authorizationInfo, labels       the decision
//	operation                                    audit ID, and whether a watch starts or ends
//	timestamp                                    time
//
// There are no stages, groups or request URIs.
//
// Where these names come from: the fields of AuditLog and LogEntry from Google's
// reference of both types; the form of method and resource names from GKE's guide
// to audit logging and from the schema in GoogleCloudPlatform/gke-mcp. That tokens
// are logged, as io.k8s.core.v1.serviceaccounts.token.create of
// core/v1/namespaces/NS/serviceaccounts/NAME/token, and that the user of an
// Impersonate-User header is the authoritySelector, stands in Elastic's detection
// rules for GKE, which were tried on clusters (elastic/detection-rules, pull request
// 6445); an entry with it is quoted in kyma-project/kyma issue 2811.
// serviceAccountDelegationInfo is about Google's own service accounts and not
// about Kubernetes' impersonation; the account itself is the user.
func (p *Pipeline) gke(s *scratch, v tree.Value, l *layout) found {
	if l.protoPayload.Kind() != tree.Object {
		return nothing
	}
	method := alias(l.protoPayload.Get("methodName").Text(&s.text))
	call, ok := strings.CutPrefix(method, gkeCore)
	if !ok {
		return nothing
	}
	ev := &s.event
	ev.Reset()
	resource, verb, ok := strings.Cut(call, ".")
	if !ok {
		return nothing
	}
	ev.Resource, ev.Verb = resource, verb
	if i := strings.LastIndexByte(verb, '.'); i >= 0 {
		ev.Subresource, ev.Verb = verb[:i], verb[i+1:]
	}
	ev.Stage = audit.StageResponseComplete
	text := func(v tree.Value) string { return alias(v.Text(&s.text)) }
	granted, asked := false, false
	for m := l.protoPayload.Members(); m.Next(); {
		switch string(m.Key) {
		case "resourceName":
			ev.Namespace, ev.Name = gkeObject(text(m.Value), resource)
		case "authenticationInfo":
			gkeUser(ev, text(m.Value.Get("principalEmail")), text(m.Value.Get("principalSubject")), text(m.Value.Get("authoritySelector")))
		case "requestMetadata":
			ip := text(m.Value.Get("callerIp"))
			if ip == "" {
				ip = text(m.Value.Get("callerIP")) // as some exporters spell it
			}
			if ip != "" {
				ev.SourceIPs = append(ev.SourceIPs, ip)
			}
			ev.UserAgent = text(m.Value.Get("callerSuppliedUserAgent"))
		case "status":
			code, _ := m.Value.Get("code").Int()
			ev.Code = httpCode(code)
			ev.StatusMessage = text(m.Value.Get("message"))
		case "authorizationInfo":
			for e := m.Value.Elements(); e.Next(); {
				asked, granted = true, granted || e.Value.Get("granted").True()
			}
		}
	}
	switch {
	case granted:
		ev.Decision = "allow"
	case asked && ev.Code == 403:
		ev.Decision = "forbid"
	}
	for m := v.Members(); m.Next(); {
		switch string(m.Key) {
		case "timestamp":
			ev.Time = audit.ParseTime(text(m.Value))
		case "receiveTimestamp":
			ev.StageTime = audit.ParseTime(text(m.Value))
		case "insertId":
			if ev.AuditID == "" {
				ev.AuditID = text(m.Value)
			}
		case "operation":
			if id := text(m.Value.Get("id")); id != "" {
				ev.AuditID = id
			}
			// A watch has one entry, or one when it starts and one when it ends,
			// which is no further request.
			if ev.Verb == "watch" {
				if m.Value.Get("first").True() {
					ev.Stage = audit.StageResponseStarted
				} else if m.Value.Get("last").True() {
					return nothing
				}
			}
		case "labels":
			if d := text(m.Value.Get("authorization.k8s.io/decision")); d != "" {
				ev.Decision = d
			}
		}
	}
	if ev.Code == 0 {
		ev.Code = 200
	}
	return single
}

// gkeUser sets who asked, and as whom. Identities of other providers (workforce
// and workload identity pools) have no address of mail but a subject.
func gkeUser(ev *audit.Event, email, subject, selector string) {
	ev.User.Username, ev.Impersonated.Username = email, selector
	if email == "" {
		ev.User.Username = subject
	}
	if ev.User.Username == "" && selector == anonymous {
		// So some exporters tell that nobody authenticated.
		ev.Impersonated.Username = ""
	}
}

// anonymous is the user of requests without credentials
// (k8s.io/apiserver/pkg/authentication/user.Anonymous).
const anonymous = "system:anonymous"

// gkeObject takes namespace and name out of core/v1/namespaces/NS/secrets/NAME,
// core/v1/namespaces/NS/serviceaccounts/NAME/token or core/v1/secrets.
func gkeObject(path, resource string) (namespace, name string) {
	if rest, ok := strings.CutPrefix(path, "core/v1/namespaces/"); ok {
		namespace, path, _ = strings.Cut(rest, "/")
	} else {
		path = strings.TrimPrefix(path, "core/v1/")
	}
	if rest, ok := strings.CutPrefix(path, resource+"/"); ok {
		name, _, _ = strings.Cut(rest, "/")
	}
	return namespace, name
}

// httpCode is the HTTP status of a code of gRPC (google.rpc.Code), where the
// difference matters.
func httpCode(code int64) int {
	switch code {
	case 0:
		return 200
	case 3, 9, 11:
		return 400
	case 16:
		return 401
	case 7:
		return 403
	case 5:
		return 404
	case 6, 10:
		return 409
	case 8:
		return 429
	case 12:
		return 501
	case 14:
		return 503
	case 4:
		return 504
	}
	return 500
}
