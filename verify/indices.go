package verify

import "github.com/morgana-ml/morgana/ugraph"

// computesWithIndices tells whether anything but moving is done with an index that argmax or top-k found: then positions are
// numbers, and an index that only a longer axis has could make a difference. An index that merely becomes an output is the
// same in both graphs where what it is found in is the same. in says which inputs are indices; out, which outputs.
func computesWithIndices(g *ugraph.Graph, in []bool) (out []bool, found bool) {
	index := make([]bool, len(g.Values))
	for i, x := range g.Inputs {
		index[x.Value] = in != nil && in[i]
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		switch {
		case n.Body != nil:
			args := make([]bool, len(n.Args))
			for k, a := range n.Args {
				args[k] = index[a]
			}
			outs, bad := computesWithIndices(n.Body, args)
			if bad {
				return nil, true
			}
			for k, r := range n.Results {
				index[r] = outs[k]
			}
			continue
		case n.Op == ugraph.OpArgmax:
			index[n.Results[0]] = true
		case n.Op == ugraph.OpTopK:
			index[n.Results[1]] = true
		}
		for k, a := range n.Args {
			if !index[a] {
				continue
			}
			moved := n.Op == ugraph.OpLoad || n.Op.Info().Class == ugraph.Movement && n.Op != ugraph.OpScatterAdd && (k == 0 || n.Op == ugraph.OpConcat)
			if !moved {
				return nil, true
			}
			for _, r := range n.Results {
				index[r] = true
			}
		}
	}
	out = make([]bool, len(g.Outputs))
	for i, o := range g.Outputs {
		out[i] = index[o.Value]
		if out[i] && o.Store != nil && o.Store.Reduce != "" {
			return nil, true
		}
	}
	return out, false
}
