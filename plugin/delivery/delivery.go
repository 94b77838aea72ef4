// Package delivery is the way of a chunk through the output plugin: judged once,
// then sent until it is acknowledged or given up.
//
//	chunk -> Process -> records -> Target -> acknowledgement
//
// What went wrong decides what the host is told: a receiver that is away, slow
// or refuses may be better next time (Retry), a chunk that is no MessagePack or
// too long for the target never will (Failed). Of a chunk that is to be retried
// it is remembered what its records became, because judging them again would
// find that everything has been seen before.
package delivery

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/secretwatch/secretwatch/plugin/forward"
)

// Processor judges the records of a chunk; see pipeline.Pipeline, which is one.
type Processor interface {
	Process(chunk []byte, alloc func(n int) []byte) (out []byte, modified bool)
}

// Logger receives one-line messages; see pipeline.Logger.
type Logger interface {
	Errorf(format string, args ...any)
	Warnf(format string, args ...any)
	Infof(format string, args ...any)
}

// Target is where records go. Safe for concurrent use.
type Target interface {
	// Send delivers the records of a chunk, which it only reads, and returns
	// when they are delivered or why they are not. id names the chunk and is the
	// same when it is sent again. Errors are such that may pass, unless
	// permanent says otherwise. If patient, Send may wait for a target that is
	// not there.
	Send(chunk []byte, tag, id string, patient bool) (sent Sent, err error)
	Close() error
}

// Sent counts the records of a chunk.
type Sent struct {
	Records int
	// Unfit is what no target takes: objects that are no records, and bodies
	// that are no maps. Markers of groups are not counted.
	Unfit int
}

// Result is what became of a chunk.
type Result int

// Results, as Fluent Bit's FLB_ERROR, FLB_OK and FLB_RETRY
// (include/fluent-bit/flb_output.h).
const (
	Failed    Result = 0 // never to be sent, the host drops it
	Delivered Result = 1
	Retry     Result = 2 // to be brought again as it is
)

// Options say what an Output does. All but OnlyFindings are required.
type Options struct {
	Process      Processor
	Target       Target
	Log          Logger
	OnlyFindings bool // send only records with findings
}

// Output takes chunks to a target. Safe for concurrent use.
type Output struct {
	opts    Options
	pending pending
	trouble trouble
	idle    sync.Pool // of *[]byte: memory for what Process returns

	delivered, records, retries, failed, unfit atomic.Uint64
}

// New returns an output, which owns the target.
func New(opts Options) *Output {
	o := &Output{opts: opts, trouble: trouble{log: opts.Log}}
	o.pending.init(pendingBytes, pendingFor)
	o.idle.New = func() any { return new([]byte) }
	return o
}

// Deliver judges a chunk, unless it did before, and sends it. chunk is only read,
// and not kept. If not patient, it does not wait for a target that is not there.
func (o *Output) Deliver(chunk []byte, tag string, patient bool) Result {
	var key pendingKey
	entry := (*pendingChunk)(nil)
	if o.pending.any() {
		key = keyOf(chunk, tag)
		entry = o.pending.take(key)
	}
	if entry == nil {
		entry = o.judge(chunk)
	}
	records := chunk
	if entry.changed {
		records = entry.records
	}
	sent, err := Sent{}, error(nil)
	if len(records) > 0 {
		sent, err = o.opts.Target.Send(records, tag, entry.id, patient)
	}
	switch {
	case err == nil:
		o.delivered.Add(1)
		o.records.Add(uint64(sent.Records))
		if sent.Unfit > 0 {
			o.unfit.Add(uint64(sent.Unfit))
			o.opts.Log.Warnf("%d objects in a chunk of %s are no records and were left out", sent.Unfit, tag)
		}
		o.trouble.over()
		o.recycle(entry)
		return Delivered
	case permanent(err):
		o.failed.Add(1)
		o.opts.Log.Errorf("chunk of %d bytes of %s is dropped: %v", len(chunk), tag, err)
		o.recycle(entry)
		return Failed
	}
	o.retries.Add(1)
	o.trouble.failed(err, time.Now())
	if key == (pendingKey{}) {
		key = keyOf(chunk, tag)
	}
	if n := o.pending.put(key, entry, time.Now()); n > 0 {
		o.opts.Log.Warnf("too much waits to be sent again: %d chunks will be judged anew, without findings they had", n)
	}
	return Retry
}

// judge returns what becomes of a chunk.
func (o *Output) judge(chunk []byte) *pendingChunk {
	entry := &pendingChunk{id: forward.NewID()}
	memory := o.idle.Get().(*[]byte)
	out, modified := o.opts.Process.Process(chunk, func(n int) []byte {
		if cap(*memory) < n {
			*memory = make([]byte, n)
		}
		return (*memory)[:n]
	})
	if o.opts.OnlyFindings {
		from := chunk
		if modified {
			from = out
		}
		// In place: what is kept never overtakes what is read.
		out, modified = appendFindings((*memory)[:0], from), true
		*memory = out[:0]
	}
	if !modified {
		o.idle.Put(memory)
		return entry
	}
	entry.changed, entry.records, entry.memory = true, out, memory
	return entry
}

// recycle takes back the memory of a chunk that is done.
func (o *Output) recycle(entry *pendingChunk) {
	const most = 8 << 20
	if entry.memory != nil && cap(*entry.memory) <= most {
		o.idle.Put(entry.memory)
	}
	entry.memory, entry.records = nil, nil
}

// Close interrupts what is being sent and closes the target.
func (o *Output) Close() error { return o.opts.Target.Close() }

// Stats are counts since the output was made.
type Stats struct {
	Delivered uint64 // chunks
	Records   uint64 // in these, as they were sent
	Retries   uint64 // chunks to be brought again, each time
	Failed    uint64 // chunks dropped

	Pending      int // chunks that are kept to be sent again, now
	PendingBytes int
}

// Stats returns the current counts.
func (o *Output) Stats() Stats {
	s := Stats{
		Delivered: o.delivered.Load(), Records: o.records.Load(),
		Retries: o.retries.Load(), Failed: o.failed.Load(),
	}
	s.Pending, s.PendingBytes = o.pending.size()
	return s
}

// Summary returns the counts as one line for a person.
func (o *Output) Summary() string {
	s := o.Stats()
	line := fmt.Sprintf("%d chunks and %d records delivered", s.Delivered, s.Records)
	for _, c := range []struct {
		n    uint64
		what string
	}{
		{s.Retries, "attempts to be repeated"},
		{s.Failed, "chunks dropped"},
		{o.unfit.Load(), "objects left out"},
	} {
		if c.n > 0 {
			line += fmt.Sprintf(", %d %s", c.n, c.what)
		}
	}
	if s.Pending > 0 {
		line += fmt.Sprintf(", %d chunks (%d bytes) not delivered yet", s.Pending, s.PendingBytes)
	}
	return line
}

// permanentError is an error that trying again cannot heal.
type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

func permanent(err error) bool {
	var p permanentError
	return errors.As(err, &p)
}
