package library

import (
	"fmt"

	"github.com/morgana-ml/morgana/ugraph"
)

// emitter appends operators to a graph. The first error sticks.
type emitter struct {
	g   *ugraph.Graph
	err error
}

func (e *emitter) fail(err error) {
	if e.err == nil {
		e.err = err
	}
}

func (e *emitter) ops(op ugraph.Op, attrs ugraph.Attrs, args ...ugraph.ValueID) []ugraph.ValueID {
	if e.err != nil {
		return nil
	}
	r, err := e.g.Append(ugraph.Node{Op: op, Args: append([]ugraph.ValueID(nil), args...), Attrs: ugraph.CanonicalAttrs(op, attrs)})
	if err != nil {
		e.fail(err)
	}
	return r
}

func (e *emitter) op(op ugraph.Op, attrs ugraph.Attrs, args ...ugraph.ValueID) ugraph.ValueID {
	if r := e.ops(op, attrs, args...); len(r) > 0 {
		return r[0]
	}
	return 0
}

func (e *emitter) shape(v ugraph.ValueID) []ugraph.Dim { return e.g.Values[v].Shape }
func (e *emitter) dtype(v ugraph.ValueID) ugraph.DType { return e.g.Values[v].DType }

func (e *emitter) constant(n ugraph.Number, dt ugraph.DType) ugraph.ValueID {
	return e.op(ugraph.OpConst, ugraph.Attrs{ugraph.NumberAttr("value", n), ugraph.WordAttr("dtype", dt.String())})
}

func (e *emitter) cast(v ugraph.ValueID, dt ugraph.DType) ugraph.ValueID {
	if e.dtype(v) == dt {
		return v
	}
	return e.op(ugraph.OpCast, ugraph.Attrs{ugraph.WordAttr("to", dt.String())}, v)
}

// reduce reduces one axis and keeps it with extent 1.
func (e *emitter) reduce(op ugraph.Op, v ugraph.ValueID, axis int64) ugraph.ValueID {
	return e.op(op, ugraph.Attrs{ugraph.IntsAttr("axis", axis), ugraph.BoolAttr("keepdims", true)}, v)
}

func (e *emitter) reshape(v ugraph.ValueID, shape []ugraph.Dim) ugraph.ValueID {
	return e.op(ugraph.OpReshape, ugraph.Attrs{ugraph.DimsAttr("shape", shape...)}, v)
}

// iota is 0 … n-1 as i32. In a block graph it is a whole value, which operators read through a load.
func (e *emitter) iota(n ugraph.Dim) ugraph.ValueID {
	v := e.op(ugraph.OpIota, ugraph.Attrs{ugraph.DimAttr("n", n)})
	if e.g.Level != ugraph.BlockLevel {
		return v
	}
	grid := make([]int64, len(e.g.Grid))
	for i := range grid {
		grid[i] = -1
	}
	return e.op(ugraph.OpLoad, ugraph.Attrs{ugraph.IntsAttr("grid", grid...)}, v)
}

// lastIndex is n - 1 as an i32 scalar.
func (e *emitter) lastIndex(n ugraph.Dim) ugraph.ValueID {
	return e.op(ugraph.OpMax, ugraph.Attrs{ugraph.IntsAttr("axis", 0)}, e.iota(n))
}

// ExpandNode appends the definition of a composite operator to g and returns its result. The
// operands are values of g, which may be at any level. The result has the type that the operator's
// rule infers, but for the cuts of a tile.
func ExpandNode(g *ugraph.Graph, op ugraph.Op, attrs ugraph.Attrs, args []ugraph.ValueID) (ugraph.ValueID, error) {
	def, ok := Lookup(op)
	if !ok {
		return 0, fmt.Errorf("%s is not a composite operator", op)
	}
	types := make([]ugraph.Type, len(args))
	for i, a := range args {
		types[i] = g.Values[a].Type
	}
	want, err := ugraph.Infer(op, attrs, types)
	if err != nil {
		return 0, err
	}
	e := &emitter{g: g}
	inside := make([]ugraph.ValueID, len(args))
	for i, a := range args {
		inside[i] = a
		if dt := types[i].DType; dt.IsFloat() {
			inside[i] = e.cast(a, dt.Accumulator())
		}
	}
	out := e.cast(def.expand(e, attrs, inside), want[0].DType)
	if e.err != nil {
		return 0, fmt.Errorf("expanding %s: %w", op, e.err)
	}
	if got := g.Values[out].Type; got.DType != want[0].DType || !ugraph.SameShape(got.Shape, want[0].Shape) {
		return 0, fmt.Errorf("expanding %s: the definition gives %s, the operator %s", op, got, want[0])
	}
	return out, nil
}

// Define returns a composite operator as a program of primitives, for operands of the given types.
func Define(op ugraph.Op, attrs ugraph.Attrs, args []ugraph.Type) (*ugraph.Graph, error) {
	g := &ugraph.Graph{Level: ugraph.KernelLevel, Name: op.String()}
	ids := make([]ugraph.ValueID, len(args))
	for i, t := range args {
		ids[i] = g.AddInput(fmt.Sprintf("x%d", i), ugraph.Type{DType: t.DType, Shape: t.Shape}, false)
	}
	out, err := ExpandNode(g, op, attrs, ids)
	if err != nil {
		return nil, err
	}
	g.Outputs = []ugraph.Output{{Name: "y", Value: out}}
	return g, nil
}

// HasComposite tells whether the graph or a graph inside it has a composite operator.
func HasComposite(g *ugraph.Graph) bool {
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Op.Info().Class == ugraph.Composite || n.Body != nil && HasComposite(n.Body) {
			return true
		}
	}
	return false
}

// Expand rewrites every composite operator, at every level, into its definition. Inputs, outputs and
// the names of values stay. A graph without composites is returned as it is. Errors name the node
// whose definition does not apply: rope over a symbolic last axis, grouped heads of symbolic number.
func Expand(g *ugraph.Graph) (*ugraph.Graph, error) {
	return ExpandWhere(g, func(*ugraph.Graph, *ugraph.Node) bool { return true })
}

// ExpandWhere is Expand of the composite operators for which where is true; it is called with the
// graph that holds the node.
func ExpandWhere(g *ugraph.Graph, where func(*ugraph.Graph, *ugraph.Node) bool) (*ugraph.Graph, error) {
	if !HasComposite(g) {
		return g, nil
	}
	out := g.Clone()
	out.Values, out.Nodes, out.Inputs = nil, nil, nil
	to := make([]ugraph.ValueID, len(g.Values))
	for _, in := range g.Inputs {
		v := g.Values[in.Value]
		to[in.Value] = out.AddInput(v.Name, v.Type, in.Const)
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		args := make([]ugraph.ValueID, len(n.Args))
		for j, a := range n.Args {
			args[j] = to[a]
		}
		var results []ugraph.ValueID
		if n.Op.Info().Class == ugraph.Composite && where(g, n) {
			r, err := ExpandNode(out, n.Op, n.Attrs, args)
			if err != nil {
				return nil, fmt.Errorf("%s: node %d: %w", g.Name, i, err)
			}
			results = []ugraph.ValueID{r}
		} else {
			m := ugraph.Node{Op: n.Op, Args: args, Attrs: append(ugraph.Attrs(nil), n.Attrs...)}
			if n.Body != nil {
				body, err := ExpandWhere(n.Body, where)
				if err != nil {
					return nil, fmt.Errorf("%s: node %d: %w", g.Name, i, err)
				}
				m.Body = body.Clone()
			}
			r, err := out.Append(m)
			if err != nil {
				return nil, fmt.Errorf("%s: node %d: %w", g.Name, i, err)
			}
			results = r
		}
		for j, r := range n.Results {
			to[r] = results[j]
			if name := g.Values[r].Name; name != "" && out.Values[results[j]].Name == "" {
				out.Values[results[j]].Name = name
			}
		}
	}
	for i := range out.Outputs {
		out.Outputs[i].Value = to[g.Outputs[i].Value]
	}
	if err := ugraph.Validate(out); err != nil {
		return nil, fmt.Errorf("%s: the expanded graph is not legal: %w", g.Name, err)
	}
	return out, nil
}
