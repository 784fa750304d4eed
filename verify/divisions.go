package verify

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/morgana-ml/morgana/ugraph"
)

// boundary is where an axis is divided: into parts of this extent.
type boundary struct {
	real ugraph.Dim
	here int    // in the instance
	odd  string // parts of different extents: which; "": all alike, but for a smaller last one
}

// cutOwner is the grid dimension or loop whose parts a slot counts.
type cutOwner struct {
	g    *ugraph.Graph
	grid int // −1: the loop
}

// owners maps the slots of the numbers of parts to who cuts.
func (s *sizing) owners() map[int]cutOwner {
	m := map[int]cutOwner{}
	for _, g := range s.order {
		for i, c := range s.grids[g] {
			m[c.parts] = cutOwner{g, i}
		}
		if c, ok := s.loops[g]; ok {
			m[c.parts] = cutOwner{g, -1}
		}
	}
	return m
}

// partsSlot is the slot of the number of parts of a relation that may be a cut's.
func (r *relation) partsSlot() int {
	if r.kind == tiled {
		return r.parts[1]
	}
	return r.parts[0]
}

// boundGrid tells whether the blocks along a grid dimension are as many, and of such an extent, as the
// results depend on.
func (s *sizing) boundGrid(o cutOwner) bool {
	return !o.g.Grid[o.grid].Blocks().Is(1) && !s.freeGrids[o]
}

// combined are the axes that a bound grid dimension cuts whose blocks a store combines: what it combines
// is no term of one reduction over the axis, but one of a reduction over blocks, which needs as many of
// them as the reduction in the tiles may need columns.
func (s *sizing) combined(o cutOwner, parts int) []int {
	combines := false
	for _, out := range o.g.Outputs {
		combines = combines || out.Store.Reduce != "" && out.Store.Grid[o.grid] < 0
	}
	var axes []int
	for i := range s.rels {
		if rel := &s.rels[i]; combines && s.boundGrid(o) && !rel.stacked && rel.kind != total && rel.partsSlot() == parts {
			axes = append(axes, rel.whole)
		}
	}
	return axes
}

// boundaries are the bound divisions of an axis and of the parts of it: reshapes, splits, joints and
// bound cuts. Loops count where induction does not prove them. above are the axes that this one is a part of: one whole
// tile of an axis is the axis itself.
func (s *sizing) boundaries(r int, size []int, loops bool, owners map[int]cutOwner, above []int) []boundary {
	var out []boundary
	if slices.Contains(above, r) {
		return out
	}
	above = append(slices.Clone(above), r)
	for i := range s.rels {
		rel := &s.rels[i]
		if s.find(rel.whole) != r {
			continue
		}
		bound := true
		if o, ok := owners[rel.partsSlot()]; ok && rel.kind != total {
			bound = rel.stacked || o.grid < 0 && loops || o.grid >= 0 && s.boundGrid(o)
		}
		if rel.kind == total {
			out = append(out, s.joints(rel, size, loops, owners, above)...)
			continue
		}
		parts := rel.parts
		if rel.kind == tiled {
			parts = []int{rel.parts[1], rel.parts[0]}
		}
		after, here := ugraph.D(1), 1
		for k := len(parts) - 1; k >= 0; k-- {
			for _, b := range s.boundaries(s.find(parts[k]), size, loops, owners, above) {
				out = append(out, boundary{b.real.Mul(after), b.here * here, b.odd})
			}
			after, here = after.Mul(s.real[parts[k]]), here*size[s.find(parts[k])]
			if k > 0 && bound {
				out = append(out, boundary{real: after, here: here})
			}
		}
	}
	slices.SortFunc(out, func(a, b boundary) int {
		return cmp.Or(cmp.Compare(a.here, b.here), cmp.Compare(a.real.String(), b.real.String()), cmp.Compare(a.odd, b.odd))
	})
	return slices.Compact(out)
}

// joints are the boundaries of an axis that a split or concat divides.
func (s *sizing) joints(rel *relation, size []int, loops bool, owners map[int]cutOwner, above []int) []boundary {
	first := s.find(rel.parts[0])
	b := boundary{real: s.real[rel.parts[0]], here: size[first]}
	for _, p := range rel.parts {
		if s.find(p) != first {
			b.odd += fmt.Sprintf("+%d", s.find(p))
		}
	}
	if b.odd != "" {
		b.odd = fmt.Sprint(first) + b.odd
		return []boundary{b}
	}
	return append(s.boundaries(first, size, loops, owners, above), b)
}

// faithful checks that the bound divisions of every axis stand to each other as at the real size: those
// that coincide do, of others one divides the other, and is smaller. Then the axis is as many axes from
// the start as it has divisions (theory 4.2, derived axes).
func (s *sizing) faithful(size []int, loops bool) error {
	owners := s.owners()
	done := map[int]bool{}
	for i := range s.rels {
		if err := s.counted(&s.rels[i], size, loops, owners); err != nil {
			return err
		}
		r := s.find(s.rels[i].whole)
		if done[r] {
			continue
		}
		done[r] = true
		bs := append(s.boundaries(r, size, loops, owners, nil), boundary{real: ugraph.D(1), here: 1}) // positions are parts, too
		for i, a := range bs {
			for _, b := range bs[:i] {
				if !apartAsReal(a, b) {
					return &errUndecided{fmt.Sprintf("the graphs divide an axis of extent %s into parts of %s and of %s, which no small instance tells apart as the real size does", s.real[r], b.real, a.real)}
				}
			}
		}
	}
	return nil
}

// counted checks that an axis has as many tiles as the instance is to have: all trips and the blocks that
// results depend on, and of a loop that induction proves, two.
func (s *sizing) counted(rel *relation, size []int, loops bool, owners map[int]cutOwner) error {
	o, ok := owners[rel.partsSlot()]
	if !ok || rel.kind != tiled {
		return nil
	}
	w, tile, n := size[s.find(rel.whole)], size[s.find(rel.parts[0])], size[s.find(rel.parts[1])]
	if tile < 1 {
		return nil
	}
	have := (w + tile - 1) / tile
	switch exact := o.grid < 0 && loops || o.grid >= 0 && (s.boundGrid(o) || s.reduced[rel.parts[1]]); {
	case have == n, !exact && o.grid >= 0, !exact && have >= min(n, 2):
		return nil
	}
	return &errUndecided{fmt.Sprintf("no small instance cuts an axis of extent %s by %s into %d tiles as the real size does: %d by %d", s.real[rel.whole], s.real[rel.parts[0]], n, w, tile)}
}

// apartAsReal tells whether two divisions of an axis relate in the instance as they do in reality.
func apartAsReal(a, b boundary) bool {
	switch {
	case a.odd != "" || b.odd != "":
		return a.odd == b.odd
	case a.real == b.real:
		return a.here == b.here
	case dividesDim(a.real, b.real):
		return a.here < b.here && b.here%a.here == 0
	case dividesDim(b.real, a.real):
		return b.here < a.here && a.here%b.here == 0
	}
	return false
}

// dividesDim tells whether extent a divides b at every size.
func dividesDim(a, b ugraph.Dim) bool {
	n, ok := a.Const()
	if ok {
		_, even := b.Div(n)
		return even
	}
	return false
}

// sameDivisions unites the parts of one axis that two reshapes, or the groups of an attention's heads, divide
// by the same extents: position p of the axis has one place in both.
func (s *sizing) sameDivisions() {
	cuts := s.owners()
	for changed := true; changed; {
		changed = false
		for i := range s.rels {
			a := &s.rels[i]
			if _, cut := cuts[a.parts[0]]; cut || a.kind != product || a.stacked {
				continue
			}
			for j := range i {
				b := &s.rels[j]
				if _, cut := cuts[b.parts[0]]; cut || b.kind != product || b.stacked || len(a.parts) != len(b.parts) || s.find(a.whole) != s.find(b.whole) {
					continue
				}
				if !slices.EqualFunc(a.parts, b.parts, func(p, q int) bool { return s.real[p] == s.real[q] }) {
					continue
				}
				for k, p := range a.parts {
					if q := b.parts[k]; s.find(p) != s.find(q) {
						s.union(p, q)
						changed = true
					}
				}
			}
		}
	}
}
