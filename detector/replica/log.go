package replica

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/observation"
)

// begin is the id before the first entry of a log.
const begin = "0-0"

// entry is one entry of the log.
type entry struct {
	id       string
	origin   string // replica
	observed string // encoded observation, or
	forget   string // a principal to forget, or
	approve  string // to approve
	value    string // only this one of its values, unless empty
}

func entryOf(m redis.XMessage) entry {
	field := func(name string) string {
		s, _ := m.Values[name].(string)
		return s
	}
	return entry{id: m.ID, origin: field("o"), observed: field("e"), forget: field("forget"), approve: field("approve"), value: field("v")}
}

// apply does to a history what the entry says.
func (e *entry) apply(m *detector.Memory, d *detector.Detector) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("internal error: %v", r)
		}
	}()
	switch {
	case e.observed != "":
		var o observation.Observation
		if err := o.Decode([]byte(e.observed)); err != nil {
			return err
		}
		d.Apply(&o)
	case e.forget != "":
		m.Store().Forget(e.forget, e.value)
	case e.approve != "":
		m.Store().Approve(e.approve, e.value)
	default:
		return errors.New("an entry of no known kind")
	}
	return nil
}

// edits says whether the entry is somebody's wish.
func (e *entry) edits() bool { return e.observed == "" }

// outcome is what an exchange came to.
type outcome struct {
	status string // of exchange.lua
	others []entry
	last   string
}

// Statuses of an exchange.
const (
	statusOK    = "ok"
	statusMore  = "more"
	statusEpoch = "epoch"
	statusLost  = "lost"
)

// Bounds of the log.
const (
	maxRead = 2000    // entries read at once
	maxLog  = 200_000 // entries kept, about
	// logMargin is for how long entries are kept that the records stand for, so that
	// a replica that was away for a moment need not read those.
	logMargin = 10 * time.Minute
)

// exchange appends entries to the log and returns what others appended before.
func (s *store) exchange(ctx context.Context, epoch, at, origin string, batch [][]byte) (outcome, error) {
	args := make([]any, 0, 6+len(batch))
	args = append(args, epoch, at, maxRead, maxLog, s.keep.Milliseconds(), origin)
	for _, e := range batch {
		args = append(args, e)
	}
	reply, err := exchangeScript.Run(ctx, s.client, []string{s.keys.log(), s.keys.meta()}, args...).Slice()
	if err != nil {
		return outcome{}, err
	}
	return readOutcome(reply)
}

var errAnswer = errors.New("an answer of an unknown form")

func readOutcome(reply []any) (o outcome, err error) {
	text := func(i int) string {
		if i >= len(reply) {
			return ""
		}
		s, _ := reply[i].(string)
		return s
	}
	switch o.status = text(0); o.status {
	case statusEpoch:
		return o, nil
	case statusLost:
		o.last = text(1)
		return o, checkID(o.last)
	case statusOK, statusMore:
	default:
		return o, errAnswer
	}
	if len(reply) != 3 {
		return o, errAnswer
	}
	o.last = text(2)
	list, ok := reply[1].([]any)
	if !ok {
		return o, errAnswer
	}
	for _, item := range list {
		pair, ok := item.([]any)
		if !ok || len(pair) != 2 {
			return o, errAnswer
		}
		id, ok := pair[0].(string)
		fields, fine := pair[1].([]any)
		if !ok || !fine {
			return o, errAnswer
		}
		m := redis.XMessage{ID: id, Values: map[string]any{}}
		for i := 0; i+1 < len(fields); i += 2 {
			if name, ok := fields[i].(string); ok {
				m.Values[name] = fields[i+1]
			}
		}
		o.others = append(o.others, entryOf(m))
	}
	return o, checkID(o.last)
}

// later says whether the log's entry a comes after b.
func later(a, b string) bool {
	am, as, _ := parseID(a)
	bm, bs, _ := parseID(b)
	return am > bm || am == bm && as > bs
}

// parseID reads an id of a stream's entry: milliseconds and a number.
func parseID(id string) (ms, n uint64, err error) {
	left, right, ok := strings.Cut(id, "-")
	if !ok {
		return 0, 0, errAnswer
	}
	if ms, err = strconv.ParseUint(left, 10, 64); err != nil {
		return 0, 0, errAnswer
	}
	if n, err = strconv.ParseUint(right, 10, 64); err != nil {
		return 0, 0, errAnswer
	}
	return ms, n, nil
}

func checkID(id string) error {
	_, _, err := parseID(id)
	return err
}

// oldestKept is the id of the oldest entry to keep where records include the
// entry at.
func oldestKept(at string) string { return earlier(at, logMargin) }

// earlier is the id of an entry that was appended by some time before another.
func earlier(id string, by time.Duration) string {
	ms, _, _ := parseID(id)
	return fmt.Sprintf("%d-0", ms-min(ms, uint64(by.Milliseconds())))
}
