//go:build cgo && linux

package pipeline

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/secretwatch/secretwatch/plugin/quiet"
	"github.com/secretwatch/secretwatch/test/gen"
)

// quietPipelines are those that may be given a chunk which is not quiet. All they do
// with one that is, is to count.
var quietPipelines = sync.OnceValue(func() (all []*Pipeline) {
	for _, opts := range []Options{
		{Split: true, Redact: true, SeverityKey: "severity"},
		{Split: true, Redact: true, TagAll: true, Key: "a", Format: "ecs", Cluster: "c", Metrics: &Metrics{ChunkTime: unseen{}}},
	} {
		opts.Judge = fakeJudge{}
		p, err := New(opts, nil)
		if err != nil {
			panic(err)
		}
		all = append(all, p)
	}
	return all
})

type unseen struct{}

func (unseen) Observe(float64) {}

// checkQuiet checks that nothing is lost where a chunk does not reach a pipeline, and
// reports whether it would not.
func checkQuiet(t *testing.T, b []byte) bool {
	t.Helper()
	records := count(b)
	if n := quiet.Records(b); n != records {
		t.Fatalf("%d records, want %d, in %q", n, records, b)
	}
	if !quiet.Is(b) {
		return false
	}
	for _, p := range quietPipelines() {
		for _, glance := range []bool{true, false} {
			p.glance.Store(glance)
			c := &p.stats
			chunks, bytes, want := c.chunks.Load()+1, c.bytes.Load()+uint64(len(b)), c.records.Load()
			if p.watch != nil {
				want += records
			}
			_, modified := p.Process(b, func(n int) []byte { return make([]byte, n) })
			if modified || c.chunks.Load() != chunks || c.bytes.Load() != bytes || c.records.Load() != want || p.blind.vain.Load() > 0 ||
				c.judged.Load()+c.duplicates.Load()+c.split.Load()+c.redacted.Load()+c.truncated.Load()+c.cut.Load() > 0 ||
				c.undecodable.Load()+c.unparsable.Load()+c.refused.Load()+c.panics.Load() > 0 {
				t.Fatalf("glance %v: something was found in %q: modified %v, %s", glance, b, modified, p.Summary())
			}
		}
	}
	return true
}

// shapesOf are the records that a line of an audit log may become.
func shapesOf(line string) (all [][]byte) {
	for _, header := range headers {
		all = append(all, lineRecord(header, "log", line), append(header[:len(header)-1:len(header)-1], packJSON(line)...))
	}
	return append(all, record(pack(kv{"path", "/var/log/audit.log"}, kv{"message", line})), record(pack(kv{"log", "\n" + line})),
		record(pack(kv{"log", "[" + line + "]"})), record(pack(kv{"records", line})))
}

// TestQuietIsExact: in recorded and made-up logs, envelopes and lists, in chunks of
// one record and of several.
func TestQuietIsExact(t *testing.T) {
	cfg := gen.DefaultConfig(5)
	cfg.Events, cfg.Secrets = 2000, 0.1
	lines := recordedLines(t)
	g := gen.New(cfg)
	for line := g.Next(); line != nil; line = g.Next() {
		lines = append(lines, string(line))
	}
	calm, noisy, n := 0, 0, 0
	for i, line := range lines {
		interesting := nextNeedle([]byte(line), 0) >= 0
		for j, b := range shapesOf(line) {
			is := checkQuiet(t, b)
			if j >= 2*len(headers) || interesting || len(b) > quiet.Size {
				continue
			}
			if n++; is {
				calm++
			} else if noisy++; noisy < 4 {
				t.Logf("not seen to be quiet: %q", b)
			}
		}
		if list := eventListOf(lines[max(i-2, 0) : i+1]); i%7 == 0 {
			for _, b := range shapesOf(list) {
				if checkQuiet(t, b) {
					t.Fatalf("a list: %q", b)
				}
			}
		}
	}
	// What remains has token, or secret in capitals, in another word.
	if n < 1000 || calm < n*95/100 {
		t.Errorf("%d of %d chunks without anything of interest pass", calm, n)
	}
	for _, s := range samples(t) {
		for _, b := range shapesOf(string(s.record.MarshalTo(nil))) {
			checkQuiet(t, b)
		}
	}
}

// TestQuietOfOneByte changes chunks byte by byte.
func TestQuietOfOneByte(t *testing.T) {
	passed, stopped := 0, 0
	for _, line := range []string{
		about("/api/v1/pods", `"resource":"pods"`),
		about("/apis/external-secrets.io/v1", `"x":"external-secrets","y":"sosecretshow"`),
		about("/api/v1/nodes", `"a":"Gecret","b":"xsecret","c":"\u0022recrets","d":"tokem"`),
	} {
		for _, shape := range shapesOf(line) {
			b := bytes.Clone(shape)
			for at := range b {
				for _, c := range []byte("sSecrtoken\"\\u-a/.[{ \x00\x80\x81\xa4\xa6\xac\xda\xdb\xdf\xff") {
					was := b[at]
					b[at] = c
					if checkQuiet(t, b) {
						passed++
					} else {
						stopped++
					}
					b[at] = was
				}
			}
		}
	}
	if passed < 10000 || stopped < 10000 {
		t.Errorf("%d passed, %d did not", passed, stopped)
	}
}

// TestQuietOf: the places at which a word or a list is at the edge of what is looked at.
func TestQuietOf(t *testing.T) {
	f := func(want bool, fields ...kv) {
		t.Helper()
		if b := record(pack(fields...)); checkQuiet(t, b) != want {
			t.Errorf("quiet is not %v: %q", want, b)
		}
	}
	f(true, kv{"log", "nothing"})
	// Behind an escape a word is none that ends another.
	f(true, kv{"log", `xu000asecrets`})
	f(true, kv{"log", `\x000asecrets`})
	f(true, kv{"log", `\u0000asecrets`})
	f(false, kv{"log", `\u000asecrets`})
	f(false, kv{"log", `secrets`})
	// The last bytes of a chunk.
	f(true, kv{"log", `/toke`})
	f(true, kv{"log", `"secret`})
	f(false, kv{"log", `/token`})
	f(false, kv{"log", `"secrets`})
	// Lists, and names that are long.
	const long, list = "a-name-of-more-than-15", `{"kind":"EventList"}`
	f(true, kv{long, "b"})
	f(false, kv{long, "b"}, kv{"log", list})
	f(false, kv{"messageType", "DATA_MESSAGE"})
	f(false, kv{"logEvents", "b"})
	f(false, kv{"records", "b"})
	f(false, kv{"kind", "EventList"})
	f(true, kv{"kind", "Event"})
	f(false, kv{"a", "b"}, kv{"c", "d"}, kv{"e", "f"}, kv{"log", list})
	f(true, kv{"a", "b"}, kv{"c", "d"}, kv{"e", "f"}, kv{"g", "h"}, kv{"log", list})
	// The largest chunk.
	filled := func(n int) kv { return kv{"log", strings.Repeat("x", n)} }
	n := quiet.Size - len(record(pack(filled(quiet.Size)))) + quiet.Size
	f(true, filled(n))
	f(false, filled(n+1))
}

// TestQuietReadsNoFurther: chunks end where memory does.
func TestQuietReadsNoFurther(t *testing.T) {
	page := syscall.Getpagesize()
	memory, err := syscall.Mmap(-1, 0, 3*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Munmap(memory)
	for _, guard := range []int{0, 2} {
		if err := syscall.Mprotect(memory[guard*page:(guard+1)*page], syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for _, shape := range shapesOf(about("/apis/external-secrets.io/v1", `"x":"external-secret"`)) {
		for n := range shape {
			end, start := memory[2*page-n:2*page], memory[page:page+n]
			copy(end, shape)
			checkQuiet(t, end)
			copy(start, shape[len(shape)-n:])
			quiet.Is(start)
			if n > 40 {
				end[r.IntN(40)] = byte(r.Uint32())
				quiet.Is(end)
			}
		}
	}
}

// TestQuietRecords: all kinds of objects, whole and cut, and what is nested deeper than
// the stack of a coroutine is.
func TestQuietRecords(t *testing.T) {
	f := func(b []byte, want uint64) {
		t.Helper()
		if n := quiet.Records(b); n != want {
			t.Errorf("%d records, want %d, in %x", n, want, b[:min(len(b), 40)])
		}
		checkQuiet(t, b)
	}
	line := logRecord("x")
	zeros := make([]byte, 1<<9)
	for c := range 256 {
		for _, size := range []byte{0, 1, 2, 3} {
			// As a length, size is little or, in its first byte, much.
			for _, rest := range [][]byte{append([]byte{size}, zeros...), append([]byte{0, size}, zeros...), append([]byte{0, 0, 0, size}, zeros...)} {
				whole := append(bytes.Clone(line), append([]byte{byte(c)}, rest...)...)
				for n := len(line); n < len(line)+24; n++ {
					checkQuiet(t, whole[:n])
				}
				checkQuiet(t, whole)
			}
		}
	}
	f(nil, 0)
	f(slices.Repeat(line, 3), 3)
	f(append(slices.Repeat(line, 3), 0xc1), 3)
	f(append(bytes.Clone(line), line[:len(line)-1]...), 1)
	f(append(bytes.Clone(line), 0xdf, 0x80, 0, 0, 0), 1)
	f(append(bytes.Clone(line), 0xdd, 0xff, 0xff, 0xff, 0xff), 1)
	deep := record(pack(kv{"a", "b"}, kv{"c", "d"}, kv{"e", "f"}, kv{"g", "h"}, kv{"i", ""}))
	deep = append(deep[:len(deep)-1], bytes.Repeat([]byte{0x91}, quiet.Size-len(deep))...)
	f(append(deep, 0xc0), 1)
	f(deep, 0)
}

func FuzzQuiet(f *testing.F) {
	for _, line := range []string{about("/api/v1/pods", ``), about("/api/v1/secrets", `"resource":"secrets"`), event("bad"), eventListOf([]string{event("x")})} {
		for _, b := range shapesOf(line) {
			f.Add(b)
			f.Add(append(b[:len(b):len(b)], b...))
		}
	}
	f.Add(record(pack(kv{"a", "b"}, kv{"kind", "EventList"}, kv{"items", "x"})))
	f.Add(record(pack(kv{"a", strings.Repeat("c", 300)}, kv{"logEvents", "x"})))
	f.Fuzz(func(t *testing.T, b []byte) { checkQuiet(t, b) })
}
