package delivery

import (
	"errors"
	"sync"

	"github.com/secretwatch/secretwatch/detector/msgpack"
	"github.com/secretwatch/secretwatch/plugin/chunk"
	"github.com/secretwatch/secretwatch/plugin/forward"
)

// forwardTarget sends a chunk as one message of the forward protocol, whose
// entries are [time, record]: metadata of records has no place in it, and is
// left out.
type forwardTarget struct {
	client *forward.Client
	idle   sync.Pool // of *forward.Message
}

// ToForward returns a target that owns client.
func ToForward(client *forward.Client) Target {
	return &forwardTarget{client: client, idle: sync.Pool{New: func() any { return new(forward.Message) }}}
}

func (t *forwardTarget) Send(b []byte, tag, id string, patient bool) (sent Sent, err error) {
	m := t.idle.Get().(*forward.Message)
	defer func() {
		const most = 8 << 20
		if m.Cap() <= most {
			t.idle.Put(m)
		}
	}()
	m.Reset(tag, id)
	var stamp [10]byte
	err = eachRecord(b, &sent, func(r *chunk.Record) bool {
		time := r.Timestamp
		if msgpack.TypeOf(time[0]) == msgpack.Float {
			// Fluent Bit reads them, others do not.
			time = forward.AppendEventTime(stamp[:0], r.Time)
		}
		m.Add(time, r.Body)
		return true
	})
	if err != nil || m.Entries() == 0 {
		return sent, err
	}
	if err = t.client.Send(m, patient); errors.Is(err, forward.ErrTooLarge) {
		err = permanentError{err}
	}
	return sent, err
}

func (t *forwardTarget) Close() error { return t.client.Close() }
