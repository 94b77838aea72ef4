#include "textflag.h"

// Offsets in a text: the audit ID, what follows it, and the paths.
#define ID 77
#define STAGE (ID+36)
#define COMPLETE (STAGE+44-1)
#define SHORTER (STAGE+43-1)
#define SHORTEST 192

// Offsets in a form.
#define HEADER 0
#define MASK 64
#define TEXT_AT 128

// Offsets in patterns.
#define AT_COMPLETE ID
#define AT_RECEIVED (AT_COMPLETE+44)
#define AT_STARTED (AT_RECEIVED+43)

// func passAVX2(p *byte, n int, f *form, with *patterns) (end, records int)
//
// SI is the record at hand, BX the end of the chunk, R10 the offset of the text in a
// record, DI the text, R11 its end, R12 the place in the path, DX the patterns. Y5 to
// Y15 are constants.
TEXT ·passAVX2(SB), NOSPLIT, $0-48
	MOVQ p+0(FP), SI
	MOVQ n+8(FP), BX
	MOVQ f+16(FP), DX
	MOVQ SI, R8
	ADDQ SI, BX
	XORQ R9, R9
	MOVQ TEXT_AT(DX), R10
	VMOVDQU HEADER(DX), Y15
	VMOVDQU (HEADER+32)(DX), Y14
	VMOVDQU MASK(DX), Y13
	VMOVDQU (MASK+32)(DX), Y12
	MOVQ with+24(FP), DX
	MOVL $'"', AX
	VMOVQ AX, X11
	VPBROADCASTB X11, Y11
	MOVL $'\\', AX
	VMOVQ AX, X10
	VPBROADCASTB X10, Y10
	MOVL $'?', AX
	VMOVQ AX, X9
	VPBROADCASTB X9, Y9
	MOVL $'%', AX
	VMOVQ AX, X8
	VPBROADCASTB X8, Y8
	MOVL $'/', AX
	VMOVQ AX, X7
	VPBROADCASTB X7, Y7
	MOVL $'c', AX
	VMOVQ AX, X6
	VPBROADCASTB X6, Y6
	MOVL $'k', AX
	VMOVQ AX, X5
	VPBROADCASTB X5, Y5

record:
	LEAQ (SI)(R10*1), DI
	LEAQ SHORTEST(DI), AX
	CMPQ AX, BX
	JA done
	MOVWLZX -2(DI), R11
	ROLW $8, R11
	ADDQ DI, R11
	CMPQ R11, BX
	JA done
	CMPQ AX, R11
	JA done
	CMPB -1(R11), $'}'
	JNE done
	VPAND (SI), Y13, Y0
	VPAND 32(SI), Y12, Y1
	VPCMPEQB Y0, Y15, Y0
	VPCMPEQB Y1, Y14, Y1
	VPAND Y1, Y0, Y0

	VMOVDQU (DX), Y1
	VMOVDQU 32(DX), Y2
	VMOVDQU (ID-32)(DX), Y3
	VPCMPEQB (DI), Y1, Y1
	VPCMPEQB 32(DI), Y2, Y2
	VPCMPEQB (ID-32)(DI), Y3, Y3
	VPAND Y1, Y0, Y0
	VPAND Y3, Y2, Y2
	VPAND Y2, Y0, Y0

	// No quote and no backslash in the audit ID.
	VMOVDQU ID(DI), Y1
	VMOVDQU (STAGE-32)(DI), Y2
	VPCMPEQB Y1, Y11, Y3
	VPCMPEQB Y1, Y10, Y1
	VPCMPEQB Y2, Y11, Y4
	VPCMPEQB Y2, Y10, Y2
	VPOR Y3, Y1, Y1
	VPOR Y4, Y2, Y2
	VPOR Y2, Y1, Y1
	VPANDN Y0, Y1, Y0

	VMOVDQU STAGE(DI), Y1
	VMOVDQU (COMPLETE+1-32)(DI), Y2
	VPCMPEQB AT_COMPLETE(DX), Y1, Y3
	VPCMPEQB (AT_COMPLETE+44-32)(DX), Y2, Y2
	VPAND Y3, Y0, Y3
	VPAND Y2, Y3, Y2
	LEAQ COMPLETE(DI), R12
	VPMOVMSKB Y2, AX
	CMPL AX, $-1
	JNE otherStage

path:
	LEAQ (32+3)(R12), AX
	CMPQ AX, R11
	JA done
	VMOVDQU (R12), Y0
	VMOVDQU 3(R12), Y4
	VPCMPEQB Y0, Y11, Y1
	VPCMPEQB Y0, Y9, Y2
	VPCMPEQB Y0, Y8, Y3
	VPOR Y2, Y1, Y1
	VPCMPEQB Y0, Y10, Y2
	VPOR Y3, Y1, Y1
	VPOR Y2, Y1, Y1    // where a path ends, or has what it must not have
	VPCMPEQB Y0, Y7, Y2
	VPCMPEQB Y4, Y6, Y3
	VPCMPEQB Y4, Y5, Y4
	VPOR Y4, Y3, Y3
	VPAND Y3, Y2, Y2   // a slash and, behind two other bytes, a c or a k
	VPOR Y2, Y1, Y3
	VPMOVMSKB Y3, AX
	TESTL AX, AX
	JNZ hit
next:
	ADDQ $32, R12
	JMP path

hit:
	VPMOVMSKB Y1, AX
	VPMOVMSKB Y2, CX
	LEAL -1(AX), R13
	XORL AX, R13
	ANDL R13, CX       // what is behind the end does not count
	JZ ended
part:
	BSFL CX, R13
	MOVL (R12)(R13*1), R13
	CMPL R13, $0x6365732f // "/sec"
	JEQ done
	CMPL R13, $0x6b6f742f // "/tok"
	JEQ done
	LEAL -1(CX), R13
	ANDL R13, CX
	JNZ part
ended:
	TESTL AX, AX
	JZ next
	BSFL AX, AX
	MOVBLZX (R12)(AX*1), AX
	CMPL AX, $'"'
	JEQ passed
	CMPL AX, $'?'
	JNE done

passed:
	MOVQ R11, SI
	INCQ R9
	JMP record

otherStage:
	VMOVDQU (SHORTER+1-32)(DI), Y2
	VPCMPEQB AT_RECEIVED(DX), Y1, Y3
	VPCMPEQB (AT_RECEIVED+43-32)(DX), Y2, Y4
	VPAND Y4, Y3, Y3
	VPCMPEQB AT_STARTED(DX), Y1, Y1
	VPCMPEQB (AT_STARTED+43-32)(DX), Y2, Y2
	VPAND Y2, Y1, Y1
	VPAND Y3, Y0, Y3
	VPAND Y1, Y0, Y1
	LEAQ SHORTER(DI), R12
	VPMOVMSKB Y3, AX
	CMPL AX, $-1
	JEQ path
	VPMOVMSKB Y1, AX
	CMPL AX, $-1
	JEQ path

done:
	VZEROUPPER
	SUBQ R8, SI
	MOVQ SI, end+32(FP)
	MOVQ R9, records+40(FP)
	RET
