package replica

import (
	"sync"
	"time"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/rule"
)

// How often accesses that are alike are told of again, in event time. Rules
// compare uses of sources that lie a quarter of an hour apart and count clock
// hours.
const (
	tellAgain = int64(5 * time.Minute)
	askAgain  = int64(time.Hour)
)

// told remembers what others were asked or told of lately, so that what goes on
// all the time does not go over the wire all the time.
type told struct {
	objects int64 // how often the use of an object is told again: a fraction of the window

	mu     sync.Mutex
	asked  times // by Observed.Object
	uses   times // by Observed.Alike
	object times // by Observed.Object
}

func newTold(window int64) *told { return &told{objects: window / 16} }

// due says whether others are to be asked before the access is judged, or else
// whether they are to be told of it. It takes it that they will be told; that they
// were asked is for done to say: until they answered, others who see the same have
// to ask as well.
func (t *told) due(o *detector.Observed) (ask, tell bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	ask = o.Weight == rule.Decisive && t.asked.old(o.Object, o.Time, askAgain)
	use := t.uses.due(o.Alike, o.Time, tellAgain)
	object := t.object.due(o.Object, o.Time, t.objects)
	return ask, !ask && (use || object || o.Each)
}

// done notes that others were asked of an access by its Object, or will be told.
func (t *told) done(object uint64, time int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asked.set(object, time)
}

// forget makes everything due again.
func (t *told) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asked, t.uses, t.object = times{}, times{}, times{}
}

// times remembers when something was last due, for the keys of the latest
// generation and those of the one before. The zero value is empty and ready.
type times struct{ latest, before map[uint64]int64 }

// latestTimes is how many keys are remembered at least, and twice as many at most.
const latestTimes = 1 << 16

// due reports whether the key was not due within span of t, and takes t if so.
func (ts *times) due(key uint64, t, span int64) bool {
	if !ts.old(key, t, span) {
		return false
	}
	ts.set(key, t)
	return true
}

// old reports whether the key was not set to a time within span of t.
func (ts *times) old(key uint64, t, span int64) bool {
	last, ok := ts.latest[key]
	if !ok {
		last, ok = ts.before[key]
	}
	return !ok || t-last >= span || last-t >= span
}

func (ts *times) set(key uint64, t int64) {
	if len(ts.latest) >= latestTimes {
		ts.before, ts.latest = ts.latest, nil
	}
	if ts.latest == nil {
		ts.latest = make(map[uint64]int64)
	}
	ts.latest[key] = t
}
