package verify

import "github.com/morgana-ml/morgana/ugraph"

// polynomialDegree is the degree of a graph's outputs as polynomials in the entries of its inputs, whose own
// degrees are given; ok is false where an output is no polynomial, or positions choose its terms.
func polynomialDegree(g *ugraph.Graph, inputs []int) (outputs []int, ok bool) {
	degree := make([]int, len(g.Values))
	for i, in := range g.Inputs {
		degree[in.Value] = inputs[i]
		if !g.Value(in.Value).DType.IsFloat() {
			return nil, false
		}
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		args := make([]int, len(n.Args))
		most := 0
		for k, a := range n.Args {
			args[k] = degree[a]
			most = max(most, args[k])
		}
		switch n.Op {
		case ugraph.OpKernel, ugraph.OpThread:
			outs, ok := polynomialDegree(n.Body, args)
			if !ok {
				return nil, false
			}
			for k, r := range n.Results {
				degree[r] = outs[k]
			}
			continue
		case ugraph.OpMul, ugraph.OpMatMul:
			most = args[0] + args[1]
		case ugraph.OpSquare:
			most *= 2
		case ugraph.OpDiv:
			if args[1] != 0 {
				return nil, false
			}
		case ugraph.OpAccum:
			if n.Attrs.Word("kind", "sum") != "sum" {
				return nil, false
			}
			if len(args) == 2 && args[1] != 0 {
				return nil, false
			}
		case ugraph.OpReshape:
			if !ugraph.SameShape(longAxes(g.Value(n.Args[0]).Shape), longAxes(g.Value(n.Results[0]).Shape)) {
				return nil, false // an axis becomes several, or several one
			}
		case ugraph.OpConst, ugraph.OpAdd, ugraph.OpSub, ugraph.OpNeg, ugraph.OpSum, ugraph.OpMean, ugraph.OpTranspose,
			ugraph.OpBroadcast, ugraph.OpLoad, ugraph.OpRunning, ugraph.OpPrevious:
		default:
			return nil, false
		}
		if most > maxColumns { // more than any instance has columns for
			return nil, false
		}
		for _, r := range n.Results {
			degree[r] = most
		}
	}
	for _, o := range g.Outputs {
		if o.Store != nil && o.Store.Reduce != "" && o.Store.Reduce != "sum" {
			return nil, false
		}
		outputs = append(outputs, degree[o.Value])
	}
	return outputs, true
}

// longAxes are the extents that are not 1.
func longAxes(shape []ugraph.Dim) (long []ugraph.Dim) {
	for _, d := range shape {
		if !d.Is(1) {
			long = append(long, d)
		}
	}
	return long
}

// polynomialColumns is the number of columns of axis q that prove polynomial programs at all sizes: a
// monomial of degree D touches at most D·r of them, where an entry of an input has r indices of the axis,
// beside those of the output and one for all that it does not touch. It is 0 where that does not apply.
func (c *check) polynomialColumns(s *sizing, q, out int, axisOf func(int) int) int {
	if len(s.iota) > 0 {
		return 0
	}
	most := 0
	for _, g := range []*ugraph.Graph{c.a, c.b} {
		ones := make([]int, len(g.Inputs))
		for i := range ones {
			ones[i] = 1
		}
		ds, ok := polynomialDegree(g, ones)
		if !ok {
			return 0
		}
		for _, d := range ds {
			most = max(most, d)
		}
	}
	indices := 0
	for _, in := range c.a.Inputs {
		r := 0
		for ax := range c.a.Value(in.Value).Shape {
			if axisOf(s.slot(c.a, in.Value, ax)) == q {
				r++
			}
		}
		indices = max(indices, r)
	}
	return most*indices + out + 1
}
