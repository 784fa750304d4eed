package interp

import (
	"math"

	"github.com/morgana-ml/morgana/ugraph"
)

// Float64 is the reference R: every operator in float64, nothing rounded to the element types.
type Float64 struct{}

// Rounded rounds the result of every operator to its element type. Sums are kept in f32 for f32 and
// narrower, in f64 for f64, and rounded once.
type Rounded struct{}

// Const returns the float64 nearest to the literal.
func (Float64) Const(n ugraph.Number, dt ugraph.DType) (float64, error) { return n.Float64(), nil }

// FromInt converts.
func (Float64) FromInt(n int64, dt ugraph.DType) float64 { return float64(n) }

// ToInt truncates and saturates.
func (Float64) ToInt(x float64) (int64, error) { return truncate(x), nil }

// Round does nothing.
func (Float64) Round(ugraph.DType) func(float64) float64 { return nil }

// Cast rounds to f8e4m3 alone.
func (Float64) Cast(dt ugraph.DType) func(float64) float64 {
	if dt == ugraph.F8E4M3 {
		return dt.Round
	}
	return nil
}

// Unary is the operator in float64.
func (Float64) Unary(op ugraph.Op, attrs ugraph.Attrs, _ ugraph.DType) (func(float64) float64, error) {
	return unaryFloat(op, attrs)
}

// Binary is the operator in float64.
func (Float64) Binary(op ugraph.Op, _ ugraph.DType) (func(a, b float64) float64, error) {
	if f, ok := binaryFloat[op]; ok {
		return f, nil
	}
	return nil, noMeaning(op)
}

// Compare compares as IEEE 754 does.
func (Float64) Compare(op ugraph.Op) (func(a, b float64) bool, error) { return compareFloat(op) }

// MatMul accumulates in float64.
func (Float64) MatMul(c []float64, a, b Matrix[float64], m, n, k int64, _ ugraph.DType) {
	if b.Row == 1 && m <= fewRows && a.Col == 1 && (a.Row == k || m == 1) {
		a.Data = a.Data[a.At:]
		dots(c, a, b, m, n, k)
		return
	}
	matMulFloat(c, a, b, m, n, k)
}

// Const rounds the literal to dt.
func (Rounded) Const(n ugraph.Number, dt ugraph.DType) (float64, error) {
	return dt.Round(n.Float64()), nil
}

// FromInt rounds to dt.
func (Rounded) FromInt(n int64, dt ugraph.DType) float64 { return dt.Round(float64(n)) }

// ToInt truncates and saturates.
func (Rounded) ToInt(x float64) (int64, error) { return truncate(x), nil }

// Round rounds to dt.
func (Rounded) Round(dt ugraph.DType) func(float64) float64 {
	switch dt {
	case ugraph.F64:
		return nil
	case ugraph.F32:
		return func(x float64) float64 { return float64(float32(x)) }
	}
	return dt.Round
}

// Cast rounds to dt.
func (r Rounded) Cast(dt ugraph.DType) func(float64) float64 { return r.Round(dt) }

// Unary computes in float64 and rounds to dt.
func (r Rounded) Unary(op ugraph.Op, attrs ugraph.Attrs, dt ugraph.DType) (func(float64) float64, error) {
	f, err := unaryFloat(op, attrs)
	if round := r.Round(dt); err == nil && round != nil {
		return func(x float64) float64 { return round(f(x)) }, nil
	}
	return f, err
}

// Binary computes in float64, which is exact enough that rounding to dt gives dt's own result.
func (r Rounded) Binary(op ugraph.Op, dt ugraph.DType) (func(a, b float64) float64, error) {
	f, ok := binaryFloat[op]
	if !ok {
		return nil, noMeaning(op)
	}
	switch round := r.Round(dt); {
	case dt == ugraph.F32:
		return func(a, b float64) float64 { return float64(float32(f(a, b))) }, nil
	case round != nil:
		return func(a, b float64) float64 { return round(f(a, b)) }, nil
	}
	return f, nil
}

// Compare compares as IEEE 754 does.
func (Rounded) Compare(op ugraph.Op) (func(a, b float64) bool, error) { return compareFloat(op) }

// MatMul rounds every product and partial sum to dt's accumulator type.
func (r Rounded) MatMul(c []float64, a, b Matrix[float64], m, n, k int64, dt ugraph.DType) {
	if dt == ugraph.F64 {
		matMulFloat(c, a, b, m, n, k)
		return
	}
	narrow := func(x Matrix[float64], rows, cols int64) Matrix[float32] {
		out := Matrix[float32]{Data: make([]float32, rows*cols), Row: cols, Col: 1}
		for i := int64(0); i < rows; i++ {
			to, at := out.Data[i*cols:][:cols], x.At+i*x.Row
			if x.Col == 1 {
				for j, v := range x.Data[at:][:len(to)] {
					to[j] = float32(v)
				}
				continue
			}
			for j := range to {
				to[j] = float32(x.Data[at])
				at += x.Col
			}
		}
		return out
	}
	if b.Row == 1 && m <= fewRows {
		dots(c, narrow(a, m, k), b, m, n, k)
	} else {
		sums := make([]float32, m*n)
		matMulFloat(sums, narrow(a, m, k), narrow(b, k, n), m, n, k)
		for i, s := range sums {
			c[i] = float64(s)
		}
	}
	r.RoundRow(dt, c)
}

// truncate is x without its fraction, saturated to int64; NaN gives 0.
func truncate(x float64) int64 {
	switch {
	case math.IsNaN(x):
		return 0
	case x >= 0x1p63:
		return math.MaxInt64
	case x < -0x1p63:
		return math.MinInt64
	}
	return int64(x)
}

var binaryFloat = map[ugraph.Op]func(a, b float64) float64{
	ugraph.OpAdd:     func(a, b float64) float64 { return a + b },
	ugraph.OpSub:     func(a, b float64) float64 { return a - b },
	ugraph.OpMul:     func(a, b float64) float64 { return a * b },
	ugraph.OpDiv:     func(a, b float64) float64 { return a / b },
	ugraph.OpMaximum: maxNaN,
	ugraph.OpMinimum: minNaN,
}

// maxNaN and minNaN give NaN where either operand is NaN, an infinity beside it notwithstanding.
func maxNaN(a, b float64) float64 {
	if a != a || b != b {
		return math.NaN()
	}
	return math.Max(a, b)
}

func minNaN(a, b float64) float64 {
	if a != a || b != b {
		return math.NaN()
	}
	return math.Min(a, b)
}

func compareFloat(op ugraph.Op) (func(a, b float64) bool, error) {
	switch op {
	case ugraph.OpLess:
		return func(a, b float64) bool { return a < b }, nil
	case ugraph.OpLessEqual:
		return func(a, b float64) bool { return a <= b }, nil
	case ugraph.OpEqual:
		return func(a, b float64) bool { return a == b }, nil
	case ugraph.OpGreater:
		return func(a, b float64) bool { return a > b }, nil
	case ugraph.OpGreaterEqual:
		return func(a, b float64) bool { return a >= b }, nil
	}
	return nil, noMeaning(op)
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// plainUnary are the operators without attributes.
var plainUnary = map[ugraph.Op]func(float64) float64{
	ugraph.OpExp:        math.Exp,
	ugraph.OpLog:        math.Log,
	ugraph.OpSqrt:       math.Sqrt,
	ugraph.OpRsqrt:      func(x float64) float64 { return 1 / math.Sqrt(x) },
	ugraph.OpSquare:     func(x float64) float64 { return x * x },
	ugraph.OpAbs:        math.Abs,
	ugraph.OpNeg:        func(x float64) float64 { return -x },
	ugraph.OpSign:       signFloat,
	ugraph.OpReciprocal: func(x float64) float64 { return 1 / x },
	ugraph.OpFloor:      math.Floor,
	ugraph.OpSin:        math.Sin,
	ugraph.OpCos:        math.Cos,
	ugraph.OpTanh:       math.Tanh,
	ugraph.OpErf:        math.Erf,
	ugraph.OpSigmoid:    sigmoid,
	ugraph.OpSilu:       func(x float64) float64 { return x * sigmoid(x) },
	ugraph.OpRelu:       func(x float64) float64 { return maxNaN(x, 0) },
	ugraph.OpSoftplus:   func(x float64) float64 { return maxNaN(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) },
}

func signFloat(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return x // zero or NaN
}

func unaryFloat(op ugraph.Op, attrs ugraph.Attrs) (func(float64) float64, error) {
	if f, ok := plainUnary[op]; ok {
		return f, nil
	}
	switch op {
	case ugraph.OpGelu:
		if attrs.Word("approximate", "none") == "tanh" {
			return func(x float64) float64 {
				return x * sigmoid(2*math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x))
			}, nil
		}
		// erfc keeps the digits of the left tail that 1 + erf cancels, as (1 + tanh u)/2 = sigmoid(2u) does above.
		return func(x float64) float64 { return 0.5 * x * math.Erfc(-x/math.Sqrt2) }, nil
	case ugraph.OpPow:
		y := attrs.Num("exponent", ugraph.Int(1)).Float64()
		return func(x float64) float64 { return math.Pow(x, y) }, nil
	case ugraph.OpClamp:
		lo := attrs.Num("min", ugraph.Inf(-1)).Float64()
		hi := attrs.Num("max", ugraph.Inf(1)).Float64()
		return func(x float64) float64 { return minNaN(maxNaN(x, lo), hi) }, nil
	}
	return nil, noMeaning(op)
}

// fewRows is how many rows are multiplied with a transposed matrix as it lies; for more it is packed.
const fewRows = 8

// dots writes a·b into c for a packed a and a b whose columns are contiguous, summing over k in order, in F: the
// sums of matMulFloat on operands that were narrowed. Four sums run side by side.
func dots[F float32 | float64](c []float64, a Matrix[F], b Matrix[float64], m, n, k int64) {
	column := func(j int64) []float64 { return b.Data[b.At+j*b.Col:][:k] }
	j := int64(0)
	for ; j+4 <= n; j += 4 {
		b0, b1, b2, b3 := column(j), column(j+1), column(j+2), column(j+3)
		for i := int64(0); i < m; i++ {
			var s0, s1, s2, s3 F
			for p, x := range a.Data[i*k:][:k] {
				s0 += F(x * F(b0[p]))
				s1 += F(x * F(b1[p]))
				s2 += F(x * F(b2[p]))
				s3 += F(x * F(b3[p]))
			}
			to := c[i*n+j:][:4]
			to[0], to[1], to[2], to[3] = float64(s0), float64(s1), float64(s2), float64(s3)
		}
	}
	for ; j < n; j++ {
		for i := int64(0); i < m; i++ {
			var s F
			b0 := column(j)
			for p, x := range a.Data[i*k:][:k] {
				s += F(x * F(b0[p]))
			}
			c[i*n+j] = float64(s)
		}
	}
}

// matMulFloat adds a·b to c, summing over k in order. Four rows share each pass over b's row, and b is
// packed where its rows are not contiguous. Products are rounded before they are added: the
// conversion keeps a compiler from fusing the two.
func matMulFloat[F float32 | float64](c []F, a, b Matrix[F], m, n, k int64) {
	if b.Col != 1 {
		packed := make([]F, k*n)
		for p := int64(0); p < k; p++ {
			for j := int64(0); j < n; j++ {
				packed[p*n+j] = b.Data[b.At+p*b.Row+j*b.Col]
			}
		}
		b = Matrix[F]{Data: packed, Row: n, Col: 1}
	}
	i := int64(0)
	for ; i+4 <= m; i += 4 {
		c0, c1, c2, c3 := c[i*n:(i+1)*n], c[(i+1)*n:(i+2)*n], c[(i+2)*n:(i+3)*n], c[(i+3)*n:(i+4)*n]
		for p := int64(0); p < k; p++ {
			at := a.At + i*a.Row + p*a.Col
			a0, a1, a2, a3 := a.Data[at], a.Data[at+a.Row], a.Data[at+2*a.Row], a.Data[at+3*a.Row]
			row := b.Data[b.At+p*b.Row:][:n]
			c0, c1, c2, c3 := c0[:len(row)], c1[:len(row)], c2[:len(row)], c3[:len(row)]
			for j, v := range row {
				c0[j] += F(a0 * v)
				c1[j] += F(a1 * v)
				c2[j] += F(a2 * v)
				c3[j] += F(a3 * v)
			}
		}
	}
	for ; i < m; i++ {
		ci := c[i*n : (i+1)*n]
		for p := int64(0); p < k; p++ {
			x := a.Data[a.At+i*a.Row+p*a.Col]
			row := b.Data[b.At+p*b.Row:][:n]
			ci := ci[:len(row)]
			for j, v := range row {
				ci[j] += F(x * v)
			}
		}
	}
}
