package algebra

import (
	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph"
)

// Stabilise puts in the maximum that a program left out: where an exp(a) with unbounded a is reduced
// over axes K, exp(a - max_K a) takes its place if every output stays the same, which an evaluation in
// the field decides. log Σ_K exp(a) becomes max_K a + log Σ_K exp(a - max_K a). It returns nil where
// nothing can be put in.
func Stabilise(d *expr.DAG) *expr.DAG {
	cur, changed := d, false
	for i := 0; i < len(cur.Nodes); i++ {
		n := cur.Nodes[i]
		if n.Op != ugraph.OpExp || nonPositive(cur, n.Args[0]) {
			continue
		}
		for _, over := range reducedAxes(cur, i) {
			if next := shift(cur, i, over); next != nil {
				cur, changed = next, true
				i += 2 // the maximum and the difference stand before the exp now
				break
			}
		}
	}
	if !changed {
		return nil
	}
	return cur
}

// nonPositive tells whether a node is x - max x by structure.
func nonPositive(d *expr.DAG, i int) bool {
	n := d.Nodes[i]
	if n.Op != ugraph.OpSub {
		return false
	}
	for m := n.Args[1]; ; m = d.Nodes[m].Args[0] {
		if m == n.Args[0] {
			return true
		}
		if d.Nodes[m].Op != ugraph.OpMax {
			return false
		}
	}
}

// reducedAxes lists the sets of a node's axes that a reduction after it sums, as they occur.
func reducedAxes(d *expr.DAG, i int) []expr.AxisSet {
	depends := make([]bool, len(d.Nodes))
	depends[i] = true
	var out []expr.AxisSet
	for j := i + 1; j < len(d.Nodes); j++ {
		n := d.Nodes[j]
		for _, a := range n.Args {
			depends[j] = depends[j] || depends[a]
		}
		over := n.Over & d.Nodes[i].Axes
		if !depends[j] || over == 0 || n.Op == ugraph.OpMax || n.Op == ugraph.OpMin {
			continue
		}
		known := false
		for _, o := range out {
			known = known || o == over
		}
		if !known {
			out = append(out, over)
		}
	}
	return out
}

// shift replaces exp(a), node e, by exp(a - max_over a), or returns nil if an output would change.
func shift(d *expr.DAG, e int, over expr.AxisSet) *expr.DAG {
	out := &expr.DAG{Name: d.Name, Symbols: d.Symbols, Axes: d.Axes, Inputs: d.Inputs}
	at := make([]int, len(d.Nodes))
	asIs := map[int]int{} // node of out whose value is taken from the node of d: the identity is structural
	top := -1
	for i, n := range d.Nodes {
		c := n
		c.Args = make([]int, len(n.Args))
		for j, a := range n.Args {
			c.Args[j] = at[a]
		}
		switch {
		case i == e:
			x := c.Args[0]
			dt := d.Nodes[n.Args[0]].DType
			top = out.Add(expr.Node{Op: ugraph.OpMax, Args: []int{x}, Over: over, DType: dt})
			c.Args[0] = out.Add(expr.Node{Op: ugraph.OpSub, Args: []int{x, top}, DType: dt})
			at[i] = out.Add(c)
		case n.Op == ugraph.OpLog && d.Nodes[n.Args[0]].Op == ugraph.OpSum && d.Nodes[n.Args[0]].Args[0] == e && d.Nodes[n.Args[0]].Over == over:
			at[i] = out.Add(expr.Node{Op: ugraph.OpAdd, Args: []int{top, out.Add(c)}, DType: n.DType})
			asIs[at[i]] = i
		default:
			at[i] = out.Add(c)
		}
	}
	for _, o := range d.Outputs {
		o.Node = at[o.Node]
		out.Outputs = append(out.Outputs, o)
	}
	for i, sizes := range (Options{}).sizes() {
		in := newInstance(hashWords(0x73746162, uint64(i)), len(d.Axes), sizes)
		was := in.evaluate(d, nil)
		is := in.evaluate(out, func(node int) tensor {
			if j, ok := asIs[node]; ok {
				return was[j]
			}
			return nil
		})
		for k, o := range d.Outputs {
			x, y := was[o.Node], is[out.Outputs[k].Node]
			for j := range x {
				if x[j].p != y[j].p {
					return nil
				}
			}
		}
	}
	return out
}

// evaluate gives every node's tensor; where given returns one, that is it.
func (in *instance) evaluate(d *expr.DAG, given func(node int) tensor) []tensor {
	out := make([]tensor, len(d.Nodes))
	for i, n := range d.Nodes {
		if given != nil {
			if out[i] = given(i); out[i] != nil {
				continue
			}
		}
		if len(n.Args) == 0 {
			out[i] = in.leaf(n)
			continue
		}
		args, owns := make([]tensor, len(n.Args)), make([]expr.AxisSet, len(n.Args))
		for j, a := range n.Args {
			args[j], owns[j] = out[a], d.Nodes[a].Axes
		}
		out[i] = in.apply(n, args, owns)
	}
	return out
}
