// Package state keeps what a detector remembers in a file, so that it survives
// restarts and crashes.
//
// The file is written behind the detector's back: every so often one goroutine
// writes what changed, in one transaction. It is only read at the start. Nothing
// that happens to the file stops the detector: without it, history lives in
// memory, and a log line says so.
package state

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/secretwatch/secretwatch/detector"
)

// Logger receives one-line messages. Safe for concurrent use.
type Logger interface {
	Warnf(format string, args ...any)
	Infof(format string, args ...any)
}

// Options say where history is kept.
type Options struct {
	// Path of the file. It is made if there is none; its directory is not.
	Path string
	// Flush is how long a change may stay unwritten; more than 0.
	Flush time.Duration
	// Log is required.
	Log Logger
}

// History is one user's hold on a memory that is kept in a file. Everybody in
// the process who opens the same path holds the same memory.
type History struct {
	k     *keeper
	fresh bool
	once  sync.Once
}

// open holds the keepers that are in use by the real path of their file.
var open = struct {
	sync.Mutex
	keepers map[string]*keeper
}{keepers: map[string]*keeper{}}

// Open returns the memory kept at o.Path, with the bounds of cfg if it is the
// first to open it. It does not fail: a file that cannot be used is a warning,
// and the memory is only that.
//
// Nothing is written before Start.
func Open(o Options, cfg detector.Config) *History {
	real := realPath(o.Path)
	open.Lock()
	defer open.Unlock()
	if k := open.keepers[real]; k != nil {
		k.users++
		if !k.memory.Bounded(cfg) {
			o.Log.Warnf("state_path %s: another instance has it open with another window, probation or max_values, which hold here too", o.Path)
		}
		return &History{k: k}
	}
	k := newKeeper(o, cfg)
	k.real = real
	k.users = 1
	open.keepers[real] = k
	return &History{k: k, fresh: k.memory.Store().Empty()}
}

// realPath names a file by one name whatever links lead to it, also while it is not
// there yet.
func realPath(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	const most = 40 // links one after the other, as in Linux
	for range most {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			return real
		}
		if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
			path = filepath.Join(dir, filepath.Base(path))
		}
		to, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		path = to
	}
	return path
}

// Memory is what is kept. It is valid until Close.
func (h *History) Memory() *detector.Memory { return h.k.memory }

// Fresh says whether there was no history yet, and this is the first to open it.
func (h *History) Fresh() bool { return h.fresh }

// Start begins to write changes.
func (h *History) Start() { h.k.start() }

// Flush writes what has changed. It may be called before Start. The error says
// why the file is not up to date.
func (h *History) Flush() error { return h.k.flush(false) }

// Close writes what has changed and ends writing, once the last who opened the
// path closes it. The memory must not be used any more. Further calls do
// nothing.
func (h *History) Close() error {
	var err error
	h.once.Do(func() {
		open.Lock()
		defer open.Unlock()
		defer h.k.stats.writes.Remove(h)
		if h.k.users--; h.k.users > 0 {
			return
		}
		delete(open.keepers, h.k.real)
		err = h.k.close()
	})
	return err
}

// since tells a span of time to a person.
func since(t time.Time) string { return fmt.Sprint(time.Since(t).Round(time.Millisecond)) }
