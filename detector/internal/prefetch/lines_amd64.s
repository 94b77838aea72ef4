#include "textflag.h"

// func lines(p uintptr, n int)
TEXT ·lines(SB), NOSPLIT, $0-16
	MOVQ p+0(FP), AX
	MOVQ n+8(FP), CX
	JMP test

loop:
	PREFETCHT0 (AX)
	ADDQ $64, AX
	DECQ CX

test:
	TESTQ CX, CX
	JG loop
	RET
