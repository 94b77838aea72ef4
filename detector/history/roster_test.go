package history

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/stretchr/testify/require"
)

// A roster is two LRU lists with one index: after any sequence of steps it holds
// what two of simplelru's hold, in their order.
func TestRoster(t *testing.T) {
	var r roster
	r.init()
	lists := [2]*list{&r.known, &r.fresh}
	var model [2]*simplelru.LRU[string, *Principal]
	for i := range model {
		model[i], _ = simplelru.NewLRU[string, *Principal](1000, nil)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for step := range 50000 {
		// First it grows, then it shrinks.
		name := fmt.Sprint("user ", rnd.IntN(300))
		p := r.find(name, r.sum(name))
		in := -1
		for i, m := range model {
			if q, ok := m.Peek(name); ok {
				in = i
				require.Same(t, q, p)
			}
		}
		require.Equal(t, in >= 0, p != nil, name)
		to := rnd.IntN(2)
		switch {
		case p == nil:
			p = &Principal{Name: name}
			r.add(lists[to], p)
			model[to].Add(name, p)
		case rnd.IntN(10) < step/5000:
			r.remove(p)
			model[in].Remove(name)
			require.Equal(t, links{}, p.at, "what is out holds nobody in memory")
		default:
			r.move(lists[to], p)
			model[in].Remove(name)
			model[to].Add(name, p)
		}
		require.Equal(t, model[0].Len()+model[1].Len(), r.n)
		for i, l := range lists {
			require.Equal(t, model[i].Len(), l.n)
		}
		if step%100 == 0 {
			for i, l := range lists {
				var all []*Principal
				l.each(func(p *Principal) { all = append(all, p) })
				require.True(t, slices.Equal(model[i].Values(), all), "step %d", step)
				for q, n := l.newest, len(all); q != nil; q = q.at.older {
					n--
					require.Same(t, all[n], q)
				}
			}
		}
	}
	r.remove(&Principal{Name: "nobody"})
}

// Shards are locked by different threads, and principals are what memory is full of.
func TestCacheLines(t *testing.T) {
	require.Zero(t, unsafe.Sizeof(Shard{})%64, "shards share lines")
	require.LessOrEqual(t, unsafe.Offsetof(Principal{}.Objects), uintptr(256))
	require.LessOrEqual(t, unsafe.Sizeof(Principal{}), uintptr(576), "the next size that Go allocates is 640")
}
