// Package detector judges Kubernetes audit events: it remembers how each
// identity normally reads Secrets and says which accesses do not fit.
package detector

import "github.com/secretwatch/secretwatch/detector/audit"

// Result says what Judge did with an event.
type Result uint8

// Results of Judge.
const (
	Skipped   Result = iota // no secret access, an ignored one, or a stage that is not judged
	Duplicate               // a request that was judged already
	Clean                   // judged; nothing at or above Config.MinSeverity. The verdict is filled.
	Found                   // judged; the verdict has Severity >= Config.MinSeverity
)

// Detector judges events against the history of who made them. Safe for
// concurrent use.
type Detector struct {
	cfg Config
}

// New returns a detector with an empty history.
func New(cfg Config) (*Detector, error) {
	return &Detector{cfg: cfg}, nil
}

// Judge judges one event and fills v. ev is not kept: what the history
// remembers is copied. v may be reused between calls.
func (d *Detector) Judge(ev *audit.Event, v *Verdict) Result {
	return Skipped
}
