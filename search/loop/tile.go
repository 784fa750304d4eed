package loop

import (
	"slices"
	"sort"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph"
)

// unit is a dimension of extent 1 that no axis of the tile has.
const unit = -1

// tile is an emitted value with the axis of each dimension.
type tile struct {
	id   ugraph.ValueID
	dims []int
}

func (t tile) axes() []int {
	var out []int
	for _, a := range t.dims {
		if a != unit {
			out = append(out, a)
		}
	}
	return out
}

// rank orders axes: as in the outputs, then as in the inputs.
type rank struct {
	of    []int
	order []int
}

func axisRank(d *expr.DAG) rank {
	r := rank{of: make([]int, len(d.Axes))}
	seen := make([]bool, len(d.Axes))
	visit := func(axes []int) {
		for _, a := range axes {
			if !seen[a] {
				seen[a] = true
				r.of[a] = len(r.order)
				r.order = append(r.order, a)
			}
		}
	}
	for _, o := range d.Outputs {
		visit(o.Axes)
	}
	for _, in := range d.Inputs {
		visit(in.Axes)
	}
	for a := range d.Axes {
		visit([]int{a})
	}
	return r
}

func (r rank) sorted(axes []int) []int {
	out := slices.Clone(axes)
	sort.Slice(out, func(i, j int) bool { return r.of[out[i]] < r.of[out[j]] })
	return out
}

// joinDims aligns dimensions at the right and returns the dimensions of an elementwise result, if
// every axis meets only itself and units.
func joinDims(ts []tile) ([]int, bool) {
	n := 0
	for _, t := range ts {
		n = max(n, len(t.dims))
	}
	out := make([]int, n)
	seen := map[int]bool{}
	for i := range out {
		out[i] = unit
		for _, t := range ts {
			j := i - (n - len(t.dims))
			if j < 0 || t.dims[j] == unit {
				continue
			}
			if out[i] != unit && out[i] != t.dims[j] {
				return nil, false
			}
			out[i] = t.dims[j]
		}
		if out[i] != unit {
			if seen[out[i]] {
				return nil, false
			}
			seen[out[i]] = true
		}
	}
	return out, true
}

// align makes the operands of an elementwise operator broadcast against each other.
func (e *emitter) align(ts []tile) ([]tile, []int) {
	if dims, ok := joinDims(ts); ok {
		return ts, dims
	}
	base := ts[0]
	for _, t := range ts[1:] {
		if len(t.axes()) > len(base.axes()) {
			base = t
		}
	}
	want := base.axes()
	for _, t := range ts {
		for _, a := range t.axes() {
			if slices.Contains(want, a) {
				continue
			}
			at := 0
			for at < len(want) && e.rank.of[want[at]] < e.rank.of[a] {
				at++
			}
			want = slices.Insert(want, at, a)
		}
	}
	out := make([]tile, len(ts))
	for i, t := range ts {
		out[i] = e.conform(t, want)
	}
	return out, want
}

// conform makes t broadcast to dimensions want, aligned at the right.
func (e *emitter) conform(t tile, want []int) tile {
	g := make([]int, len(want))
	for i, a := range want {
		g[i] = unit
		if slices.Contains(t.dims, a) {
			g[i] = a
		}
	}
	if len(t.dims) <= len(g) && slices.Equal(t.dims, g[len(g)-len(t.dims):]) && len(t.axes()) == len(slices.DeleteFunc(slices.Clone(g), func(a int) bool { return a == unit })) {
		return t
	}
	for len(g) > 0 && g[0] == unit {
		g = g[1:]
	}
	return e.arrange(t, g)
}

// arrange moves the axes of t to dimensions want, which has the same axes and any units.
func (e *emitter) arrange(t tile, want []int) tile {
	groups := make([][]int, len(want))
	for i, a := range want {
		if a != unit {
			groups[i] = []int{a}
		}
	}
	return tile{e.arrangeGroups(t, groups).id, want}
}

// arrangeGroups is arrange with several axes folded into one dimension; a folded axis must not be
// cut. The result's dims hold the first axis of each group.
func (e *emitter) arrangeGroups(t tile, groups [][]int) tile {
	var order, first []int
	folded := false
	for _, g := range groups {
		order = append(order, g...)
		folded = folded || len(g) > 1
		if len(g) == 0 {
			first = append(first, unit)
		} else {
			first = append(first, g[0])
		}
	}
	if !folded && slices.Equal(t.dims, first) {
		return t
	}
	if !slices.Equal(t.axes(), order) {
		want := first
		if folded {
			want = nil
		}
		t = e.permute(t, order, want)
		if !folded && slices.Equal(t.dims, first) {
			return t
		}
	}
	shape := make([]ugraph.Dim, len(groups))
	for i, g := range groups {
		shape[i] = ugraph.D(1)
		for _, a := range g {
			shape[i] = shape[i].Mul(e.extent(t, a))
		}
	}
	return e.reshape(t, shape, first)
}

func (e *emitter) extent(t tile, axis int) ugraph.Dim {
	return e.k.Type(t.id).Shape[slices.Index(t.dims, axis)]
}

// permute orders the axes of t, with units where want has them if it has as many, else in front.
func (e *emitter) permute(t tile, order, want []int) tile {
	var units []int
	for i, a := range t.dims {
		if a == unit {
			units = append(units, i)
		}
	}
	perm, dims := []int64{}, []int{}
	if len(want) == len(t.dims) && count(want, unit) == len(units) {
		u := 0
		for _, a := range want {
			if a == unit {
				perm = append(perm, int64(units[u]))
				u++
			} else {
				perm = append(perm, int64(slices.Index(t.dims, a)))
			}
		}
		dims = want
	} else {
		for _, u := range units {
			perm, dims = append(perm, int64(u)), append(dims, unit)
		}
		for _, a := range order {
			perm, dims = append(perm, int64(slices.Index(t.dims, a))), append(dims, a)
		}
	}
	return tile{e.k.Op(ugraph.OpTranspose, ugraph.Attrs{ugraph.IntsAttr("perm", perm...)}, t.id), dims}
}

// reshape gives t another shape, inserting and removing units. Where a tile of extent 1 stands
// beside a unit, a reshape could take the one for the other; then the units are moved by a
// transposition, or removed by a sum over them and made anew by a broadcast.
func (e *emitter) reshape(t tile, shape []ugraph.Dim, dims []int) tile {
	attrs := ugraph.Attrs{ugraph.DimsAttr("shape", shape...)}
	from := e.k.Type(t.id)
	if rs, err := ugraph.Infer(ugraph.OpReshape, attrs, []ugraph.Type{from}); err == nil {
		same := true
		for i, a := range dims {
			cut := ugraph.Cut{}
			if a != unit {
				cut = from.Cut(slices.Index(t.dims, a))
			}
			same = same && rs[0].Cut(i) == cut
		}
		if same {
			return tile{e.k.Op(ugraph.OpReshape, attrs, t.id), dims}
		}
	}
	if len(dims) == len(t.dims) && count(dims, unit) == count(t.dims, unit) {
		return e.permute(t, t.axes(), dims)
	}
	id := t.id
	var gone []int64
	for i, a := range t.dims {
		if a == unit {
			gone = append(gone, int64(i))
		}
	}
	if len(gone) > 0 {
		id = e.k.Op(ugraph.OpSum, ugraph.Attrs{ugraph.IntsAttr("axis", gone...)}, id)
	}
	axes := t.axes()
	if len(axes) > len(dims)-count(dims, unit) { // folded axes are uncut, so only units are ambiguous
		return tile{e.k.Op(ugraph.OpReshape, attrs, id), dims}
	}
	lead := len(dims) - len(axes)
	if lead == 0 {
		return tile{id, axes}
	}
	wide := make([]ugraph.Dim, lead)
	cur := make([]int, lead)
	for i := range wide {
		wide[i], cur[i] = ugraph.D(1), unit
	}
	wide, cur = append(wide, e.k.Type(id).Shape...), append(cur, axes...)
	id = e.k.Op(ugraph.OpBroadcast, ugraph.Attrs{ugraph.DimsAttr("shape", wide...)}, id)
	if slices.Equal(cur, dims) {
		return tile{id, dims}
	}
	return e.permute(tile{id, cur}, axes, dims)
}

func count(dims []int, a int) int {
	n := 0
	for _, d := range dims {
		if d == a {
			n++
		}
	}
	return n
}
