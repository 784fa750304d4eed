package loop

import (
	"slices"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph"
)

// contraction emits Σ over s.Over of a·b. Axes that only one operand has become the rows and columns
// of a matrix product, shared ones batch axes. Several uncut axes of a role are folded into one
// dimension; cut ones that are left over become batch axes along which the other operand repeats.
func (e *emitter) contraction(s Step, a, b tile) tile {
	for _, over := range s.Over.List() {
		switch inA, inB := slices.Contains(a.dims, over), slices.Contains(b.dims, over); {
		case inA && !inB:
			a = e.reduce(ugraph.OpSum, a, expr.Set(over))
		case inB && !inA:
			b = e.reduce(ugraph.OpSum, b, expr.Set(over))
		}
	}
	inA, inB := expr.Set(a.axes()...), expr.Set(b.axes()...)
	over := s.Over & inA & inB
	rows, cols := inA&^inB, inB&^inA
	switch {
	case over == 0:
		ts, dims := e.align([]tile{a, b})
		return tile{e.k.Op(ugraph.OpMul, nil, ts[0].id, ts[1].id), dims}
	case rows == 0 && cols == 0:
		ts, dims := e.align([]tile{a, b})
		return e.reduce(ugraph.OpSum, tile{e.k.Op(ugraph.OpMul, nil, ts[0].id, ts[1].id), dims}, over)
	case cols == 0, rows != 0 && e.rank.of[e.rank.sorted(cols.List())[0]] < e.rank.of[e.rank.sorted(rows.List())[0]]:
		a, b, rows, cols = b, a, cols, rows
	}
	m, moreM := e.fold(a, rows)
	n, moreN := e.fold(b, cols)
	k, moreK := e.fold(b, over)
	if !adjacent(a.axes(), k) { // folded, they would have to be moved in the other operand
		k = e.longest(b, k)
		moreK = over &^ expr.Set(k...)
	}
	batch := e.rank.sorted((inA&inB&^over | moreM | moreN | moreK).List())
	ta, ka := e.operand(a, batch, m, k)
	tb, kb := e.operand(b, batch, k, n)
	attrs := ugraph.Attrs{ugraph.BoolAttr("transpose_a", ka), ugraph.BoolAttr("transpose_b", kb)}
	id := e.k.Op(ugraph.OpMatMul, attrs, ta.id, tb.id)
	// The operands may have left out leading units.
	dims := append([]int{}, batch...)
	rankOf := e.k.Type(id).Rank()
	dims = dims[max(0, len(dims)+2-rankOf):]
	split := append([]int{}, dims...)
	shape := append([]ugraph.Dim{}, e.k.Type(id).Shape[:max(0, rankOf-2)]...)
	role := func(list []int, t tile) {
		if len(list) == 0 {
			split, shape = append(split, unit), append(shape, ugraph.D(1))
		}
		for _, x := range list {
			split, shape = append(split, x), append(shape, e.extent(t, x))
		}
	}
	role(m, a)
	role(n, b)
	out := tile{id, split}
	if len(m) > 1 || len(n) > 1 {
		out = tile{e.k.Op(ugraph.OpReshape, ugraph.Attrs{ugraph.DimsAttr("shape", shape...)}, id), split}
	}
	if moreK != 0 {
		out = e.reduce(ugraph.OpSum, out, moreK)
	}
	return out
}

// fold chooses which axes of a role become the matrix dimension and which are left: the largest, with
// its uncut neighbours.
func (e *emitter) fold(t tile, axes expr.AxisSet) (list []int, rest expr.AxisSet) {
	shape := e.k.Type(t.id).Shape
	size := func(a int) int64 {
		n, ok := shape[slices.Index(t.dims, a)].Const()
		if !ok {
			return 1 << 40
		}
		return n
	}
	largest := -1
	for _, a := range t.axes() {
		if axes.Has(a) && (largest < 0 || size(a) > size(largest)) {
			largest = a
		}
	}
	if largest < 0 {
		return nil, 0
	}
	// Only neighbours fold without moving elements.
	list = []int{largest}
	if !e.cut.Has(largest) {
		list = nil
		for _, a := range t.axes() {
			switch eligible := axes.Has(a) && !e.cut.Has(a) && size(a) > 1 || a == largest; {
			case eligible:
				list = append(list, a)
			case slices.Contains(list, largest):
				return list, axes &^ expr.Set(list...)
			default:
				list = nil
			}
		}
	}
	return list, axes &^ expr.Set(list...)
}

// longest is the one of a tile's axes with the largest extent, the first of equals.
func (e *emitter) longest(t tile, axes []int) []int {
	best := axes[:1]
	for i, a := range axes {
		n, ok := e.extent(t, a).Const()
		m, constant := e.extent(t, best[0]).Const()
		if constant && (!ok || n > m) {
			best = axes[i : i+1]
		}
	}
	return best
}

// adjacent tells whether list stands in axes, in that order and without a gap.
func adjacent(axes, list []int) bool {
	at := slices.Index(axes, list[0])
	return at+len(list) <= len(axes) && slices.Equal(axes[at:at+len(list)], list)
}

// operand arranges t as batch × first × second, or transposed where that saves moving elements.
func (e *emitter) operand(t tile, batch, first, second []int) (tile, bool) {
	var lead [][]int
	for _, a := range batch {
		switch {
		case slices.Contains(t.dims, a):
			lead = append(lead, []int{a})
		case len(lead) > 0:
			lead = append(lead, nil)
		}
	}
	flat := func(x, y []int) []int {
		var out []int
		for _, g := range lead {
			out = append(out, g...)
		}
		return append(append(out, x...), y...)
	}
	if slices.Equal(t.axes(), flat(second, first)) && !slices.Equal(t.axes(), flat(first, second)) {
		return e.arrangeGroups(t, append(lead, second, first)), true
	}
	return e.arrangeGroups(t, append(lead, first, second)), false
}
