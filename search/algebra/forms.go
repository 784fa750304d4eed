package algebra

import (
	"fmt"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph"
)

// leafForm is the abstract expression of an input, constant or iota. The constants 1 and -1 are the
// unit and the sign; any other is an atom.
func (a *abstraction) leafForm(n expr.Node) polyID {
	var c core
	switch n.Op {
	case ugraph.OpConst:
		v := n.Value
		if v.Cmp(ugraph.Int(0)) < 0 {
			c.neg, v = true, v.Neg()
		}
		if v.Cmp(ugraph.Int(1)) != 0 {
			c.num = []atomID{a.atom(atom{key: "const " + v.String()})}
		}
	case ugraph.OpIota:
		c.num = []atomID{a.atom(atom{key: "iota", over: n.Axes})}
	default:
		c.num = []atomID{a.atom(atom{key: fmt.Sprint("input ", n.Input)})}
	}
	return a.single(a.core(c), n.Axes)
}

// form is the abstract expression of an operator applied to forms.
func (a *abstraction) form(n expr.Node, args []polyID) polyID {
	switch n.Op {
	case ugraph.OpAdd:
		return a.add(args[0], args[1])
	case ugraph.OpSub:
		return a.add(args[0], a.negate(args[1]))
	case ugraph.OpNeg:
		return a.negate(args[0])
	case ugraph.OpMul, ugraph.OpMatMul:
		return a.mul(args[0], args[1], n.Over)
	case ugraph.OpDiv:
		return a.mul(args[0], a.inverted(args[1]), 0)
	case ugraph.OpReciprocal:
		return a.inverse(args[0])
	case ugraph.OpRsqrt:
		return a.inverse(a.function("sqrt", args[0]))
	case ugraph.OpExp:
		return a.expOf(args[0])
	case ugraph.OpSquare:
		x, y := args[0], a.negate(args[0])
		if m, n := a.minuses(y), a.minuses(x); m < n || m == n && a.strip(y) < a.strip(x) {
			x = y
		}
		return a.function("square", x)
	case ugraph.OpSum, ugraph.OpMean:
		return a.sum(args[0], n.Over)
	case ugraph.OpMax, ugraph.OpMin:
		return a.maxOver(n.Op.String(), args[0], n.Over)
	}
	key := n.Op.String()
	if len(n.Attrs) > 0 {
		key += " " + n.Attrs.String()
	}
	if n.Commutes() && a.strip(args[0]) > a.strip(args[1]) {
		args = []polyID{args[1], args[0]}
	}
	return a.function(key, args...)
}

// minuses is the number of monomials with a minus.
func (a *abstraction) minuses(p polyID) int {
	n := 0
	for _, t := range a.polys[p] {
		if a.cores[t.core].neg {
			n++
		}
	}
	return n
}

// admitsPair is admits(form(e, x, y)), building the form only where nothing shorter decides.
func (a *abstraction) admitsPair(e edge, x, y polyID) bool {
	switch e.op {
	case ugraph.OpAdd:
		return a.admitsSum(x, y, coreOne)
	case ugraph.OpSub:
		return a.admitsSum(x, y, coreMinus)
	case ugraph.OpMul, ugraph.OpMatMul:
		return a.admitsProduct(x, y, e.over)
	case ugraph.OpDiv:
		return a.admitsProduct(x, a.inverted(y), 0)
	}
	return a.admits(a.form(expr.Node{Op: e.op, Over: e.over, Attrs: e.attrs, Args: []int{0, 1}}, []polyID{x, y}))
}

// inverted is inverse, memoised.
func (a *abstraction) inverted(p polyID) polyID {
	if a.inverses[p] == 0 {
		q := a.inverse(p)
		a.inverses[p] = q
	}
	return a.inverses[p]
}
