package verify

import (
	"github.com/morgana-ml/morgana/ugraph"
)

// algebra is a number type in which graphs are evaluated. A method that meets operands without
// meaning records the error itself; err returns the first one.
type algebra[V any] interface {
	lit(n ugraph.Number) V
	integer(n int64) V
	datum(n int64) V // an integer that a graph turns into a number
	add(a, b V) V
	sub(a, b V) V
	mul(a, b V) V
	div(a, b V) V
	weigh(w, x V) V // w · x for a weight: an infinity stays what it is
	unary(op ugraph.Op, attrs ugraph.Attrs, x V) V
	opaque(name string, x V) V
	pow(x V, exponent ugraph.Number) V
	sinCos(x V) (sin, cos V)
	max(xs []V) V
	min(xs []V) V
	cmp(a, b V) (c int, ordered bool) // ordered is false where an operand is undefined
	dot(x []V, sx int, y []V, sy int, n int) V
	narrow(to ugraph.DType, x V) V       // a cast that must be kept
	store(dt ugraph.DType, x *tensor[V]) // what storing in memory does to values
	invSqrt(n int64) V                   // 1/√n for the extent of an axis
	err() error
}

// ring is the part of an algebra from which the algebraic functions are built.
type ring[V any] interface {
	lit(n ugraph.Number) V
	integer(n int64) V
	add(a, b V) V
	sub(a, b V) V
	mul(a, b V) V
	div(a, b V) V
	exp(x V) V
	log(x V) V
	sqrt(x V) V
	max(xs []V) V
	opaque(name string, x V) V
	opaqueOdd(name string, x V) V
	sinCos(x V) (sin, cos V)
}

func neg[V any](r ring[V], x V) V { return r.sub(r.integer(0), x) }

// sigmoid is 1/(1+exp(−x)).
func sigmoid[V any](r ring[V], x V) V {
	one := r.integer(1)
	return r.div(one, r.add(one, r.exp(neg(r, x))))
}

// tanh is 2·sigmoid(2x) − 1.
func tanh[V any](r ring[V], x V) V {
	y := sigmoid(r, r.add(x, x))
	return r.sub(r.add(y, y), r.integer(1))
}

// The constants of the tanh form of gelu: 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))), with √(2/π)
// as the number that implementations write.
var geluScale, geluCubic = number("0.7978845608028654"), number("0.044715")

func number(s string) ugraph.Number {
	n, err := ugraph.ParseNumber(s)
	if err != nil {
		panic(err)
	}
	return n
}

// unaryFunction is the meaning of the elementwise operators of one operand over a ring with exp,
// log, sqrt, max and opaque functions (verification theory 1.3).
func unaryFunction[V any](r ring[V], op ugraph.Op, attrs ugraph.Attrs, x V) V {
	switch op {
	case ugraph.OpExp:
		return r.exp(x)
	case ugraph.OpLog:
		return r.log(x)
	case ugraph.OpSqrt:
		return r.sqrt(x)
	case ugraph.OpRsqrt:
		return r.div(r.integer(1), r.sqrt(x))
	case ugraph.OpSquare:
		return notNegative(r, r.mul(x, x))
	case ugraph.OpNeg:
		return neg(r, x)
	case ugraph.OpReciprocal:
		return r.div(r.integer(1), x)
	case ugraph.OpAbs:
		return r.max([]V{x, neg(r, x)})
	case ugraph.OpRelu:
		return r.max([]V{x, r.integer(0)})
	case ugraph.OpSigmoid:
		return sigmoid(r, x)
	case ugraph.OpSilu:
		return r.mul(x, sigmoid(r, x))
	case ugraph.OpSoftplus:
		return r.log(r.add(r.integer(1), r.exp(x)))
	case ugraph.OpTanh:
		return tanh(r, x)
	case ugraph.OpSin:
		s, _ := r.sinCos(x)
		return s
	case ugraph.OpCos:
		_, c := r.sinCos(x)
		return c
	case ugraph.OpErf:
		return r.opaqueOdd("erf", x)
	case ugraph.OpSign:
		return r.opaqueOdd("sign", x)
	case ugraph.OpFloor:
		return r.opaque("floor", x)
	case ugraph.OpGelu:
		half := r.mul(x, r.div(r.integer(1), r.integer(2)))
		if attrs.Word("approximate", "none") == "tanh" {
			cubic := r.mul(r.lit(geluCubic), r.mul(x, r.mul(x, x)))
			return r.mul(half, r.add(r.integer(1), tanh(r, r.mul(r.lit(geluScale), r.add(x, cubic)))))
		}
		// x·Φ(x) = x/2·(1 + erf(x/√2)): √2 is the same opaque number wherever gelu is.
		e := r.opaqueOdd("erf of x over root 2", x)
		return r.mul(half, r.add(r.integer(1), e))
	case ugraph.OpClamp:
		if lo, ok := attrs.Get("min"); ok {
			x = r.max([]V{x, r.lit(lo.Number)})
		}
		if hi, ok := attrs.Get("max"); ok {
			x = neg(r, r.max([]V{neg(r, x), r.lit(hi.Number.Neg())}))
		}
		return x
	}
	return r.opaque(op.String(), x)
}
