package soundness

import (
	"math"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/interp"
)

// number is a value in float64 and a bound of how far from it the same value may be where it is computed in the
// program's element types, in any order of its sums: a running error bound (Higham, Accuracy and Stability of
// Numerical Algorithms, 2nd ed., §3.3).
type number struct{ v, e float64 }

// bounded is the number type of the interpreter that computes both. It decides a comparison as float64 does and
// notes those that the bound leaves open; with a flip such a one may be decided the other way.
type bounded struct {
	open int         // comparisons and casts to integers within their bound of a discontinuity
	flip func() bool // may be nil
	wide bool        // the program computes in f64 alone
}

var (
	_ interp.RowArith[number] = (*bounded)(nil)
	_ interp.MatMuler[number] = (*bounded)(nil)
)

// reference is the unit roundoff of the value in float64 itself.
const reference = 0x1p-53

// unit is the relative error of one rounding to dt, here and in the value.
func unit(dt ugraph.DType) float64 { return dt.Unit() + reference }

// gamma is γ_n = nu/(1 − nu): the relative error of n roundings in a row (Higham, lemma 3.1).
func gamma(n int, u float64) float64 {
	nu := float64(n) * u
	if nu >= 1 {
		return math.Inf(1)
	}
	return nu / (1 - nu)
}

// rounded adds k roundings to dt: k·u of the value, half of the smallest subnormal, and anything beyond the type's range.
func rounded(x number, dt ugraph.DType, k float64) number {
	switch {
	case math.IsInf(x.v, 0) && !math.IsInf(x.e, 0), x == number{}:
		return x
	case math.Abs(x.v)+x.e > dt.Max() && dt != ugraph.F8E4M3: // which saturates
		return number{x.v, math.Inf(1)}
	}
	return number{x.v, x.e + k*(unit(dt)*(math.Abs(x.v)+x.e)+dt.Min()*dt.Unit())}
}

// Const is the literal, which the program rounds to dt.
func (*bounded) Const(n ugraph.Number, dt ugraph.DType) (number, error) {
	v := n.Float64()
	if math.IsInf(v, 0) {
		return number{v, 0}, nil
	}
	return number{v, math.Abs(dt.Round(v) - v)}, nil
}

// FromInt is n, which the program rounds to dt.
func (*bounded) FromInt(n int64, dt ugraph.DType) number {
	v := float64(n)
	return number{v, math.Abs(dt.Round(v) - v)}
}

// ToInt truncates; what the bound leaves open is the integer beside it where a flip says so.
func (b *bounded) ToInt(x number) (int64, error) {
	whole := func(v float64) (int64, error) { return interp.Float64{}.ToInt(v) }
	got, _ := whole(x.v)
	for _, v := range []float64{x.v - x.e, x.v + x.e} {
		if other, _ := whole(v); other != got && b.leftOpen() {
			return other, nil
		}
	}
	return got, nil
}

// leftOpen counts a decision that the bound leaves open, and says whether it is to be the other one.
func (b *bounded) leftOpen() bool {
	b.open++
	return b.flip != nil && b.flip()
}

// Round is one rounding to dt.
func (*bounded) Round(dt ugraph.DType) func(number) number {
	return func(x number) number { return rounded(x, dt, 1) }
}

// Cast is one rounding to dt; that to f8e4m3 is part of what the program says, so the value is rounded too.
func (b *bounded) Cast(dt ugraph.DType) func(number) number {
	if dt != ugraph.F8E4M3 {
		return b.Round(dt)
	}
	return func(x number) number { return ofMonotone(dt.Round, x) }
}

// Compare decides by the values; where the operands are nearer to each other than their bounds it is left open.
func (b *bounded) Compare(op ugraph.Op) (func(x, y number) bool, error) {
	f, err := interp.Float64{}.Compare(op)
	return func(x, y number) bool {
		is := f(x.v, y.v)
		if e := x.e + y.e; x != y && math.Abs(x.v-y.v) <= e && b.leftOpen() { // a number is equal to itself
			return !is
		}
		return is
	}, err
}

// Unary is the operator with its bound, rounded to dt.
func (b *bounded) Unary(op ugraph.Op, attrs ugraph.Attrs, dt ugraph.DType) (func(number) number, error) {
	f, err := b.UnaryExact(op, attrs)
	return func(x number) number { return rounded(f(x), dt, 1) }, err
}

// Binary is the operator with its bound, rounded to dt.
func (b *bounded) Binary(op ugraph.Op, dt ugraph.DType) (func(x, y number) number, error) {
	f, err := binary(op)
	return func(x, y number) number { return rounded(f(x, y), dt, 1) }, err
}

// BinaryRow is the operator with its bound.
func (b *bounded) BinaryRow(op ugraph.Op) (func(out, x, y []number, dx, dy int64), error) {
	f, err := binary(op)
	return func(out, x, y []number, dx, dy int64) {
		i, j := int64(0), int64(0)
		for k := range out {
			out[k] = f(x[i], y[j])
			i, j = i+dx, j+dy
		}
	}, err
}

// RoundRow rounds a row once.
func (*bounded) RoundRow(dt ugraph.DType, x []number) {
	for i := range x {
		x[i] = rounded(x[i], dt, 1)
	}
}

// SumRow is the sum in any order: what the terms may be off, and γ_{n−1} Σ|x| (Higham, §4.2).
func (*bounded) SumRow(dt ugraph.DType, x []number) number {
	var sum number
	size := 0.0
	for _, t := range x {
		sum.v += t.v
		sum.e += t.e
		size += math.Abs(t.v) + t.e
	}
	return sum.plus(gamma(len(x)-1, unit(dt))*size, dt)
}

// plus adds an error of a sum to its bound. An infinite term, which is exact, makes an exact sum.
func (x number) plus(e float64, dt ugraph.DType) number {
	if math.IsInf(x.v, 0) && !math.IsInf(x.e, 0) {
		return x
	}
	return rounded(number{x.v, x.e + e}, dt, 0)
}

// ExtremeRow is the greatest element, or the least; the bounds of all elements decide how far off it may be.
func (*bounded) ExtremeRow(op ugraph.Op, x []number) number {
	f, _ := binary(op)
	m := x[0]
	for _, t := range x[1:] {
		m = f(m, t)
	}
	return m
}

// MatMul is a product with sums in any order: γ_n Σ|a||b| for n terms (Higham, §3.5), and what the operands may be off.
func (*bounded) MatMul(c []number, a, b interp.Matrix[number], m, n, k int64, dt ugraph.DType) {
	mul, _ := binary(ugraph.OpMul)
	acc := dt.Accumulator()
	g := gamma(int(k), unit(acc))
	for i := range m {
		for j := range n {
			var sum number
			size := 0.0
			for p := range k {
				x, y := a.Data[a.At+i*a.Row+p*a.Col], b.Data[b.At+p*b.Row+j*b.Col]
				t := mul(x, y)
				sum.v += t.v
				sum.e += t.e + tiny(t, acc)
				size += math.Abs(t.v) + t.e
			}
			c[i*n+j] = rounded(sum.plus(g*size, acc), dt, 1)
		}
	}
}

// tiny is what gradual underflow may take from a product.
func tiny(x number, dt ugraph.DType) float64 {
	if x.v == 0 && x.e == 0 {
		return 0
	}
	return dt.Min() * dt.Unit()
}
