package verify

import (
	"slices"

	"github.com/morgana-ml/morgana/ugraph"
)

// This file gives the positions of an instance their columns and weights (theory 4.2).

// label gives the positions of axes in memory their columns: one weight each, but weight 1 where
// the axis has its real size already; merged and joined axes have their parts' columns.
func (in *instance) label(p plan, pinned, isParts map[int]bool) {
	s := in.sizes
	// A reshape that divides heads otherwise goes before: attention reads no columns of them.
	rels := slices.Clone(s.rels)
	slices.SortStableFunc(rels, func(a, b relation) int { return int(boolInt(a.heads) - boolInt(b.heads)) })
	state := map[int]int{}
	var visit func(r int) []int32
	visit = func(r int) []int32 {
		if state[r] != 0 {
			return in.cols[r]
		}
		state[r] = 1
		n := in.size[r]
		for _, rel := range rels {
			if s.find(rel.whole) != r || rel.kind == tiled {
				continue
			}
			cut := false
			for _, q := range rel.parts {
				cut = cut || isParts[s.find(q)] || !s.kernel[q] && rel.kind == product
			}
			if cut {
				continue
			}
			var cols []int32
			if rel.kind == total {
				for _, q := range rel.parts {
					cols = append(cols, visit(s.find(q))...)
				}
			} else {
				cols = []int32{0}
				for _, q := range rel.parts {
					var next []int32
					for _, c := range cols {
						for _, d := range visit(s.find(q)) {
							switch {
							case c == 0:
								next = append(next, d)
							case d == 0:
								next = append(next, c)
							default:
								next = append(next, in.pair(c, d))
							}
						}
					}
					cols = next
				}
			}
			if len(cols) == n {
				in.cols[r] = cols
				return cols
			}
		}
		cols := make([]int32, n)
		if real, ok := s.number(r); !pinned[r] && (!(ok && real == n) || in.blockAxis[r] != nil) {
			for i := range cols {
				in.columns++
				cols[i] = in.columns
			}
			sum := weightSum{cols: cols, real: s.real[r]}
			if b := in.blockAxis[r]; b != nil {
				cols, sum.blocks = in.pairBlocks(b, cols)
			}
			in.sums = append(in.sums, sum)
		}
		in.cols[r] = cols
		return cols
	}
	for i := range s.parent {
		if s.kernel[i] {
			if r := s.find(i); in.size[r] > 0 {
				visit(r)
			}
		}
	}
}

// weightSum states that the weights of the columns add up to an extent.
type weightSum struct {
	cols   []int32
	blocks []int32 // per column the weight of its block, which counts too; nil: none
	real   ugraph.Dim
}

// blockCut says how a grid dimension whose blocks have weights cuts an axis.
type blockCut struct {
	parts int // variable of the grid count
	tile  int // variable of the tile's extent, −1: equal parts
}

// weighBlocks chooses the axis whose columns share the weights of each combining grid dimension's
// blocks: a reduced axis that is split over blocks is two axes, block and column in the block, with
// the products as weights (theory 4.2, derived axes). So a few blocks prove every number of them.
func (s *sizing) weighBlocks(in *instance, p *plan) {
	in.blockAxis = map[int]*blockCut{}
	if !p.weigh {
		return
	}
	need := map[int]int{}
	for k, v := range p.need {
		need[k] = v
	}
	for _, rel := range s.rels {
		parts, tile := -1, -1
		switch {
		case rel.stacked:
			continue
		case rel.kind == tiled:
			parts, tile = s.find(rel.parts[1]), s.find(rel.parts[0])
		case rel.kind == product && len(rel.parts) == 2:
			parts = s.find(rel.parts[0])
		}
		if _, ok := in.blocks[parts]; !ok || parts < 0 {
			continue
		}
		w := s.find(rel.whole)
		if b := in.blockAxis[w]; b == nil {
			in.blockAxis[w] = &blockCut{parts, tile}
			need[w] = max(2, need[w]) * in.size[parts]
		}
	}
	p.need = need
}

// pairBlocks gives each column the product of its own weight and its block's.
func (in *instance) pairBlocks(b *blockCut, cols []int32) (paired, blocks []int32) {
	n := in.size[b.parts]
	us := in.blocks[b.parts]
	if us == nil {
		for range n {
			in.columns++
			us = append(us, in.columns)
		}
		in.blocks[b.parts] = us
	}
	t := (len(cols) + n - 1) / n
	if b.tile >= 0 {
		t = in.size[b.tile]
	}
	for i, c := range cols {
		u := us[min(i/t, n-1)]
		id := in.pair(u, c)
		in.inner[id], in.outer[c] = c, id
		paired, blocks = append(paired, id), append(blocks, u)
	}
	return paired, blocks
}

// withoutBlock and withBlock take the weight of a block off columns and put it back.
func (in *instance) withoutBlock(cols []int32) []int32 { return mapCols(cols, in.inner) }
func (in *instance) withBlock(cols []int32) []int32    { return mapCols(cols, in.outer) }

func mapCols(cols []int32, by map[int32]int32) []int32 {
	out := append([]int32(nil), cols...)
	for i, c := range out {
		if d, ok := by[c]; ok {
			out[i] = d
		}
	}
	return out
}

// blockWeights are the weight columns of the blocks of a grid dimension, nil where blocks count once.
func (in *instance) blockWeights(g *ugraph.Graph, gi int) []int32 {
	return in.blocks[in.sizes.find(in.sizes.grids[g][gi].parts)]
}

// blockColumns are the weight columns of all blocks, in order.
func (in *instance) blockColumns() []int32 {
	var all []int32
	for _, us := range in.blocks {
		all = append(all, us...)
	}
	slices.Sort(all)
	return all
}
