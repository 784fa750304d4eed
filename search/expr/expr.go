package expr

import (
	"fmt"
	"math/bits"
	"strings"

	"github.com/morgana-ml/morgana/ugraph"
)

// AxisSet is a set of axes of a DAG, by index.
type AxisSet uint64

// MaxAxes is the largest number of axes of a DAG.
const MaxAxes = 64

// Set is the AxisSet of the given axes.
func Set(axes ...int) AxisSet {
	var s AxisSet
	for _, a := range axes {
		s |= 1 << a
	}
	return s
}

// Has tells whether the axis is in the set.
func (s AxisSet) Has(axis int) bool { return s>>axis&1 != 0 }

// Len is the number of axes in the set.
func (s AxisSet) Len() int { return bits.OnesCount64(uint64(s)) }

// Contains tells whether t is a subset of s.
func (s AxisSet) Contains(t AxisSet) bool { return t&^s == 0 }

// List is the axes of the set, ascending.
func (s AxisSet) List() []int {
	var out []int
	for ; s != 0; s &= s - 1 {
		out = append(out, bits.TrailingZeros64(uint64(s)))
	}
	return out
}

// Axis is a named axis.
type Axis struct {
	Name   string
	Extent ugraph.Dim
}

// Node is one value. Op is an elementwise operator; OpSum, OpMean, OpMax, OpMin over the axes in Over;
// OpMatMul: the sum over Over of the product of the two operands; OpConst with Value; OpIota: the
// index along the one axis in Axes; OpInvalid: the input with number Input.
type Node struct {
	Op    ugraph.Op
	Args  []int // earlier nodes
	Over  AxisSet
	Axes  AxisSet // of the result
	DType ugraph.DType
	Attrs ugraph.Attrs  // of pow, clamp, gelu, cast
	Value ugraph.Number // of OpConst
	Input int           // of OpInvalid
}

// Input is an input tensor; Axes gives its axes in memory order (a repeated axis is not allowed).
//
// Shape is the tensor's own shape where it is not simply the extents of Axes: it has axes of extent 1
// beside them, or an axis that is the row-major product of a run of Axes; nil otherwise.
type Input struct {
	Name  string
	DType ugraph.DType
	Axes  []int
	Const bool
	Shape []ugraph.Dim
}

// Output is an output tensor with its axes in memory order; those that its node lacks repeat it.
// Shape is as for an Input.
type Output struct {
	Name  string
	DType ugraph.DType // of the tensor: the node's value is cast to it on writing
	Node  int
	Axes  []int
	Shape []ugraph.Dim
}

// Extents is the shape with the given axes.
func (d *DAG) Extents(axes []int) []ugraph.Dim {
	shape := make([]ugraph.Dim, len(axes))
	for i, a := range axes {
		shape[i] = d.Axes[a].Extent
	}
	return shape
}

// InputShape is the shape of an input tensor.
func (d *DAG) InputShape(i int) []ugraph.Dim {
	if s := d.Inputs[i].Shape; s != nil {
		return s
	}
	return d.Extents(d.Inputs[i].Axes)
}

// OutputShape is the shape of an output tensor.
func (d *DAG) OutputShape(i int) []ugraph.Dim {
	if s := d.Outputs[i].Shape; s != nil {
		return s
	}
	return d.Extents(d.Outputs[i].Axes)
}

// DAG is a program over named axes. Nodes are in topological order.
type DAG struct {
	Name    string
	Symbols []ugraph.Symbol
	Axes    []Axis
	Nodes   []Node
	Inputs  []Input
	Outputs []Output
}

// Part tells whether the DAG is of a part of a larger program: an input has an extent that no declaration could give.
func (d *DAG) Part() bool {
	for i := range d.Inputs {
		for _, x := range d.InputShape(i) {
			if !ugraph.Declarable(x) {
				return true
			}
		}
	}
	return false
}

// Add appends a node, computing its Axes, and returns its index.
func (d *DAG) Add(n Node) int {
	switch n.Op {
	case ugraph.OpInvalid:
		n.Axes = Set(d.Inputs[n.Input].Axes...)
	case ugraph.OpConst, ugraph.OpIota: // Axes as given
	default:
		n.Axes = 0
		for _, a := range n.Args {
			n.Axes |= d.Nodes[a].Axes
		}
		n.Axes &^= n.Over
	}
	d.Nodes = append(d.Nodes, n)
	return len(d.Nodes) - 1
}

// Clone copies the DAG; nodes may then be appended or changed.
func (d *DAG) Clone() *DAG {
	c := *d
	c.Axes = append([]Axis(nil), d.Axes...)
	c.Nodes = append([]Node(nil), d.Nodes...)
	c.Inputs = append([]Input(nil), d.Inputs...)
	c.Outputs = append([]Output(nil), d.Outputs...)
	return &c
}

// IsReduction tells whether the node removes axes.
func (n Node) IsReduction() bool { return n.Over != 0 }

// String is the DAG as text, a line per node, for tests and dumps.
func (d *DAG) String() string {
	var b strings.Builder
	set := func(s AxisSet) string {
		var names []string
		for _, a := range s.List() {
			names = append(names, d.Axes[a].Name)
		}
		return strings.Join(names, " ")
	}
	for i, n := range d.Nodes {
		fmt.Fprintf(&b, "v%d[%s] = ", i, set(n.Axes))
		switch n.Op {
		case ugraph.OpInvalid:
			b.WriteString(d.Inputs[n.Input].Name)
		case ugraph.OpConst:
			b.WriteString(n.Value.String())
		default:
			b.WriteString(n.Op.String())
			if n.Over != 0 {
				fmt.Fprintf(&b, "_{%s}", set(n.Over))
			}
			b.WriteString("(")
			for j, a := range n.Args {
				if j > 0 {
					b.WriteString(", ")
				}
				fmt.Fprintf(&b, "v%d", a)
			}
			if len(n.Attrs) > 0 {
				fmt.Fprintf(&b, "; %s", n.Attrs)
			}
			b.WriteString(")")
		}
		b.WriteString("\n")
	}
	for _, o := range d.Outputs {
		fmt.Fprintf(&b, "-> %s = v%d\n", o.Name, o.Node)
	}
	return b.String()
}
