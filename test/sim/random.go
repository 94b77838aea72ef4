package sim

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"strconv"
)

// between draws from [lo, hi).
func between(r *rand.Rand, lo, hi int64) int64 {
	if hi <= lo {
		return lo
	}
	return lo + r.Int64N(hi-lo)
}

// chance is true with probability p.
func chance(r *rand.Rand, p float64) bool { return r.Float64() < p }

func pick[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

// skewed draws an index below n, low ones far more often: people and programs
// have favourites.
func skewed(r *rand.Rand, n int) int {
	return int(float64(n) * math.Pow(r.Float64(), 2.5))
}

// poisson draws a small count with the given mean.
func poisson(r *rand.Rand, mean float64) int {
	limit, p, n := math.Exp(-mean), r.Float64(), 0
	for p > limit {
		p *= r.Float64()
		n++
	}
	return n
}

// exponential draws a waiting time with the given mean.
func exponential(r *rand.Rand, mean int64) int64 {
	return int64(r.ExpFloat64() * float64(mean))
}

func uuid(r *rand.Rand) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], r.Uint64())
	binary.BigEndian.PutUint64(b[8:], r.Uint64())
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	var out [36]byte
	hex.Encode(out[0:], b[0:4])
	hex.Encode(out[9:], b[4:6])
	hex.Encode(out[14:], b[6:8])
	hex.Encode(out[19:], b[8:10])
	hex.Encode(out[24:], b[10:16])
	out[8], out[13], out[18], out[23] = '-', '-', '-', '-'
	return string(out[:])
}

func hexString(r *rand.Rand, digits int) string {
	const alphabet = "0123456789abcdef"
	b := make([]byte, digits)
	for i := range b {
		b[i] = alphabet[r.IntN(16)]
	}
	return string(b)
}

// suffix draws from the letters Kubernetes uses for generated names.
func suffix(r *rand.Rand, n int) string {
	const alphabet = "bcdfghjklmnpqrstvwxz2456789"
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

func x509ID(r *rand.Rand) string { return "X509SHA256=" + hexString(r, 64) }

func ip4(a, b, c, d int) string {
	return strconv.Itoa(a) + "." + strconv.Itoa(b) + "." + strconv.Itoa(c) + "." + strconv.Itoa(d)
}

// homeAddress, mobileAddress and hostedRunner draw from the benchmarking range
// 198.18.0.0/15, which stands for the public internet here.
func homeAddress(r *rand.Rand) string   { return ip4(198, 18, r.IntN(256), 1+r.IntN(254)) }
func mobileAddress(r *rand.Rand) string { return ip4(198, 19, r.IntN(96), 1+r.IntN(254)) }
func hostedRunner(r *rand.Rand) string  { return ip4(198, 19, 128+r.IntN(128), 1+r.IntN(254)) }

// outside draws an attacker's address: an exit node, a rented server or a
// residential proxy in the same ranges as everybody's homes.
func outside(r *rand.Rand) string {
	switch r.IntN(3) {
	case 0:
		return ip4(185, 220, 100+r.IntN(4), 1+r.IntN(254))
	case 1:
		return ip4(203, 0, 113, 1+r.IntN(254))
	}
	return homeAddress(r)
}
