package onnx

import "math"

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func clampTo(x, lo, hi float64) float64 { return math.Max(lo, math.Min(hi, x)) }

func eluOf(x, alpha float64) float64 {
	if x < 0 {
		return alpha * math.Expm1(x)
	}
	return x
}

var (
	positive = of([]int{4}, 0.5, 1, 2.25, 9)
	halves   = of([]int{7}, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.75)
	bools    = arg{elem: tBool, dims: []int{4}, vals: []float64{0, 0, 1, 1}}
	other    = arg{elem: tBool, dims: []int{4}, vals: []float64{0, 1, 0, 1}}
	small    = arg{elem: tI32, dims: []int{4}, vals: []float64{-7, 12, 5, 3}}
	divisor  = arg{elem: tI32, dims: []int{4}, vals: []float64{2, -5, 5, 4}}
)

var elementwiseCases = []opCase{
	{"Abs", 13, nil, []arg{in(2, 3)}, mapped(math.Abs)},
	{"Abs", 13, nil, []arg{small}, mapped(math.Abs)},
	{"Cos", 13, nil, []arg{in(5)}, mapped(math.Cos)},
	{"Erf", 13, nil, []arg{in(5)}, mapped(math.Erf)},
	{"Exp", 13, nil, []arg{in(5)}, mapped(math.Exp)},
	{"Floor", 13, nil, []arg{in(5)}, mapped(math.Floor)},
	{"Log", 13, nil, []arg{positive}, mapped(math.Log)},
	{"Neg", 13, nil, []arg{in(5)}, mapped(func(x float64) float64 { return -x })},
	{"Not", 13, nil, []arg{bools}, mapped(func(x float64) float64 { return 1 - x })},
	{"BitwiseNot", 18, nil, []arg{small}, mapped(func(x float64) float64 { return -x - 1 })},
	{"Reciprocal", 13, nil, []arg{positive}, mapped(func(x float64) float64 { return 1 / x })},
	{"Relu", 14, nil, []arg{in(5)}, mapped(func(x float64) float64 { return math.Max(x, 0) })},
	{"Sigmoid", 13, nil, []arg{in(5)}, mapped(sigmoid)},
	{"Sign", 13, nil, []arg{of([]int{3}, -2, 0, 3)}, is([]float64{-1, 0, 1})},
	{"Sin", 13, nil, []arg{in(5)}, mapped(math.Sin)},
	{"Sqrt", 13, nil, []arg{positive}, mapped(math.Sqrt)},
	{"Tanh", 13, nil, []arg{in(5)}, mapped(math.Tanh)},
	{"Identity", 16, nil, []arg{in(5)}, mapped(func(x float64) float64 { return x })},
	{"Dropout", 13, nil, []arg{in(3)}, func(a [][]float64) [][]float64 { return [][]float64{a[0], {1, 1, 1}} }},
	{"Cast", 13, attrs{"to": tI32}, []arg{in(4)}, mapped(math.Trunc)},
	{"Cast", 13, attrs{"to": tBool}, []arg{of([]int{3}, -2, 0, 0.25)}, is([]float64{1, 0, 1})},
	{"CastLike", 15, nil, []arg{in(4), index([]int{1}, 0)}, mapped(math.Trunc)},
	{"Clip", 13, nil, []arg{in(9), scalar(-1), scalar(1.5)}, mapped(func(x float64) float64 { return clampTo(x, -1, 1.5) })},
	{"Clip", 13, nil, []arg{in(9), none, scalar(0.5)}, mapped(func(x float64) float64 { return math.Min(x, 0.5) })},
	{"Clip", 13, nil, []arg{in(9), scalar(2), scalar(1)}, mapped(func(float64) float64 { return 1 })},
	{"Clip", 13, nil, []arg{in(9), of([]int{}, -1), of([]int{}, 1)}, mapped(func(x float64) float64 { return clampTo(x, -1, 1) })},
	{"Gelu", 20, nil, []arg{in(5)}, mapped(func(x float64) float64 { return x * 0.5 * (1 + math.Erf(x/math.Sqrt2)) })},
	{"Gelu", 20, attrs{"approximate": "tanh"}, []arg{in(5)}, mapped(func(x float64) float64 {
		return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
	})},
	{"Softplus", 13, nil, []arg{of([]int{4}, -800, -1, 0.5, 800)}, is([]float64{0, math.Log1p(math.Exp(-1)), math.Log1p(math.Exp(0.5)), 800})},
	{"Softsign", 13, nil, []arg{in(5)}, mapped(func(x float64) float64 { return x / (1 + math.Abs(x)) })},
	{"Mish", 18, nil, []arg{in(5)}, mapped(func(x float64) float64 { return x * math.Tanh(math.Log1p(math.Exp(x))) })},
	{"HardSwish", 14, nil, []arg{in(15)}, mapped(func(x float64) float64 { return x * clampTo(x/6+0.5, 0, 1) })},
	{"HardSigmoid", 13, nil, []arg{in(15)}, mapped(func(x float64) float64 { return clampTo(0.2*x+0.5, 0, 1) })},
	{"HardSigmoid", 13, attrs{"alpha": 0.5, "beta": 0.25}, []arg{in(15)}, mapped(func(x float64) float64 { return clampTo(0.5*x+0.25, 0, 1) })},
	{"Ceil", 13, nil, []arg{in(5)}, mapped(math.Ceil)},
	{"Round", 13, nil, []arg{halves}, mapped(math.RoundToEven)},
	{"Tan", 13, nil, []arg{in(3)}, mapped(math.Tan)},
	{"Sinh", 13, nil, []arg{in(3)}, mapped(math.Sinh)},
	{"Cosh", 13, nil, []arg{in(3)}, mapped(math.Cosh)},
	{"IsNaN", 13, nil, []arg{of([]int{3}, 1, math.NaN(), math.Inf(1))}, is([]float64{0, 1, 0})},
	{"IsInf", 13, nil, []arg{of([]int{3}, 1, math.Inf(-1), math.Inf(1))}, is([]float64{0, 1, 1})},
	{"IsInf", 13, attrs{"detect_negative": 0}, []arg{of([]int{3}, 1, math.Inf(-1), math.Inf(1))}, is([]float64{0, 0, 1})},
	{"IsInf", 13, attrs{"detect_positive": 0}, []arg{of([]int{3}, 1, math.Inf(-1), math.Inf(1))}, is([]float64{0, 1, 0})},
	{"LeakyRelu", 16, attrs{"alpha": 0.25}, []arg{in(5)}, mapped(func(x float64) float64 { return math.Max(x, 0.25*x) })},
	{"Elu", 13, attrs{"alpha": 0.5}, []arg{in(5)}, mapped(func(x float64) float64 { return eluOf(x, 0.5) })},
	{"Celu", 13, attrs{"alpha": 2.0}, []arg{in(5)}, mapped(func(x float64) float64 { return math.Max(0, x) + math.Min(0, 2*math.Expm1(x/2)) })},
	{"Selu", 13, nil, []arg{in(5)}, mapped(func(x float64) float64 { return 1.0507010221481323 * eluOf(x, 1.6732631921768188) })},
	{"ThresholdedRelu", 13, nil, []arg{in(9)}, mapped(func(x float64) float64 { return x * yes(x > 1) })},
	{"Shrink", 13, attrs{"bias": 0.5, "lambd": 1.0}, []arg{of([]int{4}, -2, -0.5, 1, 3)}, is([]float64{-1.5, 0, 0, 2.5})},

	{"Add", 14, nil, []arg{in(2, 3), in(3)}, zipped(func(x, y float64) float64 { return x + y })},
	{"Sub", 14, nil, []arg{in(2, 3), scalar(0.5)}, zipped(func(x, y float64) float64 { return x - y })},
	{"Mul", 14, nil, []arg{in(2, 3), in(2, 3)}, zipped(func(x, y float64) float64 { return x * y })},
	{"Mul", 14, nil, []arg{in(3), fixed(of([]int{1, 1}, 2))}, mapped(func(x float64) float64 { return 2 * x })},
	{"Div", 14, nil, []arg{in(2, 3), in(3)}, zipped(func(x, y float64) float64 { return x / y })},
	{"Div", 14, nil, []arg{small, divisor}, is([]float64{-3, -2, 1, 0})},
	{"Div", 14, nil, []arg{index([]int{4}, -7, -8, 7, 8), list(4)}, is([]float64{-1, -2, 1, 2})},
	{"Mod", 13, nil, []arg{index([]int{4}, -7, -8, 7, 8), list(4)}, is([]float64{1, 0, 3, 0})},
	{"Pow", 15, nil, []arg{in(5), scalar(2)}, mapped(func(x float64) float64 { return x * x })},
	{"Pow", 15, nil, []arg{in(5), list(3)}, mapped(func(x float64) float64 { return x * x * x })},
	{"Pow", 15, nil, []arg{positive, scalar(0.5)}, mapped(math.Sqrt)},
	{"Pow", 15, nil, []arg{positive, scalar(-0.5)}, mapped(func(x float64) float64 { return 1 / math.Sqrt(x) })},
	{"Pow", 15, nil, []arg{positive, scalar(-1)}, mapped(func(x float64) float64 { return 1 / x })},
	{"Pow", 15, nil, []arg{positive, scalar(2.5)}, mapped(func(x float64) float64 { return math.Pow(x, 2.5) })},
	{"Max", 13, nil, []arg{in(4), of([]int{1}, 0.25), in(4)}, mapped(func(x float64) float64 { return math.Max(x, 0.25) })},
	{"Min", 13, nil, []arg{in(4), scalar(0.25)}, mapped(func(x float64) float64 { return math.Min(x, 0.25) })},
	{"Sum", 13, nil, []arg{in(4), in(4), scalar(1)}, mapped(func(x float64) float64 { return 2*x + 1 })},
	{"Mean", 13, nil, []arg{in(4), scalar(1)}, mapped(func(x float64) float64 { return (x + 1) / 2 })},
	{"And", 13, nil, []arg{bools, other}, is([]float64{0, 0, 0, 1})},
	{"Or", 13, nil, []arg{bools, other}, is([]float64{0, 1, 1, 1})},
	{"Xor", 13, nil, []arg{bools, other}, is([]float64{0, 1, 1, 0})},
	{"BitwiseAnd", 18, nil, []arg{small, divisor}, zipped(func(x, y float64) float64 { return float64(int(x) & int(y)) })},
	{"BitwiseOr", 18, nil, []arg{small, divisor}, zipped(func(x, y float64) float64 { return float64(int(x) | int(y)) })},
	{"BitwiseXor", 18, nil, []arg{small, divisor}, zipped(func(x, y float64) float64 { return float64(int(x) ^ int(y)) })},
	{"BitShift", 13, attrs{"direction": "LEFT"}, []arg{{elem: tU8, dims: []int{2}, vals: []float64{3, 5}}, {elem: tU8, dims: []int{2}, vals: []float64{1, 2}}}, is([]float64{6, 20})},
	{"BitShift", 13, attrs{"direction": "RIGHT"}, []arg{{elem: tU8, dims: []int{2}, vals: []float64{200, 5}}, {elem: tU8, dims: []int{2}, vals: []float64{1, 2}}}, is([]float64{100, 1})},
	{"Equal", 13, nil, []arg{small, divisor}, zipped(func(x, y float64) float64 { return yes(x == y) })},
	{"Less", 13, nil, []arg{small, divisor}, zipped(func(x, y float64) float64 { return yes(x < y) })},
	{"LessOrEqual", 16, nil, []arg{small, divisor}, zipped(func(x, y float64) float64 { return yes(x <= y) })},
	{"Greater", 13, nil, []arg{small, divisor}, zipped(func(x, y float64) float64 { return yes(x > y) })},
	{"GreaterOrEqual", 16, nil, []arg{small, divisor}, zipped(func(x, y float64) float64 { return yes(x >= y) })},
	{"Where", 16, nil, []arg{bools, in(4), scalar(7)}, func(a [][]float64) [][]float64 { return [][]float64{{7, 7, a[1][2], a[1][3]}} }},
	{"PRelu", 16, nil, []arg{in(2, 3), in(3)}, zipped(func(x, y float64) float64 {
		if x < 0 {
			return x * y
		}
		return x
	})},
}
