// Package execute runs μGraphs on small ragged instances and compares them with the reference
// interpreter, and times graphs side by side.
//
//	μGraph ─Shrink─▶ the same kernels over small extents ─┬─▶ CPU executor ─┐
//	                                                      └─▶ interp, f64 ──┴─▶ within the type's bound
//
// # Rationale
//
// Why may the small graph differ from the program? A literal such as 1/4096 keeps its value when the
// axis shrinks. The executor is compared with the interpreter on the same graph; that the graph is the
// program is what package verify has proved at its real sizes.
package execute

import (
	"sort"

	"github.com/morgana-ml/morgana/ugraph"
)

// keepBelow is the extent up to which an axis keeps its size.
const keepBelow = 32

// Shrink rebuilds a μGraph with smaller numbers for its extents: each extent is replaced by one that
// holds two tiles of the largest cut of it, the last of them ragged where the cut allows that. Where
// no smaller graph is legal (reshapes tie sizes together) the graph itself is returned.
func Shrink(g *ugraph.Graph) *ugraph.Graph {
	small := sizes(g)
	if len(small) == 0 {
		return g
	}
	b := ugraph.NewBuilder(g.Name)
	for _, s := range g.Symbols {
		b.Symbol(s.Name, s.Lo, s.Hi, s.Multiple)
	}
	shape := func(t ugraph.Type) []ugraph.Dim { return mapped(t.Shape, small) }
	ids := make([]ugraph.ValueID, len(g.Values))
	for _, in := range g.Inputs {
		v := g.Values[in.Value]
		if in.Const {
			ids[in.Value] = b.Weight(v.Name, v.DType, shape(v.Type))
		} else {
			ids[in.Value] = b.Input(v.Name, v.DType, shape(v.Type))
		}
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		args := make([]ugraph.ValueID, len(n.Args))
		for j, a := range n.Args {
			args[j] = ids[a]
		}
		var res []ugraph.ValueID
		if n.Op == ugraph.OpKernel {
			res = b.Kernel(n.Body.Name, func(k *ugraph.BlockBuilder) { rebuild(k, n.Body, args, small) })
		} else {
			res = b.Ops(n.Op, mapAttrs(n.Attrs, small), args...)
		}
		if b.Err() != nil {
			return g
		}
		for j, r := range n.Results {
			ids[r] = res[j]
		}
	}
	for _, o := range g.Outputs {
		b.Output(o.Name, ids[o.Value])
	}
	out, err := b.Graph()
	if err != nil {
		return g
	}
	return out
}

// sizes maps each numeric extent that may shrink to its small value. Extents that are tiles of others
// (a loop inside a grid's tile) keep their size, and so do all that equal them.
func sizes(g *ugraph.Graph) map[int64]int64 {
	tiles := map[int64][]int64{} // extent -> tiles that cut it
	fixed := map[int64]bool{}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Op != ugraph.OpKernel {
			continue
		}
		dims := append([]ugraph.GridDim(nil), n.Body.Grid...)
		for _, d := range n.Body.Grid {
			fixed[d.Tile] = true
		}
		if n.Body.Loop != nil {
			dims = append(dims, *n.Body.Loop)
		}
		for _, d := range dims {
			if d.Parts > 0 {
				return nil
			}
			if e, ok := d.Extent.Const(); ok {
				tiles[e] = append(tiles[e], d.Tile)
			}
		}
	}
	small := map[int64]int64{}
	consider := func(d ugraph.Dim) {
		e, ok := d.Const()
		if !ok || e <= keepBelow || fixed[e] && len(tiles[e]) > 0 {
			return
		}
		var ts []int64 // a tile that holds the whole axis does not cut it
		for _, t := range tiles[e] {
			if t < e {
				ts = append(ts, t)
			}
		}
		sort.Slice(ts, func(i, j int) bool { return ts[i] > ts[j] })
		want := int64(keepBelow)
		if len(ts) > 0 {
			want = ts[0] + (ts[len(ts)-1]+1)/2 + 1
		}
		if want < e {
			small[e] = want
		}
	}
	for _, v := range g.Values {
		for _, d := range v.Shape {
			consider(d)
		}
	}
	return small
}

func mapped(shape []ugraph.Dim, small map[int64]int64) []ugraph.Dim {
	out := append([]ugraph.Dim(nil), shape...)
	for i, d := range out {
		if e, ok := d.Const(); ok {
			if s, ok := small[e]; ok {
				out[i] = ugraph.D(s)
			}
		}
	}
	return out
}

func mapAttrs(as ugraph.Attrs, small map[int64]int64) ugraph.Attrs {
	out := append(ugraph.Attrs(nil), as...)
	for i, a := range out {
		if a.Kind == ugraph.AttrDims || a.Kind == ugraph.AttrDim {
			out[i].Dims = mapped(a.Dims, small)
		}
	}
	return out
}

// rebuild writes a block graph again over the small extents.
func rebuild(k *ugraph.BlockBuilder, g *ugraph.Graph, args []ugraph.ValueID, small map[int64]int64) {
	for _, d := range g.Grid {
		k.Grid(d.Name, mapped([]ugraph.Dim{d.Extent}, small)[0], d.Tile)
	}
	if g.Loop != nil {
		k.Loop(g.Loop.Name, mapped([]ugraph.Dim{g.Loop.Extent}, small)[0], g.Loop.Tile)
	}
	ids := make([]ugraph.ValueID, len(g.Values))
	for i, in := range g.Inputs {
		ids[in.Value] = k.Arg(args[i])
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		in := make([]ugraph.ValueID, len(n.Args))
		for j, a := range n.Args {
			in[j] = ids[a]
		}
		var res []ugraph.ValueID
		if n.Op == ugraph.OpThread {
			res = k.Thread(n.Body, in)
		} else {
			res = k.Ops(n.Op, mapAttrs(n.Attrs, small), in...)
		}
		if k.Err() != nil {
			return
		}
		for j, r := range n.Results {
			ids[r] = res[j]
		}
	}
	for _, o := range g.Outputs {
		k.Store(o.Name, ids[o.Value], *o.Store)
	}
}
