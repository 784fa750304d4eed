package kernel

// UnaryOp is an elementwise function of one operand.
type UnaryOp uint8

// The unary operations. The largest error in ulp over all of float32, subnormal results included, is
// at the avx2 level: Exp 1.1, Tanh 3.0, Erf 5.5, Sigmoid 2.3, Silu 3.0, Rsqrt 1.6; of the others, and
// of all at the generic level, 0.51; of Abs, Neg, Sign, Floor and Relu 0. See ErrorULP.
const (
	Exp UnaryOp = iota
	Log
	Sqrt
	Rsqrt
	Square
	Abs
	Neg
	Sign
	Reciprocal
	Floor
	Sin
	Cos
	Tanh
	Erf
	Sigmoid
	Silu
	Relu
	Gelu     // x·(1+erf(x/√2))/2
	GeluTanh // x·(1+tanh(√(2/π)·(x+0.044715·x³)))/2
	numUnary
)

// String is the operation's name in the .ug language.
func (op UnaryOp) String() string {
	if op < numUnary {
		return unaryRows[op].name
	}
	return "unary?"
}

// UnaryOps lists the unary operations in the order of their declaration.
func UnaryOps() []UnaryOp {
	ops := make([]UnaryOp, numUnary)
	for i := range ops {
		ops[i] = UnaryOp(i)
	}
	return ops
}

// UnaryOpByName returns the operation that the .ug language calls name; gelu's two forms are "gelu"
// and "gelu_tanh".
func UnaryOpByName(name string) (UnaryOp, bool) {
	for i, row := range unaryRows {
		if row.name == name {
			return UnaryOp(i), true
		}
	}
	return 0, false
}

// ErrorULP is the largest error of the operation at the level in use, over all of float32, in units
// in the last place of the exact result.
func (op UnaryOp) ErrorULP() float64 { return unaryRows[op].errorAt(active) }

// BinaryOp is an elementwise function of two operands.
type BinaryOp uint8

// The binary operations. All are rounded once (IEEE 754); Maximum and Minimum are NaN where either
// operand is, and which zero they return of two is not specified.
const (
	Add BinaryOp = iota
	Sub
	Mul
	Div
	Maximum
	Minimum
	numBinary
)

var binaryNames = [numBinary]string{"add", "sub", "mul", "div", "maximum", "minimum"}

// String is the operation's name in the .ug language.
func (op BinaryOp) String() string {
	if op < numBinary {
		return binaryNames[op]
	}
	return "binary?"
}

// BinaryOps lists the binary operations in the order of their declaration.
func BinaryOps() []BinaryOp {
	ops := make([]BinaryOp, numBinary)
	for i := range ops {
		ops[i] = BinaryOp(i)
	}
	return ops
}

// BinaryOpByName returns the operation that the .ug language calls name.
func BinaryOpByName(name string) (BinaryOp, bool) {
	for i, n := range binaryNames {
		if n == name {
			return BinaryOp(i), true
		}
	}
	return 0, false
}
