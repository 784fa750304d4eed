package partition

import (
	"fmt"
	"slices"
	"sort"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph"
)

// naming gives each value that lies between groups a name and an order of axes in memory.
type naming struct {
	d       *expr.DAG
	windows *expr.Windows
	name    []string // by node
	order   [][]int  // by node
	// written tells by node whether an output of the program holds the value.
	written []bool
	outputs []int // by node: outputs of the program that hold it
}

// newNaming names the intermediate tensors of d prefix+"t"+node, with underscores where an input or output has
// that name already. A value that an output of the program holds as it is lies there.
func newNaming(d *expr.DAG, prefix string) *naming {
	n := &naming{d: d, windows: expr.NewWindows(d), name: make([]string, len(d.Nodes)), order: make([][]int, len(d.Nodes)), written: make([]bool, len(d.Nodes)), outputs: make([]int, len(d.Nodes))}
	taken := map[string]bool{}
	for _, in := range d.Inputs {
		taken[in.Name] = true
	}
	for _, o := range d.Outputs {
		taken[o.Name] = true
	}
	rank := make([]int, len(d.Axes))
	next := 1
	visit := func(axes []int) {
		for _, a := range axes {
			if rank[a] == 0 {
				rank[a] = next
				next++
			}
		}
	}
	for _, o := range d.Outputs {
		visit(o.Axes)
	}
	for _, in := range d.Inputs {
		visit(in.Axes)
	}
	for a := range d.Axes {
		visit([]int{a})
	}
	// Axes that a product reduces lie last, where its rows are contiguous; the others as in the outputs.
	over := make([]expr.AxisSet, len(d.Nodes)) // by node: of the first product that reads it
	for _, u := range d.Nodes {
		for _, a := range u.Args {
			if u.Op == ugraph.OpMatMul && over[a] == 0 {
				over[a] = u.Over
			}
		}
	}
	for i, node := range d.Nodes {
		name := fmt.Sprintf("%st%d", prefix, i)
		for taken[name] {
			name += "_"
		}
		n.name[i] = name
		axes := node.Axes.List()
		sort.Slice(axes, func(x, y int) bool {
			if a, b := over[i].Has(axes[x]), over[i].Has(axes[y]); a != b {
				return b
			}
			return rank[axes[x]] < rank[axes[y]]
		})
		n.order[i] = axes
	}
	for i := len(d.Outputs) - 1; i >= 0; i-- {
		o := d.Outputs[i]
		n.outputs[o.Node]++
		if node := d.Nodes[o.Node]; o.DType == node.DType && expr.Set(o.Axes...) == node.Axes {
			n.name[o.Node], n.order[o.Node], n.written[o.Node] = o.Name, o.Axes, true
		}
	}
	return n
}

// window is the DAG of some nodes with the plan's names, and which of its inputs and outputs are
// intermediate tensors; inner has names that are so beside the plan's own.
func (n *naming) window(nodes []int, inner []string) (*expr.DAG, innerTensors) {
	w, m := n.windows.Of(nodes)
	t := innerTensors{make([]bool, len(w.Inputs)), make([]bool, len(w.Outputs))}
	for i, v := range m.Inputs {
		w.Inputs[i].Shape = nil // kernels see tensors without axes of extent 1
		if n.d.Nodes[v].Op != ugraph.OpInvalid {
			w.Inputs[i].Name, w.Inputs[i].Axes = n.name[v], n.order[v]
			t.in[i] = !n.written[v]
		}
		t.in[i] = t.in[i] || slices.Contains(inner, w.Inputs[i].Name)
	}
	outputs := 0 // those of the program come first
	for _, i := range nodes {
		outputs += n.outputs[i]
	}
	for i, v := range m.Outputs {
		w.Outputs[i].Shape = nil
		if i >= outputs {
			w.Outputs[i].Name, w.Outputs[i].Axes = n.name[v], n.order[v]
		}
		t.out[i] = i >= outputs || slices.Contains(inner, w.Outputs[i].Name)
	}
	return w, t
}
