package ugraph

// Op names an operator. Every operator is one row of the table in optable.go.
type Op uint8

// The operators. Composite ones are definitions over the others (package library); Block ones
// occur in block graphs only; Kernel and Thread hold a graph.
const (
	OpInvalid Op = iota

	OpConst
	OpIota

	OpMatMul

	OpExp
	OpLog
	OpSqrt
	OpRsqrt
	OpSquare
	OpAbs
	OpNeg
	OpSign
	OpReciprocal
	OpFloor
	OpSin
	OpCos
	OpTanh
	OpErf
	OpSigmoid
	OpSilu
	OpRelu
	OpGelu
	OpSoftplus
	OpPow
	OpClamp
	OpCast

	OpAdd
	OpSub
	OpMul
	OpDiv
	OpMaximum
	OpMinimum
	OpLess
	OpLessEqual
	OpEqual
	OpGreater
	OpGreaterEqual
	OpAnd
	OpOr
	OpXor
	OpNot
	OpShiftLeft
	OpShiftRight
	OpPopcount
	OpWhere
	OpUniform

	OpSum
	OpMean
	OpMax
	OpMin
	OpArgmax

	OpTranspose
	OpReshape
	OpBroadcast
	OpConcat
	OpSplit
	OpSlice
	OpGather
	OpScatterAdd
	OpTopK

	OpSoftmax
	OpLogSoftmax
	OpLogSumExp
	OpRMSNorm
	OpLayerNorm
	OpRope
	OpAttention

	OpKernel
	OpThread

	OpLoad
	OpAccum
	OpRunning
	OpPrevious

	numOps
)

// Class is the algebraic kind of an operator: what may be moved past it.
type Class uint8

// The kinds.
const (
	Source      Class = iota + 1 // no tensor operands
	Elementwise                  // each result element from the operands' elements at its (broadcast) index
	Contraction                  // matmul: linear in each operand
	Reduction                    // removes axes
	Movement                     // result elements are operand elements (or sums of them), moved
	Selection                    // result depends on the order of elements: argmax, topk
	Composite                    // a definition over primitives, see package library
	Holder                       // holds a graph: kernel, thread
	BlockOnly                    // load, accumulators: only inside block graphs
)

var classNames = [...]string{Source: "source", Elementwise: "elementwise", Contraction: "contraction", Reduction: "reduction", Movement: "movement", Selection: "selection", Composite: "composite", Holder: "holder", BlockOnly: "block"}

func (c Class) String() string { return classNames[c] }

// AttrSpec states one attribute that an operator takes.
type AttrSpec struct {
	Name     string
	Kind     AttrKind
	Required bool
	Default  Attr // the value that is left out of Attrs; zero where absence has its own meaning
}

// OpInfo is an operator's row.
type OpInfo struct {
	Name             string
	Class            Class
	MinArgs, MaxArgs int // MaxArgs -1: any number
	Results          int // -1: by an attribute (split)
	Attrs            []AttrSpec
	Linear           uint8   // bit i: linear in operand i, the others fixed
	Commutes         bool    // the two operands may be exchanged
	Opaque           bool    // no algebraic law is known beyond congruence
	Flops            float64 // cost of one element: of the result; of the first operand for reductions; of the m·n·k for matmul
	Doc              string

	infer func(*inference) error
}

// Info returns the row of the operator.
func (o Op) Info() *OpInfo { return &opTable[o] }

// String is the name of the operator in the .ug language.
func (o Op) String() string {
	if int(o) < len(opTable) && opTable[o].Name != "" {
		return opTable[o].Name
	}
	return "invalid"
}

// Rounds tells whether results of the operator are computed, and so rounded to their type: they are not operands'
// elements, exact functions of one (a sign, a cast that says itself what it does), or indices.
func (o Op) Rounds() bool {
	switch o {
	case OpWhere, OpMaximum, OpMinimum, OpMax, OpMin, OpNeg, OpAbs, OpSign, OpRelu, OpCast:
		return false
	case OpScatterAdd:
		return true
	}
	switch o.Info().Class {
	case Elementwise, Contraction, Reduction, Composite:
		return true
	}
	return false
}

// OpByName returns the operator of that name.
func OpByName(name string) (Op, bool) {
	for i := OpInvalid + 1; i < numOps; i++ {
		if opTable[i].Name == name {
			return i, true
		}
	}
	return OpInvalid, false
}

// Ops lists all operators in the table's order.
func Ops() []Op {
	out := make([]Op, 0, numOps)
	for i := OpInvalid + 1; i < numOps; i++ {
		out = append(out, i)
	}
	return out
}

// Spec returns the specification of an attribute of the operator.
func (o Op) Spec(attr string) (AttrSpec, bool) {
	for _, s := range opTable[o].Attrs {
		if s.Name == attr {
			return s, true
		}
	}
	return AttrSpec{}, false
}
