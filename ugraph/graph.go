package ugraph

import "fmt"

// Level says what a graph's values are: tensors in memory, tiles of a block, elements of a thread.
type Level uint8

// The levels.
const (
	KernelLevel Level = iota
	BlockLevel
	ThreadLevel
)

var levelNames = [...]string{"kernel", "block", "thread"}

func (l Level) String() string { return levelNames[l] }

// ValueID and NodeID index Graph.Values and Graph.Nodes.
type (
	ValueID int32
	NodeID  int32
)

// Cut says how an axis of a tile arises from a data axis: which grid dimension and whether the loop
// cut it. The zero Cut is an axis that is whole in every block and trip.
type Cut struct {
	Extent    Dim  // of the data axis that was cut
	Grid      int  // 1 + index of the grid dimension; 0: none
	Loop      bool // the loop cuts it, inside the grid's part
	Irregular bool // axes that were cut differently met here; legal only where nothing is ragged
}

// IsCut tells whether anything cuts the axis.
func (c Cut) IsCut() bool { return c != Cut{} }

// Type is what is known of a value before running: its element type and shape. In block graphs the
// shape is that of a full (not ragged) tile, and Cuts has an entry per axis.
type Type struct {
	DType DType
	Shape []Dim
	Cuts  []Cut // block and thread level only; nil otherwise
}

// Cut returns the cut of an axis.
func (t Type) Cut(axis int) Cut {
	if t.Cuts == nil {
		return Cut{}
	}
	return t.Cuts[axis]
}

// Rank is the number of axes.
func (t Type) Rank() int { return len(t.Shape) }

// String is e.g. "f32[2, 64]".
func (t Type) String() string { return t.DType.String() + ShapeString(t.Shape) }

// Equal tells whether two types agree, cuts included.
func (t Type) Equal(u Type) bool {
	if t.DType != u.DType || !SameShape(t.Shape, u.Shape) {
		return false
	}
	for i := range t.Shape {
		if t.Cut(i) != u.Cut(i) {
			return false
		}
	}
	return true
}

// Value is a tensor, tile or element: a graph input, or a result of a node.
type Value struct {
	Name string // may be empty for an intermediate value
	Type
	Node  NodeID // -1 for an input
	Index int    // which result of the node; which input
}

// Node is one application of an operator.
type Node struct {
	Op      Op
	Args    []ValueID
	Attrs   Attrs
	Results []ValueID
	Body    *Graph // of OpKernel: a block graph; of OpThread: a thread graph
}

// Input is an input of a graph. In a block or thread graph input i is argument i of the holding node.
type Input struct {
	Value ValueID
	Const bool // a weight: known when the kernel is loaded
}

// Output is an output of a graph. In block graphs Store says where each block's tile goes.
type Output struct {
	Name  string
	Value ValueID
	Store *Store
}

// Store places tiles in a kernel's output. For a grid dimension g with axis Grid[g] ≥ 0: if g cuts
// that axis of the tile, tiles lie side by side where they were cut from; if not, the blocks' tiles
// are stacked along the axis (the output's extent is blocks times the tile's). With -1 the blocks
// along g either all hold the same tile, or Reduce combines them.
type Store struct {
	Grid   []int
	Loop   int    // axis that the loop cuts in a tile that is written in each trip, or -1
	Reduce string // "", or "sum", "max", "min" across the grid dimensions that Grid maps to -1 and that the value depends on
}

// GridDim is a dimension of a block graph's grid. With Parts, every axis that it cuts is divided into
// that many equal parts, whatever its extent (Mirage's form); otherwise it cuts axes of extent Extent
// into ⌈Extent/Tile⌉ tiles of which the last may be ragged.
type GridDim struct {
	Name   string
	Extent Dim
	Tile   int64
	Parts  int64
}

// Blocks is the number of blocks along the dimension.
func (d GridDim) Blocks() Dim {
	if d.Parts > 0 {
		return D(d.Parts)
	}
	return d.Extent.CeilDiv(d.Tile)
}

// Loop is a block graph's loop. It has GridDim's two forms; where it cuts an axis that the grid also
// cuts, it cuts the grid's tile: Extent is then that tile's extent.
type Loop = GridDim

// Graph is a tensor program or μGraph (kernel level), the body of a kernel (block level) or of a
// fused block operator (thread level). Nodes are in topological order; ids are dense.
type Graph struct {
	Level   Level
	Name    string
	For     string    // kernel level: the program that a μGraph stands for; "" for a program or a specification of its own
	Part    bool      // kernel level: a part of a larger program; inputs are values of that, with any extents
	Symbols []Symbol  // kernel level: in order of declaration
	Grid    []GridDim // block level
	Loop    *Loop     // block level; nil: a single trip

	Values  []Value
	Nodes   []Node
	Inputs  []Input
	Outputs []Output
}

// Value returns the value with that id.
func (g *Graph) Value(id ValueID) *Value { return &g.Values[id] }

// Node returns the node with that id.
func (g *Graph) Node(id NodeID) *Node { return &g.Nodes[id] }

// ArgTypes returns the types of a node's arguments.
func (g *Graph) ArgTypes(n *Node) []Type {
	ts := make([]Type, len(n.Args))
	for i, a := range n.Args {
		ts[i] = g.Values[a].Type
	}
	return ts
}

// IsProgram tells whether the graph is a tensor program: kernel level without graph-defined kernels.
func (g *Graph) IsProgram() bool {
	for i := range g.Nodes {
		if g.Nodes[i].Op == OpKernel {
			return false
		}
	}
	return g.Level == KernelLevel
}

// Symbol returns the declaration of a symbol.
func (g *Graph) Symbol(name string) (Symbol, bool) {
	for _, s := range g.Symbols {
		if s.Name == name {
			return s, true
		}
	}
	return Symbol{}, false
}

// InputByName and OutputByName return the index of an input or output, or -1.
func (g *Graph) InputByName(name string) int {
	for i, in := range g.Inputs {
		if g.Values[in.Value].Name == name {
			return i
		}
	}
	return -1
}

// OutputByName returns the index of an output, or -1.
func (g *Graph) OutputByName(name string) int {
	for i, o := range g.Outputs {
		if o.Name == name {
			return i
		}
	}
	return -1
}

// OutputType is the type of a kernel's output: of a kernel-level graph the value's own; of a block
// graph the whole tensor that the blocks' tiles make up.
func (g *Graph) OutputType(i int) (Type, error) {
	o := g.Outputs[i]
	t := g.Values[o.Value].Type
	if g.Level != BlockLevel {
		return t, nil
	}
	if o.Store == nil || len(o.Store.Grid) != len(g.Grid) {
		return Type{}, fmt.Errorf("output %s: its store needs an axis or -1 for each of the %d grid dimensions", o.Name, len(g.Grid))
	}
	shape := append([]Dim{}, t.Shape...)
	// The loop's cut first: it lies inside the grid's.
	if l := o.Store.Loop; l >= 0 {
		if g.Loop == nil || l >= len(shape) || !t.Cut(l).Loop {
			return Type{}, fmt.Errorf("output %s: the loop does not cut axis %d of the stored tile", o.Name, l)
		}
		shape[l] = wholeOf(*g.Loop, shape[l])
	}
	for gi, axis := range o.Store.Grid {
		if axis < 0 {
			continue
		}
		if axis >= len(shape) {
			return Type{}, fmt.Errorf("output %s: grid dimension %s is stored to axis %d of a tile with %d axes", o.Name, g.Grid[gi].Name, axis, len(shape))
		}
		if t.Cut(axis).Grid == gi+1 {
			shape[axis] = wholeOf(g.Grid[gi], shape[axis])
		} else {
			shape[axis] = g.Grid[gi].Blocks().Mul(shape[axis])
		}
	}
	return Type{DType: t.DType, Shape: shape}, nil
}

// wholeOf is the extent of an axis that d cut into parts of the given extent.
func wholeOf(d GridDim, tile Dim) Dim {
	if d.Parts > 0 {
		return tile.Mul(D(d.Parts))
	}
	return d.Extent
}

// Append adds a node and its result values, inferring their types. It returns the ids of the results.
func (g *Graph) Append(n Node) ([]ValueID, error) {
	ts, err := g.inferNode(&n)
	if err != nil {
		return nil, err
	}
	id := NodeID(len(g.Nodes))
	n.Results = make([]ValueID, len(ts))
	for i, t := range ts {
		n.Results[i] = ValueID(len(g.Values))
		g.Values = append(g.Values, Value{Type: t, Node: id, Index: i})
	}
	g.Nodes = append(g.Nodes, n)
	return n.Results, nil
}

// AddInput adds an input.
func (g *Graph) AddInput(name string, t Type, isConst bool) ValueID {
	id := ValueID(len(g.Values))
	g.Values = append(g.Values, Value{Name: name, Type: t, Node: -1, Index: len(g.Inputs)})
	g.Inputs = append(g.Inputs, Input{Value: id, Const: isConst})
	return id
}

// Clone returns a deep copy.
func (g *Graph) Clone() *Graph {
	c := *g
	c.Symbols = append([]Symbol(nil), g.Symbols...)
	c.Grid = append([]GridDim(nil), g.Grid...)
	if g.Loop != nil {
		l := *g.Loop
		c.Loop = &l
	}
	c.Values = append([]Value(nil), g.Values...)
	c.Inputs = append([]Input(nil), g.Inputs...)
	c.Outputs = append([]Output(nil), g.Outputs...)
	for i := range c.Outputs {
		if s := c.Outputs[i].Store; s != nil {
			t := *s
			t.Grid = append([]int(nil), s.Grid...)
			c.Outputs[i].Store = &t
		}
	}
	c.Nodes = append([]Node(nil), g.Nodes...)
	for i := range c.Nodes {
		n := &c.Nodes[i]
		n.Args = append([]ValueID(nil), n.Args...)
		n.Results = append([]ValueID(nil), n.Results...)
		n.Attrs = append(Attrs(nil), n.Attrs...)
		if n.Body != nil {
			n.Body = n.Body.Clone()
		}
	}
	return &c
}
