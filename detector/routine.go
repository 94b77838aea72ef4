package detector

import (
	"strings"

	"github.com/secretwatch/secretwatch/detector/access"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/detector/history"
	"github.com/secretwatch/secretwatch/detector/rule"
)

// Most accesses are routine: kubelets and controllers ask for the same secret over
// and over, and two such events are the same but for audit id and times. What was
// looked up for one holds for the next, as long as nothing it rests on has changed.

// Routine is what JudgeRoutine notes of an access in which nothing was found and
// after which the like is habit. The zero value is none. It holds neither memory
// of the event nor, but for the store as a whole, of the history.
type Routine struct {
	store   *history.Store // nil: there is no routine
	places  history.Routine
	asked   uint64 // see dedup
	minted  uint64 // key under which the credential would be known as minted, or 0
	token   uint64 // the very token, of one bound to a pod
	class   access.Class
	network bool // its source counts as a named network
	watch   bool // it is the end of a watch
}

// Valid says whether there is a routine. There may no longer be when it is tried.
func (r *Routine) Valid() bool { return r.store != nil }

// Repeat is a request that is, in everything but its audit id and its two times, the
// one a Routine was noted for. Times are in nanoseconds since the Unix epoch.
type Repeat struct {
	Time, StageTime int64
	key             uint64
}

// Expect prepares JudgeAgain for a repeat with an audit id, which is not kept: the
// processor is asked for what will be needed. Nothing changes.
func (d *Detector) Expect(r *Routine, id string, x *Repeat) {
	x.key = d.memory.dedup.keyOf(r.asked, id, x.Time)
	d.memory.dedup.expect(x.key)
	r.places.Prefetch()
}

// JudgeRoutine is Judge, and notes in r what JudgeAgain needs if the access is
// routine. Otherwise r becomes the zero value.
func (d *Detector) JudgeRoutine(ev *audit.Event, v *Verdict, r *Routine) Result {
	*r = Routine{}
	return d.judgeEvent(ev, v, r)
}

// JudgeAgain judges a repeat, shown to Expect before, by what this detector noted in
// r. The history changes as by Judge of the event, and the result is Judge's, Clean or
// Duplicate, without a verdict. It reports false, and does nothing, if the event has
// to be judged like any other.
func (d *Detector) JudgeAgain(r *Routine, x *Repeat) (result Result, ok bool) {
	if x.Time <= 0 || r.store == nil || r.store != d.memory.Store() {
		return Skipped, false
	}
	if r.minted != 0 && r.store.Minted.Used() {
		if _, _, known := r.store.Minted.Get(r.minted); known {
			return Skipped, false
		}
	}
	sh := r.places.Shard()
	sh.Lock()
	defer sh.Unlock()
	f, ok := r.places.Trace(x.Time)
	if !ok {
		return Skipped, false
	}
	source, client := f.Values[history.DimSource], f.Values[history.DimClient]
	if r.class == access.Person && (stale(source, x.Time) || stale(client, x.Time)) {
		return Skipped, false
	}
	if d.memory.dedup.seen(x.key) || r.watch && d.watchedLong(x.Time, x.StageTime) {
		return Duplicate, true
	}
	r.store.Start(x.Time)
	shares := r.class == access.Node && !(inSpan(source, x.Time) && inSpan(client, x.Time))
	r.places.Use(&f, x.Time, r.token)
	if shares {
		n := nodeUse{f.P.Name, r.places.Addr(), source.Key, "", client.Key, client.Text, x.Time}
		if r.network {
			n.network = source.Text
		}
		shareNode(r.store, &n)
	}
	return Clean, true
}

// stale says whether the use of a value at t also counts as one by people at large.
func stale(v *history.Value, t int64) bool { return t-v.Last > refresh }

// note fills r if the next access of the kind that was judged, and taught, is going
// to be routine.
func (d *Detector) note(r *Routine, c *rule.Case, sh *history.Shard) {
	a, ev := c.Access, c.Event
	if len(c.Findings) > 0 || len(c.Lessons) > 0 || c.Unsure || c.Minted != nil ||
		a.Outcome != access.Allowed || a.Action != access.Read || a.ClusterWide || a.Class == access.Anonymous ||
		ev.Impersonated.Username != "" || a.Source.Presented > 0 || !a.Source.Addr.IsValid() || ev.Time <= 0 || c.ClientText == "" {
		return
	}
	var values [history.DimNamespace + 1]*history.Value
	values[history.DimSource] = c.P.Sets[history.DimSource].Find(a.Source.Key, "")
	values[history.DimClient] = c.P.Sets[history.DimClient].Find(c.ClientKey, c.ClientText)
	if a.Namespace != "" {
		values[history.DimNamespace] = c.P.Sets[history.DimNamespace].Find(a.NamespaceKey, a.Namespace)
	}
	// A text that is too long is not remembered whole.
	if client := values[history.DimClient]; client == nil || client.Text != c.ClientText || values[history.DimSource] == nil {
		return
	}
	x := Routine{
		asked:   d.memory.dedup.asked(ev),
		class:   a.Class,
		network: a.Source.Network != "",
		watch:   endsWatch(ev),
	}
	cred := ev.User.CredentialID
	if cred != "" && a.Class == access.ServiceAccount {
		x.minted = access.Key(cred)
	}
	// What credential-reuse notes of every use.
	var home uint64
	switch pod := ev.User.PodUID; {
	case a.Class == access.ServiceAccount && pod == "" && a.Source.Inside:
		return // identity-switch asks for others of its tokens
	case a.Class == access.ServiceAccount && pod != "" && !a.Source.Inside:
		return // others of its class are told
	case rule.Off(d.cfg.Severities, rule.CredentialReuse):
	case pod != "":
		home = access.Key(pod)
		if cred != "" {
			x.token = access.Key(cred)
		}
	case strings.HasPrefix(cred, "X509") && (a.Class == access.Node || a.Class == access.Component):
		home = access.Key(cred)
	}
	if x.places.Note(sh, c.P, values, a.Object, home, a.Source.Addr) {
		x.store = c.Store
		*r = x
	}
}
