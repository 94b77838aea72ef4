package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/history"
)

// keeper keeps one memory in one file.
type keeper struct {
	path   string
	real   string // the key in open.keepers
	users  int    // guarded by open
	every  time.Duration
	log    Logger
	memory *detector.Memory

	startOnce sync.Once
	stop      chan struct{} // closed by close
	done      chan struct{} // closed when the goroutine has ended; nil before start

	stats counters

	// mu guards what follows. It is held while the file is written.
	mu      sync.Mutex
	file    *file // nil while there is none to write to
	gone    bool  // there will be none: the file is somebody else's
	tx      uint64
	all     bool // the file lacks changes that are no longer marked as such
	failing error
	tries   int       // failed in a row
	next    time.Time // not tried before
}

// newKeeper opens the file and restores the memory from it.
func newKeeper(o Options, cfg detector.Config) *keeper {
	k := &keeper{path: o.Path, every: o.Flush, log: o.Log, stop: make(chan struct{})}
	began := time.Now()
	for attempt := 0; ; attempt++ {
		k.memory = detector.NewMemory(cfg)
		restorer := k.memory.Restore()
		records := 0
		f, err := openFile(k.path, func(table history.Table, key string, value []byte) error {
			records++
			return restorer.Add(table, key, value)
		})
		switch {
		case err == nil:
			restorer.Done()
			k.file, k.tx = f, f.tx
			k.stats.written(f.size)
			if k.tx == 0 {
				k.log.Infof("state_path %s: new file, history begins now", k.path)
			} else {
				known, fresh := k.memory.Store().Len()
				k.log.Infof("state_path %s: history of %d identities read in %s (%d records, %.1f MB)",
					k.path, known+fresh, since(began), records, float64(f.size)/1e6)
			}
		case errors.Is(err, errReadOnly):
			restorer.Done()
			k.tx, k.all = f.tx, true
			f.close()
			k.fail(errReadOnly)
		case isDamage(err) && attempt == 0:
			aside, renameErr := setAside(k.path)
			if renameErr == nil {
				k.log.Warnf("state_path %s: %v; set aside as %s, history starts anew", k.path, err, aside)
				continue
			}
			k.log.Warnf("state_path %s: %v, and it cannot be renamed (%v); history starts anew and stays in memory", k.path, err, renameErr)
			k.memory, k.gone = detector.NewMemory(cfg), true
		case errors.Is(err, errForeign), errors.Is(err, errLocked), isDamage(err):
			k.log.Warnf("state_path %s: %v; it is left as it is, history stays in memory", k.path, err)
			k.memory, k.gone = detector.NewMemory(cfg), true
		default:
			k.memory, k.all = detector.NewMemory(cfg), true
			k.fail(err)
		}
		break
	}
	k.memory.Track()
	// An unwritable disk should show now rather than later.
	if k.file != nil && k.tx == 0 {
		k.all = true
		if err := k.put(false); err != nil {
			k.fail(err)
		}
	}
	return k
}

// setAside renames a damaged file to the first free name of its kind.
func setAside(path string) (string, error) {
	const most = 100
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	for n := 1; n <= most; n++ {
		aside := fmt.Sprintf("%s.damaged-%d", path, n)
		if _, err := os.Lstat(aside); err == nil {
			continue
		}
		return aside, plain(rename(path, aside))
	}
	return "", fmt.Errorf("there are %d such files", most)
}

func rename(from, to string) error {
	err := os.Rename(from, to)
	var link *os.LinkError
	if errors.As(err, &link) {
		return link.Err
	}
	return err
}

func (k *keeper) start() {
	k.startOnce.Do(func() {
		if k.gone {
			return
		}
		done := make(chan struct{})
		k.done = done
		go func() {
			defer close(done)
			tick := time.NewTicker(k.every)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
					k.mu.Lock()
					if !time.Now().Before(k.next) {
						_ = k.try(false) // is logged
					}
					k.mu.Unlock()
				case <-k.stop:
					return
				}
			}
		}()
	})
}

// close ends the goroutine and writes what is left.
func (k *keeper) close() error {
	close(k.stop)
	if k.done != nil {
		<-k.done
	}
	err := k.flush(true)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.file != nil {
		if e := k.file.close(); err == nil && e != nil {
			err = fmt.Errorf("state_path %s: %w", k.path, e)
		}
		k.file = nil
	}
	return err
}

// flush writes what has changed; with last, also what is only to be kept if
// nothing will change any more.
func (k *keeper) flush(last bool) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.gone {
		return fmt.Errorf("state_path %s: not written, history is only in memory", k.path)
	}
	if err := k.try(last); err != nil {
		return fmt.Errorf("state_path %s: not written: %w", k.path, err)
	}
	return nil
}

// try writes, after opening the file again if need be, and tells when writing
// begins to fail and when it works again.
func (k *keeper) try(last bool) error {
	if k.gone {
		return k.failing
	}
	if k.file != nil && k.file.lost(k.path) {
		k.log.Warnf("state_path %s: the file was removed, replaced or cut; it is written anew", k.path)
		_ = k.file.close()
		k.file, k.tx, k.all = nil, 0, true
	}
	began, tx := time.Now(), k.tx
	if k.file == nil {
		if err := k.reopen(); err != nil {
			k.fail(err)
			return err
		}
	}
	if err := k.put(last); err != nil {
		k.fail(err)
		return err
	}
	if k.failing != nil {
		k.log.Infof("state_path %s: written again", k.path)
	}
	k.failing, k.tries, k.next = nil, 0, time.Time{}
	k.stats.written(k.file.size)
	if k.tx != tx {
		k.stats.writes.Took(time.Since(began))
	}
	return nil
}

// reopen opens the file for writing all there is. What is in it by now must be
// what was read from it or written to it before.
func (k *keeper) reopen() error {
	f, err := openFile(k.path, func(history.Table, string, []byte) error { return nil })
	if errors.Is(err, errReadOnly) {
		f.close()
		return err
	}
	if isDamage(err) {
		aside, renameErr := setAside(k.path)
		if renameErr != nil {
			return err
		}
		k.log.Warnf("state_path %s: %v; set aside as %s, it is written anew", k.path, err, aside)
		k.tx = 0
		return k.reopen()
	}
	if errors.Is(err, errForeign) {
		k.gone = true
	}
	if err != nil {
		return err
	}
	if f.tx != k.tx && f.tx != 0 {
		f.close()
		k.gone = true
		return errors.New("there is another history in it now, which a restart will read; until then history stays in memory")
	}
	k.file, k.all = f, true
	return nil
}

// put writes to the open file.
func (k *keeper) put(last bool) error {
	all := k.all
	// Marks of changes are taken before it is known whether writing works.
	k.all = true
	err := k.file.write(all, func(emit history.Emit) error {
		k.memory.Changes(all, emit)
		if last {
			k.memory.Last(emit)
		}
		return nil
	})
	if err == nil {
		k.all, k.tx = false, k.file.tx
		return nil
	}
	if isDamage(err) {
		_ = k.file.close()
		k.file = nil
	}
	return err
}

// fail notes that writing failed, tells so once for each reason, and puts off
// the next attempt.
func (k *keeper) fail(err error) {
	if k.failing == nil || k.failing.Error() != err.Error() {
		k.log.Warnf("state_path %s: %v; history stays in memory until it can be written", k.path, err)
	}
	const longest = 5 * time.Minute
	k.stats.failed()
	k.failing = err
	k.next = time.Now().Add(min(k.every<<min(k.tries, 16), longest))
	k.tries++
}
