package replica

import (
	"bytes"
	"maps"
	"slices"

	"github.com/secretwatch/secretwatch/detector/history"
)

// recordSet holds the records of a history, by table and key.
type recordSet map[history.Table]map[string][]byte

// put is a history.Emit.
func (r recordSet) put(table history.Table, key string, value []byte) {
	if value == nil {
		delete(r[table], key)
		return
	}
	if r[table] == nil {
		r[table] = map[string][]byte{}
	}
	r[table][key] = bytes.Clone(value)
}

// before returns what puts a record and then calls f.
func (r recordSet) before(f addRecord) addRecord {
	return func(table history.Table, key string, value []byte) error {
		r.put(table, key, value)
		return f(table, key, value)
	}
}

// addRecord takes a record, whose value is only valid during the call.
type addRecord = func(table history.Table, key string, value []byte) error

// each calls f for all records, in the order of tables and keys.
func (r recordSet) each(f addRecord) error {
	for _, table := range slices.Sorted(maps.Keys(r)) {
		for _, key := range slices.Sorted(maps.Keys(r[table])) {
			if err := f(table, key, r[table][key]); err != nil {
				return err
			}
		}
	}
	return nil
}
