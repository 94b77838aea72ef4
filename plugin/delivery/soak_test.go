package delivery

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/secretwatch/secretwatch/detector/msgpack"
	"github.com/secretwatch/secretwatch/plugin/chunk"
	"github.com/secretwatch/secretwatch/plugin/forward"
	"github.com/secretwatch/secretwatch/plugin/forward/forwardtest"
)

const (
	soakChunk      = 100 // records a chunk
	soakAckTimeout = time.Second
)

// TestSoak sends numbered records by several workers to a receiver that is
// killed, restarted, slow and refuses at random. None may be lost, one may come
// twice only where an acknowledgement may have been lost, all with what was
// found the first time, and memory must not grow. SECRETWATCH_SOAK is the number
// of records (50000; the full test has 1000000).
func TestSoak(t *testing.T) {
	total := 50_000
	if s := os.Getenv("SECRETWATCH_SOAK"); s != "" {
		var err error
		if total, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	const workers = 4
	chunks := total / soakChunk
	filler := strings.Repeat("x", 500)

	s := &soak{seen: make([]atomic.Int32, chunks*soakChunk), names: make([]string, chunks), excused: make([]int, chunks)}
	r := &forwardtest.Receiver{Answer: s.answer, Cut: s.cut}
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	client, err := forward.New(forward.Options{
		Network: "tcp", Address: r.Address, ConnectTimeout: 500 * time.Millisecond,
		AckTimeout: soakAckTimeout, FirstBackoff: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	judge := &soakJudge{}
	o := New(Options{Process: judge, Target: ToForward(client), Log: &lines{}})

	var next, retries atomic.Int64
	var heap []uint64
	quarter := int64(max(chunks/4, 1))
	var wg sync.WaitGroup
	for range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			var b []byte
			for {
				n := next.Add(1) - 1
				if n >= int64(chunks) {
					return
				}
				b = b[:0]
				for i := range soakChunk {
					b = append(b, record("n", fmt.Sprint(int(n)*soakChunk+i), "filler", filler)...)
				}
				for o.Deliver(b, "soak", true) != Delivered {
					retries.Add(1)
				}
				if n%quarter == quarter-1 {
					s.mu.Lock()
					heap = append(heap, inUse())
					s.mu.Unlock()
				}
			}
		}()
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	kills := 0
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(rand.N(200 * time.Millisecond)):
			}
			s.lost(r.Kill())
			kills++
			time.Sleep(rand.N(30 * time.Millisecond))
			if err := r.Start(); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	began := time.Now()
	wg.Wait()
	close(stop)
	<-stopped
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	r.Kill()

	lost, duplicates, unexcused := 0, 0, 0
	for n := range s.seen {
		times := int(s.seen[n].Load())
		switch {
		case times == 0:
			lost++
		case times > 1:
			duplicates += times - 1
			if times-1 > s.excused[n/soakChunk] {
				unexcused++
			}
		}
	}
	if n, _ := o.pending.size(); n != 0 {
		t.Errorf("%d chunks are still remembered", n)
	}
	if lost > 0 || unexcused > 0 || s.renamed > 0 || s.unjudged.Load() > 0 {
		t.Errorf("%d records lost, %d repeated without excuse, %d chunks changed their name, %d records without verdict", lost, unexcused, s.renamed, s.unjudged.Load())
	}
	if judge.calls.Load() != int64(chunks) {
		t.Errorf("%d chunks were judged %d times", chunks, judge.calls.Load())
	}
	t.Logf("%d records in %d chunks in %v: %d retries, receiver killed %d times, %d repeated records, all of chunks whose acknowledgement may have been lost; heap in use at each quarter: %d KB",
		chunks*soakChunk, chunks, time.Since(began).Round(time.Millisecond), retries.Load(), kills, duplicates, heap)
	if n := len(heap); n > 2 && heap[n-1] > 2*heap[0]+16<<10 {
		t.Errorf("memory grows: %d KB", heap)
	}
}

// inUse returns the heap in use in KB.
func inUse() uint64 {
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse >> 10
}

// soak is what the receiver of TestSoak knows.
type soak struct {
	seen     []atomic.Int32 // how often each record was taken
	unjudged atomic.Int32

	mu      sync.Mutex
	names   []string // of chunks, by number
	excused []int    // how often a chunk may be repeated, by number
	renamed int      // chunks that came with two names
}

func (s *soak) answer(m *forwardtest.Message) forwardtest.Answer {
	answer, delay := forwardtest.Ack, time.Duration(0)
	switch p := rand.N(1000); {
	case p < 10:
		answer = forwardtest.AckLost
	case p < 20:
		answer = forwardtest.Wrong
	case p < 40:
		answer = forwardtest.Refuse
	case p < 42:
		answer = forwardtest.Silent
	case p < 60:
		delay = rand.N(30 * time.Millisecond)
	case p < 62:
		delay = soakAckTimeout + 100*time.Millisecond
	}
	time.Sleep(delay)
	if answer == forwardtest.Refuse || answer == forwardtest.Silent {
		return answer
	}
	first := -1
	for _, e := range m.Entries {
		text, _, _ := msgpack.ReadStr(member(e.Record, "n"), 0)
		n, err := strconv.Atoi(string(text))
		if err != nil {
			return forwardtest.Refuse
		}
		if first < 0 {
			first = n
		}
		s.seen[n].Add(1)
		if member(e.Record, "secretwatch") == nil {
			s.unjudged.Add(1)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	number := first / soakChunk
	if name := s.names[number]; name != "" && name != m.ID {
		s.renamed++
	}
	s.names[number] = m.ID
	if answer != forwardtest.Ack || delay > soakAckTimeout {
		s.excused[number]++
	}
	return answer
}

// lost excuses chunks whose acknowledgement was under way when the receiver was
// killed.
func (s *soak) lost(last []*forwardtest.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range last {
		s.excused[slices.Index(s.names, m.ID)]++
	}
}

// cut lets one connection in twenty die within a message.
func (s *soak) cut() int {
	if rand.N(20) > 0 {
		return 0
	}
	return 1 + rand.N(200_000)
}

// soakJudge adds a verdict to every record.
type soakJudge struct{ calls atomic.Int64 }

func (j *soakJudge) Process(b []byte, alloc func(n int) []byte) ([]byte, bool) {
	j.calls.Add(1)
	var edits chunk.Edits
	for at := 0; at < len(b); {
		span, _ := chunk.Next(b, at)
		r := chunk.Read(b, span)
		edits.SetFields(b, r.BodyAt, r.BodyAt+len(r.Body), nil, 1, verdict)
		at = span.End
	}
	return edits.Apply(b, alloc), true
}
