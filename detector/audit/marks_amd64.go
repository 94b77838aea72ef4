package audit

import "golang.org/x/sys/cpu"

// markBlocks fills blocks marks from 64 bytes each. It needs AVX2.
//
//go:noescape
func markBlocks(dst *marks, p *byte, blocks int)

func canMark() bool { return cpu.X86.HasAVX2 }
