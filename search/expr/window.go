package expr

import (
	"fmt"

	"github.com/morgana-ml/morgana/ugraph"
)

// WindowMap says which nodes of a DAG the borders of a window are.
type WindowMap struct {
	Inputs  []int // node of the DAG for each input of the window
	Outputs []int // node of the DAG for each output of the window
}

// NodeName is the name of the tensor that holds a node's value between two windows.
func NodeName(node int) string { return fmt.Sprintf("v%d", node) }

// Window is the part of the DAG that computes the given nodes, as a DAG of its own over the same axes.
// Its inputs are the values that the nodes take from outside, in the order of the DAG's nodes;
// constants and iotas are repeated inside. Its outputs are the DAG's outputs among the nodes, then
// (named by NodeName, axes ascending) the nodes that others use and that are no such output.
func (d *DAG) Window(nodes []int) (*DAG, *WindowMap) {
	in := make([]bool, len(d.Nodes))
	for _, n := range nodes {
		in[n] = true
	}
	w := &DAG{Name: d.Name, Symbols: d.Symbols, Axes: d.Axes}
	m := &WindowMap{}
	needed := make([]bool, len(d.Nodes))
	usedOutside := make([]bool, len(d.Nodes))
	for i, n := range d.Nodes {
		for _, a := range n.Args {
			if in[i] {
				needed[a] = true
			} else {
				usedOutside[a] = true
			}
		}
	}
	at := make([]int, len(d.Nodes))
	for i, n := range d.Nodes {
		if in[i] || !needed[i] || n.isSource() {
			continue
		}
		input := Input{Name: NodeName(i), DType: n.DType, Axes: n.Axes.List()}
		if n.Op == ugraph.OpInvalid {
			input = d.Inputs[n.Input]
		}
		w.Inputs = append(w.Inputs, input)
		m.Inputs = append(m.Inputs, i)
		at[i] = w.Add(Node{Op: ugraph.OpInvalid, Input: len(w.Inputs) - 1, DType: n.DType})
	}
	for i, n := range d.Nodes {
		if n.Op == ugraph.OpInvalid || !in[i] && !(needed[i] && n.isSource()) {
			continue
		}
		c := n
		c.Args = make([]int, len(n.Args))
		for j, a := range n.Args {
			c.Args[j] = at[a]
		}
		at[i] = w.Add(c)
	}
	whole := make([]bool, len(d.Nodes)) // written by an output of the DAG as others need it
	for _, o := range d.Outputs {
		if n := d.Nodes[o.Node]; in[o.Node] {
			m.Outputs = append(m.Outputs, o.Node)
			whole[o.Node] = whole[o.Node] || o.DType == n.DType && Set(o.Axes...) == n.Axes
			o.Node = at[o.Node]
			w.Outputs = append(w.Outputs, o)
		}
	}
	for i, n := range d.Nodes {
		if in[i] && usedOutside[i] && !whole[i] && !n.isSource() {
			w.Outputs = append(w.Outputs, Output{Name: NodeName(i), DType: n.DType, Node: at[i], Axes: n.Axes.List()})
			m.Outputs = append(m.Outputs, i)
		}
	}
	return w, m
}

// isSource tells whether the node is a value that any window can make for itself.
func (n Node) isSource() bool { return n.Op == ugraph.OpConst || n.Op == ugraph.OpIota }
