package interp

import (
	"fmt"
	"math/big"
	"math/bits"

	"github.com/morgana-ml/morgana/ugraph"
)

// Field is the prime field of P elements, P prime and below 2^63. Operators that are not rational
// functions, comparisons and rounding have no meaning in it. 1/0 is 0: callers draw inputs for which
// no divisor vanishes, or run again.
type Field struct{ P uint64 }

func (f Field) mul(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	_, r := bits.Div64(hi, lo, f.P)
	return r
}

func (f Field) inverse(a uint64) uint64 {
	r := uint64(1)
	for e := f.P - 2; e > 0; e >>= 1 { // Fermat: a^(P-2)
		if e&1 == 1 {
			r = f.mul(r, a)
		}
		a = f.mul(a, a)
	}
	return r
}

// Const is the literal's numerator divided by its denominator.
func (f Field) Const(n ugraph.Number, _ ugraph.DType) (uint64, error) {
	if n.IsInf() != 0 {
		return 0, fmt.Errorf("%s %w", n, ErrNoMeaning)
	}
	p := new(big.Int).SetUint64(f.P)
	den := new(big.Int).Mod(n.Rat().Denom(), p).Uint64()
	if den == 0 {
		return 0, fmt.Errorf("%s modulo %d %w", n, f.P, ErrNoMeaning)
	}
	return f.mul(new(big.Int).Mod(n.Rat().Num(), p).Uint64(), f.inverse(den)), nil
}

// FromInt is n modulo P.
func (f Field) FromInt(n int64, _ ugraph.DType) uint64 {
	if n < 0 {
		return (f.P - uint64(-n)%f.P) % f.P
	}
	return uint64(n) % f.P
}

// ToInt has no meaning.
func (f Field) ToInt(uint64) (int64, error) { return 0, noMeaning(ugraph.OpCast) }

// Round does nothing.
func (f Field) Round(ugraph.DType) func(uint64) uint64 { return nil }

// Cast does nothing.
func (f Field) Cast(ugraph.DType) func(uint64) uint64 { return nil }

// Unary has square, neg and reciprocal.
func (f Field) Unary(op ugraph.Op, _ ugraph.Attrs, _ ugraph.DType) (func(uint64) uint64, error) {
	switch op {
	case ugraph.OpSquare:
		return func(x uint64) uint64 { return f.mul(x, x) }, nil
	case ugraph.OpNeg:
		return func(x uint64) uint64 { return (f.P - x) % f.P }, nil
	case ugraph.OpReciprocal:
		return f.inverse, nil
	}
	return nil, noMeaning(op)
}

// Binary has add, sub, mul and div.
func (f Field) Binary(op ugraph.Op, _ ugraph.DType) (func(a, b uint64) uint64, error) {
	switch op {
	case ugraph.OpAdd:
		return func(a, b uint64) uint64 { return (a + b) % f.P }, nil
	case ugraph.OpSub:
		return func(a, b uint64) uint64 { return (a + f.P - b) % f.P }, nil
	case ugraph.OpMul:
		return f.mul, nil
	case ugraph.OpDiv:
		return func(a, b uint64) uint64 { return f.mul(a, f.inverse(b)) }, nil
	}
	return nil, noMeaning(op)
}

// Compare has no meaning but for equal.
func (f Field) Compare(op ugraph.Op) (func(a, b uint64) bool, error) {
	if op == ugraph.OpEqual {
		return func(a, b uint64) bool { return a == b }, nil
	}
	return nil, noMeaning(op)
}
