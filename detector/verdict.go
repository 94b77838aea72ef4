package detector

import "github.com/secretwatch/secretwatch/detector/rule"

// Verdict is what the detector says of one judged request. A Verdict is reused
// between calls: its strings may alias the event it judged and its slices are
// overwritten by the next Judge call with it.
type Verdict struct {
	Severity    rule.Severity // None when nothing was found
	RiskScore   int           // 0 to 99
	Title       string        // title of the highest scored rule
	Rules       []string      // rule ids, highest score first
	Reason      string        // one sentence a finding, joined by "; ", client text cut and escaped
	First       bool          // true once per fingerprint within probation
	Fingerprint string        // 16 hex digits over principal, rules and values
	History     string        // complete, learning, evicted or degraded

	User          string // authenticated user
	EffectiveUser string // impersonated user, else User
	SourceIP      string // the address judged, after trusted proxies
	UserAgent     string // as sent, cut
	Verb          string
	Namespace     string
	Secret        string // object name, empty for list and watch without one
	Outcome       string // allowed, denied, unauthenticated or error
	AuditID       string // cut
	Techniques    []string

	addr []byte // SourceIP's memory
}
