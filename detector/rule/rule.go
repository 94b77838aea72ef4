package rule

import (
	"math"

	"github.com/secretwatch/secretwatch/detector/access"
	"github.com/secretwatch/secretwatch/detector/history"
)

// Info is what a rule is called, wherever it shows.
type Info struct {
	ID    string
	Title string
	// Techniques are MITRE ATT&CK ids (attack.mitre.org, Enterprise).
	Techniques []string
}

// Rule decides one thing about an access. Rules have no state: what they
// remember is in the history that the case hands them, under its lock.
type Rule interface {
	Info() *Info
	// Judge reports what it finds with c.Find, and what the access may teach
	// with c.Note. It may not keep c.
	Judge(c *Case)
}

// habitual is a rule that other rules rely on to know a habit: switched off, it
// still notes what an access teaches, without finding anything.
type habitual interface {
	Habit(c *Case)
}

// All returns every rule in the order in which they have to judge: a rule that
// asks what others found comes after them.
func All() []Rule {
	return []Rule{
		anonymousAccess{},
		unusualUser{},
		unusualUserAgent{},
		newSourceIP{},
		suspiciousUserAgent{},
		newNamespace{},
		deniedAccess{},
		impersonation{},
		tokenMinted{},
		forgedForwardedFor{},
		credentialReuse{},
		secretEnumeration{},
		identitySwitch{},
		secretBurst{},
	}
}

// IDs returns the ids of all rules.
func IDs() []string {
	rules := All()
	ids := make([]string, len(rules))
	for i, r := range rules {
		ids[i] = r.Info().ID
	}
	return ids
}

// Settings are the thresholds rules use.
type Settings struct {
	BurstCount  int
	BurstWindow int64 // ns
	Sources     *access.Sources
}

// Finding is what one rule found.
type Finding struct {
	Info     *Info
	Severity Severity
	// Value distinguishes findings of one rule: the source, the client, the
	// pair that is new.
	Value uint64
	// Repeat: the value was called out before and is still on probation.
	Repeat bool
	reason [2]int // range of Case.text
}

// ClusterScope says whether the lesson is about reading the whole cluster.
func (l *Lesson) ClusterScope() bool { return l.Dim == history.DimScope && l.Key == scopeCluster }

// Lesson is what an access teaches if the verdict lets it.
type Lesson struct {
	Dim     history.Dim
	Key     uint64
	Text    string
	Flagged bool            // called out: goes on probation instead of being known
	Shared  *history.Shared // taught besides the principal's own history, or nil
	Only    bool            // taught to Shared alone
}

// Case is one access together with what the history says of it. It is reused;
// rules may not keep it. The caller holds the lock of P's shard.
type Case struct {
	*access.Access
	Settings *Settings
	Store    *history.Store
	P        *history.Principal

	Learning bool
	// Standing is what P itself is.
	Standing history.Status
	// Status is what the access's source, client and namespace are for P; for
	// nodes, what they are for nodes at large where P itself does not know.
	Status [history.NumDims]history.Status
	// Remembered are the same values in P's sets, nil where they are not. They are
	// valid until the sets are taught.
	Remembered [history.NumDims]*history.Value
	// Lately: P was just seen with this source and this client.
	Lately bool
	// Again says of the same dimensions that the value was established once,
	// before it was not seen for longer than the window.
	Again [history.NumDims]bool
	// Common says of source and client that several other people are
	// established with them: the office, the VPN, the tools of the house.
	Common [history.NumDims]bool
	// Classed: the principal is one of a class with habits in common, which
	// Status already takes into account.
	Classed bool
	// Beside: the source lies in the area (see access.Area) of one that the
	// principal is established with. Nearby: or of ones that several other people are.
	Beside, Nearby bool
	// Colleague: every group of the user is one that several known people are
	// in, who authenticate in the same way.
	Colleague bool
	// Peers: several known people of one of the user's groups habitually read
	// the whole cluster.
	Peers bool
	// Minted is the token's origin where it is known. Explained: who minted it
	// uses it from where it was minted.
	Minted    *history.Minted
	Explained bool
	// NewObject: the object is none that P read within the window.
	NewObject bool

	Findings []Finding
	Lessons  []Lesson
	// Flagged says which of the access's values were called out, and
	// FlaggedPrincipal whether the principal itself was: they go on probation
	// instead of becoming known.
	Flagged          [history.NumDims]bool
	FlaggedPrincipal bool
	// Unsure is set where the history could not tell.
	Unsure bool

	minted   history.Minted // what Minted points to
	rule     Rule           // the running one
	override map[string]Severity
	text     []byte
}

// Reset empties the case for the next access.
func (c *Case) Reset() {
	a, settings, store := c.Access, c.Settings, c.Store
	findings, lessons, text := c.Findings[:0], c.Lessons[:0], c.text[:0]
	*c = Case{} // a literal with what is kept would be made elsewhere and copied
	c.Access, c.Settings, c.Store = a, settings, store
	c.Findings, c.Lessons, c.text = findings, lessons, text
}

// SetMinted sets Minted to a copy of m.
func (c *Case) SetMinted(m history.Minted) {
	c.minted = m
	c.Minted = &c.minted
}

// Run lets the rules judge. overrides replaces severities by rule id; a rule
// overridden to None is not asked.
func (c *Case) Run(rules []Rule, overrides map[string]Severity) {
	c.override = overrides
	for _, r := range rules {
		c.rule = r
		if len(overrides) > 0 && Off(overrides, r.Info().ID) {
			if h, ok := r.(habitual); ok {
				h.Habit(c)
			}
			continue
		}
		r.Judge(c)
	}
}

// Off says whether a rule is overridden to None, and so not asked.
func Off(overrides map[string]Severity, id string) bool {
	s, ok := overrides[id]
	return ok && s == None
}

// Find reports a finding of the running rule. Follow it with Say.
func (c *Case) Find(s Severity, value uint64, repeat bool) {
	info := c.rule.Info()
	if o, ok := c.override[info.ID]; ok {
		s = o
	}
	n := len(c.text)
	c.Findings = append(c.Findings, Finding{Info: info, Severity: s, Value: value, Repeat: repeat, reason: [2]int{n, n}})
}

// Note remembers what the access teaches.
func (c *Case) Note(l Lesson) { c.Lessons = append(c.Lessons, l) }

// Has says whether a rule has found something in this case already.
func (c *Case) Has(id string) bool {
	for i := range c.Findings {
		if c.Findings[i].Info.ID == id {
			return true
		}
	}
	return false
}

// Fresh says whether a value with this status is news: never seen, or not
// within the window.
func Fresh(s history.Status) bool { return s == history.New || s == history.Expired }

// Newcomer says whether P itself is new, or still on probation for that.
func (c *Case) Newcomer() bool {
	return Fresh(c.Standing) || c.Standing == history.Probation
}

// FirstAccess says whether this is P's very first access in the window: then
// everything about it is new, and unusual-user says so once.
func (c *Case) FirstAccess() bool { return Fresh(c.Standing) }

// FromHome says whether P is established with this source and this client.
func (c *Case) FromHome() bool {
	return !c.FirstAccess() && c.Status[history.DimSource] == history.Known && c.Status[history.DimClient] == history.Known
}

// Plausible says whether the source is one the principal, or people at large,
// are known to come from, or beside one.
func (c *Case) Plausible() bool {
	return c.Status[history.DimSource] == history.Known || c.Again[history.DimSource] ||
		c.Common[history.DimSource] || c.Nearby
}

// AnyPlatform identifies the client whatever its platform.
func (c *Case) AnyPlatform() uint64 {
	client := c.Client
	client.Platform = "any"
	return client.Hash()
}

// ScopeStatus says what a scope is for P, or for the principals it shares the
// habit with where P itself does not know it.
func (c *Case) ScopeStatus(key uint64, text string, shared *history.Shared) history.Status {
	b := &c.Store.Bounds
	status := c.P.Sets[history.DimScope].Status(b, key, text, c.Time)
	if shared == nil || status == history.Known {
		return status
	}
	shared.Lock()
	defer shared.Unlock()
	if s := shared.Sets[history.DimScope].Status(&c.Store.Wide, key, text, c.Time); s == history.Known {
		return s
	}
	return status
}

// Reason returns the text of a finding.
func (c *Case) Reason(f *Finding) []byte { return c.text[f.reason[0]:f.reason[1]] }

// Score combines the findings: 100·(1−∏(1−sᵢ/100)), rounded, at most 99.
func (c *Case) Score() int {
	rest := 1.0
	for i := range c.Findings {
		rest *= 1 - float64(c.Findings[i].Severity.Score())/100
	}
	return min(99, int(math.Round(100*(1-rest))))
}

// Raises says whether what is found for the first time matters beside what is
// repeated: it raises the severity, or is as severe by itself. A newcomer under
// watch who shows a second source is no second alert.
func (c *Case) Raises() bool {
	all, fresh, repeated := 1.0, 1.0, 1.0
	for i := range c.Findings {
		f := &c.Findings[i]
		rest := 1 - float64(f.Severity.Score())/100
		all *= rest
		if f.Repeat {
			repeated *= rest
		} else {
			fresh *= rest
		}
	}
	level := func(rest float64) Severity { return SeverityOf(min(99, int(math.Round(100*(1-rest))))) }
	return repeated == 1 || level(all) > level(repeated) || level(fresh) >= level(all)
}

// Sort orders the findings by score, highest first, rules of equal score in
// the order in which they judged.
func (c *Case) Sort() {
	f := c.Findings
	for i := 1; i < len(f); i++ {
		for j := i; j > 0 && f[j].Severity > f[j-1].Severity; j-- {
			f[j], f[j-1] = f[j-1], f[j]
		}
	}
}
