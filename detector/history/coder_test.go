package history

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"testing"
	"unsafe"
)

// notKept are the fields that a record does not hold, and why.
var notKept = map[string]string{
	"Principal.mark": "a restored principal starts with a mark of its own",
	"Principal.at":   "of the list it stands in, whose order the times of use keep",
	"Objects.index":  "made from the entries",
}

// fill sets every field of a struct, and of what is in it, to a value that is
// not zero and, where it can, like no other.
func fill(v reflect.Value, next *int64) {
	v = reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem()
	*next++
	switch p := v.Addr().Interface().(type) {
	case *netip.Addr:
		*p = netip.AddrFrom4([4]byte{10, byte(*next >> 16), byte(*next >> 8), byte(*next)})
		return
	case *Objects:
		// One entry more than are searched without an index.
		p.entries = make([]object, few+1)
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(*next))
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(*next)
	case reflect.String:
		v.SetString(fmt.Sprint("text ", *next))
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), next)
		}
	case reflect.Slice:
		if v.Len() == 0 {
			v.Set(reflect.MakeSlice(v.Type(), 3, 3))
		}
		for i := range v.Len() {
			fill(v.Index(i), next)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), next)
	case reflect.Struct:
		for i := range v.NumField() {
			name := v.Type().Name() + "." + v.Type().Field(i).Name
			if notKept[name] == "" {
				fill(v.Field(i), next)
			}
		}
	default:
		panic("what is a " + v.Type().String() + "?")
	}
	// Indexes into lists of three.
	if r, ok := v.Addr().Interface().(*rest); ok {
		r.next = 2
	}
	if o, ok := v.Addr().Interface().(*Objects); ok {
		o.hand = 2
		o.reindex()
	}
}

// A field that is added to what is remembered, and not to its code method, does
// not survive a restart. This finds it.
func TestEveryFieldIsKept(t *testing.T) {
	f := func(full, read any, code func(v any, c coder)) {
		t.Helper()
		next := int64(0)
		fill(reflect.ValueOf(full).Elem(), &next)
		w := &writer{}
		code(full, w)
		r := &reader{b: w.b}
		code(read, r)
		if err := r.done(); err != nil {
			t.Errorf("%T: %v", full, err)
		}
		compareFields(t, "binary", full, read)
		j := &jsonWriter{}
		j.record(func() { code(full, j) })
		clear := reflect.New(reflect.TypeOf(full).Elem()).Interface()
		in, err := newJSONReader(j.b)
		if err != nil {
			t.Fatal(err)
		}
		code(clear, in)
		if in.err != nil {
			t.Errorf("%T: %v", full, in.err)
		}
		compareFields(t, "JSON", full, clear)
	}
	f(new(Principal), new(Principal), func(v any, c coder) { v.(*Principal).code(c) })
	f(new(Minted), new(Minted), func(v any, c coder) { v.(*Minted).code(c) })
	f(new(Suspicion), new(Suspicion), func(v any, c coder) { v.(*Suspicion).code(c) })
}

// compareFields names the fields in which what was read differs.
func compareFields(t *testing.T, form string, wrote, read any) {
	t.Helper()
	a, b := reflect.ValueOf(wrote).Elem(), reflect.ValueOf(read).Elem()
	for i := range a.NumField() {
		field := a.Type().Field(i)
		get := func(v reflect.Value) any {
			return reflect.NewAt(field.Type, unsafe.Pointer(v.Field(i).UnsafeAddr())).Elem().Interface()
		}
		if !reflect.DeepEqual(get(a), get(b)) {
			t.Errorf("%s.%s does not survive as %s: its code method leaves out some of it", a.Type(), field.Name, form)
		}
	}
}

// The store's own fields: each is kept in some record, or need not be.
func TestEveryPartOfTheStoreIsKept(t *testing.T) {
	f := func(v any, kept ...string) {
		t.Helper()
		typ := reflect.TypeOf(v)
		names := map[string]bool{}
		for _, k := range kept {
			names[k] = true
		}
		for i := range typ.NumField() {
			if name := typ.Field(i).Name; !names[name] {
				t.Errorf("%s.%s: is it kept? See Changes and Restorer.", typ.Name(), name)
			}
		}
	}
	f(Store{}, "Bounds", "Wide", "Minted", "Suspicious", "NodeAddrs", "shards", "start", "clock", "emitted", "emittedStart",
		"Nodes", "Forwarders", "Accounts", "People",
		"texts") // but for the sake of memory
	f(Shard{}, "Mutex", "bounds", "roster", "cap", "ghosts", "next", "lost", "changes", "_")
	f(roster{}, "seed", "slots", "n", "known", "fresh",
		"ahead") // follows from slots
	f(links{}, "in", "newer", "older")
	f(Shared{}, "Mutex", "Principal")
	f(mark{}, "touched", "dirty", "saved")
	f(owned{}, "LRU", "name", "touched", "saved")
	f(Fair[int]{}, "mu", "owners", "index", "each", "used", "clock", "changed")
}

func TestTimes(t *testing.T) {
	times := []int64{0, 1, -1, 5, 0, math.MaxInt64, math.MinInt64, 0, math.MinInt64, math.MaxInt64, 1763870737705785000, 1763870737705785001}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		times = append(times, int64(rnd.Uint64()>>rnd.IntN(64)))
	}
	w := &writer{}
	for i := range times {
		w.time("", &times[i])
	}
	r := &reader{b: w.b}
	for _, want := range times {
		var got int64
		if r.time("", &got); got != want {
			t.Fatalf("got %d, want %d", got, want)
		}
	}
	if err := r.done(); err != nil {
		t.Fatal(err)
	}
}

// Whatever bytes are read, reading ends with an error or a record that can be
// used, and needs no more memory than a small multiple of the bytes.
func FuzzRestore(f *testing.F) {
	s := NewStore(Bounds{Window: 1000, Probation: 100, MaxValues: 4}, 10)
	s.Track()
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		exercise(s, rnd)
	}
	s.Changes(true, func(table Table, key string, value []byte) {
		f.Add(string(table), key, append([]byte(nil), value...))
	})
	f.Fuzz(func(t *testing.T, table, key string, value []byte) {
		s := NewStore(Bounds{Window: 1000, Probation: 100, MaxValues: 4}, 10)
		s.Track()
		r := s.Restore()
		if r.Add(Table(table), key, value) != nil {
			return
		}
		r.Done()
		rnd := rand.New(rand.NewPCG(5, 6))
		for range 50 {
			exercise(s, rnd)
		}
		s.Changes(true, func(Table, string, []byte) {})
	})
}

// exercise uses the store as the detector might.
func exercise(s *Store, rnd *rand.Rand) {
	b := &s.Bounds
	t := int64(1000 + rnd.IntN(3000))
	name := fmt.Sprint("user", rnd.IntN(20))
	key := rnd.Uint64N(30)
	text := fmt.Sprint("value", key)
	addr := netip.AddrFrom4([4]byte{10, 0, 0, byte(key)})
	s.Start(t)
	sh := s.Shard(name)
	sh.Lock()
	defer sh.Unlock()
	p, _ := sh.Get(name, t)
	set := &p.Sets[rnd.IntN(int(NumDims))]
	switch rnd.IntN(12) {
	case 0:
		set.Flag(b, key, text, t)
	case 1:
		p.Objects.Teach(b, key, t, rnd.IntN(2) == 0)
	case 2:
		p.Burst.Note(key, key%3, t, 50)
	case 3:
		p.Burst.Flag(b, int(key), t)
	case 4:
		p.Burst.Learn(b, int(key), t)
	case 5:
		p.Denials.Note(b, key, t, 50)
	case 6:
		if p.Homes.Find(key) == nil {
			p.Homes.Settle(b, Home{Key: key, Token: key, Addr: addr, Last: t})
		}
	case 7:
		s.Minted.Put(name, key, Minted{Minter: name, Source: key, Addr: addr, Target: text, At: t})
	case 8:
		s.Suspicious.Put(name, key, Suspicion{At: t})
		s.NodeAddrs.Put(name, key, addr)
	case 9:
		c := s.common()[rnd.IntN(len(commonNames))]
		c.Lock()
		c.Sets[rnd.IntN(int(NumDims))].Teach(&s.Wide, key, text, t)
		c.Unlock()
	default:
		set.Teach(b, key, text, t)
	}
	set.Status(b, key, text, t)
	sh.Teach(p, t, rnd.IntN(2) == 0)
}

func TestJSON(t *testing.T) {
	s := NewStore(Bounds{Window: 1000, Probation: 100, MaxValues: 4}, 10)
	s.Track()
	rnd := rand.New(rand.NewPCG(7, 8))
	for range 5000 {
		exercise(s, rnd)
	}
	s.Changes(true, func(table Table, key string, value []byte) {
		text, err := AppendJSON(nil, table, key, value)
		if err != nil {
			t.Fatalf("%s %s: %v", table, key, err)
		}
		gotTable, gotKey, got, err := FromJSON(text)
		if err != nil || gotTable != table || gotKey != key || string(got) != string(value) {
			t.Fatalf("%s\nbecame %s %q, %d bytes of %d: %v", text, gotTable, gotKey, len(got), len(value), err)
		}
	})
	f := func(text string) {
		t.Helper()
		if _, _, _, err := FromJSON([]byte(text)); err == nil {
			t.Errorf("%s is no error", text)
		}
	}
	f(``)
	f(`[]`)
	f(`{}`)
	f(`{"table":"nonsense"}`)
	f(`{"table":"principals"}`)
	f(`{"table":"principals","name":7}`)
	f(`{"table":"principals","name":"a","first":"yesterday"}`)
	f(`{"table":"principals","name":"a","source":[]}`)
	f(`{"table":"principals","name":"a","source":{"established":[1,{"count":-1}]}}`)
	f(`{"table":"principals","name":"a","homes":[{"addr":"10.0.0.300"}]}`)
	f(`{"table":"common","key":"nonsense"}`)
}
