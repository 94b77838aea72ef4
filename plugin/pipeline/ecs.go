package pipeline

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"

	"github.com/secretwatch/secretwatch/detector/msgpack"
	"github.com/secretwatch/secretwatch/plugin/pipeline/tree"
)

// ecs adds the fields of the Elastic Common Schema at top level beside the native
// map (https://www.elastic.co/docs/reference/ecs/ecs-field-reference).
//
// A structured audit event has members whose names mean something else there
// (user, annotations with dots in their names). It moves to kubernetes.audit, where
// Elastic's own integration has it, and dots in the names of annotations and of
// user.extra become underscores, as they do there. A text that holds the event
// moves to event.original: names such as log and message mean something else too.
// Of other fields with names that are set here, maps are merged, what is set here
// first, and anything else moves to secretwatch.original.
type ecs struct {
	native
	top []string
}

func newECS(opts *Options) format {
	e := &ecs{native: *newNative(opts).(*native)}
	for _, f := range ecsFields {
		root, _, _ := strings.Cut(f.name, ".")
		if !slices.Contains(e.top, root) {
			e.top = append(e.top, root)
		}
	}
	if slices.Contains(e.top, e.severityKey) || e.severityKey == "kubernetes" {
		e.severityKey, e.native.top = "", []string{verdictKey}
	}
	e.top = append(e.top, e.native.top...)
	return e
}

// ecsField is one field by its full name. add appends its value, or nothing if
// there is none. Fields of one level stand together.
type ecsField struct {
	name string
	add  func(dst []byte, e *ecs, t *tag) []byte
}

func ecsText(name string, get func(t *tag) string) ecsField {
	return ecsField{name, func(dst []byte, _ *ecs, t *tag) []byte {
		if s := get(t); s != "" {
			return appendText(dst, s)
		}
		return dst
	}}
}

func ecsList(name string, get func(t *tag) []string) ecsField {
	return ecsField{name, func(dst []byte, _ *ecs, t *tag) []byte {
		if all := get(t); len(all) > 0 {
			return appendTexts(dst, all)
		}
		return dst
	}}
}

// ecsFields is everything that is set, in order.
var ecsFields = []ecsField{
	ecsText("message", func(t *tag) string { return t.verdict.Title }),
	ecsText("event.kind", func(t *tag) string {
		if t.verdict.First {
			return "alert"
		}
		return "event"
	}),
	ecsList("event.category", func(*tag) []string { return eventCategory }),
	ecsList("event.type", func(t *tag) []string { return eventTypes[eventType(t)] }),
	ecsText("event.action", func(t *tag) string { return t.action() }),
	ecsText("event.outcome", func(t *tag) string {
		if t.verdict.Outcome == "allowed" {
			return "success"
		}
		return "failure"
	}),
	ecsText("event.id", func(t *tag) string { return t.verdict.AuditID }),
	ecsText("event.reason", func(t *tag) string { return t.verdict.Reason }),
	// Elastic Security maps 21, 47, 73 and 99 to its own severities.
	{"event.severity", func(dst []byte, _ *ecs, t *tag) []byte {
		return msgpack.AppendInt(dst, int64(t.verdict.Severity.Score()))
	}},
	{"event.risk_score", func(dst []byte, _ *ecs, t *tag) []byte {
		return msgpack.AppendFloat(dst, float64(t.verdict.RiskScore))
	}},
	ecsText("event.module", func(*tag) string { return "secretwatch" }),
	ecsText("event.dataset", func(*tag) string { return "secretwatch.findings" }),
	ecsText("rule.id", func(t *tag) string { return firstOf(t.verdict.Rules) }),
	ecsText("rule.name", func(t *tag) string { return t.verdict.Title }),
	ecsText("rule.ruleset", func(t *tag) string {
		if len(t.verdict.Rules) > 0 {
			return "secretwatch"
		}
		return ""
	}),
	ecsText("threat.framework", func(t *tag) string {
		if len(t.verdict.Techniques) > 0 {
			return "MITRE ATT&CK"
		}
		return ""
	}),
	attackList("threat.tactic.id", func(a *attack) (string, bool) { return a.tacticID, true }),
	attackList("threat.tactic.name", func(a *attack) (string, bool) { return a.tactic, true }),
	attackList("threat.technique.id", func(a *attack) (string, bool) { return a.technique(), true }),
	attackList("threat.technique.name", func(a *attack) (string, bool) { return a.name, true }),
	attackList("threat.technique.subtechnique.id", func(a *attack) (string, bool) { return a.id, a.sub != "" }),
	attackList("threat.technique.subtechnique.name", func(a *attack) (string, bool) { return a.sub, a.sub != "" }),
	ecsText("user.name", func(t *tag) string { return t.verdict.User }),
	ecsText("user.id", func(t *tag) string { return t.userID }),
	ecsText("user.effective.name", func(t *tag) string {
		if t.verdict.EffectiveUser != t.verdict.User {
			return t.verdict.EffectiveUser
		}
		return ""
	}),
	ecsText("source.ip", sourceIP),
	ecsText("source.address", func(t *tag) string { return t.verdict.SourceIP }),
	ecsText("network.forwarded_ip", func(t *tag) string { return t.forwarded }),
	ecsText("user_agent.original", func(t *tag) string { return t.verdict.UserAgent }),
	ecsText("orchestrator.type", func(*tag) string { return "kubernetes" }),
	{"orchestrator.cluster.name", func(dst []byte, e *ecs, _ *tag) []byte {
		if e.cluster == "" {
			return dst
		}
		return appendText(dst, e.cluster)
	}},
	ecsText("orchestrator.namespace", func(t *tag) string { return t.verdict.Namespace }),
	ecsText("orchestrator.resource.type", func(t *tag) string { return t.resourceType() }),
	ecsText("orchestrator.resource.name", func(t *tag) string { return t.verdict.Secret }),
	{"related.ip", func(dst []byte, _ *ecs, t *tag) []byte {
		return appendDistinct(dst, sourceIP(t), t.forwarded)
	}},
	{"related.user", func(dst []byte, _ *ecs, t *tag) []byte {
		return appendDistinct(dst, t.verdict.User, t.verdict.EffectiveUser)
	}},
}

func firstOf(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return all[0]
}

// sourceIP is the source if it is an address: the field's type is ip, and a
// document with anything else in it is refused.
func sourceIP(t *tag) string {
	if _, err := netip.ParseAddr(t.verdict.SourceIP); err != nil {
		return ""
	}
	return t.verdict.SourceIP
}

// appendDistinct appends the list of those of a and b that are there.
func appendDistinct(dst []byte, a, b string) []byte {
	if b == a {
		b = ""
	}
	n := 0
	for _, s := range [...]string{a, b} {
		if s != "" {
			n++
		}
	}
	if n == 0 {
		return dst
	}
	dst = msgpack.AppendArrayHeader(dst, n)
	for _, s := range [...]string{a, b} {
		if s != "" {
			dst = appendText(dst, s)
		}
	}
	return dst
}

func (t *tag) resourceType() string {
	if t.resource == "serviceaccounts" {
		return "serviceaccount"
	}
	return "secret"
}

func (t *tag) action() string {
	switch {
	case t.resource == "serviceaccounts":
		return "create-token"
	case t.verdict.Verb == "":
		return "request-secret"
	}
	return t.verdict.Verb + "-secret"
}

// eventCategory and eventTypes are allowed values of ECS.
var (
	eventCategory = []string{"api"}
	eventTypes    = [...][]string{
		{"access", "allowed"}, {"access", "denied"}, {"access"},
		{"change", "allowed"}, {"change", "denied"}, {"change"},
		{"creation", "allowed"}, {"creation", "denied"}, {"creation"},
		{"deletion", "allowed"}, {"deletion", "denied"}, {"deletion"},
	}
)

func eventType(t *tag) int {
	n := 0
	switch t.verdict.Verb {
	case "update", "patch":
		n = 1
	case "create":
		n = 2
	case "delete", "deletecollection":
		n = 3
	}
	switch t.verdict.Outcome {
	case "allowed":
		return 3 * n
	case "denied", "unauthenticated":
		return 3*n + 1
	}
	return 3*n + 2
}

func (e *ecs) keys() []string { return e.top }

func (e *ecs) rebuilds() bool { return true }

func (e *ecs) appendFields(dst []byte, t *tag) ([]byte, int) {
	return e.appendAll(dst, nil, t)
}

// eventMembers are the members of an audit event at its top level
// (k8s.io/apiserver/pkg/apis/audit/v1.Event).
var eventMembers = []string{
	"kind", "apiVersion", "metadata", "level", "auditID", "stage", "requestURI", "verb", "user", "impersonatedUser",
	"authenticationMetadata", "sourceIPs", "userAgent", "objectRef", "responseStatus", "requestObject", "responseObject",
	"requestReceivedTimestamp", "stageTimestamp", "annotations",
}

// rebuild appends body with the fields; see ecs for what moves where.
func (e *ecs) rebuild(dst, body []byte, t *tag) []byte {
	m := tree.Packed(body)
	r := rebuilt{body: m, tag: t}
	kept := 0
	for it := m.Members(); it.Next(); {
		if e.keeps(&r, &it) {
			kept++
		}
	}
	head := len(dst)
	dst = append(dst, 0xdf, 0, 0, 0, 0)
	for it := m.Members(); it.Next(); {
		if e.keeps(&r, &it) {
			dst = append(dst, body[it.From:it.To]...)
		}
	}
	dst, pairs := e.appendAll(dst, &r, t)
	n := kept + pairs
	dst[head+1], dst[head+2], dst[head+3], dst[head+4] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
	return dst
}

// rebuilt is a body as rebuild sees it.
type rebuilt struct {
	body tree.Value
	tag  *tag
}

// moved says that a member of the body goes to kubernetes.audit, whole or as a
// member of the event, or to event.original.
func (r *rebuilt) moved(it *tree.Iterator) bool {
	switch r.tag.place {
	case inRecord:
		return slices.Contains(eventMembers, string(it.Key))
	case inField, inText:
		return string(it.Key) == r.tag.field
	}
	return false
}

// keeps says that a member of the body stays where it is.
func (e *ecs) keeps(r *rebuilt, it *tree.Iterator) bool {
	if r.moved(it) || slices.Contains(e.top, string(it.Key)) {
		return false
	}
	return string(it.Key) != "kubernetes" || !r.audit() || it.Value.Kind() != tree.Object
}

// audit says that there is an event that moves to kubernetes.audit.
func (r *rebuilt) audit() bool { return r.tag.place == inRecord || r.tag.place == inField }

// appendAll appends all fields, merged with those that r has of the same names; r
// may be nil.
func (e *ecs) appendAll(dst []byte, r *rebuilt, t *tag) (out []byte, pairs int) {
	// Levels that are open, as offsets of their headers. A header counts up to
	// 65,535 members and is written when the level is left.
	var open [4]struct {
		name string
		at   int
		n    int
	}
	depth := 0
	closeTo := func(want int, dst []byte) []byte {
		for depth > want {
			depth--
			l := &open[depth]
			if depth == 0 && r != nil {
				dst = r.merge(dst, l.name, l.at+3, &l.n)
			}
			if l.n == 0 {
				// Nothing was set below: take the key and the header away.
				dst = dst[:l.at-1-len(l.name)]
				continue
			}
			dst[l.at+1], dst[l.at+2] = byte(l.n>>8), byte(l.n)
			if depth == 0 {
				pairs++
			} else {
				open[depth-1].n++
			}
		}
		return dst
	}
	for i := range ecsFields {
		f := &ecsFields[i]
		path, level := f.name, 0
		for {
			name, rest, deep := strings.Cut(path, ".")
			if !deep {
				break
			}
			if level < depth && open[level].name != name {
				dst = closeTo(level, dst)
			}
			if level == depth {
				dst = msgpack.AppendStr(dst, name) // shorter than 32 bytes
				open[depth].name, open[depth].at, open[depth].n = name, len(dst), 0
				dst = append(dst, 0xde, 0, 0)
				depth++
			}
			path = rest
			level++
		}
		dst = closeTo(level, dst)
		before := len(dst)
		dst = msgpack.AppendStr(dst, path)
		value := len(dst)
		if dst = f.add(dst, e, t); len(dst) == value {
			dst = dst[:before]
			continue
		}
		if level == 0 {
			pairs++
		} else {
			open[level-1].n++
		}
	}
	dst = closeTo(0, dst)
	if r != nil && r.audit() {
		dst = r.appendAudit(dst)
		pairs++
	}
	if e.severityKey != "" {
		dst = appendText(dst, e.severityKey)
		dst = msgpack.AppendStr(dst, t.verdict.Severity.String())
		pairs++
	}
	dst = msgpack.AppendStr(dst, verdictKey)
	at := len(dst)
	dst = e.appendMap(dst, t)
	if r != nil {
		dst = e.appendOriginal(dst, at, r)
	}
	return dst, pairs + 1
}

// merge appends the members that the body has in a map called name to ours, which
// starts at dst[at:] and has n members, unless they are there already.
func (r *rebuilt) merge(dst []byte, name string, at int, n *int) []byte {
	if name == "event" && r.tag.place == inText {
		dst = msgpack.AppendStr(dst, "original")
		dst = append(dst, r.body.Get(r.tag.field).Raw()...)
		*n++
	}
	for it := r.body.Members(); it.Next(); {
		if string(it.Key) != name || r.moved(&it) {
			continue
		}
		for m := it.Value.Members(); m.Next(); {
			if *n < 1<<16-2 && m.Key != nil && !hasMember(dst[at:], *n, m.Key) {
				dst = append(dst, it.Value.Raw()[m.From:m.To]...)
				*n++
			}
		}
	}
	return dst
}

// hasMember reports whether one of n pairs in b has the key.
func hasMember(b []byte, n int, key []byte) bool {
	at := 0
	for range n {
		k, value, _ := msgpack.ReadStr(b, at)
		if bytes.Equal(k, key) {
			return true
		}
		at, _ = msgpack.Skip(b, value)
	}
	return false
}

// appendAudit appends kubernetes with the event in audit, and whatever else the
// body has in kubernetes.
func (r *rebuilt) appendAudit(dst []byte) []byte {
	dst = msgpack.AppendStr(dst, "kubernetes")
	head := len(dst)
	dst = append(dst, 0xdf, 0, 0, 0, 0)
	n := 1
	dst = msgpack.AppendStr(dst, "audit")
	whole, from := r.tag.place == inRecord, r.body
	if !whole {
		from = r.body.Get(r.tag.field)
	}
	inner := len(dst)
	dst = append(dst, 0xdf, 0, 0, 0, 0)
	members := 0
	for it := from.Members(); it.Next(); {
		if whole && !slices.Contains(eventMembers, string(it.Key)) {
			continue
		}
		members++
		dst = append(dst, from.Raw()[it.From:it.ValueAt]...)
		switch string(it.Key) {
		case "annotations":
			dst = appendUnderscored(dst, it.Value)
		case "user", "impersonatedUser":
			dst = appendUser(dst, it.Value)
		default:
			dst = append(dst, it.Value.Raw()...)
		}
	}
	setCount(dst[inner:], members)
	if there := r.body.Get("kubernetes"); there.Kind() == tree.Object {
		for it := there.Members(); it.Next(); {
			if string(it.Key) != "audit" {
				dst = append(dst, there.Raw()[it.From:it.To]...)
				n++
			}
		}
	}
	setCount(dst[head:], n)
	return dst
}

// setCount writes the number of pairs into a header of five bytes.
func setCount(header []byte, n int) {
	header[1], header[2], header[3], header[4] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
}

// appendUser appends a user with the names in extra underscored.
func appendUser(dst []byte, v tree.Value) []byte {
	if v.Kind() != tree.Object {
		return append(dst, v.Raw()...)
	}
	pairs, _, _ := msgpack.ReadMapHeader(v.Raw(), 0)
	dst = msgpack.AppendMapHeader(dst, pairs)
	for it := v.Members(); it.Next(); {
		dst = append(dst, v.Raw()[it.From:it.ValueAt]...)
		if string(it.Key) == "extra" {
			dst = appendUnderscored(dst, it.Value)
		} else {
			dst = append(dst, it.Value.Raw()...)
		}
	}
	return dst
}

// appendUnderscored appends a map with underscores for the dots in its keys: to
// Elasticsearch dots are levels, and a.b beside a.b.c is refused.
func appendUnderscored(dst []byte, v tree.Value) []byte {
	if v.Kind() != tree.Object {
		return append(dst, v.Raw()...)
	}
	pairs, _, _ := msgpack.ReadMapHeader(v.Raw(), 0)
	dst = msgpack.AppendMapHeader(dst, pairs)
	for it := v.Members(); it.Next(); {
		if it.Key == nil {
			dst = append(dst, v.Raw()[it.From:it.To]...)
			continue
		}
		dst = msgpack.AppendStr(dst, it.Key)
		for i := len(dst) - len(it.Key); i < len(dst); i++ {
			if dst[i] == '.' {
				dst[i] = '_'
			}
		}
		dst = append(dst, it.Value.Raw()...)
	}
	return dst
}

// appendOriginal adds to the native map at dst[at:] what the body has under names
// that are set here and that could not be merged.
func (e *ecs) appendOriginal(dst []byte, at int, r *rebuilt) []byte {
	n := 0
	lost := func(it *tree.Iterator) bool {
		return !r.moved(it) && slices.Contains(e.top, string(it.Key)) && !slices.Contains(e.native.top, string(it.Key)) &&
			it.Value.Kind() != tree.Object
	}
	for it := r.body.Members(); it.Next(); {
		if lost(&it) {
			n++
		}
	}
	if n == 0 {
		return dst
	}
	dst = addPair(dst, at)
	dst = msgpack.AppendMapHeader(msgpack.AppendStr(dst, "original"), n)
	for it := r.body.Members(); it.Next(); {
		if lost(&it) {
			dst = append(dst, r.body.Raw()[it.From:it.To]...)
		}
	}
	return dst
}

// addPair makes room in the header of the map at dst[at:] for one more pair.
func addPair(dst []byte, at int) []byte {
	pairs, first, _ := msgpack.ReadMapHeader(dst, at)
	var header [5]byte
	h := msgpack.AppendMapHeader(header[:0], pairs+1)
	return slices.Replace(dst, at, first, h...)
}
