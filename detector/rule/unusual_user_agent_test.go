package rule_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	. "github.com/secretwatch/secretwatch/detector/internal/bench"
)

func TestUnusualUserAgent(t *testing.T) {
	const id = "unusual-user-agent"
	f := func(want string, change ...Change) {
		t.Helper()
		says(t, want, learnt(t, id, nil).Send(change...))
	}
	f("clean")
	f("clean", With("kubectl/v1.40.0 (linux/amd64) kubernetes/other"))
	f("medium", With("kubectl/v1.36.1 (darwin/arm64) kubernetes/0a1b2c3"))
	f("medium", With(K9s))
	f("medium", With(""))
	f("clean", Mallory, With(K9s)) // a newcomer's first access: unusual-user says so
	f("clean", Anonymous, With(K9s))
	f("medium", WebPod, With(Curl))
	f("clean", WebPod, With("web/v0.0.0 (linux/arm64) kubernetes/$Format")) // another machine
	f("low", WebPod, With("web/v1.2.3 (linux/amd64) kubernetes/0a1b2c3"))   // built another way
	f("clean", Node1, Named("system:node:node2"), From("10.0.0.2"))         // what nodes run
	says(t, "clean", New(t, Only(id)).Send(With(K9s)))                      // learning
	says(t, "medium", learnt(t, id, nil).Send(With(K9s), Denied))           // also where it was refused
	says(t, "medium", learnt(t, id, nil).Send(With("")), "user agent (none) not seen for alice in 7d (known: kubectl linux/amd64)")
}

// A tool that was in use before, but not lately.
func TestUnusualUserAgentAgain(t *testing.T) {
	b := learnt(t, "unusual-user-agent", func(b *Bench) { b.Send(With(K9s)) })
	for range 9 {
		b.After(24 * time.Hour).Send()
	}
	says(t, "low", b.Send(With(K9s)))
	says(t, "low again", b.Send(With(K9s)))
}

// A tool that colleagues use, where the principal or they work.
func TestUnusualUserAgentOfColleagues(t *testing.T) {
	b := learnt(t, "unusual-user-agent", func(b *Bench) {
		for i := range 4 {
			b.Send(Named(fmt.Sprint("dev", i)), From(fmt.Sprintf("100.64.%d.1", i)), With(K9s))
		}
	})
	says(t, "clean", b.Send(With(K9s)))
	says(t, "medium", b.Send(Bob, With("k9s/v0.0.0 (darwin/arm64) kubernetes/$Format")), // on a machine he is not known to have
		"user agent k9s/v0.0.0 (darwin/arm64) kubernetes/$Format not seen for bob in 7d (known: kubectl linux/amd64)")
}

// Once clients were forgotten, none is called new.
func TestUnusualUserAgentForgotten(t *testing.T) {
	b := learnt(t, "unusual-user-agent", func(b *Bench) {
		b.Send() // what is in use more than once stays
		for i := range 500 {
			b.Send(With(fmt.Sprintf("agent%d/v1 (linux/amd64) kubernetes/abc", i)))
		}
	})
	g := b.Send(With(K9s))
	says(t, "clean", g)
	require.Equal(t, "evicted", g.History)
	require.Equal(t, "complete", b.Send().History)
}
