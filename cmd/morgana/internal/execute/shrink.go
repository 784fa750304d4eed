package execute

import (
	"sort"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/shrink"
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
	to := func(d ugraph.Dim) ugraph.Dim {
		if e, ok := d.Const(); ok {
			if s, ok := small[e]; ok {
				return ugraph.D(s)
			}
		}
		return d
	}
	plan := shrink.Plan{Number: func(d ugraph.Dim) (ugraph.Dim, error) { return to(d), nil }}
	for _, in := range g.Inputs {
		var axes []shrink.Axis
		for _, d := range g.Values[in.Value].Shape {
			axes = append(axes, shrink.Axis{{Old: d, New: to(d)}})
		}
		plan.Inputs = append(plan.Inputs, axes)
	}
	out, err := shrink.Rebuild(g, plan)
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
