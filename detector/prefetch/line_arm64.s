#include "textflag.h"

// func address(a uintptr)
TEXT ·address(SB), NOSPLIT, $0-8
	MOVD a+0(FP), R0
	PRFM (R0), PLDL1KEEP
	RET
