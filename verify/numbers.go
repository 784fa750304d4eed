package verify

import (
	"fmt"
	"slices"

	"github.com/morgana-ml/morgana/ugraph"
)

// numbers are the integers of two graphs at which what an output entry reads can change: offsets
// (bounds of slices, parts of a concat, the reach of masks of positions), which add up along a path, and
// extents of tiles and parts, whose multiples matter.
type numbers struct {
	offsets []int64 // of one graph, one per operator: a path meets an operator once, and another with the same offset too
	tiles   []int64
	inner   []int64 // extents that a reshape merges or splits off: a sum of offsets is found at its quotient and remainder
	single  []int64 // offsets of either graph, 0 too
	sums    []int64 // every signed sum of offsets of one graph, 0 too
}

const (
	maxOffsets     = 5       // of one graph: 3^5 sums are listed
	maxScaled      = 1 << 12 // offsets times extents of inner parts of reshaped axes
	maxMaskNumbers = 3       // reaches of masks of one graph, each added or subtracted at most twice: 5^3 sums
)

// numbersOf collects the numbers of both graphs.
func (c *check) numbersOf(s *sizing) (*numbers, error) {
	n := &numbers{single: []int64{0}}
	for _, g := range []*ugraph.Graph{c.a, c.b} {
		n.offsets = nil
		n.collect(c, g)
		masks, err := c.maskNumbers(s, g)
		if err != nil {
			return nil, err
		}
		if len(n.offsets) > maxOffsets || len(masks) > maxMaskNumbers {
			return nil, &errUndecided{"the graphs have too many offsets to sample blocks around all of their sums"}
		}
		sums := []int64{0}
		for _, o := range n.offsets {
			for _, s := range slices.Clone(sums) {
				sums = append(sums, s+o, s-o)
			}
		}
		for _, o := range masks {
			for _, s := range slices.Clone(sums) {
				sums = append(sums, s+o, s-o, s+2*o, s-2*o)
			}
		}
		n.single = append(append(n.single, n.offsets...), masks...)
		n.sums = append(n.sums, sums...)
	}
	for _, x := range []*[]int64{&n.tiles, &n.inner, &n.single, &n.sums} {
		slices.Sort(*x)
		*x = slices.Compact(*x)
	}
	if len(n.sums)*len(n.inner) > maxScaled {
		return nil, &errUndecided{"the graphs have too many offsets along reshaped axes to sample blocks around all of them"}
	}
	for _, x := range []*[]int64{&n.single, &n.sums} {
		for _, o := range slices.Clone(*x) {
			for _, t := range n.inner { // an offset along the outer part of a merged axis
				if o < 1<<40/t {
					*x = append(*x, o*t)
				}
			}
		}
		slices.Sort(*x)
		*x = slices.Compact(*x)
	}
	return n, nil
}

// maskNumbers are the distances at which the masks of a graph change. Positions that are anything but
// compared as affine functions (forms.go) are refused: what they do may change anywhere.
func (c *check) maskNumbers(s *sizing, g *ugraph.Graph) ([]int64, error) {
	u := &placeUse{s: s, axisOf: s.axisOf(), highest: c.highest()}
	u.follow(g, nil)
	if u.numbers != "" {
		return nil, &errUndecided{fmt.Sprintf("positions are used as numbers (%s), which sampled blocks do not decide", u.numbers)}
	}
	var out []int64
	for _, m := range u.masks {
		if m.far > 0 && !slices.Contains(out, m.far) {
			out = append(out, m.far)
		}
	}
	return out, nil
}

func (n *numbers) offset(x int64) {
	if x = max(x, -x); x > 0 && x < 1<<40 {
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

// points are the positions of an axis that are looked at: all of a short one.
func (n *numbers) points(extent int) []int {
	if extent > maxAllPoints {
		return n.around(extent, n.sums)
	}
	all := make([]int, extent)
	for i := range all {
		all[i] = i
	}
	return all
}

// corners are those of them at one offset, for every combination of axes.
func (n *numbers) corners(extent int) []int { return n.around(extent, n.single) }

func (n *numbers) around(extent int, offsets []int64) []int {
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
	for _, s := range offsets {
		near(s)
		near(int64(extent) + s)
		near(int64(extent) - s)
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
