#include "textflag.h"

// func scanAVX2(p *byte, n int) int
//
// Compares 64 offsets at a time: r and t in the second and fourth byte from an
// offset on, as in the cret of "secrets" and "Secret", or o and k in the third and
// fourth, as in " tok" of "token". Where that fits, the byte before, c or t, is
// asked for too. n must be 64*k+3 at least, for k blocks.
TEXT ·scanAVX2(SB), NOSPLIT, $0-24
	MOVQ p+0(FP), SI
	MOVQ n+8(FP), CX
	MOVQ SI, DI
	SUBQ $3, CX
	SHRQ $6, CX
	MOVL $0x63, AX
	VMOVQ AX, X12
	VPBROADCASTB X12, Y12 // c
	MOVL $0x72, AX
	VMOVQ AX, X8
	VPBROADCASTB X8, Y8  // r
	MOVL $0x74, AX
	VMOVQ AX, X9
	VPBROADCASTB X9, Y9  // t
	MOVL $0x6f, AX
	VMOVQ AX, X10
	VPBROADCASTB X10, Y10 // o
	MOVL $0x6b, AX
	VMOVQ AX, X11
	VPBROADCASTB X11, Y11 // k
	TESTQ CX, CX
	JZ none

block:
	PREFETCHT0 512(SI) // a third faster where the bytes are in the second-level cache
	VMOVDQU 3(SI), Y2
	VMOVDQU 35(SI), Y6
	VPCMPEQB 1(SI), Y8, Y0
	VPCMPEQB 33(SI), Y8, Y4
	VPCMPEQB 2(SI), Y10, Y1
	VPCMPEQB 34(SI), Y10, Y5
	VPCMPEQB Y2, Y9, Y3
	VPCMPEQB Y6, Y9, Y7
	VPCMPEQB Y2, Y11, Y2
	VPCMPEQB Y6, Y11, Y6
	VPAND Y3, Y0, Y0  // r and t
	VPAND Y7, Y4, Y4
	VPAND Y2, Y1, Y1  // o and k
	VPAND Y6, Y5, Y5
	VPOR Y0, Y1, Y2
	VPOR Y4, Y5, Y3
	VPOR Y2, Y3, Y3
	VPMOVMSKB Y3, AX
	TESTL AX, AX
	JNZ likely
next:
	ADDQ $64, SI
	DECQ CX
	JNZ block

none:
	VZEROUPPER
	MOVQ $-1, ret+16(FP)
	RET

likely:
	VPCMPEQB (SI), Y12, Y2
	VPCMPEQB 32(SI), Y12, Y3
	VPCMPEQB 1(SI), Y9, Y6
	VPCMPEQB 33(SI), Y9, Y7
	VPAND Y2, Y0, Y0
	VPAND Y3, Y4, Y4
	VPAND Y6, Y1, Y1
	VPAND Y7, Y5, Y5
	VPOR Y1, Y0, Y0
	VPOR Y5, Y4, Y4
	VPMOVMSKB Y0, AX
	VPMOVMSKB Y4, DX
	SHLQ $32, DX
	ORQ DX, AX
	JZ next
	VZEROUPPER
	BSFQ AX, AX
	SUBQ DI, SI
	ADDQ SI, AX
	MOVQ AX, ret+16(FP)
	RET
