package pipeline

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// patterns is what passAVX2 compares with.
type patterns struct {
	beginning         [len(beginning)]byte
	complete          [44]byte // stages[0]
	received, started [43]byte // stages[1] and stages[2]
}

var linePatterns = patterns{
	[len(beginning)]byte([]byte(beginning)),
	[44]byte([]byte(stages[0])),
	[43]byte([]byte(stages[1])), [43]byte([]byte(stages[2])),
}

// passAVX2 is passGo for n bytes at p.
//
//go:noescape
func passAVX2(p *byte, n int, f *form, with *patterns) (end, records int)

// pass is passGo, with vectors where there are any.
func (f *form) pass(b []byte) (end, records int) {
	if !cpu.X86.HasAVX2 {
		return f.passGo(b)
	}
	if f.text == 0 {
		return 0, 0
	}
	return passAVX2(unsafe.SliceData(b), len(b), f, &linePatterns)
}
