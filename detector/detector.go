// Package detector judges Kubernetes audit events: it remembers how each
// identity normally reads Secrets and says which accesses do not fit.
package detector

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/secretwatch/secretwatch/detector/access"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/detector/history"
	"github.com/secretwatch/secretwatch/detector/rule"
)

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
	cfg      Config
	sources  access.Sources
	clients  access.Clients
	settings rule.Settings
	rules    []rule.Rule
	memory   *Memory

	ignoreUsers, ignoreNamespaces, ignoreSecrets globs

	cases sync.Pool
}

// New returns a detector with an empty history.
func New(cfg Config) (*Detector, error) { return NewWith(cfg, NewMemory(cfg)) }

// NewWith returns a detector that remembers in m. Detectors that share a memory
// judge as one; the bounds are those m was made with.
func NewWith(cfg Config, m *Memory) (*Detector, error) {
	known := map[string]bool{}
	for _, id := range rule.IDs() {
		known[id] = true
	}
	for id := range cfg.Severities {
		if !known[id] {
			return nil, fmt.Errorf("severities: no rule %q; the rules are %s", id, strings.Join(rule.IDs(), ", "))
		}
	}
	d := &Detector{
		cfg: cfg,
		sources: access.Sources{
			Networks:       cfg.Networks,
			TrustedProxies: cfg.TrustedProxies,
			IPv4Prefix:     cfg.IPv4Prefix,
			IPv6Prefix:     cfg.IPv6Prefix,
		},
		rules:            rule.All(),
		memory:           m,
		ignoreUsers:      cfg.IgnoreUsers,
		ignoreNamespaces: cfg.IgnoreNamespaces,
		ignoreSecrets:    cfg.IgnoreSecrets,
	}
	d.settings = rule.Settings{
		BurstCount:  max(cfg.BurstCount, 1),
		BurstWindow: int64(cfg.BurstWindow),
		Sources:     &d.sources,
	}
	d.cases.New = func() any {
		return &rule.Case{Access: new(access.Access), Settings: &d.settings}
	}
	return d, nil
}

// Store is the detector's history.
func (d *Detector) Store() *history.Store { return d.memory.Store() }

// Judge judges one event and fills v. ev is not kept: what the history
// remembers is copied. v may be reused between calls.
func (d *Detector) Judge(ev *audit.Event, v *Verdict) Result { return d.judgeEvent(ev, v, nil) }

// judgeEvent is Judge, and notes the routine unless r is nil; see JudgeRoutine.
func (d *Detector) judgeEvent(ev *audit.Event, v *Verdict, r *Routine) Result {
	if !access.Judged(ev) || !d.stands(ev) {
		return Skipped
	}
	// Asked for early: what follows waits for memory more than for anything else.
	store := d.memory.Store()
	at := store.Expect(ev.User.Username)
	request := d.memory.dedup.key(ev)
	d.memory.dedup.expect(request)
	c := d.cases.Get().(*rule.Case)
	defer d.release(c)
	c.Store = store
	a := c.Access
	if !a.From(ev, &d.sources, &d.clients) || a.Time == 0 || d.ignored(a) {
		return Skipped
	}
	if d.memory.dedup.seen(request) || d.watchEnds(ev) {
		return Duplicate
	}
	if !at.Is(a.Principal) {
		at = store.Expect(a.Principal)
	}
	return d.judge(c, at, v, r, false)
}

// judge judges the access of a case, whose store has the principal's place, and
// learns from it, and notes the routine unless r is nil. learning says that it is
// taken as habit, whatever this history has learnt.
func (d *Detector) judge(c *rule.Case, at history.Place, v *Verdict, r *Routine, learning bool) Result {
	sh := at.Shard
	sh.Lock()
	defer sh.Unlock()
	p, unsure := at.Get(c.Time)
	d.prepare(c, p, unsure)
	c.Learning = c.Learning || learning
	c.Run(d.rules, d.cfg.Severities)
	c.Sort()
	score := c.Score()
	severity := rule.SeverityOf(score)
	d.teach(c, sh, severity)
	if r != nil {
		d.note(r, c, sh)
	}
	if severity >= rule.Medium && !c.Learning {
		d.suspect(c)
	}
	d.fill(c, v, score, severity)
	if severity == rule.None || severity < d.cfg.MinSeverity {
		return Clean
	}
	d.tell(c, v)
	return Found
}

// release gives a case back, emptied: what it held aliases the event, whose
// memory may be the host's and gone tomorrow.
func (d *Detector) release(c *rule.Case) {
	c.Reset()
	c.Store = nil
	*c.Access = access.Access{}
	d.cases.Put(c)
}

// stands says whether an event stands for its request: a request has up to
// three. A watch is judged when it starts, since it may end days later; a 401
// has no other event than ResponseStarted.
func (d *Detector) stands(ev *audit.Event) bool {
	switch ev.Stage {
	case audit.StageRequestReceived:
		return false
	case audit.StageResponseStarted:
		if ev.Verb == "watch" {
			d.memory.watchStarts.Store(true)
			return true
		}
		return ev.Code == 401
	}
	return true
}

// watchEnds says whether the event is the end of a watch that was judged so
// long ago that it is no longer remembered.
func (d *Detector) watchEnds(ev *audit.Event) bool {
	return endsWatch(ev) && d.watchedLong(ev.Time, ev.StageTime)
}

// endsWatch says whether an event is the end of a watch.
func endsWatch(ev *audit.Event) bool {
	return ev.Verb == "watch" && ev.Stage == audit.StageResponseComplete && ev.Code == 200
}

// watchedLong says whether a watch that began and ended at given times was judged
// at its start and is no longer remembered.
func (d *Detector) watchedLong(began, ended int64) bool {
	return d.memory.watchStarts.Load() && ended-began > int64(time.Minute)
}

func (d *Detector) ignored(a *access.Access) bool {
	if len(d.ignoreUsers) > 0 && d.ignoreUsers.match(a.Principal) {
		return true
	}
	if len(d.ignoreNamespaces) > 0 && a.Namespace != "" && d.ignoreNamespaces.match(a.Namespace) {
		return true
	}
	return len(d.ignoreSecrets) > 0 && a.Name != "" && a.Action != access.Mint &&
		d.ignoreSecrets.match(a.Namespace+"/"+a.Name)
}

// learning says whether the access still teaches what is ordinary.
func (d *Detector) learning(c *rule.Case) bool {
	return c.Time-c.Store.Start(c.Time) < int64(d.cfg.LearningPeriod)
}

// prepare looks up what the history says of the access.
func (d *Detector) prepare(c *rule.Case, p *history.Principal, unsure bool) {
	a, b := c.Access, &c.Store.Bounds
	c.P = p
	c.Learning = d.learning(c)
	c.Standing = p.Status(b, a.Time)
	if unsure && c.Standing == history.New {
		c.Standing = history.Unsure
	}
	st, of := &c.Status, &c.Remembered
	of[history.DimSource], st[history.DimSource] = p.Sets[history.DimSource].Look(b, a.Source.Key, "", a.Time)
	of[history.DimClient], st[history.DimClient] = p.Sets[history.DimClient].Look(b, c.ClientKey, c.ClientText, a.Time)
	if a.Namespace != "" {
		of[history.DimNamespace], st[history.DimNamespace] = p.Sets[history.DimNamespace].Look(b, a.NamespaceKey, a.Namespace, a.Time)
	}
	c.Lately = lately(c)
	if a.Class == access.Node {
		d.askNodes(c)
	}
	c.Again[history.DimSource] = of[history.DimSource].Returns(b, a.Time)
	c.Again[history.DimClient] = of[history.DimClient].Returns(b, a.Time)
	if st[history.DimSource] != history.Known && a.Source.Addr.IsValid() {
		c.Beside = p.NearSource(access.Area(a.Source.Addr))
		c.Nearby = c.Beside
	}
	forPeople := a.Class == access.Person || a.Effective != a.Principal && access.ClassOf(a.Effective) == access.Person
	if forPeople && (a.ClusterWide || st[history.DimSource] != history.Known || st[history.DimClient] != history.Known) {
		d.compare(c)
	}
	if c.Standing == history.Unsure {
		// Nothing about somebody forgotten can be called new.
		for dim := range st {
			st[dim] = history.Unsure
		}
	}
	c.NewObject = a.Name != "" && !p.Objects.Seen(b, a.Object, a.Time) ||
		a.Bulk && !a.ClusterWide && !p.Objects.Seen(b, a.Object, a.Time)

	// In many clusters nobody ever asks for a token by hand.
	if cred := a.Event.User.CredentialID; cred != "" && a.Class == access.ServiceAccount && c.Store.Minted.Used() {
		if m, _, ok := c.Store.Minted.Get(access.Key(cred)); ok {
			c.SetMinted(m)
			c.Explained = m.Clean && m.Addr == a.Source.Addr && m.Target == a.Principal
		}
	}
}

// teach lets the history learn what the verdict allows it to: successful
// requests of authenticated identities, after learning only those judged below
// high.
func (d *Detector) teach(c *rule.Case, sh *history.Shard, severity rule.Severity) {
	a, b, p, t := c.Access, &c.Store.Bounds, c.P, c.Time
	// What was not found was asked for by somebody allowed to.
	missing := a.Outcome == access.Failed && a.Event.Code == 404
	if a.Outcome != access.Allowed && !missing || a.Class == access.Anonymous {
		return
	}
	high := severity >= rule.High && !c.Learning
	if a.Action == access.Mint && !missing && a.Event.IssuedCredentialID != "" && a.Class != access.Node {
		c.Store.Minted.Put(a.Principal, access.Key(a.Event.IssuedCredentialID), history.Minted{
			Minter: strings.Clone(a.Principal),
			Source: a.Source.Key,
			Addr:   a.Source.Addr,
			Target: "system:serviceaccount:" + a.Namespace + ":" + a.Name,
			Clean:  severity < rule.Medium,
			At:     t,
		})
	}
	if high || c.Explained {
		return
	}
	if c.FlaggedPrincipal {
		p.Flagged = t
	}
	flagged := c.Flagged
	if c.Learning {
		flagged = [history.NumDims]bool{}
	}
	d.learn(c, history.DimSource, a.Source.Key, flagged[history.DimSource])
	if c.Status[history.DimSource] == history.Known {
		p.Settle(a.Source.Key, t)
	}
	d.learn(c, history.DimClient, c.ClientKey, flagged[history.DimClient])
	if a.Namespace != "" && a.Action != access.Mint {
		d.learn(c, history.DimNamespace, a.NamespaceKey, flagged[history.DimNamespace])
	}
	for i := range c.Lessons {
		l := &c.Lessons[i]
		if l.Shared != nil {
			l.Shared.With(func(p *history.Principal) { apply(&p.Sets[l.Dim], &c.Store.Wide, l, t) })
		}
		if !l.Only && apply(&p.Sets[l.Dim], b, l, t) && l.ClusterScope() && a.Class == access.Person {
			d.shareGroups(c, groupReadsAll)
		}
	}
	if a.Action != access.Mint && !a.ClusterWide && !missing {
		made := a.Action == access.Create
		p.Objects.Teach(b, a.Object, t, made)
		if made {
			p.Burst.Unnote(a.Object)
		}
	}
	d.share(c, flagged)
	if sh.Teach(p, t, c.Learning) && a.Class == access.Person {
		d.shareGroups(c, "")
	}
}

// apply teaches a set a lesson and reports whether the value became established
// with it.
func apply(s *history.Set, b *history.Bounds, l *rule.Lesson, t int64) bool {
	if v := s.Find(l.Key, l.Text); v != nil && (v.Flagged == 0 || !l.Flagged) {
		trial := v.Flagged != 0
		s.Teach(b, l.Key, v.Text, t)
		return trial && s.Established(l.Key, l.Text)
	}
	text := strings.Clone(history.Cut(l.Text))
	if l.Flagged {
		s.Flag(b, l.Key, text, t)
		return false
	}
	s.Teach(b, l.Key, text, t)
	return true
}

// learn teaches the principal a value of its own dimension.
func (d *Detector) learn(c *rule.Case, dim history.Dim, key uint64, flagged bool) {
	s, b, t := &c.P.Sets[dim], &c.Store.Bounds, c.Time
	match := ""
	switch dim {
	case history.DimClient:
		match = c.ClientText
	case history.DimNamespace:
		match = c.Namespace
	}
	if v := c.Remembered[dim]; v != nil && (c.Status[dim] == history.Known || c.Status[dim] == history.Probation) {
		text, trial, last := v.Text, v.Flagged != 0, v.Last
		if trial {
			s.Teach(b, key, text, t)
		} else {
			v.Touch(t)
		}
		switch {
		case trial && c.Status[dim] == history.Known:
			d.shareWithPeople(c, dim, key, text, true)
		case !trial && t-last > refresh:
			d.shareWithPeople(c, dim, key, text, false)
		}
		return
	}
	text := history.Cut(match)
	switch dim {
	case history.DimSource:
		text = c.Source.Text()
	case history.DimNamespace:
		text = c.Store.Text(text) // that of a client may be kept, and is shared
	}
	if flagged {
		s.Flag(b, key, text, t)
		return
	}
	s.Teach(b, key, text, t)
	d.shareWithPeople(c, dim, key, text, true)
}

// suspect remembers the address of something of medium severity or more that
// was not called out before.
func (d *Detector) suspect(c *rule.Case) {
	if !c.Source.Addr.IsValid() {
		return
	}
	fresh := false
	for i := range c.Findings {
		fresh = fresh || !c.Findings[i].Repeat && c.Findings[i].Severity >= rule.Medium
	}
	if !fresh {
		return
	}
	key := access.AddrKey(c.Source.Addr)
	if s, owner, ok := c.Store.Suspicious.Get(key); ok && owner != c.Principal && c.Time-s.At <= int64(10*time.Minute) {
		return
	}
	c.Store.Suspicious.Put(c.Principal, key, history.Suspicion{At: c.Time})
}
