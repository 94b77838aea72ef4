package main

import (
	"slices"
	"sync"
	"testing"

	"github.com/secretwatch/secretwatch/detector/msgpack"
	"github.com/secretwatch/secretwatch/plugin/chunk"
	"github.com/secretwatch/secretwatch/plugin/config"
)

// places is SW_PLACES of filter.c.
const places = 64

// quietInstance returns an instance that lets chunks pass.
func quietInstance(t *testing.T, handle uintptr, count bool) *instance {
	t.Helper()
	ins, err := newInstance(config.Default(), newHostLog("quiet"))
	if err != nil {
		t.Fatal(err)
	}
	ins.letPass(handle, count)
	t.Cleanup(func() {
		ins.letNonePass()
		ins.close()
	})
	return ins
}

// quietChunk returns a chunk with nothing of interest.
func quietChunk(records int) []byte {
	record := msgpack.AppendMapHeader(chunk.AppendRecordHeader(nil, 1e18), 1)
	record = msgpack.AppendStr(msgpack.AppendStr(record, "log"), "nothing")
	return slices.Repeat(record, records)
}

// checkPassed checks what an instance has counted.
func checkPassed(t *testing.T, ins *instance, chunks, bytes, records int) {
	t.Helper()
	if s := ins.stats(); s.Chunks != uint64(chunks) || s.Bytes != uint64(bytes) || s.Records != uint64(records) {
		t.Errorf("%d chunks, %d bytes, %d records; want %d, %d, %d", s.Chunks, s.Bytes, s.Records, chunks, bytes, records)
	}
}

// TestPassedOnThreads: what threads let pass while others read the counts is counted
// once.
func TestPassedOnThreads(t *testing.T) {
	const threads, calls = 4, 2000
	a, b := quietInstance(t, 1000*places+1, true), quietInstance(t, 1000*places+2, false)
	small, large := quietChunk(1), quietChunk(3)
	var wg sync.WaitGroup
	wg.Add(2 * threads)
	for range threads {
		go func() {
			defer wg.Done()
			for range calls {
				if !a.passes(small) || !a.passes(large) || !b.passes(large) {
					t.Error("not quiet")
					return
				}
			}
		}()
		go func() {
			defer wg.Done()
			for range calls / 10 {
				a.stats()
				b.stats()
			}
		}()
	}
	wg.Wait()
	checkPassed(t, a, 2*threads*calls, threads*calls*(len(small)+len(large)), 4*threads*calls)
	checkPassed(t, b, threads*calls, threads*calls*len(large), 0)
}

// TestPassedPlaces: an instance without a place has chunks judged as before, and what
// one has counted is not another's.
func TestPassedPlaces(t *testing.T) {
	quiet := quietChunk(2)
	first := quietInstance(t, 2000*places+3, true)
	second := quietInstance(t, 2001*places+3, false)
	if !first.passes(quiet) || second.passes(quiet) {
		t.Error("want a place for the first only")
	}
	checkPassed(t, second, 0, 0, 0)
	checkPassed(t, first, 1, len(quiet), 2)
	second.letNonePass()
	if !first.passes(quiet) {
		t.Error("one without a place took that of another")
	}
	first.letNonePass()
	if first.passes(quiet) {
		t.Error("passed behind the end")
	}
	first.letNonePass() // nothing is left of the chunk that was not noted
	checkPassed(t, first, 1, len(quiet), 2)
	third := quietInstance(t, 2002*places+3, false)
	if !third.passes(quiet) || first.passes(quiet) || second.passes(quiet) {
		t.Error("want a place for the third only")
	}
	checkPassed(t, third, 1, len(quiet), 0)
	if (&instance{}).passes(quiet) {
		t.Error("passed without an instance")
	}
	if third.passes(nil) || third.passes(append(quiet, `"secrets"`...)) {
		t.Error("passed what is of interest")
	}
	checkPassed(t, third, 1, len(quiet), 0)
}

// TestPassedUntilFull: Go is to know of what passes sooner or later, also where nothing
// is of interest.
func TestPassedUntilFull(t *testing.T) {
	const most = 10_000_000 // SW_QUIET_MOST
	quiet := quietChunk(200)
	ins := quietInstance(t, 3000*places+4, false)
	var thread pace
	fill := (most + len(quiet) - 1) / len(quiet) // chunks
	for round := range 3 {
		for n := range fill {
			if !ins.passes(quiet) {
				t.Fatalf("not quiet after %d bytes", n*len(quiet))
			}
			ins.ask(&thread)
			if full := n == fill-1; (thread.full != 0) != full {
				t.Fatalf("after %d bytes, asks %v", (n+1)*len(quiet), thread.full)
			}
			if n < fill-1 {
				ins.noteFull(&thread)
			}
		}
		if ins.passes(quiet) {
			t.Error("passed though full")
		}
		if s := ins.pipeline.Stats(); s.Chunks != uint64(round*fill) {
			t.Errorf("%d chunks noted that were not asked for", s.Chunks)
		}
		ins.noteFull(&thread)
		if s := ins.pipeline.Stats(); s.Chunks != uint64((round+1)*fill) || s.Bytes != uint64((round+1)*fill*len(quiet)) {
			t.Errorf("%d chunks, %d bytes noted of %d", s.Chunks, s.Bytes, fill)
		}
	}
}
