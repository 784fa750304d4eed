package expr

import (
	"fmt"

	"github.com/morgana-ml/morgana/ugraph"
)

// placed is a value of the program being written: a tensor whose axes lie in the given order.
type placed struct {
	v     ugraph.ValueID
	order []int
	dt    ugraph.DType
}

type programWriter struct {
	d *DAG
	b *ugraph.Builder
}

// ToProgram writes the DAG as a plain tensor program with the same interface as the one it was lifted
// from: names, element types, shapes and order of inputs and outputs, and symbols. Each node is one
// operator, beside the transposes, reshapes and casts that give its operands one order of axes and one
// element type.
func ToProgram(d *DAG) (*ugraph.Graph, error) {
	w := &programWriter{d: d, b: ugraph.NewBuilder(d.Name)}
	if d.Part() {
		w.b.Part()
	}
	for _, s := range d.Symbols {
		w.b.Symbol(s.Name, s.Lo, s.Hi, s.Multiple)
	}
	inputs := make([]placed, len(d.Inputs))
	for i, in := range d.Inputs {
		add := w.b.Input
		if in.Const {
			add = w.b.Weight
		}
		shape := d.InputShape(i)
		v := add(in.Name, in.DType, shape)
		inputs[i] = placed{v: v, order: in.Axes, dt: in.DType}
	}
	vals := make([]placed, len(d.Nodes))
	for i := range d.Nodes {
		n := &d.Nodes[i]
		switch {
		case n.Op == ugraph.OpInvalid:
			in := inputs[n.Input]
			vals[i] = placed{w.reshape(in.v, d.Extents(in.order)), in.order, in.dt}
		case n.Op == ugraph.OpConst:
			v := w.b.Const(n.Value, n.DType)
			order := n.Axes.List()
			if len(order) > 0 {
				v = w.b.Op(ugraph.OpBroadcast, ugraph.Attrs{ugraph.DimsAttr("shape", d.Extents(order)...)}, v)
			}
			vals[i] = placed{v, order, n.DType}
		case n.Op == ugraph.OpIota:
			axis := n.Axes.List()
			v := w.b.Op(ugraph.OpIota, ugraph.Attrs{ugraph.DimAttr("n", d.Axes[axis[0]].Extent)})
			vals[i] = placed{w.cast(placed{v, axis, ugraph.I32}, n.DType).v, axis, n.DType}
		case n.Op == ugraph.OpMatMul:
			vals[i] = w.contract(w.cast(vals[n.Args[0]], n.DType), w.cast(vals[n.Args[1]], n.DType), n.Over, n.DType)
		case n.Over != 0:
			vals[i] = w.reduce(n, vals[n.Args[0]])
		default:
			vals[i] = w.elementwise(n, vals)
		}
		if err := w.b.Err(); err != nil {
			return nil, fmt.Errorf("%s: node %d (%s): %w", d.Name, i, n.Op, err)
		}
	}
	for i, o := range d.Outputs {
		x := w.cast(vals[o.Node], o.DType)
		v := w.align(x, o.Axes)
		v = w.broadcast(v, d.Extents(o.Axes))
		w.b.Output(o.Name, w.reshape(v, d.OutputShape(i)))
	}
	g, err := w.b.Graph()
	if err != nil {
		return nil, fmt.Errorf("%s as a program: %w", d.Name, err)
	}
	return g, nil
}

func (w *programWriter) cast(x placed, dt ugraph.DType) placed {
	if x.dt == dt {
		return x
	}
	return placed{w.b.Op(ugraph.OpCast, ugraph.Attrs{ugraph.WordAttr("to", dt.String())}, x.v), x.order, dt}
}

// floatCast casts between floating-point types only: the casts that Lift dropped.
func (w *programWriter) floatCast(x placed, dt ugraph.DType) placed {
	if x.dt.IsFloat() && dt.IsFloat() {
		return w.cast(x, dt)
	}
	return x
}

func (w *programWriter) reshape(v ugraph.ValueID, shape []ugraph.Dim) ugraph.ValueID {
	if w.b.Err() != nil || ugraph.SameShape(w.b.Type(v).Shape, shape) {
		return v
	}
	return w.b.Op(ugraph.OpReshape, ugraph.Attrs{ugraph.DimsAttr("shape", shape...)}, v)
}

func (w *programWriter) broadcast(v ugraph.ValueID, shape []ugraph.Dim) ugraph.ValueID {
	if w.b.Err() != nil || ugraph.SameShape(w.b.Type(v).Shape, shape) {
		return v
	}
	return w.b.Op(ugraph.OpBroadcast, ugraph.Attrs{ugraph.DimsAttr("shape", shape...)}, v)
}

// transpose brings a value's axes into another order of the same axes.
func (w *programWriter) transpose(x placed, order []int) placed {
	perm := make([]int64, len(order))
	same := true
	for i, a := range order {
		for j, b := range x.order {
			if a == b {
				perm[i] = int64(j)
			}
		}
		same = same && perm[i] == int64(i)
	}
	if same {
		return x
	}
	return placed{w.b.Op(ugraph.OpTranspose, ugraph.Attrs{ugraph.IntsAttr("perm", perm...)}, x.v), order, x.dt}
}

// align gives a value the axes of order, with extent 1 for those that it lacks.
func (w *programWriter) align(x placed, order []int) ugraph.ValueID {
	if len(x.order) == 0 {
		return x.v
	}
	has := Set(x.order...)
	var own []int
	shape := make([]ugraph.Dim, len(order))
	for i, a := range order {
		shape[i] = ugraph.D(1)
		if has.Has(a) {
			own = append(own, a)
			shape[i] = w.d.Axes[a].Extent
		}
	}
	x = w.transpose(x, own)
	for len(shape) > len(own) && shape[0].Is(1) && !has.Has(order[0]) { // broadcasting supplies leading axes
		shape, order = shape[1:], order[1:]
	}
	return w.reshape(x.v, shape)
}

func (w *programWriter) elementwise(n *Node, vals []placed) placed {
	// The order of the operand with most axes, those that it lacks in front.
	var order []int
	for _, a := range n.Args {
		if len(vals[a].order) > len(order) {
			order = vals[a].order
		}
	}
	var front []int
	for _, a := range (n.Axes &^ Set(order...)).List() {
		front = append(front, a)
	}
	order = append(front, order...)
	dt := n.DType
	if !dt.IsFloat() { // a comparison: the wider type of its operands
		dt = ugraph.Invalid
		for _, a := range n.Args {
			if t := vals[a].dt; t.IsFloat() && (dt == ugraph.Invalid || t.Size() > dt.Size()) {
				dt = t
			}
		}
	}
	args := make([]ugraph.ValueID, len(n.Args))
	for i, a := range n.Args {
		x := vals[a]
		if n.Op != ugraph.OpCast && n.Op != ugraph.OpUniform {
			x = w.floatCast(x, dt)
		}
		args[i] = w.align(x, order)
	}
	return placed{w.b.Op(n.Op, n.Attrs, args...), order, n.DType}
}

func (w *programWriter) reduce(n *Node, x placed) placed {
	x = w.floatCast(x, n.DType)
	var axes []int64
	order := []int{}
	for i, a := range x.order {
		if n.Over.Has(a) {
			axes = append(axes, int64(i))
		} else {
			order = append(order, a)
		}
	}
	return placed{w.b.Op(n.Op, ugraph.Attrs{ugraph.IntsAttr("axis", axes...)}, x.v), order, n.DType}
}

// contract writes Σ_over a·b as a matmul: batch axes first, then the rows of a, the columns of b.
func (w *programWriter) contract(a, b placed, over AxisSet, dt ugraph.DType) placed {
	sa, sb := Set(a.order...), Set(b.order...)
	pick := func(order []int, s AxisSet) []int {
		out := []int{}
		for _, x := range order {
			if s.Has(x) {
				out = append(out, x)
			}
		}
		return out
	}
	batch := pick(a.order, sa&sb&^over)
	m, n, k := pick(a.order, sa&^sb), pick(b.order, sb&^sa), pick(a.order, over)
	join := func(ls ...[]int) []int {
		var out []int
		for _, l := range ls {
			out = append(out, l...)
		}
		return out
	}
	// An operand that lies the other way round is read so, not moved.
	operand := func(x placed, row, col []int, flag string) (ugraph.ValueID, ugraph.Attrs) {
		var attrs ugraph.Attrs
		if same(x.order, join(batch, col, row)) && !same(x.order, join(batch, row, col)) {
			row, col = col, row
			attrs = ugraph.Attrs{ugraph.BoolAttr(flag, true)}
		}
		x = w.transpose(x, join(batch, row, col))
		shape := append(w.d.Extents(batch), ugraph.Elements(w.d.Extents(row)), ugraph.Elements(w.d.Extents(col)))
		return w.reshape(x.v, shape), attrs
	}
	va, fa := operand(a, m, k, "transpose_a")
	vb, fb := operand(b, k, n, "transpose_b")
	v := w.b.Op(ugraph.OpMatMul, append(fa, fb...), va, vb)
	order := join(batch, m, n)
	return placed{w.reshape(v, w.d.Extents(order)), order, dt}
}

func same(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
