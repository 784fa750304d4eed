package cost

import (
	"fmt"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/library"
)

// What the executor runs for a composite operator of a program (runtime/cpu.Unfused): norms and softmaxes of rows
// of up to maxRow elements are a kernel with blocks of about rowTile elements, others one kernel for each operator
// of their definition.
const (
	rowTile = 1 << 15
	maxRow  = 4 * rowTile
)

// composite prices a composite operator as one row of the report.
func (c *context) composite(n *ugraph.Node) (Estimate, error) {
	if tiles := c.rowTiles(n); tiles != nil {
		return c.rowKernel(n, tiles)
	}
	def, err := library.Define(n.Op, n.Attrs, c.g.ArgTypes(n))
	if err != nil {
		return Estimate{}, err
	}
	inner := c.within(def, n)
	sum := Estimate{LevelBytes: make([]float64, len(c.row.Levels))}
	for i := range def.Nodes {
		e, priced, err := inner.node(&def.Nodes[i])
		if err != nil {
			return sum, err
		}
		if priced {
			sum.add(e)
		}
	}
	return sum, nil
}

// within is the context of a graph that computes a node: its inputs are the node's operands, its outputs the results.
func (c *context) within(g *ugraph.Graph, n *ugraph.Node) *context {
	outer := make([]ugraph.ValueID, len(g.Values))
	for i := range outer {
		outer[i] = -1
	}
	in := &context{g: g, env: c.env, row: c.row, isConst: make([]bool, len(g.Values))}
	for i, o := range g.Outputs {
		outer[o.Value] = n.Results[i]
	}
	for i, x := range g.Inputs {
		outer[x.Value], in.isConst[x.Value] = n.Args[i], c.isConst[n.Args[i]]
	}
	in.cached = func(v ugraph.ValueID, bytes float64) bool {
		if outer[v] >= 0 {
			return c.cached(outer[v], bytes)
		}
		return Fits(2*bytes, c.row)
	}
	return in
}

// rowTiles are the tile's extents by axis of the result where the operator is one kernel over whole rows; else nil.
func (c *context) rowTiles(n *ugraph.Node) []int64 {
	switch n.Op {
	case ugraph.OpSoftmax, ugraph.OpLogSoftmax, ugraph.OpLogSumExp, ugraph.OpRMSNorm, ugraph.OpLayerNorm:
	default:
		return nil
	}
	x, out := c.g.Values[n.Args[0]].Type, c.g.Values[n.Results[0]].Type
	axis, err := ugraph.NormalAxis(n.Attrs.Int("axis", -1), x.Rank())
	if err != nil || axis != x.Rank()-1 {
		return nil
	}
	if length, err := x.Shape[axis].Eval(c.env); err != nil || length > maxRow {
		return nil
	}
	tiles, err := ugraph.EvalShape(out.Shape, c.env)
	if err != nil {
		return nil
	}
	elements := int64(1)
	for _, s := range tiles {
		elements *= s
	}
	for a := range tiles {
		if a == axis || elements <= rowTile {
			break
		}
		rest := elements / tiles[a]
		tiles[a] = min(tiles[a], max(1, rowTile/rest))
		elements = rest * tiles[a]
	}
	return tiles
}

// rowKernel prices the operator as a block graph with tiles of those extents.
func (c *context) rowKernel(n *ugraph.Node, tiles []int64) (Estimate, error) {
	b := ugraph.NewBuilder(n.Op.String())
	b.Part()
	for _, s := range c.g.Symbols {
		b.Symbol(s.Name, s.Lo, s.Hi, s.Multiple)
	}
	args := make([]ugraph.ValueID, len(n.Args))
	for i, a := range n.Args {
		t := c.g.Values[a].Type
		args[i] = b.Input(fmt.Sprintf("x%d", i), t.DType, t.Shape)
	}
	out := c.g.Values[n.Results[0]].Type
	res := b.Kernel(n.Op.String(), func(k *ugraph.BlockBuilder) {
		var cut []int // result axis by grid dimension
		for a, t := range tiles {
			if whole, err := out.Shape[a].Eval(c.env); err == nil && t < whole {
				k.Grid(fmt.Sprintf("g%d", a), out.Shape[a], t)
				cut = append(cut, a)
			}
		}
		in := make([]ugraph.ValueID, len(args))
		for i, a := range args {
			t := b.Type(a)
			grid := make([]int64, len(cut))
			for g, axis := range cut {
				grid[g] = int64(axis)
				if i > 0 { // weights are aligned at the last axis
					grid[g] -= int64(out.Rank() - t.Rank())
					if grid[g] < 0 || t.Shape[grid[g]].Is(1) {
						grid[g] = -1
					}
				}
			}
			in[i] = k.Load(a, grid, -1)
		}
		grid := append([]int{}, cut...)
		k.Store("y", k.Ops(n.Op, n.Attrs, in...)[0], ugraph.Store{Grid: grid, Loop: -1})
	})
	if b.Err() != nil {
		return Estimate{}, b.Err()
	}
	b.Output("y", res[0])
	g, err := b.Graph()
	if err != nil {
		return Estimate{}, err
	}
	if g, err = library.Expand(g); err != nil {
		return Estimate{}, err
	}
	for i := range g.Nodes {
		if g.Nodes[i].Op == ugraph.OpKernel {
			k, err := c.within(g, n).block(&g.Nodes[i])
			if err != nil {
				return Estimate{}, err
			}
			return k.Estimate(c.row), nil
		}
	}
	return Estimate{}, fmt.Errorf("%s is no kernel", n.Op)
}
