#include "textflag.h"

// func scanAVX2(p *byte, n int) int
//
// Compares 32 offsets at a time: c, r and t in the third, fourth and sixth of
// the bytes from an offset on as in "secrets" and "Secret", or t, k and n in the first, third
// and fifth as in "token". n must be 32*k+5 at least, for k blocks.
TEXT ·scanAVX2(SB), NOSPLIT, $0-24
	MOVQ p+0(FP), SI
	MOVQ n+8(FP), CX
	MOVQ SI, DI
	SUBQ $5, CX
	SHRQ $5, CX
	MOVL $0x63, AX
	VMOVQ AX, X8
	VPBROADCASTB X8, Y8  // c
	MOVL $0x72, AX
	VMOVQ AX, X9
	VPBROADCASTB X9, Y9  // r
	MOVL $0x74, AX
	VMOVQ AX, X10
	VPBROADCASTB X10, Y10 // t
	MOVL $0x6b, AX
	VMOVQ AX, X11
	VPBROADCASTB X11, Y11 // k
	MOVL $0x6e, AX
	VMOVQ AX, X12
	VPBROADCASTB X12, Y12 // n
	TESTQ CX, CX
	JZ none

block:
	VMOVDQU 2(SI), Y0
	VPCMPEQB Y0, Y11, Y1
	VPCMPEQB Y0, Y8, Y0
	VPCMPEQB 3(SI), Y9, Y2
	VPCMPEQB 5(SI), Y10, Y3
	VPCMPEQB 4(SI), Y12, Y4
	VPCMPEQB (SI), Y10, Y5
	VPAND Y2, Y0, Y0
	VPAND Y4, Y1, Y1
	VPAND Y3, Y0, Y0
	VPAND Y5, Y1, Y1
	VPOR Y1, Y0, Y0
	VPMOVMSKB Y0, AX
	TESTL AX, AX
	JNZ found
	ADDQ $32, SI
	DECQ CX
	JNZ block

none:
	VZEROUPPER
	MOVQ $-1, ret+16(FP)
	RET

found:
	VZEROUPPER
	BSFL AX, AX
	SUBQ DI, SI
	ADDQ SI, AX
	MOVQ AX, ret+16(FP)
	RET

// func hasAVX2() bool
//
// The processor has AVX2 (leaf 7, EBX bit 5) and the system saves its registers
// (leaf 1, ECX bits 27 and 28; XCR0 bits 1 and 2).
TEXT ·hasAVX2(SB), NOSPLIT, $0-1
	MOVB $0, ret+0(FP)
	XORL AX, AX
	CPUID
	CMPL AX, $7
	JLT no
	MOVL $1, AX
	XORL CX, CX
	CPUID
	ANDL $0x18000000, CX
	CMPL CX, $0x18000000
	JNE no
	XORL CX, CX
	XGETBV
	ANDL $6, AX
	CMPL AX, $6
	JNE no
	MOVL $7, AX
	XORL CX, CX
	CPUID
	SHRL $5, BX
	ANDL $1, BX
	MOVB BX, ret+0(FP)
no:
	RET
