package delivery

import (
	"io"
	"sync"

	"github.com/secretwatch/secretwatch/detector/msgpack"
	"github.com/secretwatch/secretwatch/plugin/chunk"
)

// linesTarget writes records as JSON, one a line, the lines of a chunk by one
// call of Write. Tags, times and metadata of records are not written: an audit
// event has its own time.
type linesTarget struct {
	w    io.WriteCloser // safe for concurrent use; writes all or nothing
	idle sync.Pool      // of *[]byte
}

// ToLines returns a target that owns w, which must be safe for concurrent use.
func ToLines(w io.WriteCloser) Target {
	return &linesTarget{w: w, idle: sync.Pool{New: func() any { return new([]byte) }}}
}

func (t *linesTarget) Send(b []byte, _, _ string, _ bool) (sent Sent, err error) {
	memory := t.idle.Get().(*[]byte)
	lines := (*memory)[:0]
	err = eachRecord(b, &sent, func(r *chunk.Record) bool {
		with, _, ok := msgpack.AppendJSON(lines, r.Body, 0)
		if ok {
			lines = append(with, '\n')
		}
		return ok
	})
	if err == nil && len(lines) > 0 {
		_, err = t.w.Write(lines)
	}
	const most = 16 << 20
	if cap(lines) <= most {
		*memory = lines
		t.idle.Put(memory)
	}
	return sent, err
}

func (t *linesTarget) Close() error { return t.w.Close() }
