package loop

import (
	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph"
)

// Unbounded counts the exponentials of d that no maximum holds down: those whose exponent does not
// subtract a maximum over an axis that it carries. A rewriting of a program with more of them than
// the program overflows where the program does not, and must not be scheduled.
func Unbounded(d *expr.DAG) int {
	n := 0
	for _, e := range d.Nodes {
		if e.Op == ugraph.OpExp && !holds(d, e.Args[0], false, e.Axes) {
			n++
		}
	}
	return n
}

// holds tells whether a summand of v with the given sign bounds v from above.
func holds(d *expr.DAG, v int, minus bool, axes expr.AxisSet) bool {
	n := d.Nodes[v]
	switch n.Op {
	case ugraph.OpAdd:
		return holds(d, n.Args[0], minus, axes) || holds(d, n.Args[1], minus, axes)
	case ugraph.OpSub:
		return holds(d, n.Args[0], minus, axes) || holds(d, n.Args[1], !minus, axes)
	case ugraph.OpNeg:
		return holds(d, n.Args[0], !minus, axes)
	case ugraph.OpCast:
		return holds(d, n.Args[0], minus, axes)
	case ugraph.OpMul:
		l := law{d: d}
		return l.positive(n.Args[1]) && holds(d, n.Args[0], minus, axes) || l.positive(n.Args[0]) && holds(d, n.Args[1], minus, axes)
	case ugraph.OpDiv:
		l := law{d: d}
		return l.positive(n.Args[1]) && holds(d, n.Args[0], minus, axes)
	case ugraph.OpWhere: // a masked exponent; -inf needs no bound
		bounded := func(a int) bool {
			c := d.Nodes[a]
			return c.Op == ugraph.OpConst && c.Value.IsInf() < 0 && !minus || holds(d, a, minus, axes)
		}
		return bounded(n.Args[1]) && bounded(n.Args[2])
	case ugraph.OpMax, ugraph.OpMin:
		return (n.Op == ugraph.OpMax) == minus && n.Over&axes != 0
	case ugraph.OpSquare, ugraph.OpAbs:
		return minus
	}
	return false
}
