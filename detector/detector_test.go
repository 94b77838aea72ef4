package detector_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
	. "github.com/secretwatch/secretwatch/detector/internal/bench"
	"github.com/secretwatch/secretwatch/detector/rule"
)

func TestConfigUnknownRule(t *testing.T) {
	cfg := detector.DefaultConfig()
	cfg.Severities = map[string]rule.Severity{"new-source-op": rule.Low}
	_, err := detector.New(cfg)
	require.ErrorContains(t, err, `no rule "new-source-op"; the rules are anonymous-access, `)
}

func TestIgnored(t *testing.T) {
	f := func(want string, change func(cfg *detector.Config), request ...Change) {
		t.Helper()
		b := Cluster(t, change)
		require.Equal(t, want, b.Send(append([]Change{With(Curl)}, request...)...).String())
	}
	users := func(globs ...string) func(*detector.Config) {
		return func(cfg *detector.Config) { cfg.IgnoreUsers = globs }
	}
	f("high", users())
	f("skipped", users("bob", "alice"))
	f("skipped", users("al*"))
	f("skipped", users("*"))
	f("skipped", users("?lice"))
	f("skipped", users("a*l*e"))
	f("high", users("alic"))
	f("high", users("lice"))
	f("high", users("?alice"))
	f("high", users("ALICE"))
	f("skipped", users("system:serviceaccount:shop:*"), WebPod)
	// Whose credential it is counts, not whom it acts as.
	f("high", users("root"), Acting("root"))
	f("skipped", func(cfg *detector.Config) { cfg.IgnoreNamespaces = []string{"sh*"} })
	f("high", func(cfg *detector.Config) { cfg.IgnoreNamespaces = []string{"*"} }, List(""))
	secrets := func(cfg *detector.Config) { cfg.IgnoreSecrets = []string{"shop/d*", "*/ca"} }
	f("skipped", secrets)
	f("skipped", secrets, On("pay", "ca"))
	f("high", secrets, On("pay", "db"))
	f("high", secrets, List("shop"))
}

func TestMinSeverity(t *testing.T) {
	b := Cluster(t, func(cfg *detector.Config) { cfg.MinSeverity = rule.Medium })
	g := b.Send(From(Outside))
	require.Equal(t, detector.Clean, g.Result)
	require.Equal(t, rule.Low, g.Severity)
	require.Equal(t, "high", b.Send(With(Curl)).String())
}

func TestVerdict(t *testing.T) {
	b := Cluster(t)
	g := b.Send(With(K9s), From(Outside), func(ev *audit.Event) { ev.AuditID = "the-id" })
	require.Equal(t, detector.Verdict{
		Severity: rule.Medium, RiskScore: 58, Title: "Kubernetes Secret Access via Unusual User Agent",
		Rules: []string{"unusual-user-agent", "new-source-ip"}, Reason: g.Reason, First: true, Fingerprint: g.Fingerprint, History: "complete",
		User: "alice", EffectiveUser: "alice", SourceIP: Outside, UserAgent: K9s, Verb: "get", Namespace: "shop", Secret: "db", Outcome: "allowed", AuditID: "the-id",
		Techniques: []string{"T1552.007", "T1078"},
	}, clean(g.Verdict))
	again := b.Send(With(K9s), From(Outside))
	require.Equal(t, g.Fingerprint, again.Fingerprint)
	require.False(t, again.First)
	other := b.Send(With(K9s), From("203.0.113.77"))
	require.NotEqual(t, g.Fingerprint, other.Fingerprint)

	// What is clean is filled, too.
	g = b.Send()
	require.Equal(t, detector.Clean, g.Result)
	require.Equal(t, "alice", g.User)
	require.Empty(t, g.Rules)
	require.Zero(t, g.RiskScore)
	require.Equal(t, "denied", b.Send(Denied).Outcome)
	require.Equal(t, "error", b.Send(Missing).Outcome)
}

// clean returns v without what is not part of its meaning.
func clean(v detector.Verdict) detector.Verdict {
	return detector.Verdict{
		Severity: v.Severity, RiskScore: v.RiskScore, Title: v.Title, Rules: v.Rules, Reason: v.Reason, First: v.First, Fingerprint: v.Fingerprint, History: v.History,
		User: v.User, EffectiveUser: v.EffectiveUser, SourceIP: v.SourceIP, UserAgent: v.UserAgent, Verb: v.Verb, Namespace: v.Namespace, Secret: v.Secret,
		Outcome: v.Outcome, AuditID: v.AuditID, Techniques: v.Techniques,
	}
}

// A verdict that is used again holds nothing of the one before.
func TestVerdictReused(t *testing.T) {
	b := Cluster(t)
	var v detector.Verdict
	require.Equal(t, detector.Found, b.D.Judge(b.Event(From(Outside), With(Curl), List("")), &v))
	require.Equal(t, detector.Clean, b.D.Judge(b.Event(), &v))
	require.Empty(t, v.Rules)
	require.Empty(t, v.Reason)
	require.Empty(t, v.Title)
	require.Empty(t, v.Fingerprint)
	require.Empty(t, v.Techniques)
	require.False(t, v.First)
	require.Equal(t, "192.0.2.10", v.SourceIP)
	require.Equal(t, "db", v.Secret)
}

// Whatever a verdict holds, it comes to be the one of the event.
func TestVerdictOverwritten(t *testing.T) {
	junk := func() (v detector.Verdict) {
		r := reflect.ValueOf(&v).Elem()
		for i := range r.NumField() {
			switch f := r.Field(i); {
			case !f.CanSet():
			case f.Kind() == reflect.String:
				f.SetString("junk")
			case f.Kind() == reflect.Bool:
				f.SetBool(true)
			case f.Kind() == reflect.Slice:
				f.Set(reflect.ValueOf([]string{"junk", "more"}))
			default:
				f.Set(reflect.ValueOf(99).Convert(f.Type()))
			}
		}
		return v
	}
	used := junk()
	for _, ip := range []string{"192.0.2.10", "2001:DB8::7", "::ffff:192.0.2.10", "fd00::1", "none"} {
		for _, change := range []Change{func(*audit.Event) {}, List(""), With(Curl)} {
			judge := func(v *detector.Verdict) detector.Result {
				b := Cluster(t)
				return b.D.Judge(b.Event(From(ip), change), v)
			}
			want, other := detector.Verdict{Rules: []string{}, Techniques: []string{}}, junk()
			result := judge(&want)
			require.Equal(t, result, judge(&other))
			require.Equal(t, clean(want), clean(other))
			require.Equal(t, result, judge(&used))
			require.Equal(t, clean(want), clean(used))
		}
	}
}

// What is new while learning is said by no rule but those that need no history.
func TestLearning(t *testing.T) {
	b := New(t)
	for id, scene := range Scenes {
		g := scene(b)
		require.Equal(t, "learning", g.History, id)
		for _, r := range g.Rules {
			require.Contains(t, []string{"anonymous-access", "suspicious-user-agent", "forged-forwarded-for"}, r, "%s: %s", id, g.Reason)
		}
	}
	b.Now = Start + int64(25*time.Hour)
	require.Equal(t, "complete", b.Send().History)
	// None at all makes everybody news.
	require.Equal(t, "medium", New(t, func(cfg *detector.Config) { cfg.LearningPeriod = 0 }).Send().String())
}
