package audit

// order lists the keys of an event as the API server writes them: fields in the
// order of their Go types (k8s.io/apiserver/pkg/apis/audit/v1.Event and what it
// holds), entries of maps sorted. The scanner compares a key with those that may
// be next, which is faster than finding out where it ends. A key that is not
// listed, or out of order, is only slower to read.
var order = [...]string{
	"kind", "apiVersion", "level", "auditID", "stage", "requestURI", "verb",
	"user", "username", "uid", "groups", "extra",
	keyCredentialID, keyNodeName, keyNodeUID, keyPodName, keyPodUID,
	"impersonatedUser", "sourceIPs", "userAgent",
	"objectRef", "resource", "namespace", "name", "apiGroup", "apiVersion", "subresource",
	"responseStatus", "metadata", "code",
	"requestReceivedTimestamp", "stageTimestamp",
	"annotations", keyDecision, "authorization.k8s.io/reason",
}

// ahead is how many of them are tried.
const ahead = 8
