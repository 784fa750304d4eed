package verify

import (
	"fmt"
	"sort"

	"github.com/morgana-ml/morgana/ugraph"
)

// merged is the column that stands for one position of two merged axes: its weight is the product.
func (e *engine[V]) merged(a, b int32) int32 {
	if e.weights == nil || a == 0 {
		return b
	}
	if b == 0 {
		return a
	}
	id := e.inst.pair(a, b)
	for int(id) >= len(e.weights) {
		e.weights = append(e.weights, e.alg.integer(1))
	}
	e.weights[id] = e.alg.mul(e.weights[a], e.weights[b])
	return id
}

// mergeCols lists the columns of axes merged in row-major order; nil where all are constant.
func (e *engine[V]) mergeCols(shape []int, axes []axis) []int32 {
	cols := []int32{0}
	known := false
	for i, a := range axes {
		var next []int32
		for _, c := range cols {
			for k := range shape[i] {
				d := int32(0)
				if a.cols != nil {
					d, known = a.cols[k], true
				}
				next = append(next, e.merged(c, d))
			}
		}
		cols = next
	}
	if !known {
		return nil
	}
	return cols
}

// reshape keeps axes that correspond one to one, merges columns of merged axes, and splits axes
// that are products of the target's. An axis of a tile that is split otherwise is weighted at once
// and becomes two axes of partial sums.
func (e *engine[V]) reshape(g *ugraph.Graph, n *ugraph.Node, x *tensor[V]) (*tensor[V], error) {
	from, to := g.Values[n.Args[0]].Type, g.Values[n.Results[0]].Type
	shape := make([]int, len(to.Shape))
	axes := make([]axis, len(to.Shape))
	for _, gr := range reshapeGroups(from.Shape, to.Shape) {
		in, out := gr.in, gr.out
		inShape, inAxes := x.shape[in[0]:in[1]], x.axes[in[0]:in[1]]
		size := elements(inShape)
		if out[1]-out[0] == 1 && in[1]-in[0] == 1 {
			shape[out[0]], axes[out[0]] = inShape[0], inAxes[0]
			continue
		}
		if out[1] == out[0] { // only axes of extent 1 disappear
			for _, a := range inAxes {
				if a.part {
					return nil, &errUnweighted{"a partial sum loses its axis"}
				}
			}
			continue
		}
		part, labelled := false, false
		for _, a := range inAxes {
			part = part || a.part
			labelled = labelled || a.cols != nil
		}
		total := 1
		cols := make([][]int32, out[1]-out[0])
		for j := out[0]; j < out[1]; j++ {
			d, c, err := e.inst.extent(g, n.Results[0], j)
			if out[1]-out[0] == 1 {
				d, c, err = size, nil, nil
			}
			if err != nil {
				return nil, err
			}
			shape[j], cols[j-out[0]] = d, c
			total *= d
		}
		if total != size {
			return nil, errShape
		}
		switch {
		case part:
			for j := out[0]; j < out[1]; j++ {
				axes[j] = axis{part: true}
			}
		case !labelled:
		case out[1]-out[0] == 1:
			axes[out[0]] = axis{cols: e.mergeCols(inShape, inAxes)}
		default:
			outAxes := make([]axis, len(cols))
			for j, c := range cols {
				if c == nil {
					c = make([]int32, shape[out[0]+j])
				}
				outAxes[j] = axis{cols: c}
			}
			have, want := e.mergeCols(inShape, inAxes), e.mergeCols(shape[out[0]:out[1]], outAxes)
			if e.weights == nil || equalCols(have, want) {
				copy(axes[out[0]:], outAxes)
				break
			}
			for a := in[0]; a < in[1]; a++ {
				var err error
				if x, err = e.weighted(x, a); err != nil {
					return nil, err
				}
			}
			for j := out[0]; j < out[1]; j++ {
				axes[j] = axis{part: true}
			}
		}
	}
	t := &tensor[V]{dt: x.dt, shape: shape, f: x.f, i: x.i, axes: axes}
	if elements(shape) != elements(x.shape) {
		return nil, errShape
	}
	return t, nil
}

// group is a run of axes of a reshape's operand and the run of the result's axes with the same elements.
type group struct{ in, out [2]int }

// reshapeGroups splits a reshape into the smallest runs of axes whose extents have equal products.
func reshapeGroups(from, to []ugraph.Dim) []group {
	var gs []group
	i, j := 0, 0
	for i < len(from) || j < len(to) {
		gr := group{in: [2]int{i, i}, out: [2]int{j, j}}
		if i < len(from) && j < len(to) && from[i] == to[j] {
			i, j = i+1, j+1
		} else {
			a, b := ugraph.D(1), ugraph.D(1)
			for {
				switch {
				case i < len(from) && (smaller(a, b) || j >= len(to) || from[i].Is(1) && a == b && i == gr.in[0]):
					a = a.Mul(from[i])
					i++
				case j < len(to):
					b = b.Mul(to[j])
					j++
				}
				if a == b || i >= len(from) && j >= len(to) {
					break
				}
			}
		}
		gr.in[1], gr.out[1] = i, j
		gs = append(gs, gr)
	}
	return gs
}

// smaller guesses which of two products needs more factors: numbers compare, symbolic ones by degree.
func smaller(a, b ugraph.Dim) bool {
	x, ok := a.Const()
	y, ok2 := b.Const()
	if ok && ok2 {
		return x < y
	}
	if ok != ok2 {
		return ok
	}
	return len(a.String()) < len(b.String())
}

func (e *engine[V]) broadcast(g *ugraph.Graph, n *ugraph.Node, x *tensor[V]) (*tensor[V], error) {
	from, to := g.Values[n.Args[0]].Type, g.Values[n.Results[0]].Type
	shape := make([]int, len(to.Shape))
	axes := make([]axis, len(to.Shape))
	for j := range shape {
		i := j - len(shape) + len(x.shape)
		if i >= 0 && from.Shape[i] == to.Shape[j] {
			shape[j], axes[j] = x.shape[i], x.axes[i]
			continue
		}
		if i >= 0 && x.axes[i].part {
			return nil, &errUnweighted{"a partial sum is repeated along its axis"}
		}
		d, cols, err := e.inst.extent(g, n.Results[0], j)
		if err != nil {
			return nil, err
		}
		shape[j], axes[j] = d, axis{cols: cols}
	}
	if err := fits(shape); err != nil {
		return nil, err
	}
	return x.move(shape, broadcastStrides(x.shape, shape), 0, axes), nil
}

// gather takes rows of x along an axis by a concrete index.
func (e *engine[V]) gather(n *ugraph.Node, x, idx *tensor[V]) (*tensor[V], error) {
	ax, err := ugraph.NormalAxis(n.Attrs.Int("axis", 0), len(x.shape))
	if err != nil {
		return nil, err
	}
	shape := append(append(append([]int(nil), x.shape[:ax]...), idx.shape...), x.shape[ax+1:]...)
	t := newTensor[V](x.dt, shape)
	t.axes = append(append(append([]axis(nil), x.axes[:ax]...), idx.axes...), x.axes[ax+1:]...)
	if x.axes[ax].part {
		return nil, &errUnweighted{"rows of a partial sum are gathered"}
	}
	inner := elements(x.shape[ax+1:])
	outer := elements(x.shape[:ax])
	rows := elements(idx.shape)
	for o := range outer {
		for r := range rows {
			j := e.row(n, idx.i[r], x.shape[ax])
			if j < 0 || j >= int64(x.shape[ax]) {
				return nil, &errIntegers{fmt.Sprintf("%s: index %d is outside 0 … %d on the inputs drawn", n.Op, j, x.shape[ax]-1)}
			}
			src, dst := (o*x.shape[ax]+int(j))*inner, (o*rows+r)*inner
			if x.f != nil {
				copy(t.f[dst:dst+inner], x.f[src:src+inner])
			} else {
				copy(t.i[dst:dst+inner], x.i[src:src+inner])
			}
		}
	}
	return t, nil
}

// scatterAdd adds rows of y to x at a concrete index.
func (e *engine[V]) scatterAdd(n *ugraph.Node, x, idx, y *tensor[V]) (*tensor[V], error) {
	ax, err := ugraph.NormalAxis(n.Attrs.Int("axis", 0), len(x.shape))
	if err != nil {
		return nil, err
	}
	t := like(x, x.dt)
	copy(t.f, x.f)
	copy(t.i, x.i)
	for _, a := range append(append([]axis(nil), x.axes...), y.axes...) {
		if a.part {
			return nil, &errUnweighted{"partial sums are scattered"}
		}
	}
	if e.weights != nil {
		for i := range idx.shape {
			if y.axes[ax+i].cols != nil && anyWeight(y.axes[ax+i].cols) {
				return nil, &errUnweighted{"scatter_add sums over a weighted axis"}
			}
		}
	}
	inner := elements(x.shape[ax+1:])
	outer := elements(x.shape[:ax])
	rows := elements(idx.shape)
	if len(y.f)+len(y.i) != outer*rows*inner {
		return nil, errShape
	}
	for o := range outer {
		for r := range rows {
			j := e.row(n, idx.i[r], x.shape[ax])
			if j < 0 || j >= int64(x.shape[ax]) {
				return nil, &errIntegers{fmt.Sprintf("%s: index %d is outside 0 … %d on the inputs drawn", n.Op, j, x.shape[ax]-1)}
			}
			dst, src := (o*x.shape[ax]+int(j))*inner, (o*rows+r)*inner
			for k := range inner {
				if x.f != nil {
					t.f[dst+k] = e.alg.add(t.f[dst+k], y.f[src+k])
				} else {
					t.i[dst+k] = wrapInt(t.dt, t.i[dst+k]+y.i[src+k])
				}
			}
		}
	}
	return t, nil
}

func anyWeight(cols []int32) bool {
	for _, c := range cols {
		if c != 0 {
			return true
		}
	}
	return false
}

// ordered sorts positions of one row by falling value, first of equals first.
func (e *engine[V]) ordered(x *tensor[V], base, stride, n int) []int {
	idx := make([]int, n)
	for i := range idx {
		idx[i] = i
	}
	sort.SliceStable(idx, func(a, b int) bool {
		i, j := base+idx[a]*stride, base+idx[b]*stride
		if x.f == nil {
			return x.i[i] > x.i[j]
		}
		c, ok := e.alg.cmp(x.f[i], x.f[j])
		return ok && c > 0
	})
	return idx
}

// rows calls visit for each run along an axis, with the offsets in the operand and in a result
// whose axis has extent k.
func rowsAlong(shape []int, ax, k int, visit func(in, out, inStride int)) {
	inner := elements(shape[ax+1:])
	outer := elements(shape[:ax])
	for o := range outer {
		for i := range inner {
			visit(o*shape[ax]*inner+i, o*k*inner+i, inner)
		}
	}
}

func (e *engine[V]) topK(n *ugraph.Node, x *tensor[V]) ([]*tensor[V], error) {
	ax, err := ugraph.NormalAxis(n.Attrs.Int("axis", -1), len(x.shape))
	if err != nil {
		return nil, err
	}
	k := int(n.Attrs.Int("k", 0))
	if k < 1 || k > x.shape[ax] {
		return nil, errShape
	}
	if x.axes[ax].part {
		return nil, &errUnweighted{"top-k of partial sums"}
	}
	shape := append([]int(nil), x.shape...)
	shape[ax] = k
	v, ix := newTensor[V](x.dt, shape), newTensor[V](ugraph.I32, shape)
	copy(v.axes, x.axes)
	v.axes[ax] = axis{cols: make([]int32, k)}
	copy(ix.axes, v.axes)
	rowsAlong(x.shape, ax, k, func(in, out, st int) {
		for r, p := range e.ordered(x, in, st, x.shape[ax])[:k] {
			if x.f != nil {
				v.f[out+r*st] = x.f[in+p*st]
			} else {
				v.i[out+r*st] = x.i[in+p*st]
			}
			ix.i[out+r*st] = int64(p)
		}
	})
	return []*tensor[V]{v, ix}, e.tick(elements(x.shape))
}

func (e *engine[V]) argmax(n *ugraph.Node, x *tensor[V]) (*tensor[V], error) {
	axes, err := ugraph.ReduceAxes(n.Attrs, len(x.shape))
	if err != nil {
		return nil, err
	}
	keep := n.Attrs.Flag("keepdims")
	if len(axes) != 1 {
		x = &tensor[V]{dt: x.dt, shape: []int{elements(x.shape)}, f: x.f, i: x.i, axes: []axis{{}}}
		if keep {
			return nil, fmt.Errorf("keepdims over all axes is not supported by verification")
		}
		axes = []int{0}
	}
	ax := axes[0]
	if x.axes[ax].part {
		return nil, &errUnweighted{"argmax of partial sums"}
	}
	var shape []int
	var ts []axis
	for i, d := range x.shape {
		switch {
		case i != ax:
			shape, ts = append(shape, d), append(ts, x.axes[i])
		case keep:
			shape, ts = append(shape, 1), append(ts, axis{})
		}
	}
	t := newTensor[V](ugraph.I32, shape)
	t.axes = ts
	rowsAlong(x.shape, ax, 1, func(in, out, st int) {
		best := in
		for p := 1; p < x.shape[ax]; p++ {
			j := in + p*st
			if x.f == nil && x.i[j] > x.i[best] {
				best = j
			} else if x.f != nil {
				if c, ok := e.alg.cmp(x.f[j], x.f[best]); ok && c > 0 {
					best = j
				}
			}
		}
		t.i[out] = int64((best - in) / st)
	})
	return t, nil
}
