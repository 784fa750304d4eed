package cpu

import (
	"fmt"

	"github.com/morgana-ml/morgana/ugraph"
)

// flatNode is a node of a block graph with thread graphs opened up: ids index flat.types.
type flatNode struct {
	op      ugraph.Op
	attrs   ugraph.Attrs
	args    []int
	results []int
	phase   ugraph.Phase
}

// flat is a block graph as one list of nodes. Composite operators have been expanded.
type flat struct {
	graph   *ugraph.Graph
	types   []ugraph.Type
	phases  []ugraph.Phase
	nodes   []flatNode
	inputs  []int // value of input i
	outputs []int // value of output i
	uses    []int // number of uses of each value, outputs included
	def     []int // node that defines a value; -1 for inputs
}

// flatten opens the thread graphs of a block graph. The phase of a node in a thread graph follows
// from its operands like that of any other node.
func flatten(g *ugraph.Graph) (*flat, error) {
	f := &flat{graph: g}
	ids := make([]int, len(g.Values))
	add := func(t ugraph.Type, p ugraph.Phase, def int) int {
		f.types = append(f.types, t)
		f.phases = append(f.phases, p)
		f.def = append(f.def, def)
		return len(f.types) - 1
	}
	for _, in := range g.Inputs {
		ids[in.Value] = add(g.Values[in.Value].Type, ugraph.Whole, -1)
		f.inputs = append(f.inputs, ids[in.Value])
	}
	emit := func(n *ugraph.Node, args []int, types []ugraph.Type) []int {
		p := phaseOf(n, args, f.phases)
		fn := flatNode{op: n.Op, attrs: n.Attrs, args: args, phase: p}
		for _, t := range types {
			fn.results = append(fn.results, add(t, p, len(f.nodes)))
		}
		f.nodes = append(f.nodes, fn)
		return fn.results
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		args := make([]int, len(n.Args))
		for j, a := range n.Args {
			args[j] = ids[a]
		}
		if n.Op == ugraph.OpThread {
			inner := make([]int, len(n.Body.Values))
			for j, in := range n.Body.Inputs {
				inner[in.Value] = args[j]
			}
			for k := range n.Body.Nodes {
				m := &n.Body.Nodes[k]
				margs := make([]int, len(m.Args))
				for j, a := range m.Args {
					margs[j] = inner[a]
				}
				for j, r := range emit(m, margs, valueTypes(n.Body, m.Results)) {
					inner[m.Results[j]] = r
				}
			}
			for j, o := range n.Body.Outputs {
				ids[n.Results[j]] = inner[o.Value]
			}
			continue
		}
		for j, r := range emit(n, args, valueTypes(g, n.Results)) {
			ids[n.Results[j]] = r
		}
	}
	f.uses = make([]int, len(f.types))
	for _, n := range f.nodes {
		for _, a := range n.args {
			f.uses[a]++
		}
	}
	for _, o := range g.Outputs {
		f.outputs = append(f.outputs, ids[o.Value])
		f.uses[ids[o.Value]]++
	}
	for _, t := range f.types {
		if len(t.Shape) > maxRank {
			return nil, fmt.Errorf("a tile has %d axes; the CPU executor takes at most %d", len(t.Shape), maxRank)
		}
	}
	return f, nil
}

func valueTypes(g *ugraph.Graph, ids []ugraph.ValueID) []ugraph.Type {
	ts := make([]ugraph.Type, len(ids))
	for i, id := range ids {
		ts[i] = g.Values[id].Type
	}
	return ts
}

// phaseOf is ugraph.Phases for one node over flat ids.
func phaseOf(n *ugraph.Node, args []int, phases []ugraph.Phase) ugraph.Phase {
	switch n.Op {
	case ugraph.OpIota:
		return ugraph.Whole
	case ugraph.OpLoad:
		if n.Attrs.Int("loop", -1) >= 0 {
			return ugraph.InLoop
		}
		return ugraph.Before
	case ugraph.OpAccum:
		return ugraph.After
	case ugraph.OpRunning, ugraph.OpPrevious:
		return ugraph.InLoop
	}
	p := ugraph.Before
	for _, a := range args {
		p = max(p, phases[a])
	}
	return p
}

// cutSize is a Cut with its sizes known.
type cutSize struct {
	axis     int
	extent   int
	grid     int // index of the grid dimension, or -1
	gridTile int
	loop     bool
	loopTile int
}

// size is the extent of the cut axis in a block and trip.
func (c *cutSize) size(coord []int, trip int) int {
	n := c.extent
	if c.grid >= 0 {
		n = min(c.gridTile, n-coord[c.grid]*c.gridTile)
	}
	if c.loop {
		n = min(c.loopTile, n-trip*c.loopTile)
	}
	return max(n, 0)
}

// start is the first index of the cut axis that a block and trip see.
func (c *cutSize) start(coord []int, trip int) int {
	at := 0
	if c.grid >= 0 {
		at = coord[c.grid] * c.gridTile
	}
	if c.loop {
		at += trip * c.loopTile
	}
	return at
}

// ragged tells whether the last tile is smaller.
func (c *cutSize) ragged() bool {
	n := c.extent
	if c.grid >= 0 {
		if n%c.gridTile != 0 {
			return true
		}
		n = c.gridTile
	}
	return c.loop && n%c.loopTile != 0
}

// sizes evaluates a grid dimension or loop for an axis of the given extent: the tile's extent.
func tileSize(d ugraph.GridDim, extent int) int {
	if d.Parts > 0 {
		return extent / int(d.Parts)
	}
	return min(int(d.Tile), extent)
}

func (f *flat) cuts(t ugraph.Type, env ugraph.Env) ([]cutSize, error) {
	var out []cutSize
	for a := range t.Shape {
		c := t.Cut(a)
		if c.Irregular || !c.IsCut() {
			continue
		}
		n, err := c.Extent.Eval(env)
		if err != nil {
			return nil, err
		}
		s := cutSize{axis: a, extent: int(n), grid: c.Grid - 1, loop: c.Loop}
		part := int(n)
		if s.grid >= 0 {
			s.gridTile = tileSize(f.graph.Grid[s.grid], part)
			part = s.gridTile
		}
		if c.Loop {
			s.loopTile = tileSize(*f.graph.Loop, part)
		}
		out = append(out, s)
	}
	return out, nil
}
