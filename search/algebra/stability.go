package algebra

import (
	"fmt"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph"
)

// judge tells whether a candidate is as stable as the program.
//
// Two rules, both about values, so that it does not matter how a candidate comes by them. An exp may
// take only an argument that the program's exps take too, or one that is x - max x for some x. And a
// value that the program computes as a sum of non-negative terms (a variance, say) must be computed
// from non-negative terms: as a difference it may come out negative and loses its digits.
type judge struct {
	c           *closure
	program     *expr.DAG
	texts       map[string]bool // operators of the program, as text
	ownExps     map[int]bool    // values to which the program applies exp
	nonNegative map[int]bool    // values that the program computes from non-negative terms
}

// newJudge takes the program as it was given and as it was closed, with a maximum put in perhaps.
func newJudge(c *closure, d, program *expr.DAG) *judge {
	j := &judge{c: c, program: program, texts: map[string]bool{}, ownExps: map[int]bool{}, nonNegative: map[int]bool{}}
	signs := nonNegatives(program)
	for i, n := range program.Nodes {
		if n.Op == ugraph.OpExp {
			j.ownExps[c.nodeVal[n.Args[0]]] = true
		}
		if signs[i] && len(n.Args) > 0 {
			j.nonNegative[c.nodeVal[i]] = true
		}
	}
	given := make([][]tensor, len(c.inst))
	for k, in := range c.inst {
		given[k] = in.evaluate(d, nil)
	}
	for i, n := range d.Nodes {
		j.texts[describe(d, i)] = true
		if n.Op != ugraph.OpExp {
			continue
		}
		var ts []tensor
		for k := range given {
			ts = append(ts, given[k][n.Args[0]])
		}
		if v, ok := c.byPrint[fingerprint(d.Nodes[n.Args[0]].Axes, ts)]; ok {
			j.ownExps[v] = true
		}
	}
	return j
}

// candidate judges a DAG extracted from the closure.
func (j *judge) candidate(g *expr.DAG) Candidate {
	out := Candidate{DAG: g, Stable: true, Operators: g.Operators()}
	vals := j.valuesOf(g)
	signs := nonNegatives(g)
	var otherwise []int
	for i, n := range g.Nodes {
		if len(n.Args) == 0 {
			continue
		}
		text := describe(g, i)
		if !j.texts[text] {
			otherwise = append(otherwise, i)
		}
		switch {
		case !out.Stable:
		case n.Op == ugraph.OpExp && !j.mayExp(vals[n.Args[0]]):
			out.Stable, out.Reason = false, fmt.Sprintf("the exp in %s has lost its maximum", text)
		case j.nonNegative[vals[i]] && !signs[i]:
			out.Stable, out.Reason = false, fmt.Sprintf("%s is a sum of non-negative terms in the program, and here it is not", text)
		}
	}
	out.Derivation = explain(g, otherwise)
	return out
}

// valuesOf finds the value of each node of an extracted DAG, by its edge.
func (j *judge) valuesOf(g *expr.DAG) []int {
	out := make([]int, len(g.Nodes))
	for i, n := range g.Nodes {
		if len(n.Args) == 0 {
			out[i] = j.leafValue(n)
			continue
		}
		e := edge{op: n.Op, over: n.Over, attrs: n.Attrs}
		for _, a := range n.Args {
			e.args = append(e.args, out[a])
		}
		out[i] = j.c.byEdge[edgeKey(canonical(e))]
	}
	return out
}

func (j *judge) leafValue(n expr.Node) int {
	for i, v := range j.c.values {
		if l := v.leaf; l != nil && l.Op == n.Op && l.Input == n.Input && l.Axes == n.Axes && l.Value.Cmp(n.Value) == 0 && l.DType == n.DType {
			return i
		}
	}
	return -1
}

// mayExp tells whether a result may take the exp of a value.
func (j *judge) mayExp(v int) bool { return j.ownExps[v] || j.bounded(v) }

// bounded tells whether a value is x - m with m a maximum of x.
func (j *judge) bounded(v int) bool {
	for _, e := range j.c.values[v].edges {
		if e.op == ugraph.OpSub && j.isUpper(e.args[1], e.args[0], 4) {
			return true
		}
	}
	return false
}

// isUpper tells whether m is x, or a maximum over axes or a pairwise one of something that is.
func (j *judge) isUpper(m, x, depth int) bool {
	if m == x {
		return true
	}
	if depth == 0 {
		return false
	}
	for _, e := range j.c.values[m].edges {
		if e.op == ugraph.OpMax || e.op == ugraph.OpMaximum {
			for _, a := range e.args {
				if j.isUpper(a, x, depth-1) {
					return true
				}
			}
		}
	}
	return false
}

// nonNegatives marks the nodes that are non-negative by their operator and operands.
func nonNegatives(d *expr.DAG) []bool {
	out := make([]bool, len(d.Nodes))
	for i, n := range d.Nodes {
		all, some := len(n.Args) > 0, false
		for _, a := range n.Args {
			all, some = all && out[a], some || out[a]
		}
		switch n.Op {
		case ugraph.OpSquare, ugraph.OpExp, ugraph.OpAbs, ugraph.OpSqrt, ugraph.OpRsqrt, ugraph.OpSigmoid, ugraph.OpRelu:
			out[i] = true
		case ugraph.OpConst:
			out[i] = n.Value.Cmp(ugraph.Int(0)) >= 0
		case ugraph.OpAdd, ugraph.OpMul, ugraph.OpDiv, ugraph.OpMatMul, ugraph.OpSum, ugraph.OpMean, ugraph.OpMax, ugraph.OpMin, ugraph.OpMinimum, ugraph.OpReciprocal:
			out[i] = all
		case ugraph.OpMaximum:
			out[i] = some
		}
	}
	return out
}
