package expr

import (
	"fmt"
	"slices"

	"github.com/morgana-ml/morgana/ugraph"
)

// WindowMap says which nodes of a DAG the borders of a window are.
type WindowMap struct {
	Inputs  []int // node of the DAG for each input of the window
	Outputs []int // node of the DAG for each output of the window
}

// NodeName is the name of the tensor that holds a node's value between two windows.
func NodeName(node int) string { return fmt.Sprintf("v%d", node) }

// Windows cuts windows out of a DAG, each in time proportional to its nodes and those that read them.
type Windows struct {
	d       *DAG
	readers [][]int // by node, ascending
	outputs [][]int // by node
}

// NewWindows prepares the DAG, which must not change any more.
func NewWindows(d *DAG) *Windows {
	ws := &Windows{d: d, readers: make([][]int, len(d.Nodes)), outputs: make([][]int, len(d.Nodes))}
	for i, n := range d.Nodes {
		for _, a := range n.Args {
			if !slices.Contains(ws.readers[a][max(0, len(ws.readers[a])-1):], i) {
				ws.readers[a] = append(ws.readers[a], i)
			}
		}
	}
	for k, o := range d.Outputs {
		ws.outputs[o.Node] = append(ws.outputs[o.Node], k)
	}
	return ws
}

// Of is the part of the DAG that computes the given nodes, as a DAG of its own over the same axes.
// Its inputs are the values that the nodes take from outside, in the order of the DAG's nodes;
// constants and iotas are repeated inside. Its outputs are the DAG's outputs among the nodes, then
// (named by NodeName, axes ascending) the nodes that others use and that are no such output.
func (ws *Windows) Of(nodes []int) (*DAG, *WindowMap) {
	d := ws.d
	nodes = slices.Clone(nodes)
	slices.Sort(nodes)
	in := map[int]bool{}
	for _, n := range nodes {
		in[n] = true
	}
	w := &DAG{Name: d.Name, Symbols: d.Symbols, Axes: d.Axes}
	m := &WindowMap{}
	var taken []int // what the nodes read and are not
	inside := slices.Clone(nodes)
	for _, i := range nodes {
		for _, a := range d.Nodes[i].Args {
			if !in[a] {
				taken = append(taken, a)
			}
		}
	}
	slices.Sort(taken)
	at := map[int]int{}
	for _, i := range slices.Compact(taken) {
		n := d.Nodes[i]
		if n.isSource() {
			inside = append(inside, i)
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
	slices.Sort(inside)
	for _, i := range inside {
		c := d.Nodes[i]
		if c.Op == ugraph.OpInvalid {
			continue
		}
		args := make([]int, len(c.Args))
		for j, a := range c.Args {
			args[j] = at[a]
		}
		c.Args = args
		at[i] = w.Add(c)
	}
	whole := map[int]bool{} // written by an output of the DAG as others need it
	var outputs []int
	for _, i := range nodes {
		outputs = append(outputs, ws.outputs[i]...)
	}
	slices.Sort(outputs)
	for _, k := range slices.Compact(outputs) {
		o := d.Outputs[k]
		n := d.Nodes[o.Node]
		m.Outputs = append(m.Outputs, o.Node)
		whole[o.Node] = whole[o.Node] || o.DType == n.DType && Set(o.Axes...) == n.Axes
		o.Node = at[o.Node]
		w.Outputs = append(w.Outputs, o)
	}
	for _, i := range nodes {
		n := d.Nodes[i]
		outside := slices.ContainsFunc(ws.readers[i], func(u int) bool { return !in[u] })
		if outside && !whole[i] && !n.isSource() {
			w.Outputs = append(w.Outputs, Output{Name: NodeName(i), DType: n.DType, Node: at[i], Axes: n.Axes.List()})
			m.Outputs = append(m.Outputs, i)
		}
	}
	return w, m
}

// isSource tells whether the node is a value that any window can make for itself.
func (n Node) isSource() bool { return n.Op == ugraph.OpConst || n.Op == ugraph.OpIota }
