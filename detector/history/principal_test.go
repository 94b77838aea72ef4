package history

import (
	"math"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/secretwatch/secretwatch/detector/access"
)

func TestPrincipalStatus(t *testing.T) {
	b := bounds(4)
	f := func(want Status, p Principal, at int64) {
		t.Helper()
		require.Equal(t, want, p.Status(b, at))
	}
	f(New, Principal{}, epoch)
	f(Known, Principal{Last: epoch}, epoch)
	f(Known, Principal{Last: epoch}, epoch-day)
	f(Known, Principal{Last: epoch}, epoch+b.Window)
	f(Expired, Principal{Last: epoch}, epoch+b.Window+1)
	f(Probation, Principal{Last: epoch, Flagged: epoch}, epoch+b.Probation)
	f(Known, Principal{Last: epoch, Flagged: epoch}, epoch+b.Probation+1)
	f(Expired, Principal{Last: epoch, Flagged: epoch}, epoch+b.Window+1)
	f(Known, Principal{Last: math.MaxInt64, Flagged: 0}, epoch)
	f(Probation, Principal{Last: math.MaxInt64, Flagged: math.MaxInt64}, math.MaxInt64)
}

func TestPrincipalSettle(t *testing.T) {
	var p Principal
	f := func(source uint64, at int64, switches uint16) {
		t.Helper()
		p.Settle(source, at)
		require.Equal(t, switches, p.Switches)
	}
	f(1, epoch, 0)
	f(1, epoch+1, 0)
	f(2, epoch+minute, 1)
	f(1, epoch, 1) // late: says nothing of turns
	f(2, epoch+minute+InTurn+1, 1)
	f(1, epoch+minute+InTurn+2, 2)
	p.Switches = math.MaxUint16
	f(2, epoch+minute+InTurn+3, math.MaxUint16)
}

func TestDenials(t *testing.T) {
	b := bounds(4)
	const span = 60 * minute
	var d Denials
	f := func(key uint64, at int64, retry bool, count int) {
		t.Helper()
		r, n := d.Note(b, key, at, span)
		require.Equal(t, retry, r)
		require.Equal(t, count, n)
	}
	f(1, epoch, false, 1)
	f(1, epoch+1, true, 1)
	f(2, epoch+2, false, 2)
	f(3, epoch+span+1, false, 2) // the first was denied too long ago to count
	f(1, epoch+b.Window, true, 1)
	f(1, epoch+3*b.Window, false, 1)
	for i := range uint64(100_000) {
		_, n := d.Note(b, 100+i, epoch+4*b.Window+int64(i), span)
		require.LessOrEqual(t, n, maxDenials+1)
	}
	require.Len(t, d.list, maxDenials)
	f(7, 1, false, 1) // an outlier
}

func TestSaid(t *testing.T) {
	var s Said
	f := func(print uint64, at int64, first bool) {
		t.Helper()
		require.Equal(t, first, s.First(print, at, day))
	}
	f(1, epoch, true)
	f(1, epoch+1, false)
	f(1, epoch-minute, false) // late
	f(1, epoch+day, false)
	f(1, epoch+day+1, true) // probation counts from the first, not the last
	f(1, epoch+2*day+1, false)
	for i := range uint64(100_000) {
		f(100+i, epoch+int64(i), true)
	}
	require.Len(t, s.prints, maxSaid)
	f(1, math.MaxInt64, true)
	f(2, math.MaxInt64, true)
	f(2, math.MaxInt64, false)
	f(2, epoch, true) // an outlier silences nothing
	f(2, epoch+minute, false)
}

func TestHomes(t *testing.T) {
	b := bounds(4)
	var h Homes
	require.Nil(t, h.Find(1))
	for i := range uint64(100) {
		h.Settle(b, Home{Key: i, Last: epoch + int64(i)})
		h.Find(i).Last += int64(i % 2)
	}
	require.Equal(t, b.MaxValues, h.Len())
	require.NotNil(t, h.Find(99))
	require.Nil(t, h.Find(90))
	// The one that was silent longest goes.
	h.Find(96).Last = epoch + day
	h.Settle(b, Home{Key: 500, Last: epoch})
	require.NotNil(t, h.Find(96))
	require.Nil(t, h.Find(97))
}

func TestPrincipalLooksAt(t *testing.T) {
	b := bounds(8)
	var p Principal
	teach := func(ua, addr string) {
		c := access.ParseClient(ua)
		p.Sets[DimClient].Teach(b, c.Key, c.Text(), epoch)
		p.Sets[DimSource].Teach(b, access.Key(addr), addr, epoch)
	}
	teach("kubectl/v1.30.1 (linux/amd64) kubernetes/abc", "10.1.2.3")
	teach("k9s/v0.0.0 (darwin/arm64) kubernetes/$Format", "192.0.2.7")
	p.Sets[DimClient].Flag(b, 1, "curl windows/amd64", epoch)

	require.True(t, p.HasProduct("kubectl"))
	require.True(t, p.HasProduct("k9s"))
	require.False(t, p.HasProduct("kube"))
	require.False(t, p.HasProduct(""))
	require.False(t, p.HasProduct("curl"), "on probation")
	require.True(t, p.HasPlatform("linux/amd64"))
	require.True(t, p.HasPlatform("darwin/arm64"))
	require.False(t, p.HasPlatform("windows/amd64"))
	require.False(t, p.HasPlatform("linux"))

	area := func(s string) uint64 { return access.Area(netip.MustParseAddr(s)) }
	require.True(t, p.NearSource(area("10.1.77.1")), "one organisation hands private addresses out")
	require.False(t, p.NearSource(area("10.2.2.3")))
	require.True(t, p.NearSource(area("192.0.2.250")))
	require.False(t, p.NearSource(area("192.0.3.7")))
}
