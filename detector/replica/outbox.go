package replica

// outbox holds encoded observations that are to be sent, oldest first, and those
// that were sent lately, which a server that fails over may lose. The zero value
// is empty and ready.
type outbox struct {
	entries [][]byte
	bytes   int
	dropped uint64
	flying  int    // how many are being sent, not among entries
	puts    uint64 // how many were ever put, some of them more than once

	sent      []sent
	sentBytes int
}

// sent is an observation as it was appended to the log.
type sent struct {
	id    string // of the log's entry
	entry []byte
}

// Most that is kept.
const (
	maxPending      = 1 << 16
	maxPendingBytes = 32 << 20
	maxSent         = 4096    // and at most twice as many
	maxSentBytes    = 4 << 20 // and at most twice as many, besides those sent last
)

func (o *outbox) len() int { return len(o.entries) }

// put adds an entry, if need be instead of the oldest.
func (o *outbox) put(entry []byte) {
	o.entries = append(o.entries, entry)
	o.bytes += len(entry)
	o.puts++
	for len(o.entries) > maxPending || o.bytes > maxPendingBytes {
		o.bytes -= len(o.entries[0])
		o.entries[0] = nil
		o.entries = o.entries[1:]
		o.dropped++
	}
}

// take removes the oldest entries, at most n, until back or done says what became
// of them.
func (o *outbox) take(n int) [][]byte {
	n = min(n, len(o.entries))
	batch := append([][]byte(nil), o.entries[:n]...)
	for i, e := range batch {
		o.bytes -= len(e)
		o.entries[i] = nil
	}
	o.entries = o.entries[n:]
	o.flying = n
	return batch
}

// back puts entries back that were taken and not sent, together with others that
// were not.
func (o *outbox) back(batch [][]byte) {
	o.flying = 0
	o.before(batch)
}

// before puts entries before all others.
func (o *outbox) before(batch [][]byte) {
	later := o.entries
	o.entries, o.bytes = nil, 0
	for _, list := range [...][][]byte{batch, later} {
		for _, e := range list {
			o.put(e)
		}
	}
}

// done notes that entries are in the log, all of them up to the entry last.
func (o *outbox) done(batch [][]byte, last string) {
	o.flying = 0
	for _, e := range batch {
		o.sent = append(o.sent, sent{last, e})
		o.sentBytes += len(e)
	}
	// Now and then, since it copies what stays.
	if len(o.sent) < 2*maxSent && o.sentBytes < 2*maxSentBytes {
		return
	}
	from := max(len(o.sent)-maxSent, 0)
	bytes := 0
	for _, s := range o.sent[from:] {
		bytes += len(s.entry)
	}
	for ; bytes > maxSentBytes; from++ {
		bytes -= len(o.sent[from].entry)
	}
	o.sent, o.sentBytes = append(o.sent[:0:0], o.sent[from:]...), bytes
}

// since returns those of the entries that were put after so many puts, and makes
// that all puts up to now. Nothing may be taken or put back in between.
func (o *outbox) since(puts *uint64) [][]byte {
	n := int(min(o.puts-*puts, uint64(len(o.entries))))
	*puts = o.puts
	return append([][]byte(nil), o.entries[len(o.entries)-n:]...)
}

// again puts what was sent after an entry of the log back among what is to be
// sent.
func (o *outbox) again(after string) {
	n := 0
	for n < len(o.sent) && !later(o.sent[n].id, after) {
		n++
	}
	var batch [][]byte
	for _, s := range o.sent[n:] {
		batch = append(batch, s.entry)
		o.sentBytes -= len(s.entry)
	}
	o.sent = o.sent[:n]
	o.before(batch)
}
