package kernel

import "golang.org/x/sys/cpu"

// archTables are the levels in assembly that this processor has.
func archTables() []*table {
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA && cpu.X86.HasF16C {
		return []*table{avx2Table()}
	}
	return nil
}

// avx2Table is the generic level with every loop replaced that is worth it.
func avx2Table() *table {
	t := genericTable()
	t.name = "avx2"
	for op, f := range map[UnaryOp]unaryFunc{
		Exp: expAVX2, Sqrt: sqrtAVX2, Rsqrt: rsqrtAVX2, Square: squareAVX2, Abs: absAVX2, Neg: negAVX2,
		Sign: signAVX2, Reciprocal: reciprocalAVX2, Floor: floorAVX2, Tanh: tanhAVX2, Erf: erfAVX2,
		Sigmoid: sigmoidAVX2, Silu: siluAVX2, Relu: reluAVX2,
	} {
		t.unary[op] = f
	}
	t.binary = [numBinary]binaryFunc{addVV, subVV, mulVV, divVV, maximumVV, minimumVV}
	t.vectorScalar = [numBinary]scalarFunc{addVS, subVS, mulVS, divVS, maximumVS, minimumVS}
	t.scalarVector[Sub], t.scalarVector[Div] = subSV, divSV
	t.mulAdd, t.axpy, t.fusedMulAdd = mulAddAVX2, axpyAVX2, fusedMulAddAVX2
	t.expSum = expSumAVX2
	t.sum, t.dot, t.max, t.min = sumAVX2, dotAVX2, maxAVX2, minAVX2
	t.fromF16 = wholeVectors(fromF16AVX2, fromF16Generic)
	t.fromBF16 = wholeVectors(fromBF16AVX2, fromBF16Generic)
	t.toF16 = wholeVectors(toF16AVX2, toF16Generic)
	t.toBF16 = wholeVectors(toBF16AVX2, toBF16Generic)
	t.transpose8 = transpose8AVX2
	t.packFour = packFourAVX2
	t.prefetch = prefetchAVX2
	t.micro = [numWeights][microRows + 1]microFunc{
		weightsF32:  {nil, microF32R1, microF32R2, microF32R3, microF32R4, microF32R5, microF32R6},
		weightsF16:  {nil, microF16R1, microF16R2, microF16R3, microF16R4, microF16R5, microF16R6},
		weightsBF16: {nil, microBF16R1, microBF16R2, microBF16R3, microBF16R4, microBF16R5, microBF16R6},
	}
	t.edge = [numWeights][microRows + 1]microFunc{
		weightsF32:  {nil, edgeF32R1, edgeF32R2, edgeF32R3, edgeF32R4, edgeF32R5, edgeF32R6},
		weightsF16:  {nil, edgeF16R1, edgeF16R2, edgeF16R3, edgeF16R4, edgeF16R5, edgeF16R6},
		weightsBF16: {nil, edgeBF16R1, edgeBF16R2, edgeBF16R3, edgeBF16R4, edgeBF16R5, edgeBF16R6},
	}
	t.fmaLoop, t.readLoop = fmaLoopAVX2, readLoopAVX2
	return t
}

// wholeVectors joins a loop over multiples of 8 elements with the generic one for the rest; both
// give the same bits.
func wholeVectors[D, S any](vectors, rest func(dst []D, src []S)) func(dst []D, src []S) {
	return func(dst []D, src []S) {
		whole := len(src) &^ 7
		if whole > 0 {
			vectors(dst[:whole], src[:whole])
		}
		if whole < len(src) {
			rest(dst[whole:], src[whole:])
		}
	}
}
