package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/history"
)

var (
	errLocked   = errors.New("in use by another process")
	errReadOnly = errors.New("not writable")
	// errUnchanged ends a transaction in which there is nothing to write.
	errUnchanged = errors.New("nothing changed")
)

func isDamage(err error) bool { return errors.Is(err, errDamaged) }

// lockWait is how long a file that is in use is waited for: about as long as a
// process that ends needs to write its last changes.
const lockWait = time.Second

// file is an open state file, locked against other processes. Not safe for
// concurrent use.
type file struct {
	db *bolt.DB // nil for a file that can only be read
	f  *os.File
	content
	broken bool // bbolt panicked: it may hold its locks for ever
}

// add takes one record of a file.
type add func(table history.Table, key string, value []byte) error

// openFile opens a state file, or makes it, and calls add for each of its
// records. With errReadOnly the file is open and was read, and can only be
// closed. Other errors leave it as it is: errLocked, errForeign, errDamaged, or
// what the system says.
func openFile(path string, add add) (*file, error) {
	flag, shared := os.O_RDWR|os.O_CREATE, false
	f, err := os.OpenFile(path, flag, 0o600)
	if readOnly := err; readOnly != nil {
		if shared = true; !errors.Is(err, fs.ErrPermission) && !isReadOnly(err) {
			return nil, plain(err)
		}
		if f, err = os.Open(path); err != nil {
			return nil, plain(readOnly)
		}
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, errors.Join(errForeign, errors.New("it is no regular file"))
	}
	if err := lock(f, shared); err != nil {
		f.Close()
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, plain(err)
	}
	s := &file{f: f}
	if s.content, err = read(f, info.Size(), add); err != nil {
		f.Close()
		return nil, err
	}
	if shared {
		return s, errReadOnly
	}
	err = guard(func() (err error) {
		s.db, err = bolt.Open(path, 0o600, &bolt.Options{
			Timeout: time.Millisecond, // it is locked already
			// A list of free pages would be one more thing that damage could make
			// bbolt write over pages in use.
			NoFreelistSync: true,
			FreelistType:   bolt.FreelistMapType,
			OpenFile:       func(string, int, os.FileMode) (*os.File, error) { return f, nil },
		})
		return err
	})
	if err != nil {
		f.Close()
		return nil, plain(err)
	}
	return s, nil
}

// lock takes the lock of a file, waiting a little for who has it.
func lock(f *os.File, shared bool) error {
	const often = 20 * time.Millisecond
	for until := time.Now().Add(lockWait); ; {
		ok, err := tryLock(f, shared)
		switch {
		case err != nil:
			return fmt.Errorf("it cannot be locked: %w", err)
		case ok:
			return nil
		case time.Now().After(until):
			return errLocked
		}
		time.Sleep(often)
	}
}

// plain is an error of the system without the path, which messages have already.
func plain(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// close gives the file back. What was written stays written.
func (s *file) close() error {
	if s.db == nil || s.broken {
		return s.f.Close()
	}
	return guard(s.db.Close)
}

// write writes what changes emits in one transaction: all of it or, with an
// error, also one of changes, none. With all it replaces every record there is.
func (s *file) write(all bool, changes func(emit history.Emit) error) error {
	sums := s.totals
	tx := uint64(0)
	err := guard(func() error {
		return s.db.Update(func(t *bolt.Tx) (err error) {
			tx = uint64(t.ID())
			if all {
				sums = totals{}
				if err := clearTables(t); err != nil {
					return err
				}
			}
			buckets := map[history.Table]*bolt.Bucket{}
			changed := false
			failed := changes(func(table history.Table, key string, value []byte) {
				if changed = true; err == nil {
					err = put(t, buckets, &sums, table, key, value)
				}
			})
			if err = errors.Join(err, failed); err != nil {
				return err
			}
			if !changed && !all {
				return errUnchanged
			}
			b, err := t.CreateBucketIfNotExists([]byte(aboutBucket))
			if err != nil {
				return err
			}
			if err := b.Put([]byte(keySchema), sealed(aboutBucket, keySchema, binary.AppendUvarint(nil, schema))); err != nil {
				return err
			}
			return b.Put([]byte(keyTotals), sealed(aboutBucket, keyTotals, sums.bytes()))
		})
	})
	if err == errUnchanged {
		return nil
	}
	if err != nil {
		s.broken = isDamage(err)
		return plain(err)
	}
	s.totals, s.tx = sums, tx
	return guard(func() error {
		return s.db.View(func(t *bolt.Tx) error {
			s.size = t.Size()
			return nil
		})
	})
}

// clearTables removes all records.
func clearTables(t *bolt.Tx) error {
	for _, table := range detector.Tables() {
		if err := t.DeleteBucket([]byte(table)); err != nil && !errors.Is(err, berrors.ErrBucketNotFound) {
			return err
		}
	}
	return nil
}

func put(t *bolt.Tx, buckets map[history.Table]*bolt.Bucket, sums *totals, table history.Table, key string, value []byte) (err error) {
	b := buckets[table]
	if b == nil {
		if b, err = t.CreateBucketIfNotExists([]byte(table)); err != nil {
			return err
		}
		buckets[table] = b
	}
	if old := b.Get([]byte(key)); old != nil {
		sums.del(sum(old))
		if value == nil {
			return b.Delete([]byte(key))
		}
	}
	if value == nil {
		return nil
	}
	v := sealed(string(table), key, value)
	sums.add(sum(v))
	return b.Put([]byte(key), v)
}

// lost says whether the file at path is another one by now, or shorter than it
// has to be: somebody removed, replaced or cut it.
func (s *file) lost(path string) bool {
	ours, err := s.f.Stat()
	if err != nil {
		return true
	}
	there, err := os.Stat(path)
	return err != nil || !os.SameFile(ours, there) || ours.Size() < s.size
}

// guard calls f and turns what bbolt panics with, or a page that could not be
// read from the disk, into an error.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %.200v", errDamaged, r)
		}
	}()
	return f()
}
