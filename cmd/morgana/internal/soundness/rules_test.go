package soundness

import (
	"fmt"
	"math"

	"github.com/morgana-ml/morgana/runtime/cpu/kernel"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/interp"
)

// binary is an operator of two operands with the bound of its result before it is rounded (Higham, §3.3; the products
// of bounds are kept, so that nothing is of first order only). A quotient whose divisor may be 0 has no bound.
func binary(op ugraph.Op) (func(x, y number) number, error) {
	f, err := interp.Float64{}.Binary(op, ugraph.F64)
	if err != nil {
		return nil, err
	}
	switch op {
	case ugraph.OpAdd, ugraph.OpSub:
		return func(x, y number) number { return of(f(x.v, y.v), x.e+y.e) }, nil
	case ugraph.OpMul:
		return func(x, y number) number {
			if math.IsInf(x.v, 0) || math.IsInf(y.v, 0) {
				return number{x.v * y.v, open(x.apart() && y.apart())}
			}
			return number{x.v * y.v, times(math.Abs(x.v), y.e) + times(math.Abs(y.v), x.e) + times(x.e, y.e)}
		}, nil
	case ugraph.OpDiv:
		return func(x, y number) number {
			v := x.v / y.v
			switch {
			case math.IsInf(x.v, 0) || math.IsInf(y.v, 0):
				return number{v, open(y.apart())}
			case math.Abs(y.v) <= y.e && y.e > 0:
				return number{v, math.Inf(1)}
			case x.e == 0 && y.e == 0:
				return number{v, 0}
			}
			return number{v, (x.e + math.Abs(v)*y.e) / (math.Abs(y.v) - y.e)}
		}, nil
	case ugraph.OpMaximum, ugraph.OpMinimum:
		return func(x, y number) number {
			v := f(x.v, y.v)
			return of(v, max(f(x.v+x.e, y.v+y.e)-v, v-f(x.v-x.e, y.v-y.e)))
		}, nil
	}
	return nil, fmt.Errorf("%s has no rule for its bound", op)
}

// of is a number that is exact where it is infinite and its bound is not.
func of(v, e float64) number {
	if math.IsInf(v, 0) && !math.IsInf(e, 1) {
		return number{v, 0}
	}
	return number{v, e}
}

// open is the bound of a value that is sure or else may be anything.
func open(sure bool) float64 {
	if sure {
		return 0
	}
	return math.Inf(1)
}

// apart tells whether a number is surely not 0, or surely 0.
func (x number) apart() bool { return math.Abs(x.v) > x.e || x == number{} }

// times is the product of a size and a bound, 0 where one is 0.
func times(a, b float64) float64 {
	if a == 0 || b == 0 {
		return 0
	}
	return a * b
}

// monotone are the functions whose bound is that of the ends of the interval, beyond which they do not go; from is
// where they begin to be defined, and pole is where they jump.
var monotone = map[ugraph.Op]struct{ from, pole float64 }{
	ugraph.OpExp:        {math.Inf(-1), math.NaN()},
	ugraph.OpLog:        {0, 0},
	ugraph.OpSqrt:       {0, math.NaN()},
	ugraph.OpRsqrt:      {0, 0},
	ugraph.OpReciprocal: {math.Inf(-1), 0},
	ugraph.OpTanh:       {math.Inf(-1), math.NaN()},
	ugraph.OpErf:        {math.Inf(-1), math.NaN()},
	ugraph.OpSigmoid:    {math.Inf(-1), math.NaN()},
	ugraph.OpSoftplus:   {math.Inf(-1), math.NaN()},
	ugraph.OpRelu:       {math.Inf(-1), math.NaN()},
	ugraph.OpNeg:        {math.Inf(-1), math.NaN()},
	ugraph.OpClamp:      {math.Inf(-1), math.NaN()},
}

// steepest bounds the derivative of the functions that are not monotone on [lo, hi]; a mean value theorem makes it a bound of the
// result.
var steepest = map[ugraph.Op]func(lo, hi float64) float64{
	ugraph.OpSquare: func(lo, hi float64) float64 { return 2 * max(math.Abs(lo), math.Abs(hi)) },
	ugraph.OpAbs:    func(lo, hi float64) float64 { return 1 },
	ugraph.OpSin:    func(lo, hi float64) float64 { return 1 },
	ugraph.OpCos:    func(lo, hi float64) float64 { return 1 },
	// σ(x)(1 + x(1 − σ(x))) is at most 1.0999 anywhere; far to the left σ(x) makes it small.
	ugraph.OpSilu: func(lo, hi float64) float64 {
		return min(1.1, sigmoid(hi)*(1+max(math.Abs(lo), math.Abs(hi))))
	},
	// Φ(x) + xφ(x) is at most 1.129 anywhere, and that of the tanh form 1.13.
	ugraph.OpGelu: func(lo, hi float64) float64 {
		if hi < 0 {
			return min(1.13, 0.5*math.Erfc(-hi/math.Sqrt2)+math.Abs(lo)*math.Exp(-hi*hi/2)+1e-3)
		}
		return 1.13
	},
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// UnaryExact is a function with the bound of its result, which includes the error that the executor's own form of it
// has (package kernel: ErrorULP) beyond the rounding that follows.
func (b *bounded) UnaryExact(op ugraph.Op, attrs ugraph.Attrs) (func(number) number, error) {
	f, err := interp.Float64{}.Unary(op, attrs, ugraph.F64)
	if err != nil {
		return nil, err
	}
	rule, err := unaryRule(op, attrs, f)
	own := 0.0
	if !b.wide {
		own = ownError(op, attrs)
	}
	return func(x number) number {
		y := rule(x)
		if math.IsInf(y.v, 0) {
			return y
		}
		return number{y.v, y.e + times(own, math.Abs(y.v)+y.e)}
	}, err
}

// ownError is the relative error of the executor's form of a function in f32, in which narrower types are computed.
func ownError(op ugraph.Op, attrs ugraph.Attrs) float64 {
	name := op.String()
	switch {
	case op == ugraph.OpGelu && attrs.Word("approximate", "none") == "tanh":
		name = "gelu_tanh"
	case op == ugraph.OpPow:
		return 2 * ugraph.F32.Unit()
	}
	k, ok := kernel.UnaryOpByName(name)
	if !ok {
		return 0
	}
	return 2 * k.ErrorULP() * ugraph.F32.Unit()
}

func unaryRule(op ugraph.Op, attrs ugraph.Attrs, f func(float64) float64) (func(number) number, error) {
	if m, ok := monotone[op]; ok {
		return func(x number) number {
			lo, hi := x.v-x.e, x.v+x.e
			if x.e > 0 && (lo < m.from || lo <= m.pole && m.pole <= hi) {
				return number{f(x.v), math.Inf(1)}
			}
			return ofMonotone(f, x)
		}, nil
	}
	if slope, ok := steepest[op]; ok {
		return func(x number) number {
			if x.e == 0 || math.IsInf(x.e, 1) || math.IsInf(x.v, 0) {
				return number{f(x.v), x.e}
			}
			return number{f(x.v), slope(x.v-x.e, x.v+x.e) * x.e}
		}, nil
	}
	switch op {
	case ugraph.OpSign, ugraph.OpFloor: // discontinuities
		return func(x number) number {
			v := f(x.v)
			return number{v, open(f(x.v-x.e) == v && f(x.v+x.e) == v)}
		}, nil
	case ugraph.OpPow: // |p|·t^(p−1) is monotone in t
		p := attrs.Num("exponent", ugraph.Int(1)).Float64()
		return func(x number) number {
			v := f(x.v)
			lo, hi := math.Abs(x.v)-x.e, math.Abs(x.v)+x.e
			switch {
			case x.e == 0:
				return number{v, 0}
			case lo <= 0 && (p < 1 || p != math.Floor(p)):
				return number{v, math.Inf(1)}
			}
			return number{v, x.e * math.Abs(p) * max(math.Pow(max(lo, 0), p-1), math.Pow(hi, p-1))}
		}, nil
	}
	return nil, fmt.Errorf("%s has no rule for its bound", op)
}

// ofMonotone is a monotone function of a number.
func ofMonotone(f func(float64) float64, x number) number {
	v := f(x.v)
	if x.e == 0 {
		return number{v, 0}
	}
	return of(v, max(math.Abs(f(x.v+x.e)-v), math.Abs(v-f(x.v-x.e))))
}
