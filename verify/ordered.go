package verify

import "github.com/morgana-ml/morgana/ugraph"

// A literal is a number of which the field knows sign and order. What is cast from an integer that depends on
// an input is not: it has one value in a test and another in use, and an operator that decides by order would be seen
// to go one way only. Such a float keeps its residues and loses what is known of it.

// castsOfData adds the casts of integers that depend on inputs to floats to casts. in says which inputs of g do; at
// the kernel level, nil, all do. It returns which outputs do. Booleans take all their values in the tests.
func castsOfData(g *ugraph.Graph, in []bool, casts map[*ugraph.Node]bool) (out []bool) {
	depends := make([]bool, len(g.Values))
	for i, x := range g.Inputs {
		depends[x.Value] = in == nil || in[i]
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		args := make([]bool, len(n.Args))
		some := false
		for k, a := range n.Args {
			args[k] = depends[a]
			some = some || args[k]
		}
		if n.Body != nil {
			for k, d := range castsOfData(n.Body, args, casts) {
				depends[n.Results[k]] = d
			}
			continue
		}
		if n.Op == ugraph.OpCast && some && g.Value(n.Args[0]).DType.IsInt() && g.Value(n.Results[0]).DType.IsFloat() {
			casts[n] = true
		}
		for _, r := range n.Results {
			depends[r] = some
		}
	}
	out = make([]bool, len(g.Outputs))
	for i, o := range g.Outputs {
		out[i] = depends[o.Value]
	}
	return out
}
