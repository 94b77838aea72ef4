package pipeline

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// passAVX2 is passGo for n bytes at p.
//
//go:noescape
func passAVX2(p *byte, n int, f *form) (end, records int)

// What passAVX2 compares with.
var (
	textBeginning = [len(beginning)]byte([]byte(beginning))
	stageComplete = [44]byte([]byte(stages[0]))
	stageReceived = [43]byte([]byte(stages[1]))
	stageStarted  = [43]byte([]byte(stages[2]))
)

// pass is passGo, with vectors where there are any.
func (f *form) pass(b []byte) (end, records int) {
	if !cpu.X86.HasAVX2 {
		return f.passGo(b)
	}
	if f.text == 0 {
		return 0, 0
	}
	return passAVX2(unsafe.SliceData(b), len(b), f)
}
