package verify

import (
	"github.com/morgana-ml/morgana/ugraph"
)

// This file tells what a cut of an axis does to a kernel's results. A cut is free where the results do
// not depend on it: any tile, one block as well as many, leaves the same. It is bound where a tile's
// positions meet (a maximum over the tile, a norm of it) and what comes out is more than a term of the
// sum or maximum over all blocks. Free cuts may be anything in a small instance; bound cuts of one axis
// must stand to each other as they do at the real size (divisions.go).

// tileState is what a value of a block graph is with respect to one grid dimension.
type tileState uint8

const (
	whole   tileState = iota // the same in all blocks
	pointed                  // entry p of the cut axis depends on the operands' entries at p alone
	folded                   // pointed, trips added upon each other along the axis
	summed                   // a sum over the tile of pointed values: linear in them
	highest                  // a maximum over the tile of pointed values
	lowest
	mixed // anything else
)

// freeGrid tells whether the blocks along a grid dimension may be merged or divided at will.
func freeGrid(g *ugraph.Graph, gi int) bool {
	st := &tileStates{gi: gi}
	states := st.graph(g, nil)
	for _, o := range g.Outputs {
		at := o.Store.Grid[gi]
		switch states[o.Value] {
		case whole:
			if at >= 0 {
				return false // equal tiles, one behind the other
			}
		case pointed:
			if at < 0 || !st.cut(g, o.Value, at) {
				return false
			}
		case summed, highest, lowest:
			if at >= 0 || o.Store.Reduce != combineKinds[states[o.Value]] {
				return false
			}
		default:
			return false
		}
	}
	return true
}

var combineKinds = map[tileState]string{summed: "sum", highest: "max", lowest: "min"}

// tileStates follows one grid dimension through a block graph.
type tileStates struct{ gi int }

// cut tells whether the dimension alone cuts an axis of a value, so that its positions are known.
func (t *tileStates) cut(g *ugraph.Graph, v ugraph.ValueID, ax int) bool {
	c := g.Values[v].Cut(ax)
	return c.Grid == t.gi+1 && !c.Irregular
}

// cutAxis is the one axis of a value that the dimension cuts, −1 where it is none or several.
func (t *tileStates) cutAxis(g *ugraph.Graph, v ugraph.ValueID) int {
	found := -1
	for ax := range g.Values[v].Shape {
		if g.Values[v].Cut(ax).Grid != t.gi+1 {
			continue
		}
		if found >= 0 {
			return -1
		}
		found = ax
	}
	return found
}

// graph gives every value its state; of a thread graph, from the states of its inputs.
func (t *tileStates) graph(g *ugraph.Graph, inputs []tileState) []tileState {
	states := make([]tileState, len(g.Values))
	for i, s := range inputs {
		states[g.Inputs[i].Value] = s
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		args := make([]tileState, len(n.Args))
		for k, a := range n.Args {
			args[k] = states[a]
		}
		if n.Body != nil {
			inner := t.graph(n.Body, args)
			for k, r := range n.Results {
				states[r] = inner[n.Body.Outputs[k].Value]
			}
			continue
		}
		s := t.node(g, n, args)
		for _, r := range n.Results {
			states[r] = s
			if s == pointed && (t.cutAxis(g, r) < 0 || !t.cut(g, r, t.cutAxis(g, r))) {
				states[r] = mixed
			}
		}
	}
	return states
}

func (t *tileStates) node(g *ugraph.Graph, n *ugraph.Node, args []tileState) tileState {
	if n.Op == ugraph.OpLoad {
		grid, _ := n.Attrs.Get("grid")
		if grid.Ints[t.gi] >= 0 {
			return pointed
		}
		return whole
	}
	top := whole
	for _, s := range args {
		switch {
		case s == whole || s == top:
		case top == whole:
			top = s
		default:
			return mixed // pointed beside partial results
		}
	}
	switch top {
	case whole:
		return whole
	case pointed:
		return t.pointwise(g, n, args)
	case folded:
		return t.fold(g, n, args)
	case summed:
		if t.linear(n, args) || identityCast(g, n) {
			return summed
		}
	case highest, lowest:
		if t.ordered(n, top) || identityCast(g, n) {
			return top
		}
	}
	return mixed
}

// pointwise is the state of an operator on pointed operands.
func (t *tileStates) pointwise(g *ugraph.Graph, n *ugraph.Node, args []tileState) tileState {
	meets, all := 0, true // operands whose cut axis is mixed
	for k, a := range n.Args {
		axes, unknown := crossedAxes(g, n, k)
		ax := t.cutAxis(g, a)
		if args[k] == pointed && (unknown || ax < 0) {
			return mixed
		}
		here := false
		for _, x := range axes {
			here = here || args[k] == pointed && x == ax
		}
		if here {
			meets++
		}
		all = all && here
	}
	switch {
	case meets == 0 && n.Op == ugraph.OpRope && !t.alignedRope(g, n):
		return mixed
	case meets == 0:
		return pointed // where the result has the axis: graph looks
	case n.Op == ugraph.OpSum, n.Op == ugraph.OpMatMul && all:
		return summed
	case n.Op == ugraph.OpMax:
		return highest
	case n.Op == ugraph.OpMin:
		return lowest
	case n.Op == ugraph.OpAccum && n.Attrs.Word("kind", "sum") == "sum" && len(n.Args) == 1:
		return folded
	}
	return mixed
}

// alignedRope tells whether the positions of a rope are cut as its rows are.
func (t *tileStates) alignedRope(g *ugraph.Graph, n *ugraph.Node) bool {
	x, pos := n.Args[0], n.Args[1]
	for ax, d := range g.Values[pos].Shape {
		j := g.Values[x].Rank() - 1 - g.Values[pos].Rank() + ax
		if !d.Is(1) && t.cut(g, pos, ax) != t.cut(g, x, j) {
			return false
		}
	}
	return true
}

// fold is the state of an operator on a folded operand: its axis may be summed, and nothing else.
func (t *tileStates) fold(g *ugraph.Graph, n *ugraph.Node, args []tileState) tileState {
	if n.Op == ugraph.OpSum {
		axes, err := ugraph.ReduceAxes(n.Attrs, g.Values[n.Args[0]].Rank())
		for _, ax := range axes {
			if err == nil && g.Values[n.Args[0]].Cut(ax).Grid == t.gi+1 {
				return summed
			}
		}
		return mixed
	}
	if n.Op == ugraph.OpNeg || identityCast(g, n) {
		return folded
	}
	return mixed
}

// identityCast tells whether a node is a cast that keeps the number, rounding aside.
func identityCast(g *ugraph.Graph, n *ugraph.Node) bool {
	if n.Op != ugraph.OpCast {
		return false
	}
	from, to := g.Values[n.Args[0]].DType, g.Values[n.Results[0]].DType
	return from.IsFloat() && to.IsFloat() && to != ugraph.F8E4M3
}

// linear tells whether an operator is linear in its partial sums, the other operands fixed.
func (t *tileStates) linear(n *ugraph.Node, args []tileState) bool {
	switch n.Op {
	case ugraph.OpNeg, ugraph.OpSum, ugraph.OpTranspose, ugraph.OpReshape, ugraph.OpBroadcast:
		return true
	case ugraph.OpAdd, ugraph.OpSub:
		return args[0] == summed && args[1] == summed
	case ugraph.OpMul, ugraph.OpMatMul:
		return args[0] != args[1]
	case ugraph.OpDiv:
		return args[1] == whole
	case ugraph.OpAccum:
		return n.Attrs.Word("kind", "sum") == "sum" && len(n.Args) == 1
	}
	return false
}

// ordered tells whether an operator passes on the maximum or minimum of its operands.
func (t *tileStates) ordered(n *ugraph.Node, s tileState) bool {
	kind := combineKinds[s]
	switch n.Op {
	case ugraph.OpTranspose, ugraph.OpReshape, ugraph.OpBroadcast:
		return true
	case ugraph.OpMax, ugraph.OpMaximum:
		return kind == "max"
	case ugraph.OpMin, ugraph.OpMinimum:
		return kind == "min"
	case ugraph.OpAccum:
		return n.Attrs.Word("kind", "sum") == kind
	}
	return false
}

// crossedAxes are the axes of operand k along which a result entry may depend on other positions than
// its own; all is true where it is not said which.
func crossedAxes(g *ugraph.Graph, n *ugraph.Node, k int) (axes []int, all bool) {
	rank := g.Values[n.Args[k]].Rank()
	at := func(def int64) ([]int, bool) {
		ax, err := ugraph.NormalAxis(n.Attrs.Int("axis", def), rank)
		return []int{ax}, err != nil
	}
	switch n.Op {
	case ugraph.OpArgmax:
		axes, err := ugraph.ReduceAxes(n.Attrs, rank)
		return axes, err != nil
	case ugraph.OpSplit, ugraph.OpConcat, ugraph.OpSlice:
		return at(0)
	case ugraph.OpTopK:
		return at(-1)
	case ugraph.OpGather:
		if k == 0 {
			return at(0)
		}
		return nil, false
	case ugraph.OpRope:
		if k == 0 {
			return []int{rank - 1}, false
		}
		return nil, false
	}
	return mixedAxes(g, n, k)
}
