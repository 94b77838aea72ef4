#include "textflag.h"

// func address(a uintptr)
TEXT ·address(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), AX
	PREFETCHT0 (AX)
	RET
