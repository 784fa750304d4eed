package verify

import (
	"slices"

	"github.com/morgana-ml/morgana/ugraph"
)

// numbers are the integers of two graphs at which what an output entry reads can change: offsets
// (bounds of slices, parts of a concat, literals beside positions), which add up along a path, and
// extents of tiles and parts, whose multiples matter.
type numbers struct {
	offsets []int64
	tiles   []int64
	inner   []int64 // extents that a reshape merges or splits off: a sum of offsets is found at its quotient and remainder
	sums    []int64 // every signed sum of offsets, 0 too
}

// maxOffsets bounds the distinct offsets whose sums are listed: 3^5 of them.
const maxOffsets = 5

// numbersOf collects the numbers of both graphs.
func (c *check) numbersOf() (*numbers, error) {
	n := &numbers{}
	for _, g := range []*ugraph.Graph{c.a, c.b} {
		n.collect(c, g)
	}
	unique := func(x []int64) []int64 {
		slices.Sort(x)
		return slices.Compact(x)
	}
	n.offsets, n.tiles, n.inner = unique(n.offsets), unique(n.tiles), unique(n.inner)
	if len(n.offsets) > maxOffsets {
		return nil, &errUndecided{"the graphs have too many offsets to sample blocks around all of their sums"}
	}
	n.sums = []int64{0}
	for _, o := range n.offsets {
		for _, s := range slices.Clone(n.sums) {
			n.sums = append(n.sums, s+o, s-o)
		}
	}
	n.sums = unique(n.sums)
	return n, nil
}

func (n *numbers) offset(x int64) {
	if x = max(x, -x); x > 1 && x < 1<<40 { // sums are tried with ±1 anyway
		n.offsets = append(n.offsets, x)
	}
}

func (n *numbers) tile(x int64) {
	if x > 1 {
		n.tiles = append(n.tiles, x)
	}
}

func (n *numbers) collect(c *check, g *ugraph.Graph) {
	dim := func(d ugraph.Dim) int64 { x, _ := d.Eval(c.env); return x }
	cut := func(d ugraph.GridDim) {
		n.tile(d.Tile)
		if d.Parts > 0 {
			n.tile(dim(d.Extent) / d.Parts)
		}
	}
	for _, d := range g.Grid {
		cut(d)
	}
	if g.Loop != nil {
		cut(*g.Loop)
	}
	for i := range g.Nodes {
		node := &g.Nodes[i]
		if node.Body != nil {
			n.collect(c, node.Body)
			continue
		}
		switch node.Op {
		case ugraph.OpConst:
			if g.Value(node.Results[0]).DType.IsInt() {
				v, _ := node.Attrs.Num("value", ugraph.Int(0)).IsInt()
				n.offset(v)
			}
		case ugraph.OpSlice:
			x := g.Value(node.Args[0])
			ax, err := ugraph.NormalAxis(node.Attrs.Int("axis", 0), x.Rank())
			if err != nil {
				continue
			}
			d := dim(x.Shape[ax])
			if lo, hi, err := ugraph.SliceBounds(node.Attrs, ugraph.D(d)); err == nil {
				n.offset(dim(lo))
				if dim(hi) != d {
					n.offset(dim(hi))
				}
			}
		case ugraph.OpConcat:
			for _, a := range node.Args[:len(node.Args)-1] {
				if ax, err := ugraph.NormalAxis(node.Attrs.Int("axis", 0), g.Value(a).Rank()); err == nil {
					n.offset(dim(g.Value(a).Shape[ax]))
				}
			}
		case ugraph.OpSplit:
			r := g.Value(node.Results[0])
			if ax, err := ugraph.NormalAxis(node.Attrs.Int("axis", 0), r.Rank()); err == nil {
				n.tile(dim(r.Shape[ax]))
			}
		case ugraph.OpReshape:
			x, y := g.Value(node.Args[0]).Shape, g.Value(node.Results[0]).Shape
			for _, gr := range reshapeGroups(x, y) {
				for _, side := range [][]ugraph.Dim{x[gr.in[0]:gr.in[1]], y[gr.out[0]:gr.out[1]]} {
					for k := 1; k < len(side); k++ {
						inner := int64(1)
						for _, d := range side[k:] {
							inner *= dim(d)
						}
						n.tile(inner)
						if inner > 1 {
							n.inner = append(n.inner, inner)
						}
					}
				}
			}
		}
	}
}

// points are the positions of an axis of n that are looked at: all of a short one.
func (n *numbers) points(extent int) []int {
	if extent <= maxAllPoints {
		all := make([]int, extent)
		for i := range all {
			all[i] = i
		}
		return all
	}
	var ps []int
	near := func(p int64) {
		for d := int64(-1); d <= 1; d++ {
			if q := p + d; q >= 0 && q < int64(extent) {
				ps = append(ps, int(q))
			}
		}
	}
	near(1)
	near(int64(extent) - 2)
	near(int64(extent) / 2)
	for _, t := range n.tiles {
		near(t)
		near(2 * t)
		near((int64(extent) - 1) / t * t)
		near(int64(extent) / 2 / t * t)
	}
	for _, s := range n.sums {
		near(s)
		near(int64(extent) + s)
		for _, t := range n.inner {
			near(s / t)
			near(s % t)
		}
	}
	slices.Sort(ps)
	return slices.Compact(ps)
}

// maxAllPoints is the extent up to which every position of an axis is looked at.
const maxAllPoints = 128
