package chunk

// Edits is a list of changes to a chunk, made in ascending order and applied in
// one go. Reusable; the zero value is empty. Not safe for concurrent use.
type Edits struct {
	list []edit
	buf  []byte // what is inserted, one edit behind the other
	grow int    // length of the output less that of the input
}

// edit replaces del bytes at offset at by buf[from:to].
type edit struct {
	at, del  int
	from, to int
}

// Reset forgets all edits and keeps the memory, unless one chunk in a million
// made it exceptionally large.
func (e *Edits) Reset() {
	const most = 1 << 20
	if cap(e.buf) > most || cap(e.list) > most/32 {
		*e = Edits{}
		return
	}
	e.list, e.buf, e.grow = e.list[:0], e.buf[:0], 0
}

// Empty reports whether there is nothing to apply.
func (e *Edits) Empty() bool { return len(e.list) == 0 }

// Replace plans that the n bytes at offset at become with, which is copied. at
// must not be smaller than the end of the edit before; Replace panics if it is.
func (e *Edits) Replace(at, n int, with []byte) {
	if k := len(e.list); k > 0 && at < e.list[k-1].at+e.list[k-1].del {
		panic("chunk: edits out of order")
	}
	from := len(e.buf)
	e.buf = append(e.buf, with...)
	e.list = append(e.list, edit{at, n, from, len(e.buf)})
	e.grow += len(with) - n
}

// Size returns the length of src after the edits.
func (e *Edits) Size(src []byte) int { return len(src) + e.grow }

// Apply returns the edited copy of src in memory that alloc provides: alloc is
// called once, with the exact size, and may return nil or too little to refuse;
// then Apply returns nil. A size of 0 gives an empty slice without an
// allocation. The result is owned as alloc's memory is, and src is only read.
func (e *Edits) Apply(src []byte, alloc func(n int) []byte) []byte {
	size := e.Size(src)
	if size == 0 {
		return []byte{}
	}
	out := alloc(size)
	if len(out) < size {
		return nil
	}
	out = out[:size]
	from, to := 0, 0
	for _, d := range e.list {
		to += copy(out[to:], src[from:d.at])
		to += copy(out[to:], e.buf[d.from:d.to])
		from = d.at + d.del
	}
	copy(out[to:], src[from:])
	return out
}
