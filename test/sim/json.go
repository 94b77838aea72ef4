package sim

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/secretwatch/secretwatch/detector/audit"
)

// AppendJSON appends ev as one line of an API server's audit log, without the
// line feed.
func AppendJSON(dst []byte, ev *audit.Event) []byte {
	dst = append(dst, `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata"`...)
	dst = appendField(dst, `,"auditID":`, ev.AuditID)
	dst = appendField(dst, `,"stage":`, stageName(ev.Stage))
	dst = appendField(dst, `,"requestURI":`, ev.RequestURI)
	dst = appendField(dst, `,"verb":`, ev.Verb)
	dst = append(dst, `,"user":`...)
	dst = appendUser(dst, &ev.User)
	if ev.Impersonated.Username != "" {
		dst = append(dst, `,"impersonatedUser":`...)
		dst = appendUser(dst, &ev.Impersonated)
	}
	dst = append(dst, `,"sourceIPs":`...)
	dst = appendStrings(dst, ev.SourceIPs)
	if ev.UserAgent != "" {
		dst = appendField(dst, `,"userAgent":`, ev.UserAgent)
	}
	dst = appendField(dst, `,"objectRef":{"resource":`, ev.Resource)
	for _, f := range [...]struct{ key, value string }{
		{`,"namespace":`, ev.Namespace}, {`,"name":`, ev.Name}, {`,"apiGroup":`, ev.APIGroup},
		{`,"apiVersion":`, "v1"}, {`,"subresource":`, ev.Subresource},
	} {
		if f.value != "" {
			dst = appendField(dst, f.key, f.value)
		}
	}
	dst = append(dst, '}')
	if ev.Code != 0 {
		dst = append(dst, `,"responseStatus":{"metadata":{}`...)
		if ev.StatusMessage != "" {
			dst = append(dst, `,"status":"Failure"`...)
			dst = appendField(dst, `,"message":`, ev.StatusMessage)
		}
		dst = append(dst, `,"code":`...)
		dst = strconv.AppendInt(dst, int64(ev.Code), 10)
		dst = append(dst, '}')
	}
	dst = appendTime(dst, `,"requestReceivedTimestamp":"`, ev.Time)
	dst = appendTime(dst, `,"stageTimestamp":"`, ev.StageTime)
	if ev.Decision != "" {
		dst = append(dst, `,"annotations":{`...)
		if ev.IssuedCredentialID != "" {
			dst = append(appendField(dst, `"authentication.kubernetes.io/issued-credential-id":`, ev.IssuedCredentialID), ',')
		}
		if ev.LegacyToken != "" {
			dst = append(appendField(dst, `"authentication.k8s.io/legacy-token":`, ev.LegacyToken), ',')
		}
		dst = appendField(dst, `"authorization.k8s.io/decision":`, ev.Decision)
		dst = append(dst, `,"authorization.k8s.io/reason":""}`...)
	}
	return append(dst, '}')
}

func stageName(s audit.Stage) string {
	return [...]string{"", "RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"}[s]
}

func appendField(dst []byte, key, value string) []byte {
	dst = append(dst, key...)
	quoted, _ := json.Marshal(value) // strings always marshal
	return append(dst, quoted...)
}

func appendStrings(dst []byte, list []string) []byte {
	dst = append(dst, '[')
	for i, x := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendField(dst, "", x)
	}
	return append(dst, ']')
}

func appendUser(dst []byte, u *audit.User) []byte {
	dst = append(dst, '{')
	if u.Username == "" {
		return append(dst, '}')
	}
	dst = appendField(dst, `"username":`, u.Username)
	if u.UID != "" {
		dst = appendField(dst, `,"uid":`, u.UID)
	}
	dst = append(dst, `,"groups":`...)
	dst = appendStrings(dst, u.Groups)
	extra := false
	sep := `,"extra":{"authentication.kubernetes.io/`
	for _, f := range [...]struct{ key, value string }{
		{`credential-id":`, u.CredentialID}, {`node-name":`, u.NodeName}, {`node-uid":`, u.NodeUID},
		{`pod-name":`, u.PodName}, {`pod-uid":`, u.PodUID},
	} {
		if f.value != "" {
			dst = append(dst, sep...)
			dst = append(dst, f.key...)
			dst = appendStrings(dst, []string{f.value})
			sep = `,"authentication.kubernetes.io/`
			extra = true
		}
	}
	if extra {
		dst = append(dst, '}')
	}
	return append(dst, '}')
}

func appendTime(dst []byte, key string, ns int64) []byte {
	dst = append(dst, key...)
	dst = time.Unix(0, ns).UTC().AppendFormat(dst, "2006-01-02T15:04:05.000000Z")
	return append(dst, '"')
}
