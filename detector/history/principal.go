package history

import (
	"math"
	"net/netip"
	"strings"
	"time"

	"github.com/secretwatch/secretwatch/detector/access"
)

// Dim names a dimension of a principal's history.
type Dim uint8

// Dimensions held as Sets.
const (
	DimSource    Dim = iota // normalised source addresses
	DimClient               // normalised user agents
	DimNamespace            // namespaces of objects
	DimScope                // what goes beyond reading objects: cluster-wide lists, minting, impersonation
	NumDims
)

func (d Dim) String() string {
	return [...]string{"source", "client", "namespace", "scope"}[d]
}

// Principal is what is remembered of one identity. Its owner's lock protects it.
type Principal struct {
	// What every decision needs comes first, in four cache lines with Sets.
	Name string
	at   links
	mark mark
	// First and Last are the times of the first and the newest access that
	// taught; 0 before there was one.
	First, Last int64
	// Flagged is when the principal was called unusual, 0 if it never was or
	// has served its probation.
	Flagged int64

	// LastSource and LastAt are where and when it was last seen at an
	// established source; Switches counts how often it then was at another one
	// soon after: who works in two places at once.
	LastSource uint64
	LastAt     int64
	Switches   uint16
	// Returned: it was flagged for coming back after a pause, as it used to be.
	Returned bool

	Sets    [NumDims]Set
	Objects Objects
	Burst   Burst // objects new to it that it read
	Strange Burst // those it read through sources or clients on probation
	Deleted Burst // objects it deleted and had not made
	Denials Denials
	Homes   Homes
	Said    Said
}

// InTurn is how close together uses from two sources have to be to count as
// going on side by side, in nanoseconds.
const InTurn = int64(15 * time.Minute)

// Settle records a use of an established source.
func (p *Principal) Settle(source uint64, t int64) {
	if p.LastSource != 0 && p.LastSource != source && t-p.LastAt <= InTurn && t >= p.LastAt && p.Switches < math.MaxUint16 {
		p.Switches++
	}
	p.LastSource, p.LastAt = source, max(p.LastAt, t)
}

// Status says what the principal as a whole is at t.
func (p *Principal) Status(b *Bounds, t int64) Status {
	switch {
	case p.Last == 0 && p.Flagged == 0:
		return New
	case p.Last != 0 && expired(p.Last, t, b.Window):
		return Expired
	case p.Flagged != 0 && t <= addTime(p.Flagged, b.Probation):
		return Probation
	case p.Last == 0:
		return New
	}
	return Known
}

// Denials remembers the objects a principal was denied, so that retries are
// told from probing. The zero value is empty and ready.
type Denials struct {
	list []denial
}

type denial struct {
	key         uint64
	first, last int64
}

const maxDenials = 64

// Note records a denial at t. It reports whether the same object was denied
// within the window before (a retry), and how many distinct objects, this one
// included, were denied for the first time within span.
func (d *Denials) Note(b *Bounds, key uint64, t, span int64) (retry bool, count int) {
	at, old := -1, 0
	for i := range d.list {
		r := &d.list[i]
		if r.key == key {
			at = i
		} else if r.first >= t-span && r.first <= t {
			count++
		}
		if r.last < d.list[old].last {
			old = i
		}
	}
	count++
	switch {
	case at >= 0:
		r := &d.list[at]
		retry = !expired(r.last, t, b.Window)
		if !retry {
			r.first = t
		}
		r.last = max(r.last, t)
	case len(d.list) < maxDenials:
		d.list = append(d.list, denial{key, t, t})
	default:
		d.list[old] = denial{key, t, t}
	}
	return retry, count
}

// Said remembers which findings were reported, so that each is first once. The
// zero value is empty and ready.
type Said struct {
	prints []said
}

type said struct {
	print uint64
	at    int64
}

const maxSaid = 64

// First reports whether the fingerprint was not reported within span before t,
// and remembers that it is now.
func (s *Said) First(print uint64, t, span int64) bool {
	oldest := 0
	for i := range s.prints {
		p := &s.prints[i]
		if p.print == print {
			// Nor does one report with a time far in the future silence what
			// comes before it.
			if t <= addTime(p.at, span) && p.at <= addTime(t, span) {
				return false
			}
			p.at = t
			return true
		}
		if p.at < s.prints[oldest].at {
			oldest = i
		}
	}
	if len(s.prints) < maxSaid {
		s.prints = append(s.prints, said{print, t})
	} else {
		s.prints[oldest] = said{print, t}
	}
	return true
}

// Homes remembers where credentials live: pods by uid, certificates by
// fingerprint. The zero value is empty and ready.
type Homes struct {
	list []Home
}

// Home is where one credential, or all tokens of one pod, were first used.
type Home struct {
	Key   uint64     // pod uid or certificate
	Token uint64     // the very token last used at home, 0 where events do not name it
	Addr  netip.Addr // home
	Other netip.Addr // a second address of the same home: the other IP family, or the pod's node
	Last  int64      // newest use at home

	Away   netip.Addr // where it was seen besides
	AwayAt int64
}

// At says whether an address is the home's, one of its two.
func (h *Home) At(addr netip.Addr) bool { return addr == h.Addr || addr == h.Other }

// Stay records a use at home. token is the very token, or 0.
func (h *Home) Stay(token uint64, t int64) { h.Token, h.Last = token, max(h.Last, t) }

// Find returns the home of a credential, or nil.
func (h *Homes) Find(key uint64) *Home {
	for i := range h.list {
		if h.list[i].Key == key {
			return &h.list[i]
		}
	}
	return nil
}

// Len is the number of homes remembered.
func (h *Homes) Len() int { return len(h.list) }

// Settle remembers a home, displacing the one that was silent longest where
// there are more than the bounds allow.
func (h *Homes) Settle(b *Bounds, home Home) *Home {
	if len(h.list) < b.MaxValues {
		h.list = append(h.list, home)
		return &h.list[len(h.list)-1]
	}
	o := 0
	for i := range h.list {
		if h.list[i].Last < h.list[o].Last {
			o = i
		}
	}
	h.list[o] = home
	return &h.list[o]
}

// HasPlatform says whether an established client of the principal runs on the
// platform (os/arch).
func (p *Principal) HasPlatform(platform string) bool {
	for i := range p.Sets[DimClient].vals {
		words := p.Sets[DimClient].vals[i].Text
		for words != "" {
			var w string
			w, words, _ = strings.Cut(words, " ")
			if w == platform {
				return true
			}
		}
	}
	return false
}

// HasProduct says whether an established client of the principal is the product,
// on whatever platform and however built.
func (p *Principal) HasProduct(product string) bool {
	for i := range p.Sets[DimClient].vals {
		rest, ok := strings.CutPrefix(p.Sets[DimClient].vals[i].Text, product)
		if ok && product != "" && (rest == "" || rest[0] == ' ') {
			return true
		}
	}
	return false
}

// NearSource says whether an established source of the principal lies in the
// area (see access.Area).
func (p *Principal) NearSource(area uint64) bool {
	for i := range p.Sets[DimSource].vals {
		a := access.ParseAddr(p.Sets[DimSource].vals[i].Text)
		if a.IsValid() && access.Area(a) == area {
			return true
		}
	}
	return false
}
