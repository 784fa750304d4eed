package ugraph

import (
	"fmt"
	"sort"
)

// inference is one application of an operator while its result types are found.
type inference struct {
	op      Op
	attrs   Attrs
	args    []Type
	results []Type
}

// Infer returns the result types of an operator that holds no graph and is not block-only.
// Errors name the operator and say what would be legal.
func Infer(op Op, attrs Attrs, args []Type) ([]Type, error) {
	if op == OpInvalid || op >= numOps || opTable[op].infer == nil {
		return nil, fmt.Errorf("operator %s has no shape rule of its own", op)
	}
	if err := CheckCall(op, attrs, len(args)); err != nil {
		return nil, err
	}
	c := &inference{op: op, attrs: attrs, args: args}
	if err := opTable[op].infer(c); err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	for _, r := range c.results {
		if err := checkSize(r); err != nil {
			return nil, fmt.Errorf("%s: %w", op, err)
		}
	}
	return c.results, nil
}

// maxBytes bounds the size of one tensor (ug.md: 2^62 bytes or more is an error).
const maxBytes = 1 << 62

func checkSize(t Type) error {
	n := Elements(t.Shape).Mul(D(t.DType.Size()))
	if n == Overflow {
		return fmt.Errorf("a tensor of 2^62 bytes or more: %s", t)
	}
	if v, ok := n.Const(); ok && (v >= maxBytes || v <= 0) {
		if v <= 0 {
			return fmt.Errorf("an empty tensor: %s", t)
		}
		return fmt.Errorf("a tensor of 2^62 bytes or more: %s", t)
	}
	return nil
}

// CheckCall checks the number of operands and the names and kinds of attributes of a call.
func CheckCall(op Op, attrs Attrs, nargs int) error {
	info := op.Info()
	if nargs < info.MinArgs || info.MaxArgs >= 0 && nargs > info.MaxArgs {
		number, hint := fmt.Sprint(info.MinArgs), ""
		switch {
		case info.MaxArgs < 0:
			number = "at least " + number
		case info.MinArgs < info.MaxArgs:
			number += fmt.Sprintf(" to %d", info.MaxArgs)
		}
		if nargs > info.MaxArgs && info.MaxArgs >= 0 && len(info.Attrs) > 0 {
			hint = fmt.Sprintf("; what is no tensor has a name, as in %s=…", info.Attrs[0].Name)
		}
		if number != "1" {
			return fmt.Errorf("%s takes %s operands, got %d%s", op, number, nargs, hint)
		}
		return fmt.Errorf("%s takes 1 operand, got %d%s", op, nargs, hint)
	}
	for _, a := range attrs {
		s, ok := op.Spec(a.Name)
		if !ok {
			return fmt.Errorf("%s has no attribute %q", op, a.Name)
		}
		if s.Kind != a.Kind {
			return fmt.Errorf("%s: %s must be %s", op, a.Name, s.Kind)
		}
	}
	for _, s := range info.Attrs {
		if _, ok := attrs.Get(s.Name); s.Required && !ok {
			return fmt.Errorf("%s needs the attribute %s=", op, s.Name)
		}
	}
	return nil
}

// inferNode infers the result types of a node in the context of its graph.
func (g *Graph) inferNode(n *Node) ([]Type, error) {
	for _, a := range n.Args {
		if a < 0 || int(a) >= len(g.Values) {
			return nil, fmt.Errorf("%s: operand %d does not exist", n.Op, a)
		}
	}
	switch n.Op {
	case OpKernel, OpThread:
		return g.inferHolder(n)
	case OpLoad, OpAccum, OpRunning, OpPrevious:
		if g.Level != BlockLevel {
			return nil, fmt.Errorf("%s occurs in block graphs only", n.Op)
		}
		if err := CheckCall(n.Op, n.Attrs, len(n.Args)); err != nil {
			return nil, err
		}
		return g.inferBlockOp(n)
	}
	ts, err := Infer(n.Op, n.Attrs, g.ArgTypes(n))
	if err != nil {
		return nil, err
	}
	return ts, nil
}

func (g *Graph) inferHolder(n *Node) ([]Type, error) {
	want := BlockLevel
	if n.Op == OpThread {
		want = ThreadLevel
	}
	if n.Body == nil || n.Body.Level != want || g.Level != want-1 {
		return nil, fmt.Errorf("%s: a %s graph belongs in a %s graph", n.Op, want, want-1)
	}
	if len(n.Args) != len(n.Body.Inputs) {
		return nil, fmt.Errorf("%s: its graph has %d inputs, the node %d operands", n.Op, len(n.Body.Inputs), len(n.Args))
	}
	for i, a := range n.Args {
		if in := n.Body.Values[n.Body.Inputs[i].Value]; !in.Type.Equal(g.Values[a].Type) {
			return nil, fmt.Errorf("%s: input %d is %s inside and %s outside", n.Op, i, in.Type, g.Values[a].Type)
		}
	}
	ts := make([]Type, len(n.Body.Outputs))
	for i := range ts {
		t, err := n.Body.OutputType(i)
		if err != nil {
			return nil, err
		}
		if err := checkSize(t); err != nil {
			return nil, fmt.Errorf("%s: %w", n.Op, err)
		}
		ts[i] = t
	}
	return ts, nil
}

// tileOf returns the extent of a tile of an axis of the given extent, and the extent that was cut.
func tileOf(what string, d GridDim, extent Dim) (Dim, error) {
	if d.Parts > 0 {
		t, ok := extent.Div(d.Parts)
		if !ok {
			return Dim{}, fmt.Errorf("%s %s: %d parts do not divide an axis of extent %s", what, d.Name, d.Parts, extent)
		}
		return t, nil
	}
	if extent != d.Extent {
		return Dim{}, fmt.Errorf("%s %s cuts axes of extent %s, not %s", what, d.Name, d.Extent, extent)
	}
	if n, ok := extent.Const(); ok && n < d.Tile {
		return extent, nil
	}
	return D(d.Tile), nil
}

func (g *Graph) inferBlockOp(n *Node) ([]Type, error) {
	x := g.Values[n.Args[0]]
	switch n.Op {
	case OpLoad:
		full := Type{DType: x.DType, Shape: append([]Dim{}, x.Shape...), Cuts: make([]Cut, x.Rank())}
		for i := range x.Shape {
			if x.Cut(i).IsCut() {
				return nil, fmt.Errorf("load: its operand is a tile already; load takes an input or an iota")
			}
		}
		if x.Node >= 0 && g.Nodes[x.Node].Op != OpIota {
			return nil, fmt.Errorf("load takes an input or an iota, not the result of %s", g.Nodes[x.Node].Op)
		}
		grid, _ := n.Attrs.Get("grid")
		if len(grid.Ints) != len(g.Grid) {
			return nil, fmt.Errorf("load: grid= needs an axis or -1 for each of the %d grid dimensions", len(g.Grid))
		}
		for gi, axis := range grid.Ints {
			if axis < 0 {
				continue
			}
			if axis >= int64(x.Rank()) {
				return nil, fmt.Errorf("load: grid dimension %s cuts axis %d of a tensor with %d axes", g.Grid[gi].Name, axis, x.Rank())
			}
			if full.Cuts[axis].IsCut() {
				return nil, fmt.Errorf("load: two grid dimensions cut axis %d", axis)
			}
			t, err := tileOf("grid dimension", g.Grid[gi], full.Shape[axis])
			if err != nil {
				return nil, fmt.Errorf("load: %w", err)
			}
			full.Cuts[axis] = Cut{Extent: x.Shape[axis], Grid: gi + 1}
			full.Shape[axis] = t
		}
		if axis := n.Attrs.Int("loop", -1); axis >= 0 {
			if g.Loop == nil {
				return nil, fmt.Errorf("load: loop=%d, but the block graph has no loop", axis)
			}
			if axis >= int64(x.Rank()) {
				return nil, fmt.Errorf("load: the loop cuts axis %d of a tensor with %d axes", axis, x.Rank())
			}
			t, err := tileOf("loop", *g.Loop, full.Shape[axis])
			if err != nil {
				return nil, fmt.Errorf("load: %w", err)
			}
			full.Cuts[axis].Extent = x.Shape[axis]
			full.Cuts[axis].Loop = true
			full.Shape[axis] = t
		}
		return []Type{full}, nil
	case OpAccum:
		switch k := n.Attrs.Word("kind", "sum"); {
		case k != "sum" && k != "max" && k != "min":
			return nil, fmt.Errorf("accum: kind=%s; have sum, max, min", k)
		case k != "sum" && len(n.Args) == 2:
			return nil, fmt.Errorf("accum: only kind=sum takes a factor")
		}
		t := Type{DType: x.DType, Shape: x.Shape, Cuts: append([]Cut(nil), x.Cuts...)}
		if len(n.Args) == 2 {
			f := g.Values[n.Args[1]].Type
			joined, err := broadcastTypes([]Type{x.Type, f})
			if err != nil || f.DType != x.DType || !SameShape(joined.Shape, x.Shape) {
				return nil, fmt.Errorf("accum: the factor %s must broadcast to the tile %s", f, x.Type)
			}
		}
		// An axis that the loop cuts and that is not reduced is folded: trip upon trip.
		for i := range t.Shape {
			if c := t.Cut(i); c.Loop {
				t.Cuts[i] = Cut{Extent: c.Extent, Grid: c.Grid, Irregular: true}
			}
		}
		return []Type{t}, nil
	default:
		if x.Node < 0 || g.Nodes[x.Node].Op != OpAccum {
			return nil, fmt.Errorf("%s takes an accumulator", n.Op)
		}
		return []Type{x.Type}, nil
	}
}

// result adds a result type.
func (c *inference) result(dt DType, shape []Dim, cuts []Cut) error {
	if c.args == nil || !c.tiled() {
		cuts = nil
	} else if cuts == nil {
		cuts = make([]Cut, len(shape))
	}
	c.results = append(c.results, Type{DType: dt, Shape: shape, Cuts: cuts})
	return nil
}

func (c *inference) tiled() bool {
	for _, a := range c.args {
		if a.Cuts != nil {
			return true
		}
	}
	return false
}

// broadcastTypes joins shapes aligned at the right, and the cuts of the axes that meet.
func broadcastTypes(ts []Type) (Type, error) {
	rank, tiled := 0, false
	for _, t := range ts {
		rank = max(rank, t.Rank())
		tiled = tiled || t.Cuts != nil
	}
	out := Type{Shape: make([]Dim, rank)}
	if tiled {
		out.Cuts = make([]Cut, rank)
	}
	for i := range out.Shape {
		out.Shape[i] = D(1)
		first := true
		for _, t := range ts {
			j := i - (rank - t.Rank())
			if j < 0 {
				continue
			}
			d, cut := t.Shape[j], t.Cut(j)
			o := &out.Shape[i]
			switch {
			case d != *o && !d.Is(1) && !o.Is(1):
				return Type{}, fmt.Errorf("shapes %s do not broadcast: %s meets %s", shapesOf(ts), *o, d)
			case d.Is(1) && !o.Is(1): // repeated along the axis
				if cut.IsCut() {
					out.Cuts[i].Irregular = true
				}
				continue
			case o.Is(1) && !d.Is(1):
				if tiled && !first && out.Cuts[i].IsCut() {
					cut.Irregular = true
				}
				*o = d
				if tiled {
					out.Cuts[i] = cut
				}
			case tiled: // equal extents
				was := out.Cuts[i]
				switch {
				case first || was == cut:
					out.Cuts[i] = cut
				case d.Is(1) && !was.IsCut(): // a whole axis of extent 1 is repeated
					out.Cuts[i] = cut
				case d.Is(1) && !cut.IsCut():
				default:
					out.Cuts[i] = Cut{Extent: d, Irregular: true}
				}
			}
			first = false
		}
	}
	return out, nil
}

func shapesOf(ts []Type) string {
	s := ""
	for i, t := range ts {
		if i > 0 {
			s += ", "
		}
		s += ShapeString(t.Shape)
	}
	return s
}

// NormalAxis maps a possibly negative axis into 0…rank-1.
func NormalAxis(axis int64, rank int) (int, error) {
	a := axis
	if a < 0 {
		a += int64(rank)
	}
	if a < 0 || a >= int64(rank) {
		return 0, fmt.Errorf("axis %d of a tensor with %d axes", axis, rank)
	}
	return int(a), nil
}

// ReduceAxes returns the axes that a reduction removes, ascending: axis= (integer or list), or all.
func ReduceAxes(attrs Attrs, rank int) ([]int, error) {
	a, ok := attrs.Get("axis")
	if !ok {
		out := make([]int, rank)
		for i := range out {
			out[i] = i
		}
		return out, nil
	}
	list := a.Ints
	if a.Kind == AttrNumber {
		n, ok := a.Number.IsInt()
		if !ok {
			return nil, fmt.Errorf("axis=%s is not an integer", a.Number)
		}
		list = []int64{n}
	}
	var out []int
	seen := map[int]bool{}
	for _, v := range list {
		x, err := NormalAxis(v, rank)
		if err != nil {
			return nil, err
		}
		if seen[x] {
			return nil, fmt.Errorf("axis %d is named twice", v)
		}
		seen[x] = true
		out = append(out, x)
	}
	sort.Ints(out)
	return out, nil
}
