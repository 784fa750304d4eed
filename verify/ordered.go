package verify

import "github.com/morgana-ml/morgana/ugraph"

// intTaint says whether a value holds integers of an input, is a float that was made of such, or also
// depends on float inputs.
type intTaint struct{ integer, number, data bool }

// decidesByOrder are operators that decide by the order of their operands, or by their sign or whole part.
var decidesByOrder = map[ugraph.Op]bool{
	ugraph.OpMaximum: true, ugraph.OpMinimum: true, ugraph.OpMax: true, ugraph.OpMin: true, ugraph.OpRelu: true, ugraph.OpAbs: true, ugraph.OpClamp: true,
	ugraph.OpSign: true, ugraph.OpFloor: true, ugraph.OpArgmax: true, ugraph.OpTopK: true,
	ugraph.OpLess: true, ugraph.OpLessEqual: true, ugraph.OpEqual: true, ugraph.OpGreater: true, ugraph.OpGreaterEqual: true,
}

// ordersNumbers looks for an operator that decides by the order of numbers made of integer inputs alone.
// A field knows the order of numbers, so such a graph goes one way for the values that are drawn and
// perhaps another for values that are not. in says what the graph's inputs hold; at the kernel level, nil,
// they are what their types say.
func ordersNumbers(g *ugraph.Graph, in []intTaint) (out []intTaint, found bool) {
	taint := make([]intTaint, len(g.Values))
	for i, x := range g.Inputs {
		switch dt := g.Value(x.Value).DType; {
		case in != nil:
			taint[x.Value] = in[i]
		case dt.IsFloat():
			taint[x.Value].data = true
		default:
			taint[x.Value].integer = dt.IsInt()
		}
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		var joint intTaint
		var args []intTaint
		alone, allData := false, true
		for k, a := range n.Args {
			t := taint[a]
			args = append(args, t)
			alone = alone || t.number && !t.data
			if n.Op == ugraph.OpWhere && k == 0 {
				continue
			}
			joint.integer, joint.number, joint.data = joint.integer || t.integer, joint.number || t.number, joint.data || t.data
			allData = allData && t.data
		}
		if n.Body != nil {
			outs, bad := ordersNumbers(n.Body, args)
			if bad {
				return nil, true
			}
			for k, r := range n.Results {
				taint[r] = outs[k]
			}
			continue
		}
		toInteger := n.Op == ugraph.OpCast && !g.Value(n.Results[0]).DType.IsFloat()
		extreme := n.Op == ugraph.OpAccum && n.Attrs.Word("kind", "sum") != "sum"
		if alone && (decidesByOrder[n.Op] || toInteger || extreme) {
			return nil, true
		}
		if n.Op == ugraph.OpWhere || n.Op == ugraph.OpConcat {
			joint.data = allData // one branch alone may be a number
		}
		for _, r := range n.Results {
			t := joint
			if g.Value(r).DType.IsFloat() && t.integer {
				t.integer, t.number = false, true
			}
			taint[r] = t
		}
	}
	out = make([]intTaint, len(g.Outputs))
	for i, o := range g.Outputs {
		out[i] = taint[o.Value]
	}
	for _, o := range g.Outputs {
		// Blocks that combine by an extreme decide too.
		t := taint[o.Value]
		found = found || o.Store != nil && (o.Store.Reduce == "max" || o.Store.Reduce == "min") && t.number && !t.data
	}
	return out, found
}
