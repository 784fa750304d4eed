package ugraph

var opTable [numOps]OpInfo

func init() {
	// The table refers to inference rules that refer to the table's names.
	opTable = [numOps]OpInfo{
		OpConst: {Name: "const", Class: Source, Results: 1, infer: inferConst,
			Attrs: []AttrSpec{{Name: "value", Kind: AttrNumber, Required: true}, {Name: "dtype", Kind: AttrWord, Required: true}},
			Doc:   "a literal: a scalar whose value is exact"},
		OpIota: {Name: "iota", Class: Source, Results: 1, infer: inferIota,
			Attrs: []AttrSpec{{Name: "n", Kind: AttrDim, Required: true}},
			Doc:   "0, 1, …, n-1 as i32 [n]"},

		OpMatMul: {Name: "matmul", Class: Contraction, MinArgs: 2, MaxArgs: 2, Results: 1, Linear: 3, Flops: 2, infer: inferMatMul,
			Attrs: []AttrSpec{flag("transpose_a"), flag("transpose_b")},
			Doc:   "product over the last axis of a and the last but one of b, batched over the leading axes"},

		OpExp:        unary("exp", 8, false, "e^x"),
		OpLog:        unary("log", 8, false, "natural logarithm"),
		OpSqrt:       unary("sqrt", 4, false, "square root"),
		OpRsqrt:      unary("rsqrt", 4, false, "1/sqrt(x)"),
		OpSquare:     unaryNum("square", 1, "x·x"),
		OpAbs:        unaryNum("abs", 1, "|x|"),
		OpNeg:        linear(unaryNum("neg", 1, "-x"), 1),
		OpSign:       opaque(unaryNum("sign", 1, "-1, 0 or 1")),
		OpReciprocal: unary("reciprocal", 4, false, "1/x"),
		OpFloor:      unary("floor", 1, true, "largest integer ≤ x"),
		OpSin:        unary("sin", 12, true, "sine"),
		OpCos:        unary("cos", 12, true, "cosine"),
		OpTanh:       unary("tanh", 12, false, "hyperbolic tangent"),
		OpErf:        unary("erf", 14, true, "error function"),
		OpSigmoid:    unary("sigmoid", 12, false, "1/(1 + e^-x)"),
		OpSilu:       unary("silu", 13, false, "x · sigmoid(x)"),
		OpRelu:       unaryNum("relu", 1, "max(x, 0)"),
		OpGelu: withAttrs(unary("gelu", 16, false, "x · Φ(x); approximate=tanh: the tanh form"),
			AttrSpec{Name: "approximate", Kind: AttrWord, Default: WordAttr("approximate", "none")}),
		OpSoftplus: unary("softplus", 18, false, "log(1 + e^x), x where e^x overflows"),
		OpPow:      withAttrs(unary("pow", 16, false, "x^exponent"), AttrSpec{Name: "exponent", Kind: AttrNumber, Required: true}),
		OpClamp: withAttrs(unaryNum("clamp", 2, "min(max(x, min), max)"),
			AttrSpec{Name: "min", Kind: AttrNumber}, AttrSpec{Name: "max", Kind: AttrNumber}),
		OpCast: {Name: "cast", Class: Elementwise, MinArgs: 1, MaxArgs: 1, Results: 1, Linear: 1, Flops: 1, infer: inferCast,
			Attrs: []AttrSpec{{Name: "to", Kind: AttrWord, Required: true}},
			Doc:   "conversion to another element type"},

		OpAdd:          commutes(binary("add", inferArith, "a + b")),
		OpSub:          binary("sub", inferArith, "a - b"),
		OpMul:          linear(commutes(binary("mul", inferArith, "a · b")), 3),
		OpDiv:          linear(binaryCost("div", 4, inferFloatBinary, "a / b"), 1),
		OpMaximum:      commutes(binary("maximum", inferArith, "the greater; NaN propagates")),
		OpMinimum:      commutes(binary("minimum", inferArith, "the lesser; NaN propagates")),
		OpLess:         binary("less", inferCompare, "a < b"),
		OpLessEqual:    binary("less_equal", inferCompare, "a <= b"),
		OpEqual:        commutes(binary("equal", inferCompare, "a == b")),
		OpGreater:      binary("greater", inferCompare, "a > b"),
		OpGreaterEqual: binary("greater_equal", inferCompare, "a >= b"),
		OpAnd:          commutes(binary("and", inferBits, "bitwise or logical and")),
		OpOr:           commutes(binary("or", inferBits, "bitwise or logical or")),
		OpXor:          commutes(binary("xor", inferBits, "bitwise or logical exclusive or")),
		OpNot:          {Name: "not", Class: Elementwise, MinArgs: 1, MaxArgs: 1, Results: 1, Opaque: true, Flops: 1, infer: inferBits, Doc: "bitwise or logical complement"},
		OpShiftLeft:    binary("shift_left", inferShift, "a · 2^b"),
		OpShiftRight:   binary("shift_right", inferShift, "a / 2^b, arithmetic for signed types"),
		OpPopcount:     {Name: "popcount", Class: Elementwise, MinArgs: 1, MaxArgs: 1, Results: 1, Opaque: true, Flops: 1, infer: inferPopcount, Doc: "number of one bits"},
		OpWhere:        {Name: "where", Class: Elementwise, MinArgs: 3, MaxArgs: 3, Results: 1, Flops: 1, infer: inferWhere, Doc: "a where c is true, else b"},
		OpUniform:      {Name: "uniform", Class: Elementwise, MinArgs: 2, MaxArgs: 2, Results: 1, Opaque: true, Flops: 40, infer: inferUniform, Doc: "f32 in (0,1) from Philox4x32-10 with key (seed, 0) and counter (index, 0, 0, 0)"},

		OpSum:  linear(reduction("sum", inferReduce, "sum over axes"), 1),
		OpMean: linear(reduction("mean", inferReduce, "sum over axes divided by their extent"), 1),
		OpMax:  reduction("max", inferReduce, "greatest over axes"),
		OpMin:  reduction("min", inferReduce, "least over axes"),
		OpArgmax: {Name: "argmax", Class: Selection, MinArgs: 1, MaxArgs: 1, Results: 1, Flops: 1, infer: inferReduce,
			Attrs: []AttrSpec{{Name: "axis", Kind: AttrInts}, flag("keepdims")},
			Doc:   "index of the first greatest, i32"},

		OpTranspose: move("transpose", inferTranspose, "permutes axes", AttrSpec{Name: "perm", Kind: AttrInts}),
		OpReshape:   move("reshape", inferReshape, "same elements in row-major order under another shape", AttrSpec{Name: "shape", Kind: AttrDims, Required: true}),
		OpBroadcast: move("broadcast", inferBroadcast, "repeats along axes of extent 1", AttrSpec{Name: "shape", Kind: AttrDims, Required: true}),
		OpConcat: {Name: "concat", Class: Movement, MinArgs: 1, MaxArgs: -1, Results: 1, Linear: 0xff, infer: inferConcat,
			Attrs: []AttrSpec{{Name: "axis", Kind: AttrNumber, Default: IntAttr("axis", 0)}}, Doc: "joins along an axis"},
		OpSplit: {Name: "split", Class: Movement, MinArgs: 1, MaxArgs: 1, Results: -1, Linear: 1, infer: inferSplit,
			Attrs: []AttrSpec{{Name: "parts", Kind: AttrNumber, Required: true}, {Name: "axis", Kind: AttrNumber, Default: IntAttr("axis", 0)}}, Doc: "cuts an axis into equal parts"},
		OpSlice: move("slice", inferSlice, "part of an axis", AttrSpec{Name: "axis", Kind: AttrNumber, Default: IntAttr("axis", 0)},
			AttrSpec{Name: "start", Kind: AttrNumber, Default: IntAttr("start", 0)}, AttrSpec{Name: "end", Kind: AttrNumber}),
		OpGather: {Name: "gather", Class: Movement, MinArgs: 2, MaxArgs: 2, Results: 1, Linear: 1, infer: inferGather,
			Attrs: []AttrSpec{{Name: "axis", Kind: AttrNumber, Default: IntAttr("axis", 0)}}, Doc: "rows of x chosen by index"},
		OpScatterAdd: {Name: "scatter_add", Class: Movement, MinArgs: 3, MaxArgs: 3, Results: 1, Flops: 1, infer: inferScatterAdd,
			Attrs: []AttrSpec{{Name: "axis", Kind: AttrNumber, Default: IntAttr("axis", 0)}}, Doc: "x with rows of y added at index"},
		OpTopK: {Name: "topk", Class: Selection, MinArgs: 1, MaxArgs: 1, Results: 2, Flops: 8, infer: inferTopK,
			Attrs: []AttrSpec{{Name: "k", Kind: AttrNumber, Required: true}, {Name: "axis", Kind: AttrNumber, Default: IntAttr("axis", -1)}},
			Doc:   "the k greatest in falling order and their indices, first of equals"},

		OpSoftmax:    composite("softmax", 1, 1, 14, inferSameFloat, "exp(x - max) / sum(exp(x - max))", axisLast()),
		OpLogSoftmax: composite("log_softmax", 1, 1, 14, inferSameFloat, "x - logsumexp(x)", axisLast()),
		OpLogSumExp:  composite("logsumexp", 1, 1, 12, inferLogSumExp, "max + log(sum(exp(x - max)))", axisLast(), flag("keepdims")),
		OpRMSNorm:    composite("rms_norm", 1, 2, 4, inferNorm, "x / sqrt(mean(x²) + eps) · weight", eps(), axisLast()),
		OpLayerNorm:  composite("layer_norm", 1, 3, 8, inferNorm, "(x - mean) / sqrt(var + eps) · weight + bias", eps(), axisLast()),
		OpRope: composite("rope", 2, 2, 30, inferRope, "rotary position embedding of the last axis",
			AttrSpec{Name: "theta", Kind: AttrNumber, Default: IntAttr("theta", 10000)}, AttrSpec{Name: "style", Kind: AttrWord, Default: WordAttr("style", "half")}),
		OpAttention: composite("attention", 3, 4, 4, inferAttention, "softmax(q kᵀ · scale + mask) v with grouped heads",
			AttrSpec{Name: "scale", Kind: AttrNumber}, flag("causal")),

		OpKernel: {Name: "kernel", Class: Holder, MinArgs: 0, MaxArgs: -1, Results: -1, Doc: "a graph-defined kernel"},
		OpThread: {Name: "thread", Class: Holder, MinArgs: 1, MaxArgs: -1, Results: -1, Doc: "operators fused per element of a tile"},

		OpLoad: {Name: "load", Class: BlockOnly, MinArgs: 1, MaxArgs: 1, Results: 1, Linear: 1,
			Attrs: []AttrSpec{{Name: "grid", Kind: AttrInts}, {Name: "loop", Kind: AttrNumber, Default: IntAttr("loop", -1)}},
			Doc:   "the tile that this block and trip see; grid=[axis per grid dimension or -1], loop=axis or -1"},
		OpAccum: {Name: "accum", Class: BlockOnly, MinArgs: 1, MaxArgs: 2, Results: 1, Flops: 1,
			Attrs: []AttrSpec{{Name: "kind", Kind: AttrWord, Default: WordAttr("kind", "sum")}},
			Doc:   "over the trips: sum, max or min of the tile; with a factor: acc ← acc · factor + tile"},
		OpRunning:  {Name: "running", Class: BlockOnly, MinArgs: 1, MaxArgs: 1, Results: 1, Doc: "an accumulator's value in the loop, this trip included"},
		OpPrevious: {Name: "previous", Class: BlockOnly, MinArgs: 1, MaxArgs: 1, Results: 1, Doc: "an accumulator's value in the loop, before this trip"},
	}
}

func flag(name string) AttrSpec {
	return AttrSpec{Name: name, Kind: AttrBool, Default: BoolAttr(name, false)}
}

func axisLast() AttrSpec {
	return AttrSpec{Name: "axis", Kind: AttrNumber, Default: IntAttr("axis", -1)}
}

func eps() AttrSpec { return AttrSpec{Name: "eps", Kind: AttrNumber, Default: IntAttr("eps", 0)} }

func unary(name string, flops float64, isOpaque bool, doc string) OpInfo {
	return OpInfo{Name: name, Class: Elementwise, MinArgs: 1, MaxArgs: 1, Results: 1, Flops: flops, Opaque: isOpaque, Doc: doc, infer: inferSameFloat}
}

func unaryNum(name string, flops float64, doc string) OpInfo {
	i := unary(name, flops, false, doc)
	i.infer = inferSameNumeric
	return i
}

func binary(name string, rule func(*inference) error, doc string) OpInfo {
	return binaryCost(name, 1, rule, doc)
}

func binaryCost(name string, flops float64, rule func(*inference) error, doc string) OpInfo {
	return OpInfo{Name: name, Class: Elementwise, MinArgs: 2, MaxArgs: 2, Results: 1, Flops: flops, Doc: doc, infer: rule}
}

func reduction(name string, rule func(*inference) error, doc string) OpInfo {
	return OpInfo{Name: name, Class: Reduction, MinArgs: 1, MaxArgs: 1, Results: 1, Flops: 1, Doc: doc, infer: rule,
		Attrs: []AttrSpec{{Name: "axis", Kind: AttrInts}, flag("keepdims")}}
}

func move(name string, rule func(*inference) error, doc string, attrs ...AttrSpec) OpInfo {
	return OpInfo{Name: name, Class: Movement, MinArgs: 1, MaxArgs: 1, Results: 1, Linear: 1, Doc: doc, infer: rule, Attrs: attrs}
}

func composite(name string, lo, hi int, flops float64, rule func(*inference) error, doc string, attrs ...AttrSpec) OpInfo {
	return OpInfo{Name: name, Class: Composite, MinArgs: lo, MaxArgs: hi, Results: 1, Flops: flops, Doc: doc, infer: rule, Attrs: attrs}
}

func linear(i OpInfo, mask uint8) OpInfo { i.Linear = mask; return i }
func commutes(i OpInfo) OpInfo           { i.Commutes = true; return i }
func opaque(i OpInfo) OpInfo             { i.Opaque = true; return i }

func withAttrs(i OpInfo, attrs ...AttrSpec) OpInfo { i.Attrs = attrs; return i }
