package state

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/history"
)

// For tools. Unlike Open, these fail: with errors that name the file.

// Unbounded is a configuration whose bounds displace nothing of a file, whatever
// bounds it was written with.
func Unbounded(cfg detector.Config) detector.Config {
	cfg.MaxPrincipals, cfg.MaxValues = 1<<24, 1<<24
	return cfg
}

// Records calls add for every record of a file. The file may be in use: what is
// read then is what was written last.
func Records(path string, add func(table history.Table, key string, value []byte) error) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, plain(err))
	}
	defer f.Close()
	type record struct {
		table history.Table
		key   string
		value []byte
	}
	// Pages may be written anew while they are read, which shows as damage.
	for attempt := 1; ; attempt++ {
		info, err := f.Stat()
		if err != nil {
			return fmt.Errorf("%s: %w", path, plain(err))
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s: %w: it is no regular file", path, errForeign)
		}
		var all []record
		_, err = read(f, info.Size(), func(table history.Table, key string, value []byte) error {
			all = append(all, record{table, key, append([]byte(nil), value...)})
			return nil
		})
		if isDamage(err) && attempt < 10 {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for _, r := range all {
			if err := add(r.table, r.key, r.value); err != nil {
				return err
			}
		}
		return nil
	}
}

// Load returns the memory kept in a file, without bounds of its own. The file
// may be in use.
func Load(path string, cfg detector.Config) (*detector.Memory, error) {
	m := detector.NewMemory(Unbounded(cfg))
	r := m.Restore()
	if err := Records(path, r.Add); err != nil {
		return nil, err
	}
	r.Done()
	return m, nil
}

// Edit lets f change the memory kept in a file and writes what changed. Nothing
// is written if f fails. The file must exist, and nobody may have it open.
func Edit(path string, cfg detector.Config, f func(m *detector.Memory) error) error {
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("%s: %w", path, plain(err))
	}
	m := detector.NewMemory(Unbounded(cfg))
	r := m.Restore()
	s, err := openFile(path, r.Add)
	if err != nil {
		if errors.Is(err, errReadOnly) {
			s.close()
		}
		return describe(path, err)
	}
	r.Done()
	m.Track()
	if err := f(m); err != nil {
		s.close()
		return err
	}
	return finish(path, s, s.write(false, func(emit history.Emit) error {
		m.Changes(false, emit)
		m.Last(emit) // nothing was judged since
		return nil
	}))
}

// Create makes a file from what fill emits. A file that is there already must
// be empty.
func Create(path string, fill func(emit history.Emit) error) error {
	_, err := os.Stat(path)
	existed := err == nil
	s, err := openFile(path, func(history.Table, string, []byte) error { return nil })
	if err != nil {
		if errors.Is(err, errReadOnly) {
			s.close()
		}
		return describe(path, err)
	}
	if s.tx != 0 {
		s.close()
		return fmt.Errorf("%s: there is a history in it already; accepted: a new file", path)
	}
	err = finish(path, s, s.write(true, fill))
	if err != nil && !existed {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

func finish(path string, s *file, err error) error {
	if err := errors.Join(err, s.close()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func describe(path string, err error) error {
	if errors.Is(err, errLocked) {
		return fmt.Errorf("%s: %w; stop Fluent Bit first, or work on a copy", path, err)
	}
	return fmt.Errorf("%s: %w", path, err)
}
