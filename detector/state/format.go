package state

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/cespare/xxhash/v2"

	"github.com/secretwatch/secretwatch/detector"
	"github.com/secretwatch/secretwatch/detector/history"
)

// Schema of the file: a bucket a table, and one that says what the file is.
//
// Every value begins with a mark, by which what is left of a damaged file can be
// told from a foreign one, and a hash over table, key and the rest. The number of
// all records and the sum of their hashes are kept too, since pages have no
// checksums of their own: a page that is read wrongly can also lose records.
const (
	aboutBucket = "secretwatch"
	keySchema   = "schema"
	keyTotals   = "totals"

	schema = 1
)

var valueMark = []byte("secretw\x01")

const valueHead = 16 // mark, hash

func hashOf(table, key string, rest []byte) uint64 {
	var d xxhash.Digest
	d.Reset()
	_, _ = d.WriteString(table)
	_, _ = d.Write([]byte{0})
	_, _ = d.WriteString(key)
	_, _ = d.Write([]byte{0})
	_, _ = d.Write(rest)
	return d.Sum64()
}

// sealed returns the value that holds rest.
func sealed(table, key string, rest []byte) []byte {
	v := make([]byte, 0, valueHead+len(rest))
	v = append(v, valueMark...)
	v = binary.LittleEndian.AppendUint64(v, hashOf(table, key, rest))
	return append(v, rest...)
}

// sum is the hash that a value holds.
func sum(value []byte) uint64 {
	if len(value) < valueHead {
		return 0
	}
	return binary.LittleEndian.Uint64(value[8:])
}

// unseal returns what a value holds.
func unseal(table, key string, value []byte) ([]byte, error) {
	if len(value) < valueHead || !bytes.HasPrefix(value, valueMark) {
		return nil, damaged("%s: no record under %q", table, key)
	}
	rest := value[valueHead:]
	if hashOf(table, key, rest) != sum(value) {
		return nil, damaged("%s: wrong hash of %q", table, key)
	}
	return rest, nil
}

// totals of all records but those of the bucket that says what the file is.
type totals struct {
	records uint64
	sum     uint64
}

func (t *totals) add(hash uint64) { t.records, t.sum = t.records+1, t.sum+hash }
func (t *totals) del(hash uint64) { t.records, t.sum = t.records-1, t.sum-hash }

func (t *totals) bytes() []byte {
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, t.records), t.sum)
}

// content is what reading a file tells besides its records.
type content struct {
	tx     uint64 // of bbolt; 0 for a file that has nothing in it yet
	totals totals
	size   int64 // of the pages in use, in bytes
}

// read reads a file and calls add for each record. An error wraps errForeign or
// errDamaged, or is one of reading or of add; what was added is then worthless.
func read(f io.ReaderAt, size int64, add func(table history.Table, key string, value []byte) error) (content, error) {
	c := content{size: size}
	if size == 0 {
		return c, nil
	}
	err := c.read(f, add)
	if err != nil && isDamage(err) && !marked(f, size) {
		err = fmt.Errorf("%w (%v)", errForeign, err)
	}
	return c, err
}

func (c *content) read(f io.ReaderAt, add func(table history.Table, key string, value []byte) error) error {
	m, err := findMeta(f, c.size)
	if err != nil {
		return err
	}
	t := &tree{f: f, meta: m, used: make([]uint64, m.high/64+1)}
	tables := map[string]bool{}
	for _, name := range detector.Tables() {
		tables[string(name)] = true
	}
	var got, want totals
	known, other := false, ""
	last := []byte(nil)
	err = t.walk(m.root, 0, &last, func(isBucket bool, key, value []byte) error {
		table := string(key)
		if !isBucket {
			return damaged("a value outside of tables")
		}
		if table != aboutBucket && !tables[table] {
			other = table
			return nil
		}
		return t.bucket(value, func(isBucket bool, key, value []byte) error {
			k := string(key)
			if isBucket {
				return damaged("a table in a table")
			}
			rest, err := unseal(table, k, value)
			if err != nil {
				return err
			}
			if table != aboutBucket {
				got.add(sum(value))
				if err := add(history.Table(table), k, rest); err != nil {
					return damaged("%v", err)
				}
				return nil
			}
			switch k {
			case keySchema:
				known = true
				if v, n := binary.Uvarint(rest); n != len(rest) || v != schema {
					return fmt.Errorf("%w of this version (its schema is %d, this version knows %d)", errForeign, v, schema)
				}
			case keyTotals:
				if len(rest) != 16 {
					return damaged("totals of %d bytes", len(rest))
				}
				want = totals{binary.LittleEndian.Uint64(rest), binary.LittleEndian.Uint64(rest[8:])}
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	if err := t.checkFreelist(); err != nil {
		return err
	}
	if !known && len(last) == 0 {
		return nil // made, and nothing was written yet
	}
	if !known {
		return fmt.Errorf("%w (it is some other bbolt database)", errForeign)
	}
	if other != "" {
		return fmt.Errorf("%w of this version (it has a table %.40q)", errForeign, other)
	}
	if got != want {
		return damaged("it has %d records of %d", got.records, want.records)
	}
	c.tx, c.totals, c.size = m.tx, got, int64(m.high)*m.pageSize
	return nil
}

// marked says whether some value of ours is anywhere in the file.
func marked(f io.ReaderAt, size int64) bool {
	b := make([]byte, 64<<10)
	for at := int64(0); at < size; at += int64(len(b) - len(valueMark)) {
		n, _ := f.ReadAt(b, at)
		if bytes.Contains(b[:n], valueMark) {
			return true
		}
	}
	// Cut off before the first value: what is left may be the head of one.
	var head [pageHeader + 8]byte
	n, _ := f.ReadAt(head[:], 0)
	want := make([]byte, len(head))
	order.PutUint16(want[8:], flagMeta)
	order.PutUint32(want[pageHeader:], boltMagic)
	order.PutUint32(want[pageHeader+4:], boltVersion)
	return size < 4*4096 && bytes.Equal(head[:n], want[:n])
}
