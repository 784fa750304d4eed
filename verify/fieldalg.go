package verify

import (
	"math/big"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/verify/field"
)

// fieldAlgebra evaluates in one field.Space: one test.
type fieldAlgebra struct{ s *field.Space }

func (a fieldAlgebra) lit(n ugraph.Number) field.Value {
	if s := n.IsInf(); s != 0 {
		return field.Infinity(s)
	}
	return a.s.Lit(n.Rat())
}

func (a fieldAlgebra) integer(n int64) field.Value                 { return a.s.Int(n) }
func (a fieldAlgebra) datum(n int64) field.Value                   { return a.s.Int(n) }
func (a fieldAlgebra) add(x, y field.Value) field.Value            { return a.s.Add(x, y) }
func (a fieldAlgebra) sub(x, y field.Value) field.Value            { return a.s.Sub(x, y) }
func (a fieldAlgebra) mul(x, y field.Value) field.Value            { return a.s.Mul(x, y) }
func (a fieldAlgebra) div(x, y field.Value) field.Value            { return a.s.Div(x, y) }
func (a fieldAlgebra) exp(x field.Value) field.Value               { return a.s.Exp(x) }
func (a fieldAlgebra) log(x field.Value) field.Value               { return a.s.Log(x) }
func (a fieldAlgebra) sqrt(x field.Value) field.Value              { return a.s.Sqrt(x) }
func (a fieldAlgebra) max(xs []field.Value) field.Value            { return a.s.Max(xs...) }
func (a fieldAlgebra) cmp(x, y field.Value) (int, bool)            { return a.s.Cmp(x, y) }
func (a fieldAlgebra) sinCos(x field.Value) (sin, cos field.Value) { return a.s.SinCos(x) }
func (a fieldAlgebra) opaque(name string, x field.Value) field.Value {
	return a.s.Opaque(name, x)
}
func (a fieldAlgebra) opaqueOdd(name string, x field.Value) field.Value {
	return a.s.OpaqueOdd(name, x)
}
func (a fieldAlgebra) err() error { return a.s.Err() }

func (a fieldAlgebra) min(xs []field.Value) field.Value {
	ns := make([]field.Value, len(xs))
	for i, x := range xs {
		ns[i] = a.s.Neg(x)
	}
	return a.s.Neg(a.s.Max(ns...))
}

func (a fieldAlgebra) weigh(w, x field.Value) field.Value {
	if x.IsTag() {
		return x
	}
	if x.Kind == field.LogOf {
		x = a.s.Plain(x)
	}
	return a.s.Mul(w, x)
}

func (a fieldAlgebra) unary(op ugraph.Op, attrs ugraph.Attrs, x field.Value) field.Value {
	if op == ugraph.OpNeg {
		return a.s.Neg(x)
	}
	return unaryFunction[field.Value](a, op, attrs, x)
}

func (a fieldAlgebra) dot(x []field.Value, sx int, y []field.Value, sy int, n int) field.Value {
	return a.s.Dot(x, sx, y, sy, n)
}

// pow is x^exponent: exact for integers and halves, opaque for the rest.
func (a fieldAlgebra) pow(x field.Value, exponent ugraph.Number) field.Value {
	v := powFunction[field.Value](a, x, exponent)
	if e := exponent.Rat(); e != nil && !new(big.Rat).Add(e, e).IsInt() {
		v = a.s.Power(v, x, e.Sign() < 0)
	}
	return v
}

func powFunction[V any](r ring[V], x V, exponent ugraph.Number) V {
	if n, ok := exponent.IsInt(); ok && n >= -64 && n <= 64 {
		return powInt(r, x, n)
	}
	if e := exponent.Rat(); e != nil {
		twice := new(big.Rat).Add(e, e)
		if n := twice.Num(); twice.IsInt() && n.IsInt64() && n.Int64() >= -64 && n.Int64() <= 64 {
			return powInt(r, r.sqrt(x), n.Int64())
		}
	}
	return r.opaque("pow "+exponent.String(), x)
}

func powInt[V any](r ring[V], x V, n int64) V {
	if n < 0 {
		return r.div(r.integer(1), powInt(r, x, -n))
	}
	if n == 0 { // defined where x is
		return r.add(r.mul(x, r.integer(0)), r.integer(1))
	}
	y, even := r.integer(1), n%2 == 0
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			y = r.mul(y, x)
		}
		if n > 1 {
			x = r.mul(x, x)
		}
	}
	if even {
		return notNegative(r, y)
	}
	return y
}

// narrow keeps a cast to f8 as an opaque function; casts among the wider floats are the identity
// in exact arithmetic.
func (a fieldAlgebra) narrow(to ugraph.DType, x field.Value) field.Value {
	if to != ugraph.F8E4M3 {
		return x
	}
	return a.s.Opaque("cast to "+to.String(), x)
}

func (a fieldAlgebra) store(ugraph.DType, *tensor[field.Value]) {}

// invSqrt is exact where n is a square, and 1/sqrt(n) by the model of roots otherwise.
func (a fieldAlgebra) invSqrt(n int64) field.Value { return invSqrtFunction[field.Value](a, n) }

func invSqrtFunction[V any](r ring[V], n int64) V {
	if q := new(big.Int).Sqrt(big.NewInt(n)).Int64(); q*q == n {
		return r.div(r.integer(1), r.integer(q))
	}
	return r.div(r.integer(1), r.sqrt(r.integer(n)))
}

func (a fieldAlgebra) same(x, y field.Value) bool { return x.Same(y) }
