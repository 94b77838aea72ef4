//go:build cgo && linux

package pipeline

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	"github.com/secretwatch/secretwatch/plugin/quiet"
	"github.com/secretwatch/secretwatch/test/gen"
)

// checkQuiet checks that nothing is lost where a chunk does not reach a pipeline, and
// reports whether it would not.
func checkQuiet(t *testing.T, b []byte) bool {
	t.Helper()
	if !quiet.Is(b) {
		return false
	}
	for _, glance := range []bool{true, false} {
		p := newPipeline(t)
		p.glance.Store(glance)
		if s := new(scratch); s.find(p, b) != nil || len(s.spans) > 0 || p.stats.records.Load() > 0 {
			t.Fatalf("glance %v: something was found in %q", glance, b)
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
