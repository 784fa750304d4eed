package interp

import (
	"fmt"
	"sort"

	"github.com/morgana-ml/morgana/ugraph"
)

// reducedLast returns the operand with the reduced axes behind the others, the number of elements in
// each reduced group, and the result's shape.
func reducedLast[T any](attrs ugraph.Attrs, x *Tensor[T]) (y *Tensor[T], group int64, shape []int64, err error) {
	axes, err := ugraph.ReduceAxes(attrs, len(x.Shape))
	if err != nil {
		return nil, 0, nil, err
	}
	gone := make([]bool, len(x.Shape))
	for _, a := range axes {
		gone[a] = true
	}
	own := stridesOf(x.Shape)
	var order, strides []int64
	shape = []int64{}
	for i, d := range x.Shape {
		switch {
		case !gone[i]:
			order, strides, shape = append(order, d), append(strides, own[i]), append(shape, d)
		case attrs.Flag("keepdims"):
			shape = append(shape, 1)
		}
	}
	group = 1
	inPlace := true
	for _, a := range axes {
		inPlace = inPlace && a >= len(x.Shape)-len(axes)
		order, strides = append(order, x.Shape[a]), append(strides, own[a])
		group *= x.Shape[a]
	}
	if inPlace {
		return x, group, shape, nil
	}
	y, err = view(x, 0, strides, order)
	return y, group, shape, err
}

// fold folds each group of n elements from its first one on.
func fold[A, B any](out []B, x []A, n int64, first func(A) B, next func(acc B, v A) B) {
	for i := range out {
		g := x[int64(i)*n : int64(i+1)*n]
		acc := first(g[0])
		for _, v := range g[1:] {
			acc = next(acc, v)
		}
		out[i] = acc
	}
}

func same[A any](v A) A { return v }

func (m *machine[T]) reduce(n *ugraph.Node, x *Tensor[T]) (*Tensor[T], error) {
	y, group, shape, err := reducedLast(n.Attrs, x)
	if err != nil {
		return nil, err
	}
	dt := x.DType
	if n.Op == ugraph.OpSum && dt.IsBool() || n.Op == ugraph.OpArgmax {
		dt = ugraph.I32
	}
	out, err := New[T](dt, shape)
	if err != nil {
		return nil, err
	}
	switch n.Op {
	case ugraph.OpArgmax:
		return out, m.argmax(out, y, group)
	case ugraph.OpMax, ugraph.OpMin:
		op := ugraph.OpMaximum
		if n.Op == ugraph.OpMin {
			op = ugraph.OpMinimum
		}
		if x.Data == nil {
			f, err := intBinary(op, dt)
			if err != nil {
				return nil, err
			}
			fold(out.Ints, y.Ints, group, same[int64], f)
			return out, nil
		}
		if fast, ok := m.ar.(RowArith[T]); ok {
			for i := range out.Data {
				out.Data[i] = fast.ExtremeRow(op, y.Data[int64(i)*group:int64(i+1)*group])
			}
			return out, nil
		}
		f, err := m.ar.Binary(op, dt)
		if err != nil {
			return nil, err
		}
		fold(out.Data, y.Data, group, same[T], f)
		return out, nil
	}
	if x.Data == nil {
		fold(out.Ints, y.Ints, group, same[int64], func(acc, v int64) int64 { return acc + v })
		apply(out.Ints, out.Ints, func(v int64) int64 { return wrap(v, dt) })
		return out, nil
	}
	if fast, ok := m.ar.(RowArith[T]); ok {
		for i := range out.Data {
			out.Data[i] = fast.SumRow(dt.Accumulator(), y.Data[int64(i)*group:int64(i+1)*group])
		}
	} else {
		add, err := m.ar.Binary(ugraph.OpAdd, dt.Accumulator())
		if err != nil {
			return nil, err
		}
		fold(out.Data, y.Data, group, same[T], add)
	}
	if n.Op == ugraph.OpMean {
		div, err := m.ar.Binary(ugraph.OpDiv, dt.Accumulator())
		if err != nil {
			return nil, err
		}
		count := m.ar.FromInt(group, dt.Accumulator())
		apply(out.Data, out.Data, func(v T) T { return div(v, count) })
	}
	if round := m.ar.Round(dt); round != nil {
		apply(out.Data, out.Data, round)
	}
	return out, nil
}

// above returns the strict total preorder of argmax and topk on the elements of x, by their places.
func (m *machine[T]) above(op ugraph.Op, x *Tensor[T]) (func(i, j int64) bool, error) {
	if x.Data == nil {
		return func(i, j int64) bool { return x.Ints[i] > x.Ints[j] }, nil
	}
	greater, err := m.ar.Compare(ugraph.OpGreater)
	if err != nil {
		return nil, noMeaning(op)
	}
	equal, err := m.ar.Compare(ugraph.OpEqual)
	if err != nil {
		return nil, noMeaning(op)
	}
	isNaN := func(v T) bool { return !equal(v, v) }
	return func(i, j int64) bool {
		a, b := x.Data[i], x.Data[j]
		return greater(a, b) || isNaN(a) && !isNaN(b)
	}, nil
}

func (m *machine[T]) argmax(out, x *Tensor[T], group int64) error {
	above, err := m.above(ugraph.OpArgmax, x)
	if err != nil {
		return err
	}
	for i := range out.Ints {
		start := int64(i) * group
		best := start
		for j := start + 1; j < start+group; j++ {
			if above(j, best) {
				best = j
			}
		}
		out.Ints[i] = best - start
	}
	return nil
}

func (m *machine[T]) topK(n *ugraph.Node, x *Tensor[T]) ([]*Tensor[T], error) {
	axis, err := ugraph.NormalAxis(n.Attrs.Int("axis", -1), len(x.Shape))
	if err != nil {
		return nil, err
	}
	k, extent := n.Attrs.Int("k", 0), x.Shape[axis]
	if k < 1 || k > extent {
		return nil, fmt.Errorf("k=%d of an axis of extent %d", k, extent)
	}
	y, _, lead, err := reducedLast(ugraph.Attrs{ugraph.IntsAttr("axis", int64(axis))}, x)
	if err != nil {
		return nil, err
	}
	above, err := m.above(n.Op, y)
	if err != nil {
		return nil, err
	}
	packed := append(append([]int64{}, lead...), k)
	values, err := New[T](x.DType, packed)
	if err != nil {
		return nil, err
	}
	indices, err := New[T](ugraph.I32, packed)
	if err != nil {
		return nil, err
	}
	order := make([]int64, extent)
	for row := int64(0); row < int64(y.Len())/extent; row++ {
		for i := range order {
			order[i] = row*extent + int64(i)
		}
		sort.SliceStable(order, func(i, j int) bool { return above(order[i], order[j]) })
		for i := int64(0); i < k; i++ {
			at := row*k + i
			indices.Ints[at] = order[i] - row*extent
			if y.Data != nil {
				values.Data[at] = y.Data[order[i]]
			} else {
				values.Ints[at] = y.Ints[order[i]]
			}
		}
	}
	// The axis goes back to its place.
	shape := append([]int64{}, x.Shape...)
	shape[axis] = k
	own := stridesOf(packed)
	strides := append(append(append([]int64{}, own[:axis]...), 1), own[axis:len(own)-1]...)
	out := make([]*Tensor[T], 2)
	for i, t := range []*Tensor[T]{values, indices} {
		if out[i], err = view(t, 0, strides, shape); err != nil {
			return nil, err
		}
	}
	return out, nil
}
