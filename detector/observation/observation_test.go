package observation

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/detector/audit"
)

func event() *audit.Event {
	return &audit.Event{
		AuditID: "id", Stage: audit.StageResponseComplete, Verb: "get", RequestURI: "/api/v1/namespaces/prod/secrets/db?pretty=true",
		UserAgent: "kubectl/v1.30.0", Resource: "secrets", Namespace: "prod", Name: "db", Code: 200, Decision: "allow",
		User:      audit.User{Username: "alice\xff", Groups: []string{"dev", "ops"}, CredentialID: "JTI=1", PodName: "p", PodUID: "u", NodeName: "n"},
		SourceIPs: []string{"192.0.2.1", "203.0.113.9"}, Time: 1, StageTime: 2,
	}
}

func TestRoundTrip(t *testing.T) {
	ev := event()
	ev.Impersonated = audit.User{Username: "bob", Groups: []string{"system:masters"}}
	var sent, received Observation
	sent.Of(ev, 7, 42, true)
	b := sent.Append(nil)
	require.NotContains(t, string(b), "db", "names of secrets stay")
	require.NoError(t, received.Decode(b))
	require.Equal(t, sent, received)
	require.EqualValues(t, 42, received.Object)
	require.True(t, received.Learning)

	var got audit.Event
	received.Event(&got)
	want := *ev
	want.AuditID, want.RequestURI, want.Name, want.Time, want.StageTime = "", "", "?", 7, 7
	require.Equal(t, want, got)
}

func TestWhatIsNeededOfSomeRequests(t *testing.T) {
	list := event()
	list.Name, list.Verb, list.RequestURI = "", "list", "/api/v1/secrets?labelSelector=owner%3Dhelm&limit=500"
	mint := event()
	mint.Resource, mint.Subresource, mint.Verb, mint.Name, mint.IssuedCredentialID = "serviceaccounts", "token", "create", "builder", "JTI=2"
	refused := event()
	refused.Code, refused.StatusMessage = 403, `users "bob" is forbidden: User "alice" cannot impersonate resource "users"`
	for _, ev := range []*audit.Event{list, mint, refused} {
		var o Observation
		var got audit.Event
		o.Of(ev, ev.Time, 0, false)
		require.NoError(t, o.Decode(o.Append(nil)))
		o.Event(&got)
		require.Equal(t, ev.Resource == "serviceaccounts", got.Name == "builder")
		require.Equal(t, ev.IssuedCredentialID, got.IssuedCredentialID)
		require.Equal(t, ev.StatusMessage, got.StatusMessage)
		if ev == list {
			require.Equal(t, "?labelSelector=owner%3Dhelm&limit=500", got.RequestURI)
		}
	}
}

// What clients choose has bounds.
func TestBounds(t *testing.T) {
	ev := event()
	long := strings.Repeat("x", 1<<20)
	ev.Verb, ev.UserAgent, ev.Name, ev.Namespace, ev.StatusMessage, ev.Code = long, long, "", long, long, 403
	ev.RequestURI = "/api/v1/secrets?" + long
	ev.SourceIPs = slices.Repeat([]string{"192.0.2.1"}, 100_000)
	ev.SourceIPs[len(ev.SourceIPs)-1] = "203.0.113.9"
	ev.User.Groups = slices.Repeat([]string{long}, 1000)
	ev.Impersonated = audit.User{Username: long, Groups: ev.User.Groups, CredentialID: long, PodName: long, PodUID: long, NodeName: long}
	var o Observation
	o.Of(ev, 1, 0, false)
	b := o.Append(nil)
	require.Less(t, len(b), 32<<10)
	require.NoError(t, o.Decode(b))
	require.Equal(t, "203.0.113.9", o.SourceIPs[len(o.SourceIPs)-1])
	// Those of people with many groups are all there.
	ev.User.Groups = nil
	for i := range maxList {
		ev.User.Groups = append(ev.User.Groups, fmt.Sprintf("cn=team-%d,ou=groups,ou=platform,dc=example,dc=org", i))
	}
	o.Of(ev, 1, 0, false)
	require.Equal(t, ev.User.Groups, o.User.Groups)
}

func TestBroken(t *testing.T) {
	var o Observation
	o.Of(event(), 1, 0, false)
	good := o.Append(nil)
	require.ErrorIs(t, o.Decode(nil), ErrFormat)
	require.ErrorIs(t, o.Decode(append([]byte{format + 1}, good[1:]...)), ErrFormat)
	for n := 1; n < len(good); n++ {
		require.Error(t, o.Decode(good[:n]), "%d bytes", n)
	}
	require.Error(t, o.Decode(append(slices.Clone(good), 0)))
	o.Of(event(), 0, 0, false)
	require.Error(t, o.Decode(o.Append(nil)), "without a time")
}

func FuzzDecode(f *testing.F) {
	var o Observation
	o.Of(event(), 1, 2, true)
	f.Add(o.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		var o, again Observation
		if o.Decode(b) != nil {
			return
		}
		require.NoError(t, again.Decode(o.Append(nil)))
		var ev audit.Event
		again.Event(&ev)
	})
}
