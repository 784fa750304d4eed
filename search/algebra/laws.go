package algebra

import (
	"math/bits"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph"
)

// here are the terms that one law makes of a term at its root. Unlike the axioms of the normal form these laws are
// sound: a factor leaves a sum only where it lacks the summed axes.
func (x *tree) here() []move {
	var out []move
	add := func(law string, t *tree) { out = append(out, move{law, t}) }
	switch x.op {
	case ugraph.OpSum, ugraph.OpMean:
		x.ofSum(add)
	case ugraph.OpMul:
		x.ofProduct(add, x.args[0], x.args[1])
		x.ofProduct(add, x.args[1], x.args[0])
	case ugraph.OpDiv:
		x.ofQuotient(add)
	case ugraph.OpAdd, ugraph.OpSub, ugraph.OpNeg:
		x.ofDifference(add)
	case ugraph.OpExp, ugraph.OpSquare, ugraph.OpSqrt, ugraph.OpAbs, ugraph.OpRsqrt, ugraph.OpReciprocal:
		x.ofFunction(add)
	case ugraph.OpMax, ugraph.OpMin:
		if a := x.args[0]; a.op == x.op {
			add("max-nested", sumOf(x.op, x.dtype, x.over|a.over, a.args[0]))
		}
		x.parts(add, "max-nested")
	}
	return out
}

// parts splits a reduction over several axes.
func (x *tree) parts(add func(string, *tree), law string) {
	if bits.OnesCount64(uint64(x.over)) < 2 {
		return
	}
	for _, k := range x.over.List() {
		one := expr.Set(k)
		add(law, sumOf(x.op, x.dtype, x.over&^one, sumOf(x.op, x.dtype, one, x.args[0])))
		add(law, sumOf(x.op, x.dtype, one, sumOf(x.op, x.dtype, x.over&^one, x.args[0])))
	}
}

func (x *tree) ofSum(add func(string, *tree)) {
	a := x.args[0]
	sum := func(y *tree) *tree { return sumOf(x.op, x.dtype, x.over, y) }
	switch a.op {
	case ugraph.OpMul, ugraph.OpDiv:
		p, q := a.args[0], a.args[1]
		if p.axes.Contains(x.over) && q.axes&x.over == 0 {
			add("sum-factor", apply(a.op, x.dtype, sum(p), q))
		}
		if a.op == ugraph.OpMul && q.axes.Contains(x.over) && p.axes&x.over == 0 {
			add("sum-factor", apply(a.op, x.dtype, p, sum(q)))
		}
	case ugraph.OpNeg:
		add("sum-factor", apply(a.op, x.dtype, sum(a.args[0])))
	case ugraph.OpAdd, ugraph.OpSub:
		if a.args[0].axes.Contains(x.over) && a.args[1].axes.Contains(x.over) {
			add("sum-linear", apply(a.op, x.dtype, sum(a.args[0]), sum(a.args[1])))
		}
	case x.op:
		add("sum-factorisation", sumOf(x.op, x.dtype, x.over|a.over, a.args[0]))
	}
	x.parts(add, "sum-factorisation")
}

// ofProduct has the laws of a·b, for both orders.
func (x *tree) ofProduct(add func(string, *tree), a, b *tree) {
	mul := func(p, q *tree) *tree { return apply(ugraph.OpMul, x.dtype, p, q) }
	div := func(p, q *tree) *tree { return apply(ugraph.OpDiv, x.dtype, p, q) }
	switch a.op {
	case ugraph.OpMul:
		add("product-commutes", mul(a.args[0], mul(a.args[1], b)))
		add("product-commutes", mul(a.args[1], mul(a.args[0], b)))
	case ugraph.OpDiv:
		add("quotient-product", div(mul(a.args[0], b), a.args[1]))
		add("quotient-product", mul(a.args[0], div(b, a.args[1])))
	case ugraph.OpAdd, ugraph.OpSub:
		add("distribution", apply(a.op, x.dtype, mul(a.args[0], b), mul(a.args[1], b)))
	case ugraph.OpSum, ugraph.OpMean:
		if b.axes&a.over == 0 {
			add("sum-factor", sumOf(a.op, x.dtype, a.over, mul(a.args[0], b)))
		}
	case ugraph.OpNeg:
		add("sign", apply(ugraph.OpNeg, x.dtype, mul(a.args[0], b)))
	case ugraph.OpRsqrt:
		add("rsqrt", div(b, apply(ugraph.OpSqrt, a.dtype, a.args[0])))
	case ugraph.OpReciprocal:
		add("reciprocal", div(b, a.args[0]))
	}
	switch {
	case a.op == ugraph.OpExp && b.op == ugraph.OpExp:
		add("exp-sum", apply(ugraph.OpExp, x.dtype, apply(ugraph.OpAdd, x.dtype, a.args[0], b.args[0])))
	case a.op == b.op && (a.op == ugraph.OpSquare || a.op == ugraph.OpSqrt || a.op == ugraph.OpAbs):
		add("square-product", apply(a.op, x.dtype, mul(a.args[0], b.args[0])))
	}
	if (a.op == ugraph.OpMean && b.op == ugraph.OpSum) && a.over == b.over {
		add("mean-is-sum", mul(sumOf(ugraph.OpSum, a.dtype, a.over, a.args[0]), sumOf(ugraph.OpMean, b.dtype, b.over, b.args[0])))
	}
	if a.key() == b.key() {
		add("square", apply(ugraph.OpSquare, x.dtype, a))
	}
}

func (x *tree) ofQuotient(add func(string, *tree)) {
	a, b := x.args[0], x.args[1]
	mul := func(p, q *tree) *tree { return apply(ugraph.OpMul, x.dtype, p, q) }
	div := func(p, q *tree) *tree { return apply(ugraph.OpDiv, x.dtype, p, q) }
	switch a.op {
	case ugraph.OpMul:
		add("quotient-product", mul(a.args[0], div(a.args[1], b)))
		add("quotient-product", mul(div(a.args[0], b), a.args[1]))
		for i := range 2 {
			if a.args[i].key() == b.key() && a.args[1-i].axes == x.axes {
				add("cancel", a.args[1-i])
			}
		}
		if b.op == ugraph.OpMul {
			for i := range 2 {
				for j := range 2 {
					if a.args[i].key() == b.args[j].key() {
						add("cancel", div(a.args[1-i], b.args[1-j]))
					}
				}
			}
		}
	case ugraph.OpDiv:
		add("quotient-quotient", div(a.args[0], mul(a.args[1], b)))
		add("quotient-quotient", div(div(a.args[0], b), a.args[1]))
		if b.op == ugraph.OpDiv && a.args[1].key() == b.args[1].key() {
			add("cancel", div(a.args[0], b.args[0]))
		}
	case ugraph.OpAdd, ugraph.OpSub:
		add("quotient-sum", apply(a.op, x.dtype, div(a.args[0], b), div(a.args[1], b)))
	case ugraph.OpSum, ugraph.OpMean:
		if b.axes&a.over == 0 {
			add("sum-factor", sumOf(a.op, x.dtype, a.over, div(a.args[0], b)))
		}
	case ugraph.OpNeg:
		add("sign", apply(ugraph.OpNeg, x.dtype, div(a.args[0], b)))
	}
	switch b.op {
	case ugraph.OpMul:
		add("quotient-quotient", div(div(a, b.args[0]), b.args[1]))
		add("quotient-quotient", div(div(a, b.args[1]), b.args[0]))
	case ugraph.OpDiv:
		add("double-quotient", div(mul(a, b.args[1]), b.args[0]))
	case ugraph.OpSqrt:
		add("rsqrt", mul(a, apply(ugraph.OpRsqrt, b.dtype, b.args[0])))
	case ugraph.OpExp:
		if a.op == ugraph.OpExp {
			add("exp-difference", apply(ugraph.OpExp, x.dtype, apply(ugraph.OpSub, x.dtype, a.args[0], b.args[0])))
		}
	}
	add("reciprocal", mul(a, apply(ugraph.OpReciprocal, b.dtype, b)))
	if a.op == b.op && (a.op == ugraph.OpSquare || a.op == ugraph.OpSqrt || a.op == ugraph.OpAbs) {
		add("square-product", apply(a.op, x.dtype, div(a.args[0], b.args[0])))
	}
}

func (x *tree) ofDifference(add func(string, *tree)) {
	neg := func(p *tree) *tree { return apply(ugraph.OpNeg, x.dtype, p) }
	bin := func(op ugraph.Op, p, q *tree) *tree { return apply(op, x.dtype, p, q) }
	if x.op == ugraph.OpNeg {
		switch a := x.args[0]; a.op {
		case ugraph.OpNeg:
			add("sign", a.args[0])
		case ugraph.OpSub:
			add("sign", bin(ugraph.OpSub, a.args[1], a.args[0]))
		case ugraph.OpMul, ugraph.OpDiv:
			add("sign", bin(a.op, neg(a.args[0]), a.args[1]))
			if a.op == ugraph.OpMul {
				add("sign", bin(a.op, a.args[0], neg(a.args[1])))
			}
		}
		return
	}
	a, b := x.args[0], x.args[1]
	if x.op == ugraph.OpAdd {
		for _, s := range [][2]*tree{{a, b}, {b, a}} {
			switch p, q := s[0], s[1]; p.op {
			case ugraph.OpAdd:
				add("sum-commutes", bin(ugraph.OpAdd, p.args[0], bin(ugraph.OpAdd, p.args[1], q)))
				add("sum-commutes", bin(ugraph.OpAdd, p.args[1], bin(ugraph.OpAdd, p.args[0], q)))
			case ugraph.OpSub:
				add("sum-commutes", bin(ugraph.OpSub, bin(ugraph.OpAdd, p.args[0], q), p.args[1]))
				add("sum-commutes", bin(ugraph.OpAdd, p.args[0], bin(ugraph.OpSub, q, p.args[1])))
				add("sum-commutes", bin(ugraph.OpSub, q, bin(ugraph.OpSub, p.args[1], p.args[0])))
			case ugraph.OpNeg:
				add("sign", bin(ugraph.OpSub, q, p.args[0]))
			}
		}
	} else {
		switch a.op {
		case ugraph.OpAdd:
			add("sum-commutes", bin(ugraph.OpAdd, a.args[0], bin(ugraph.OpSub, a.args[1], b)))
			add("sum-commutes", bin(ugraph.OpAdd, a.args[1], bin(ugraph.OpSub, a.args[0], b)))
		case ugraph.OpSub:
			add("sum-commutes", bin(ugraph.OpSub, a.args[0], bin(ugraph.OpAdd, a.args[1], b)))
			add("sum-commutes", bin(ugraph.OpSub, bin(ugraph.OpSub, a.args[0], b), a.args[1]))
		}
		switch b.op {
		case ugraph.OpAdd:
			add("sum-commutes", bin(ugraph.OpSub, bin(ugraph.OpSub, a, b.args[0]), b.args[1]))
		case ugraph.OpSub:
			add("sum-commutes", bin(ugraph.OpAdd, bin(ugraph.OpSub, a, b.args[0]), b.args[1]))
			add("sum-commutes", bin(ugraph.OpAdd, a, bin(ugraph.OpSub, b.args[1], b.args[0])))
			add("sum-commutes", bin(ugraph.OpSub, bin(ugraph.OpAdd, a, b.args[1]), b.args[0]))
		case ugraph.OpNeg:
			add("sign", bin(ugraph.OpAdd, a, b.args[0]))
		}
	}
	if a.op == b.op && (a.op == ugraph.OpSum || a.op == ugraph.OpMean) && a.over == b.over && a.args[0].axes == b.args[0].axes {
		add("sum-linear", sumOf(a.op, x.dtype, a.over, bin(x.op, a.args[0], b.args[0])))
	}
	if a.op == ugraph.OpMul && b.op == ugraph.OpMul {
		for i := range 2 {
			for j := range 2 {
				if a.args[i].key() == b.args[j].key() {
					add("distribution", bin(ugraph.OpMul, a.args[i], bin(x.op, a.args[1-i], b.args[1-j])))
				}
			}
		}
	}
	if a.op == ugraph.OpDiv && b.op == ugraph.OpDiv && a.args[1].key() == b.args[1].key() {
		add("quotient-sum", bin(ugraph.OpDiv, bin(x.op, a.args[0], b.args[0]), a.args[1]))
	}
}

func (x *tree) ofFunction(add func(string, *tree)) {
	a := x.args[0]
	each := func(op ugraph.Op) *tree {
		return apply(op, x.dtype, apply(x.op, x.dtype, a.args[0]), apply(x.op, x.dtype, a.args[1]))
	}
	switch {
	case x.op == ugraph.OpExp && a.op == ugraph.OpAdd:
		add("exp-sum", each(ugraph.OpMul))
	case x.op == ugraph.OpExp && a.op == ugraph.OpSub:
		add("exp-difference", each(ugraph.OpDiv))
	case x.op == ugraph.OpExp && a.op == ugraph.OpNeg:
		add("exp-inverse", apply(ugraph.OpReciprocal, x.dtype, apply(ugraph.OpExp, x.dtype, a.args[0])))
	case x.op == ugraph.OpReciprocal && a.op == ugraph.OpExp:
		add("exp-inverse", apply(ugraph.OpExp, x.dtype, apply(ugraph.OpNeg, x.dtype, a.args[0])))
	case x.op == ugraph.OpReciprocal && a.op == ugraph.OpSqrt:
		add("rsqrt", apply(ugraph.OpRsqrt, x.dtype, a.args[0]))
	case x.op == ugraph.OpRsqrt:
		add("rsqrt", apply(ugraph.OpReciprocal, x.dtype, apply(ugraph.OpSqrt, x.dtype, a)))
	case x.op == ugraph.OpSquare && a.op == ugraph.OpNeg:
		add("square-even", apply(x.op, x.dtype, a.args[0]))
	case x.op == ugraph.OpSquare && a.op == ugraph.OpSub:
		add("square-even", apply(x.op, x.dtype, apply(a.op, a.dtype, a.args[1], a.args[0])))
	case (x.op == ugraph.OpSquare || x.op == ugraph.OpSqrt || x.op == ugraph.OpAbs) && (a.op == ugraph.OpMul || a.op == ugraph.OpDiv):
		add("square-product", each(a.op))
	}
	if x.op == ugraph.OpSquare {
		add("square", apply(ugraph.OpMul, x.dtype, a, a))
	}
}
