package pipeline

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"iter"
	"slices"
	"sync"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/audit"
	"github.com/secretwatch/secretwatch/detector/prefetch"
	"github.com/secretwatch/secretwatch/plugin/chunk"
	"github.com/secretwatch/secretwatch/plugin/pipeline/redact"
)

// Repeater is a Judger that can judge an event by what it noted of one that was
// the same but for audit id and times; see detector.Detector, which is one.
type Repeater interface {
	Judger
	JudgeRoutine(ev *audit.Event, v *detector.Verdict, r *detector.Routine) detector.Result
	Expect(r *detector.Routine, id string, x *detector.Repeat)
	JudgeAgain(r *detector.Routine, x *detector.Repeat) (detector.Result, bool)
}

// Programs ask for the same secret over and over, and what the API server writes
// of it then differs in three places, which always have the same sizes: the audit
// id and two times. Where the bodies of two records are the same in all other bytes,
// and nothing in these places can end a string, whatever takes the records apart
// finds the same in both. So neither is the second one taken apart nor looked at for
// secrets, where the first had none, and the judge is only told of its id and times.

// timeSize is the size of the times, in bytes (metav1.MicroTime).
const timeSize = len("2026-06-01T08:00:00.000000Z")

// holes are the offsets of audit id, requestReceivedTimestamp and stageTimestamp in
// the body of a record, in this order.
type holes struct{ id, received, staged int32 }

// outline is what a body looks like, before it is known where all of its holes are.
type outline struct {
	body []byte // nil for one that can be no routine
	id   int    // offset of the audit id
	// head is the hash of what follows the audit id, up to end: of as much as tells
	// the replicas of a program apart, but not of the times, which come late.
	head uint64
	end  int
}

const (
	minHead = 256
	tail    = 420 // bytes in which the times and most annotations have room
)

// known is a routine and what it looks like.
type known struct {
	head, digest uint64
	size         int32 // of the body
	holes        holes
	routine      detector.Routine
}

// ways is how many routines have room where their heads fall on one set.
const ways = 4

// set is a cache line, so that to learn that a body is no routine costs little.
type set struct {
	marks [ways]uint32 // of the heads of the routines that are known, 0 for none
	at    [ways]uint32 // where they are
	used  [ways]bool   // it came again since all others had
	next  uint8        // the one to go unless it was used
	_     [27]byte
}

// routines remembers the routines seen lately. Safe for concurrent use.
type routines struct {
	mu    sync.Mutex
	seed  maphash.Seed // secret, so that nobody can make hashes collide
	sets  []set        // a power of two of them
	known [][]known    // in blocks, so that it takes no more memory than there are routines
}

const (
	sets  = 1 << 12
	block = 64 // routines
)

func newRoutines() *routines {
	return &routines{seed: maphash.MakeSeed(), sets: make([]set, sets)}
}

// withRoutines judges the records that were found: what is routine by what is known
// of it, everything else in full.
func (p *Pipeline) withRoutines(s *scratch, b []byte) {
	p.outline(s, b)
	for i := range s.spans {
		o := &s.outlines[i]
		if p.repeats(s, o) {
			continue
		}
		s.note, s.noted = o.body != nil, detector.Routine{}
		p.record(s, b, s.spans[i])
		if s.noted.Valid() {
			p.remember(s, o)
		}
	}
}

// outline notes what the records that were found look like, and asks the processor
// for what is known of them.
func (p *Pipeline) outline(s *scratch, b []byte) {
	t := p.routines
	s.outlines = s.outlines[:0]
	last := 0
	for _, at := range s.spans {
		var o outline
		if r := chunk.Read(b, at); r.Kind == chunk.Log {
			o = outlineOf(t.seed, r.Body, last)
		}
		if o.body != nil {
			last = o.id
			prefetch.Value(t.set(o.head))
		}
		s.outlines = append(s.outlines, o)
	}
	// Whoever would have to wait judges in full: the verdict is the same.
	if !t.mu.TryLock() {
		return
	}
	defer t.mu.Unlock()
	for i := range s.outlines {
		if k := t.look(&s.outlines[i]); k != nil {
			prefetch.All(k)
		}
	}
}

// repeats judges a record that is a routine that is known, and reports whether it is
// one.
func (p *Pipeline) repeats(s *scratch, o *outline) bool {
	t := p.routines
	if o.body == nil || !t.mu.TryLock() {
		return false
	}
	defer t.mu.Unlock()
	k := t.look(o)
	if k == nil {
		return false
	}
	at := &k.holes
	if k.head != o.head || int(k.size) != len(o.body) || int(at.id) != o.id {
		return false
	}
	began := p.clock(s)
	x := &s.repeat
	x.Time, x.StageTime = timeAt(o.body, at.received), timeAt(o.body, at.staged)
	p.repeater.Expect(&k.routine, alias(o.body[o.id:o.id+idSize]), x)
	if x.Time == 0 || x.StageTime == 0 || t.digest(o, at) != k.digest {
		return false
	}
	result, ok := p.repeater.JudgeAgain(&k.routine, x)
	if !ok {
		return false
	}
	t.use(o.head)
	p.clocked(s, began, result)
	if result == detector.Duplicate {
		p.stats.duplicates.Add(1)
	} else {
		p.stats.judged.Add(1)
	}
	return true
}

// remember keeps the routine that was noted when the event in s.event, of the record
// with outline o, was judged. Nothing is added to the record.
func (p *Pipeline) remember(s *scratch, o *outline) {
	ev, t := &s.event, p.routines
	if p.redact && redact.Suspect(o.body) {
		return
	}
	at, ok := o.holes()
	// What the parser found is what is going to be read.
	if !ok || ev.StageTime == 0 || ev.AuditID != string(o.body[o.id:o.id+idSize]) ||
		ev.Time != timeAt(o.body, at.received) || ev.StageTime != timeAt(o.body, at.staged) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.put(&known{head: o.head, digest: t.digest(o, &at), size: int32(len(o.body)), holes: at, routine: s.noted})
}

// outlineOf makes the outline of a body, which has its audit id at id, where the one
// before had it, or early.
func outlineOf(seed maphash.Seed, body []byte, id int) outline {
	const most = 64 << 10
	if len(body) > most {
		return outline{}
	}
	if !isID(body, id) {
		if id = findID(body); id < 0 {
			return outline{}
		}
	}
	from := id + idSize
	end := min(max(from+minHead, len(body)-tail), len(body))
	return outline{body: body, id: id, head: maphash.Bytes(seed, body[from:end]), end: end}
}

// findID returns the offset of the audit id, or -1.
func findID(body []byte) int {
	const within = 512
	const name = "auditID"
	i := bytes.Index(body[:min(len(body), within)], []byte(name))
	if i < 0 {
		return -1
	}
	for _, behind := range [...]string{textColon, packedID} {
		if id := i + len(name) + len(behind); isID(body, id) {
			return id
		}
	}
	return -1
}

// What stands between a name and its value: in JSON text, and in MessagePack before
// an audit id and a time.
const (
	textColon  = `":"`
	packedID   = "\xd9\x24"
	packedTime = "\xbb"
)

// isID reports whether an audit id that is a UUID stands at body[at], in JSON text or
// in MessagePack. In one that a client chose there could be anything, also what looks
// like the value of a secret.
func isID(body []byte, at int) bool {
	const text, packed = `"auditID` + textColon, "\xa7auditID" + packedID
	if at < len(text) || at+idSize >= len(body) {
		return false
	}
	return (string(body[at-len(packed):at]) == packed || string(body[at-len(text):at]) == text && body[at+idSize] == '"') &&
		isUUID(body[at:at+idSize])
}

// isUUID reports whether b, of idSize bytes, has only what is in a UUID as the API
// server writes it: digits, letters up to f and dashes, wherever they stand. It lets
// dots and slashes pass too.
func isUUID(b []byte) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	odd := uint64(0)
	for _, at := range [...]int{0, 8, 16, 24, idSize - 8} {
		w := binary.LittleEndian.Uint64(b[at:])
		// Each sum has the highest bit of the bytes from that one on.
		low := w &^ highs
		dash, colon, a, g := low+ones*(0x80-'-'), low+ones*(0x80-':'), low+ones*(0x80-'a'), low+ones*(0x80-'g')
		odd |= w | ^dash | colon&^a | g
	}
	return odd&highs == 0
}

// holes finds the holes of a body, if there is one of each.
func (o *outline) holes() (at holes, ok bool) {
	at.id = int32(o.id)
	var ids, receipts, stages int
	// Few letters of an event are capital.
	for i := range positions(o.body, 'D') {
		if bytes.HasSuffix(o.body[:i], []byte("auditI")) {
			ids++
		}
	}
	for i := range positions(o.body, 'T') {
		const name = "Timestamp"
		before, from := o.body[:i], o.body[i:]
		switch {
		case !bytes.HasPrefix(from, []byte(name)):
		case bytes.HasSuffix(before, []byte("requestReceived")):
			receipts++
			at.received = timeBehind(o.body, i+len(name))
		case bytes.HasSuffix(before, []byte("stage")):
			stages++
			at.staged = timeBehind(o.body, i+len(name))
		}
	}
	return at, ids == 1 && receipts == 1 && stages == 1 && at.received >= int32(o.end) && at.staged > at.received
}

// positions are the offsets at which c stands in b.
func positions(b []byte, c byte) iter.Seq[int] {
	return func(yield func(int) bool) {
		for at := 0; ; at++ {
			i := bytes.IndexByte(b[at:], c)
			if i < 0 || !yield(at+i) {
				return
			}
			at += i
		}
	}
}

// timeBehind returns the offset of the time that is the value of the field whose name
// ends at body[at], or -1 if it has a value of another form.
func timeBehind(body []byte, at int) int32 {
	switch value := body[at:]; {
	case bytes.HasPrefix(value, []byte(textColon)) && len(value) > len(textColon)+timeSize && value[len(textColon)+timeSize] == '"':
		return int32(at + len(textColon))
	case bytes.HasPrefix(value, []byte(packedTime)) && len(value) >= len(packedTime)+timeSize:
		return int32(at + len(packedTime))
	}
	return -1
}

// timeAt reads the time at an offset that timeBehind returned for a body of the same
// size, as nanoseconds since the Unix epoch. It is 0 if there is none.
func timeAt(body []byte, at int32) int64 { return audit.ParseTime(alias(body[at : int(at)+timeSize])) }

// digest is the hash of all of a body but its holes.
func (t *routines) digest(o *outline, at *holes) uint64 {
	const spread = 0x9e3779b97f4a7c15 // odd
	sum := o.head
	for _, part := range [...][]byte{
		o.body[:o.id],
		o.body[o.end:at.received],
		o.body[int(at.received)+timeSize : at.staged],
		o.body[int(at.staged)+timeSize:],
	} {
		sum = sum*spread + maphash.Bytes(t.seed, part)
	}
	return sum
}

// set is where routines with a head are, or would be.
func (t *routines) set(head uint64) *set { return &t.sets[head&uint64(len(t.sets)-1)] }

// mark tells heads of one set apart. It is not 0.
func mark(head uint64) uint32 { return uint32(head>>32) | 1 }

func (t *routines) routine(at uint32) *known { return &t.known[at/block][at%block] }

// look returns what may be known of bodies that look like o, or nil.
func (t *routines) look(o *outline) *known {
	if o.body == nil {
		return nil
	}
	in, m := t.set(o.head), mark(o.head)
	for i := range in.marks {
		if in.marks[i] == m {
			return t.routine(in.at[i])
		}
	}
	return nil
}

// use notes that the routine with a head came again.
func (t *routines) use(head uint64) {
	in, m := t.set(head), mark(head)
	for i := range in.marks {
		in.used[i] = in.used[i] || in.marks[i] == m
	}
}

// put remembers a routine. It takes the place of one with the same mark, or a free
// one, or that of one that did not come again for longest: most requests of some
// programs are never repeated, and displace each other.
func (t *routines) put(k *known) {
	in, m := t.set(k.head), mark(k.head)
	i := slices.Index(in.marks[:], m)
	if i < 0 {
		i = slices.Index(in.marks[:], 0)
	}
	switch {
	case i < 0:
		for i = int(in.next); in.used[i]; i = (i + 1) % ways {
			in.used[i] = false
		}
		in.next = uint8(i+1) % ways
	case in.marks[i] == 0:
		in.at[i] = t.add()
	}
	in.marks[i], in.used[i] = m, false
	*t.routine(in.at[i]) = *k
}

// add makes room for one more routine.
func (t *routines) add() (at uint32) {
	n := len(t.known)
	if n == 0 || len(t.known[n-1]) == block {
		t.known = append(t.known, make([]known, 0, block))
		n++
	}
	last := &t.known[n-1]
	*last = append(*last, known{})
	return uint32((n-1)*block + len(*last) - 1)
}
