package verify

import (
	"fmt"
	"slices"

	"github.com/morgana-ml/morgana/ugraph"
)

// A piece is a part of the program and the part of the candidate that is claimed to be equal to it, each a graph
// of its own on the same inputs: the classes at which both were cut.

// cut is what the graphs of a piece are cut at.
type cut struct {
	n       *numbering
	facts   []facts      // by class; of the program's
	without map[int]bool // classes at which this piece is not cut
	used    map[int]bool // classes at which it is cut
	order   []int        // the same, in the order in which they were met
}

// at tells whether a class of the program can be an input of a piece: what begins there takes its entries for
// numbers that are free of each other. One whose entries may be infinite cannot, nor an integer that may be
// undefined, and one that depends on no input need not.
func (c *cut) at(v layout) bool {
	cl := &c.n.classes[v.root]
	if cl.value < 0 || cl.free() || c.without[v.root] || !inputShape(cl.typ.Shape) {
		return false
	}
	f := c.facts[v.root]
	return !f.infinite() && (!f.partial || exactFloat(cl.typ.DType))
}

// inputShape tells whether a shape may be that of an input: numbers, symbols and multiples of them.
func inputShape(shape []ugraph.Dim) bool {
	return !slices.ContainsFunc(shape, func(d ugraph.Dim) bool {
		if _, ok := d.Const(); ok {
			return false
		}
		names := d.Symbols()
		if len(names) != 1 {
			return true
		}
		_, ok := timesSymbol(d, names[0])
		return !ok
	})
}

func (c *cut) use(root int) {
	if !c.used[root] {
		c.used[root] = true
		c.order = append(c.order, root)
	}
}

// cone lists the nodes of a graph that lead to a value from the cuts. stop tells whether a value is an input of the
// piece.
func cone(g *ugraph.Graph, from ugraph.ValueID, stop func(v ugraph.ValueID) bool) []bool {
	needed := neededBy(g, from, stop)
	in := make([]bool, len(g.Nodes))
	for i := range g.Nodes {
		in[i] = slices.ContainsFunc(g.Nodes[i].Results, func(r ugraph.ValueID) bool { return needed[r] })
	}
	return in
}

// part writes one side of a piece.
type part struct {
	b    *ugraph.Builder
	c    *cut
	g    *numbered
	stop func(v ugraph.ValueID) bool
	ids  map[ugraph.ValueID]ugraph.ValueID
	cuts map[int]ugraph.ValueID // class → its value here
}

// begin starts a side with the inputs of the piece.
func (c *cut) begin(g *numbered, stop func(v ugraph.ValueID) bool) *part {
	p := &part{b: ugraph.NewBuilder("piece"), c: c, g: g, stop: stop, ids: map[ugraph.ValueID]ugraph.ValueID{}, cuts: map[int]ugraph.ValueID{}}
	for _, s := range g.g.Symbols {
		p.b.Symbol(s.Name, s.Lo, s.Hi, s.Multiple)
	}
	given := map[int]ugraph.ValueID{}
	for _, r := range c.order {
		t := c.n.classes[r].typ
		p.cuts[r] = p.b.Input(fmt.Sprintf("u%d", r), t.DType, t.Shape)
		if c.facts[r].partial {
			given[r] = p.b.Input(fmt.Sprintf("d%d", r), t.DType, t.Shape)
		}
	}
	// u·(d/d) is u where d is not 0, and nowhere else defined: an entry of the candidate may depend on an entry
	// of the cut that may be undefined only where the program's does.
	for _, r := range c.order {
		if d, ok := given[r]; ok {
			p.cuts[r] = p.b.Op(ugraph.OpMul, nil, p.cuts[r], p.b.Op(ugraph.OpDiv, nil, d, d))
		}
	}
	return p
}

// value is a value of the whole graph here: a layout of a cut, or what a node of the piece made.
func (p *part) value(v ugraph.ValueID) ugraph.ValueID {
	if id, ok := p.ids[v]; ok {
		return id
	}
	if !p.stop(v) {
		p.b.Fail(fmt.Errorf("value %d of %s belongs to no piece", v, p.g.g.Name))
		return 0
	}
	w := p.g.views[v]
	x, ok := p.cuts[w.root]
	if !ok {
		p.b.Fail(fmt.Errorf("value %d of %s belongs to no piece", v, p.g.g.Name))
		return 0
	}
	id := p.typed(w.on(p.b, x), p.g.g.Values[v].DType)
	p.ids[v] = id
	return id
}

// typed is x in an element type; in exact arithmetic nothing changes by it.
func (p *part) typed(x ugraph.ValueID, dt ugraph.DType) ugraph.ValueID {
	was := p.b.Type(x).DType
	switch {
	case was == dt:
		return x
	case exactFloat(was) && exactFloat(dt):
		return p.b.Op(ugraph.OpCast, ugraph.Attrs{ugraph.WordAttr("to", dt.String())}, x)
	}
	p.b.Fail(fmt.Errorf("%s is not read as %s", was, dt))
	return x
}

// nodes copies the nodes of the cone; of kernels only what leads to results that are needed.
func (p *part) nodes(in []bool, from ugraph.ValueID) {
	g := p.g.g
	needed := neededBy(g, from, p.stop)
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if !in[i] || p.b.Err() != nil {
			continue
		}
		m, results := *n, n.Results
		if n.Op == ugraph.OpKernel {
			m, results = pruned(g, n, needed)
		}
		args := make([]ugraph.ValueID, len(m.Args))
		for k, a := range m.Args {
			args[k] = p.value(a)
		}
		made := p.b.Adopt(m, args)
		if p.b.Err() != nil {
			return
		}
		for k, r := range results {
			if _, ok := p.ids[r]; !ok {
				p.ids[r] = made[k]
			}
		}
	}
}

// neededBy tells which values have to be made for a value, from the cuts.
func neededBy(g *ugraph.Graph, from ugraph.ValueID, stop func(v ugraph.ValueID) bool) []bool {
	needed := make([]bool, len(g.Values))
	needed[from] = true
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		for k, r := range g.Nodes[i].Results {
			if !needed[r] {
				continue
			}
			for _, a := range readBy(&g.Nodes[i], k, g.Nodes[i].Args) {
				needed[a] = needed[a] || !stop(a)
			}
		}
	}
	return needed
}

// pruned is a kernel with those of its results alone that are needed, and with the nodes and operands that these
// depend on.
func pruned(g *ugraph.Graph, n *ugraph.Node, needed []bool) (ugraph.Node, []ugraph.ValueID) {
	body := *n.Body
	body.Outputs = nil
	var results []ugraph.ValueID
	live := make([]bool, len(n.Body.Values))
	for k, o := range n.Body.Outputs {
		if needed[n.Results[k]] {
			body.Outputs = append(body.Outputs, o)
			results = append(results, n.Results[k])
			live[o.Value] = true
		}
	}
	if len(results) == len(n.Results) {
		return *n, n.Results
	}
	keep := make([]bool, len(n.Body.Nodes))
	for i := len(n.Body.Nodes) - 1; i >= 0; i-- {
		for _, r := range n.Body.Nodes[i].Results {
			keep[i] = keep[i] || live[r]
		}
		if keep[i] {
			for _, r := range n.Body.Nodes[i].Results {
				live[r] = true
			}
			for _, a := range n.Body.Nodes[i].Args {
				live[a] = true
			}
		}
	}
	to := make([]ugraph.ValueID, len(live))
	body.Values, body.Nodes, body.Inputs = nil, nil, nil
	for v := range live {
		if live[v] {
			to[v] = ugraph.ValueID(len(body.Values))
			body.Values = append(body.Values, n.Body.Values[v])
		}
	}
	m := *n
	m.Args = nil
	for k, in := range n.Body.Inputs {
		if live[in.Value] {
			body.Values[to[in.Value]].Index = len(body.Inputs)
			body.Inputs = append(body.Inputs, ugraph.Input{Value: to[in.Value], Const: in.Const})
			m.Args = append(m.Args, n.Args[k])
		}
	}
	moved := func(vs []ugraph.ValueID) []ugraph.ValueID {
		out := make([]ugraph.ValueID, len(vs))
		for i, v := range vs {
			out[i] = to[v]
		}
		return out
	}
	for i := range n.Body.Nodes {
		if !keep[i] {
			continue
		}
		nd := n.Body.Nodes[i]
		nd.Args, nd.Results = moved(nd.Args), moved(nd.Results)
		for _, r := range nd.Results {
			body.Values[r].Node = ugraph.NodeID(len(body.Nodes))
		}
		body.Nodes = append(body.Nodes, nd)
	}
	for i := range body.Outputs {
		body.Outputs[i].Value = to[body.Outputs[i].Value]
	}
	m.Body = &body
	return m, results
}

// piece writes both sides of the claim that a tensor of the candidate is a layout of one of the program, cut as near
// to it as may be. The graphs have one output each, of one type.
func (c *cut) piece(a, b *numbered, of ugraph.ValueID, claim layout) (*ugraph.Graph, *ugraph.Graph, error) {
	c.used, c.order = map[int]bool{}, nil
	stopB := func(v ugraph.ValueID) bool { return c.at(b.views[v]) }
	inB := cone(b.g, of, stopB)
	c.collect(b, of, stopB)
	target := c.n.classes[claim.root].value
	stopA := func(v ugraph.ValueID) bool {
		w := a.views[v]
		return c.used[w.root] && w.plain() || a.g.Values[v].Node < 0
	}
	inA := make([]bool, len(a.g.Nodes))
	if stopA(target) {
		c.use(claim.root)
	} else {
		inA = cone(a.g, target, stopA)
		c.collect(a, target, stopA)
	}

	pa, pb := c.begin(a, stopA), c.begin(b, stopB)
	pa.nodes(inA, target)
	pb.nodes(inB, of)
	dt := b.g.Values[of].DType
	pa.b.Output("y", pa.typed(claim.on(pa.b, pa.value(target)), dt))
	pb.b.Output("y", pb.value(of))
	ga, err := pa.b.Graph()
	if err != nil {
		return nil, nil, err
	}
	gb, err := pb.b.Graph()
	return ga, gb, err
}

// collect notes the cuts that the nodes of a cone read.
func (c *cut) collect(g *numbered, from ugraph.ValueID, stop func(v ugraph.ValueID) bool) {
	needed := neededBy(g.g, from, stop)
	for i := range g.g.Nodes {
		n := &g.g.Nodes[i]
		for k, r := range n.Results {
			if !needed[r] {
				continue
			}
			for _, x := range readBy(n, k, n.Args) {
				if stop(x) {
					c.use(g.views[x].root)
				}
			}
		}
	}
}
