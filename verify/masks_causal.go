package verify

import (
	"slices"

	"github.com/morgana-ml/morgana/ugraph"
)

// causalMasks writes the mask of each causal attention of a program's or μGraph's own nodes as an operand. Where there
// are no more queries than keys each query sees a key, and the mask is one of numbers, 0 and −∞: for other masks a row
// that sees no key is undefined in it, and nothing is asked of it. Else, or beside a mask of booleans, it is one of booleans.
func causalMasks(g *ugraph.Graph) (*ugraph.Graph, error) {
	causal := func(n ugraph.Node) bool { return n.Op == ugraph.OpAttention && n.Attrs.Flag("causal") }
	if !slices.ContainsFunc(g.Nodes, causal) {
		return g, nil
	}
	out := &ugraph.Graph{Level: g.Level, Name: g.Name, For: g.For, Part: g.Part, Symbols: slices.Clone(g.Symbols)}
	id := make([]ugraph.ValueID, len(g.Values))
	for _, in := range g.Inputs {
		id[in.Value] = out.AddInput(g.Value(in.Value).Name, g.Value(in.Value).Type, in.Const)
	}
	var failed error
	op := func(op ugraph.Op, attrs ugraph.Attrs, args ...ugraph.ValueID) ugraph.ValueID {
		if failed != nil {
			return 0
		}
		r, err := out.Append(ugraph.Node{Op: op, Attrs: ugraph.CanonicalAttrs(op, attrs), Args: args})
		if failed = err; err != nil {
			return 0
		}
		return r[0]
	}
	for i := range g.Nodes {
		n := g.Nodes[i]
		old := n.Results
		n.Args = mapped(n.Args, id)
		if causal(n) {
			q, k := g.Value(g.Nodes[i].Args[0]).Type, g.Value(g.Nodes[i].Args[1]).Type
			n.Args = withCausalMask(op, out, n.Args, q.Shape[q.Rank()-2], k.Shape[k.Rank()-2])
			if n.Args != nil {
				n.Attrs = slices.DeleteFunc(slices.Clone(n.Attrs), func(a ugraph.Attr) bool { return a.Name == "causal" })
			} else {
				n.Args = mapped(g.Nodes[i].Args, id)
			}
		}
		r, err := out.Append(n)
		if err != nil {
			return nil, err
		}
		for j := range old {
			id[old[j]] = r[j]
		}
	}
	for _, o := range g.Outputs {
		out.Outputs = append(out.Outputs, ugraph.Output{Name: o.Name, Value: id[o.Value]})
	}
	if failed != nil {
		return nil, failed
	}
	return out, ugraph.Validate(out)
}

// withCausalMask are an attention's operands with the mask j ≤ i + (S − T) of T queries and S keys among them, as the library
// defines it; nil where a mask of numbers leaves queries without keys.
func withCausalMask(op func(ugraph.Op, ugraph.Attrs, ...ugraph.ValueID) ugraph.ValueID, g *ugraph.Graph, args []ugraph.ValueID, t, s ugraph.Dim) []ugraph.ValueID {
	tn, okT := t.Const()
	sn, okS := s.Const()
	seen := t == s || t.Is(1) || okT && okS && tn <= sn
	numbers := len(args) > 3 && g.Value(args[3]).DType.IsFloat()
	switch {
	case t.Is(1):
		return args
	case numbers && !seen:
		return nil
	}
	position := func(n ugraph.Dim) ugraph.ValueID { return op(ugraph.OpIota, ugraph.Attrs{ugraph.DimAttr("n", n)}) }
	last := func(n ugraph.Dim) ugraph.ValueID {
		return op(ugraph.OpMax, ugraph.Attrs{ugraph.IntsAttr("axis", 0)}, position(n))
	}
	row := op(ugraph.OpReshape, ugraph.Attrs{ugraph.DimsAttr("shape", t, ugraph.D(1))}, position(t))
	if t != s {
		row = op(ugraph.OpAdd, nil, row, op(ugraph.OpSub, nil, last(s), last(t)))
	}
	mask := op(ugraph.OpLessEqual, nil, position(s), row)
	number := func(n ugraph.Number, dt ugraph.DType) ugraph.ValueID {
		return op(ugraph.OpConst, ugraph.Attrs{ugraph.NumberAttr("value", n), ugraph.WordAttr("dtype", dt.String())})
	}
	args = slices.Clone(args)
	switch {
	case numbers:
		mask = op(ugraph.OpWhere, nil, mask, args[3], number(ugraph.Inf(-1), g.Value(args[3]).DType))
	case len(args) > 3:
		mask = op(ugraph.OpAnd, nil, args[3], mask)
	case seen:
		dt := g.Value(args[0]).DType
		mask = op(ugraph.OpWhere, nil, mask, number(ugraph.Int(0), dt), number(ugraph.Inf(-1), dt))
	}
	return append(args[:3], mask)
}
