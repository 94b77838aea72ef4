package rule_test

import (
	"strconv"
	"testing"
	"time"

	. "github.com/secretwatch/secretwatch/detector/internal/bench"
)

func TestDeniedAccess(t *testing.T) {
	const id = "denied-access"
	f := func(reason string, change ...Change) {
		t.Helper()
		b := learnt(t, id, nil)
		says(t, "low", b.Send(append(change, Denied)...), reason)
		says(t, "clean", b.Send(append(change, Denied)...)) // a retry
	}
	f("alice was denied get of secret shop/db")
	f("alice was denied list of secrets in shop", List("shop"))
	f("alice was denied watch of secrets of all namespaces", Watch(""))
	f("alice was denied patch of secret pay/card", Verb("patch"), On("pay", "card"))
	f("alice was denied an odd request for secret shop/db", Verb(""))
	says(t, "clean", learnt(t, id, nil).Send())
	says(t, "clean", learnt(t, id, nil).Send(Anonymous, Denied))
	says(t, "clean", New(t, Only(id)).Send(Denied))
}

// Five doors tried within an hour are probing; one door tried for ever is not.
func TestDeniedAccessMany(t *testing.T) {
	try := func(i int) []Change { return []Change{WebPod, On("pay", "s"+strconv.Itoa(i)), Denied} }
	b := learnt(t, "denied-access", nil)
	for i := range 4 {
		want := "low"
		if i > 0 {
			want = "low again"
		}
		says(t, want, b.Send(try(i)...))
	}
	says(t, "medium", b.Send(try(4)...), "system:serviceaccount:shop:web was denied 5 objects within an hour that it was not denied before")
	says(t, "medium again", b.Send(try(5)...))

	b = learnt(t, "denied-access", nil)
	says(t, "low", b.Send(try(0)...))
	for range 24 * 6 {
		says(t, "clean", b.After(10*time.Minute).Send(try(0)...))
	}
	// Slower than that they do not add up.
	for i := range 10 {
		says(t, "low again", b.After(20*time.Minute).Send(try(100+i)...))
	}
	// What was denied a window ago is news again.
	b.After(8 * 24 * time.Hour)
	says(t, "low", b.Send(try(0)...))
}

// A directory applied to the wrong namespace by a person at the usual place.
func TestDeniedAccessWrongNamespace(t *testing.T) {
	f := func(medium int, change ...Change) {
		t.Helper()
		b := learnt(t, "denied-access", nil)
		for i := range medium {
			want := "low again"
			switch i {
			case 0:
				want = "low"
			case medium - 1:
				want = "medium"
			}
			says(t, want, b.Send(append(change, On("pay", "s"+strconv.Itoa(i)), Denied)...))
		}
	}
	f(10)
	f(5, From(Outside))
	f(5, WebPod)
}
