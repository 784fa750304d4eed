package ugraph

import "fmt"

// Builder makes a graph in Go with the same power as the .ug text. The first error sticks and is
// returned by Graph; methods called after it do nothing.
//
//	b := ugraph.NewBuilder("gated_mlp")
//	x := b.Input("X", ugraph.F16, ugraph.Ds(8, 4096))
//	w := b.Weight("W", ugraph.F16, ugraph.Ds(4096, 4096))
//	b.Output("Y", b.Op(ugraph.OpSilu, nil, b.Op(ugraph.OpMatMul, nil, x, w)))
//	g, err := b.Graph()
type Builder struct {
	g   *Graph
	err error
}

// NewBuilder starts a kernel-level graph: a program, or a μGraph where kernels are added.
func NewBuilder(name string) *Builder { return &Builder{g: &Graph{Level: KernelLevel, Name: name}} }

// Fail records an error, if none was before.
func (b *Builder) Fail(err error) {
	if b.err == nil && err != nil {
		b.err = err
	}
}

// Err is the first error.
func (b *Builder) Err() error { return b.err }

// For names the program that a μGraph stands for.
func (b *Builder) For(program string) { b.g.For = program }

// Part says that the graph is a part of a larger program: its inputs are values of that program, whose extents no
// declaration could give (S + 64).
func (b *Builder) Part() { b.g.Part = true }

// Symbol declares a symbol and returns it as a dimension.
func (b *Builder) Symbol(name string, lo, hi, multiple int64) Dim {
	if lo < 1 || hi < lo || multiple < 1 || lo > hi/multiple*multiple {
		b.Fail(fmt.Errorf("symbol %s: the range %d <= %s <= %d, %s %% %d == 0 is empty", name, lo, name, hi, name, multiple))
	}
	b.g.Symbols = append(b.g.Symbols, Symbol{Name: name, Lo: lo, Hi: hi, Multiple: multiple})
	return Sym(name)
}

// Input adds an input tensor.
func (b *Builder) Input(name string, dt DType, shape []Dim) ValueID {
	return b.g.AddInput(name, Type{DType: dt, Shape: shape}, false)
}

// Weight adds a const input.
func (b *Builder) Weight(name string, dt DType, shape []Dim) ValueID {
	return b.g.AddInput(name, Type{DType: dt, Shape: shape}, true)
}

// Const adds a literal of the given type.
func (b *Builder) Const(n Number, dt DType) ValueID {
	return b.Op(OpConst, Attrs{}.With(NumberAttr("value", n)).With(WordAttr("dtype", dt.String())))
}

// Op adds an operator with one result. Attributes need no order.
func (b *Builder) Op(op Op, attrs Attrs, args ...ValueID) ValueID {
	r := b.Ops(op, attrs, args...)
	if len(r) == 0 {
		return 0
	}
	return r[0]
}

// Ops adds an operator and returns all of its results.
func (b *Builder) Ops(op Op, attrs Attrs, args ...ValueID) []ValueID {
	if b.err != nil {
		return nil
	}
	r, err := b.g.Append(Node{Op: op, Args: append([]ValueID(nil), args...), Attrs: CanonicalAttrs(op, attrs)})
	b.Fail(err)
	return r
}

// Adopt adds a copy of a node of another graph, its body included, on other operands, and returns its
// results.
func (b *Builder) Adopt(n Node, args []ValueID) []ValueID {
	if b.err != nil {
		return nil
	}
	if n.Body != nil {
		n.Body = n.Body.Clone()
	}
	n.Args, n.Results = append([]ValueID(nil), args...), nil
	r, err := b.g.Append(n)
	b.Fail(err)
	return r
}

// CanonicalAttrs sorts attributes and leaves out those that have their default value.
func CanonicalAttrs(op Op, attrs Attrs) Attrs {
	var out Attrs
	for _, a := range attrs {
		if s, ok := op.Spec(a.Name); ok && s.Default.Name != "" && s.Default.String() == a.String() {
			continue
		}
		out = out.With(a)
	}
	return out
}

// Name names a value.
func (b *Builder) Name(v ValueID, name string) ValueID {
	if b.err == nil && int(v) < len(b.g.Values) {
		b.g.Values[v].Name = name
	}
	return v
}

// Type returns the type of a value.
func (b *Builder) Type(v ValueID) Type {
	if b.err != nil || int(v) >= len(b.g.Values) {
		return Type{}
	}
	return b.g.Values[v].Type
}

// Output adds an output of a kernel-level or thread graph. A value without a name gets the output's,
// and another intermediate value of that name loses it: names are unique, and an output's are fixed.
func (b *Builder) Output(name string, v ValueID) {
	if b.err != nil {
		return
	}
	if int(v) >= len(b.g.Values) || v < 0 {
		b.Fail(fmt.Errorf("output %s: no value %d", name, v))
		return
	}
	if old, ok := b.g.valueByName(name); ok && old != v && b.g.Values[old].Node >= 0 {
		b.g.Values[old].Name = ""
	}
	if x := &b.g.Values[v]; x.Node >= 0 && x.Name == "" {
		x.Name = name
	}
	b.g.Outputs = append(b.g.Outputs, Output{Name: name, Value: v})
}

// valueByName finds a value by its name.
func (g *Graph) valueByName(name string) (ValueID, bool) {
	for i := range g.Values {
		if g.Values[i].Name == name {
			return ValueID(i), true
		}
	}
	return 0, false
}

// Kernel adds a graph-defined kernel. The function fills in the block graph; its inputs are given by
// BlockBuilder.Arg, its outputs by BlockBuilder.Store. The kernel's results are returned in the
// order of the stores, and named by them where the name is free.
func (b *Builder) Kernel(name string, fill func(k *BlockBuilder)) []ValueID {
	if b.err != nil {
		return nil
	}
	k := &BlockBuilder{Builder: Builder{g: &Graph{Level: BlockLevel, Name: name}}, outer: b, args: map[ValueID]ValueID{}}
	fill(k)
	if k.err != nil {
		b.Fail(fmt.Errorf("kernel %s: %w", name, k.err))
		return nil
	}
	r, err := b.g.Append(Node{Op: OpKernel, Args: k.order, Body: k.g})
	if err != nil {
		b.Fail(fmt.Errorf("kernel %s: %w", name, err))
		return nil
	}
	for i, id := range r {
		if _, taken := b.g.valueByName(k.g.Outputs[i].Name); !taken {
			b.g.Values[id].Name = k.g.Outputs[i].Name
		}
	}
	return r
}

// Graph returns the finished graph, checked by Validate.
func (b *Builder) Graph() (*Graph, error) {
	if b.err != nil {
		return nil, b.err
	}
	if err := Validate(b.g); err != nil {
		return nil, err
	}
	return b.g, nil
}

// BlockBuilder makes the block graph of a kernel.
type BlockBuilder struct {
	Builder
	outer *Builder
	args  map[ValueID]ValueID // outer value -> input of the block graph
	order []ValueID
}

// Grid adds a grid dimension that cuts axes of the given extent into tiles; its index is returned.
func (k *BlockBuilder) Grid(name string, extent Dim, tile int64) int {
	k.g.Grid = append(k.g.Grid, GridDim{Name: name, Extent: extent, Tile: tile})
	return len(k.g.Grid) - 1
}

// GridParts adds a grid dimension that cuts axes into equal parts.
func (k *BlockBuilder) GridParts(name string, parts int64) int {
	k.g.Grid = append(k.g.Grid, GridDim{Name: name, Parts: parts})
	return len(k.g.Grid) - 1
}

// Loop sets the loop: axes of the given extent in tiles.
func (k *BlockBuilder) Loop(name string, extent Dim, tile int64) {
	k.g.Loop = &Loop{Name: name, Extent: extent, Tile: tile}
}

// LoopParts sets a loop of that many trips, each over an equal part.
func (k *BlockBuilder) LoopParts(name string, parts int64) {
	k.g.Loop = &Loop{Name: name, Parts: parts}
}

// Arg makes a kernel-level value an input of the block graph and returns the whole tensor there.
func (k *BlockBuilder) Arg(outer ValueID) ValueID {
	if in, ok := k.args[outer]; ok {
		return in
	}
	if k.outer.err != nil {
		return 0
	}
	v := k.outer.g.Values[outer]
	id := k.g.AddInput(v.Name, Type{DType: v.DType, Shape: v.Shape}, false)
	k.args[outer] = id
	k.order = append(k.order, outer)
	return id
}

// Load loads a tile of a kernel-level value: grid has an axis or -1 per grid dimension, loop is an
// axis or -1.
func (k *BlockBuilder) Load(outer ValueID, grid []int64, loop int64) ValueID {
	return k.LoadTile(k.Arg(outer), grid, loop)
}

// LoadTile loads a tile of a whole value of the block graph: an input, or an iota.
func (k *BlockBuilder) LoadTile(whole ValueID, grid []int64, loop int64) ValueID {
	return k.Op(OpLoad, Attrs{IntsAttr("grid", grid...), IntAttr("loop", loop)}, whole)
}

// Accum accumulates a tile over the trips: kind sum, max or min; with a factor, acc ← acc·factor + tile.
func (k *BlockBuilder) Accum(kind string, tile ValueID, factor ...ValueID) ValueID {
	return k.Op(OpAccum, Attrs{WordAttr("kind", kind)}, append([]ValueID{tile}, factor...)...)
}

// Running is an accumulator's value in the loop, this trip included.
func (k *BlockBuilder) Running(acc ValueID) ValueID { return k.Op(OpRunning, nil, acc) }

// Previous is an accumulator's value in the loop, before this trip.
func (k *BlockBuilder) Previous(acc ValueID) ValueID { return k.Op(OpPrevious, nil, acc) }

// Store writes a tile to an output of the kernel.
func (k *BlockBuilder) Store(name string, v ValueID, s Store) {
	if k.err == nil {
		st := s
		st.Grid = append([]int(nil), s.Grid...)
		k.g.Outputs = append(k.g.Outputs, Output{Name: name, Value: v, Store: &st})
	}
}

// Thread adds a fused operator with a copy of a thread graph on other operands, whose types its values
// take over.
func (k *BlockBuilder) Thread(body *Graph, args []ValueID) []ValueID {
	if k.err != nil {
		return nil
	}
	t := &Graph{Level: ThreadLevel, Name: body.Name}
	ids := make([]ValueID, len(body.Values))
	for i, in := range body.Inputs {
		ids[in.Value] = t.AddInput(body.Values[in.Value].Name, k.g.Values[args[i]].Type, false)
	}
	for i := range body.Nodes {
		n := &body.Nodes[i]
		in := make([]ValueID, len(n.Args))
		for j, a := range n.Args {
			in[j] = ids[a]
		}
		res, err := t.Append(Node{Op: n.Op, Args: in, Attrs: n.Attrs})
		if err != nil {
			k.Fail(err)
			return nil
		}
		for j, r := range n.Results {
			ids[r] = res[j]
			t.Values[res[j]].Name = body.Values[r].Name
		}
	}
	for _, o := range body.Outputs {
		t.Outputs = append(t.Outputs, Output{Name: o.Name, Value: ids[o.Value]})
	}
	r, err := k.g.Append(Node{Op: OpThread, Args: append([]ValueID(nil), args...), Body: t})
	k.Fail(err)
	return r
}
