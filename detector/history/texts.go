package history

import (
	"strings"
	"sync"
)

// texts keeps one copy of texts that the records of many principals hold, such as
// the names of namespaces: less memory, and a comparison that finds its bytes in the
// caches. The zero value is empty and ready. Safe for concurrent use.
type texts struct {
	mu  sync.Mutex
	all map[string]string
}

// maxShared bounds the texts that are kept to be shared, and with maxText their
// size: further ones are copied.
const maxShared = 1 << 12

// share returns a copy of s, the same one for the same text if it can.
func (t *texts) share(s string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if kept, ok := t.all[s]; ok {
		return kept
	}
	s = strings.Clone(s)
	if len(t.all) < maxShared && len(s) <= maxText {
		if t.all == nil {
			t.all = make(map[string]string)
		}
		t.all[s] = s
	}
	return s
}

// Text returns a copy of s that the records of the store may keep.
func (s *Store) Text(text string) string { return s.texts.share(text) }
