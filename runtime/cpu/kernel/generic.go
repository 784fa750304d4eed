package kernel

import "math"

// mapGeneric makes the generic form of a unary operation out of a function of one element.
func mapGeneric(f func(float32) float32) unaryFunc {
	return func(dst, x []float32) {
		for i, v := range x {
			dst[i] = f(v)
		}
	}
}

// viaFloat64 makes a function of one element that is computed in float64 and rounded once.
func viaFloat64(f func(float64) float64) func(float32) float32 {
	return func(x float32) float32 { return float32(f(float64(x))) }
}

func sigmoid64(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func sign32(x float32) float32 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return x * 0 // 0 for zeros, NaN for NaN
}

func gelu64(x float64) float64 { return 0.5 * x * math.Erfc(-x/math.Sqrt2) }

// geluTanh64 writes (1+tanh u)/2 as sigmoid(2u), which does not cancel for negative u.
func geluTanh64(x float64) float64 {
	return x * sigmoid64(2*geluTanhScale*(x+geluTanhCubic*x*x*x))
}

const (
	geluTanhScale = 0.7978845608028654 // √(2/π)
	geluTanhCubic = 0.044715
)

// unaryRow is one row of the table of unary operations: its name, its plain-Go form, and the
// largest error of the two levels in units in the last place of the exact result, measured and
// tested against float64 over all of float32.
type unaryRow struct {
	name       string
	generic    func(float32) float32
	ulpGeneric float64
	ulpAVX2    float64
}

var unaryRows = [numUnary]unaryRow{
	Exp:        {"exp", viaFloat64(math.Exp), 0.51, 1.1},
	Log:        {"log", viaFloat64(math.Log), 0.51, 0.51},
	Sqrt:       {"sqrt", viaFloat64(math.Sqrt), 0.51, 0.51},
	Rsqrt:      {"rsqrt", viaFloat64(func(x float64) float64 { return 1 / math.Sqrt(x) }), 0.51, 1.6},
	Square:     {"square", func(x float32) float32 { return x * x }, 0.51, 0.51},
	Abs:        {"abs", func(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }, 0, 0},
	Neg:        {"neg", func(x float32) float32 { return -x }, 0, 0},
	Sign:       {"sign", sign32, 0, 0},
	Reciprocal: {"reciprocal", func(x float32) float32 { return 1 / x }, 0.51, 0.51},
	Floor:      {"floor", viaFloat64(math.Floor), 0, 0},
	Sin:        {"sin", viaFloat64(math.Sin), 0.51, 0.51},
	Cos:        {"cos", viaFloat64(math.Cos), 0.51, 0.51},
	Tanh:       {"tanh", viaFloat64(math.Tanh), 0.51, 3},
	Erf:        {"erf", viaFloat64(math.Erf), 0.51, 5.5},
	Sigmoid:    {"sigmoid", viaFloat64(sigmoid64), 0.51, 2.3},
	Silu:       {"silu", viaFloat64(func(x float64) float64 { return x * sigmoid64(x) }), 0.51, 3},
	Relu:       {"relu", func(x float32) float32 { return max(x, 0) }, 0, 0},
	Gelu:       {"gelu", viaFloat64(gelu64), 0.51, 0.51},
	GeluTanh:   {"gelu_tanh", viaFloat64(geluTanh64), 0.51, 0.51},
}

// errorAt is the bound at a level.
func (r unaryRow) errorAt(level *table) float64 {
	if level.name == "avx2" {
		return r.ulpAVX2
	}
	return r.ulpGeneric
}

// binaryGeneric are the scalar meanings of the binary operations.
var binaryGeneric = [numBinary]func(a, b float32) float32{
	Add:     func(a, b float32) float32 { return a + b },
	Sub:     func(a, b float32) float32 { return a - b },
	Mul:     func(a, b float32) float32 { return a * b },
	Div:     func(a, b float32) float32 { return a / b },
	Maximum: func(a, b float32) float32 { return max(a, b) },
	Minimum: func(a, b float32) float32 { return min(a, b) },
}

func mulAddGeneric(dst, x []float32, a, b float32) {
	for i, v := range x {
		dst[i] = float32(float64(a)*float64(v) + float64(b))
	}
}

func axpyGeneric(dst, x, y []float32, a float32) {
	for i, v := range x {
		dst[i] = float32(float64(a)*float64(v) + float64(y[i]))
	}
}

func fusedMulAddGeneric(dst, a, b, c []float32) {
	for i, v := range a {
		dst[i] = float32(float64(v)*float64(b[i]) + float64(c[i]))
	}
}

func expSumGeneric(dst, x []float32, c float32) float32 {
	var sum float64
	for i, v := range x {
		e := float32(math.Exp(float64(v - c)))
		dst[i] = e
		sum += float64(e)
	}
	return float32(sum)
}

func sumGeneric(x []float32) float32 {
	var sum float64
	for _, v := range x {
		sum += float64(v)
	}
	return float32(sum)
}

func dotGeneric(a, b []float32) float32 {
	var sum float64
	for i, v := range a {
		sum += float64(v) * float64(b[i])
	}
	return float32(sum)
}

func maxGeneric(x []float32) float32 {
	m := x[0]
	for _, v := range x[1:] {
		m = max(m, v)
	}
	return m
}

func minGeneric(x []float32) float32 {
	m := x[0]
	for _, v := range x[1:] {
		m = min(m, v)
	}
	return m
}

// genericTable is the level that every processor has.
func genericTable() *table {
	t := &table{
		name:        "generic",
		mulAdd:      mulAddGeneric,
		axpy:        axpyGeneric,
		fusedMulAdd: fusedMulAddGeneric,
		expSum:      expSumGeneric,
		sum:         sumGeneric,
		dot:         dotGeneric,
		max:         maxGeneric,
		min:         minGeneric,
		fromF16:     fromF16Generic,
		toF16:       toF16Generic,
		fromBF16:    fromBF16Generic,
		toBF16:      toBF16Generic,
	}
	t.packFour = packFourGeneric
	t.prefetch = func(uintptr, int, int) {}
	for op := range unaryRows {
		t.unary[op] = mapGeneric(unaryRows[op].generic)
	}
	for op, f := range binaryGeneric {
		t.binary[op] = func(dst, a, b []float32) {
			for i, v := range a {
				dst[i] = f(v, b[i])
			}
		}
		t.vectorScalar[op] = func(dst, a []float32, s float32) {
			for i, v := range a {
				dst[i] = f(v, s)
			}
		}
		t.scalarVector[op] = func(dst, b []float32, s float32) {
			for i, v := range b {
				dst[i] = f(s, v)
			}
		}
	}
	t.setGemmGeneric()
	t.fmaLoop, t.readLoop = fmaLoopGeneric, readLoopGeneric
	return t
}
