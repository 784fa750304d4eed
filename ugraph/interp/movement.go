package interp

import (
	"fmt"

	"github.com/morgana-ml/morgana/ugraph"
)

func (m *machine[T]) transpose(n *ugraph.Node, x *Tensor[T]) (*Tensor[T], error) {
	perm, err := ugraph.Perm(n.Attrs, len(x.Shape))
	if err != nil {
		return nil, err
	}
	own := stridesOf(x.Shape)
	shape, strides := make([]int64, len(perm)), make([]int64, len(perm))
	for i, p := range perm {
		shape[i], strides[i] = x.Shape[p], own[p]
	}
	return view(x, 0, strides, shape)
}

// raggedReshape is the shape that a reshape from the nominal shape `from` to `to` gives a tile that is
// smaller than nominal. Axes that stay whole keep the tile's extent; axes that are merged or split
// take it up in the leading axis of their group, where row-major order puts what is missing last.
func raggedReshape(from, to, actual []int64) ([]int64, error) {
	out := append([]int64{}, to...)
	for i, j := 0, 0; i < len(from) || j < len(to); {
		// The smallest group of axes with equally many elements on both sides.
		p, q := i, j
		nf, nt := int64(1), int64(1)
		for first := true; first || nf != nt; first = false {
			switch {
			case p < len(from) && (nf <= nt || q == len(to)):
				nf *= from[p]
				p++
			case q < len(to):
				nt *= to[q]
				q++
			default:
				return nil, fmt.Errorf("%v has not as many elements as %v", from, to)
			}
		}
		na, rest, ragged := int64(1), int64(1), false
		for k := i; k < p; k++ {
			na *= actual[k]
			ragged = ragged || k > i && actual[k] != from[k] && from[i] > 1
		}
		lead := j
		for lead < q-1 && to[lead] == 1 {
			lead++
		}
		for k := lead + 1; k < q; k++ {
			rest *= to[k]
		}
		if na != nf {
			if j == q || na%rest != 0 || ragged && rest > 1 {
				return nil, fmt.Errorf("a ragged tile of shape %v (nominally %v) has no reshape to %v", actual, from, to)
			}
			out[lead] = na / rest
		}
		i, j = p, q
	}
	return out, nil
}

func (m *machine[T]) reshape(x *Tensor[T], from, to []int64) (*Tensor[T], error) {
	shape, err := raggedReshape(from, to, x.Shape)
	if err != nil {
		return nil, err
	}
	if count, err := Elements(shape); err != nil || count != int64(x.Len()) {
		return nil, fmt.Errorf("%v has not as many elements as %v", x.Shape, shape)
	}
	return x.reshaped(shape), nil
}

func (m *machine[T]) broadcast(x *Tensor[T], from, to []int64) (*Tensor[T], error) {
	shape := append([]int64{}, to...)
	for i := range from {
		if j := i + len(to) - len(from); j >= 0 && from[i] == to[j] {
			shape[j] = x.Shape[i]
		}
	}
	strides, err := broadcastStrides(x.Shape, shape)
	if err != nil {
		return nil, err
	}
	return view(x, 0, strides, shape)
}

func (m *machine[T]) concat(n *ugraph.Node, args []*Tensor[T]) (*Tensor[T], error) {
	axis, err := ugraph.NormalAxis(n.Attrs.Int("axis", 0), len(args[0].Shape))
	if err != nil {
		return nil, err
	}
	shape := append([]int64{}, args[0].Shape...)
	shape[axis] = 0
	for _, a := range args {
		for i, d := range a.Shape {
			if i != axis && d != shape[i] {
				return nil, fmt.Errorf("%v beside %v along axis %d", a.Shape, args[0].Shape, axis)
			}
		}
		shape[axis] += a.Shape[axis]
	}
	out, err := New[T](args[0].DType, shape)
	if err != nil {
		return nil, err
	}
	strides, at := stridesOf(shape), int64(0)
	for _, a := range args {
		move(out, at, strides, a, 0, stridesOf(a.Shape), a.Shape)
		at += a.Shape[axis] * strides[axis]
	}
	return out, nil
}

func (m *machine[T]) split(n *ugraph.Node, x *Tensor[T]) ([]*Tensor[T], error) {
	axis, err := ugraph.NormalAxis(n.Attrs.Int("axis", 0), len(x.Shape))
	if err != nil {
		return nil, err
	}
	parts := n.Attrs.Int("parts", 1)
	if parts < 1 || x.Shape[axis]%parts != 0 {
		return nil, fmt.Errorf("%d parts do not divide the extent %d", parts, x.Shape[axis])
	}
	shape := append([]int64{}, x.Shape...)
	shape[axis] /= parts
	own := stridesOf(x.Shape)
	out := make([]*Tensor[T], parts)
	for p := range out {
		if out[p], err = view(x, int64(p)*shape[axis]*own[axis], own, shape); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (m *machine[T]) slice(n *ugraph.Node, x *Tensor[T]) (*Tensor[T], error) {
	axis, err := ugraph.NormalAxis(n.Attrs.Int("axis", 0), len(x.Shape))
	if err != nil {
		return nil, err
	}
	first, end, err := ugraph.SliceBounds(n.Attrs, ugraph.D(x.Shape[axis]))
	if err != nil {
		return nil, err
	}
	lo, _ := first.Const()
	hi, _ := end.Const()
	shape, own := append([]int64{}, x.Shape...), stridesOf(x.Shape)
	shape[axis] = hi - lo
	return view(x, lo*own[axis], own, shape)
}

// rowsOf splits a tensor's shape at an axis: outer · extent · inner elements.
func rowsOf(shape []int64, axis int) (outer, extent, inner int64) {
	outer, inner = 1, 1
	for i, d := range shape {
		switch {
		case i < axis:
			outer *= d
		case i > axis:
			inner *= d
		}
	}
	return outer, shape[axis], inner
}

// checkIndex returns an error for the first index that names no row.
func checkIndex(index []int64, extent int64) error {
	for i, v := range index {
		if v < 0 || v >= extent {
			return fmt.Errorf("index %d (element %d) is outside 0 … %d", v, i, extent-1)
		}
	}
	return nil
}

func (m *machine[T]) gather(n *ugraph.Node, x, index *Tensor[T]) (*Tensor[T], error) {
	axis, err := ugraph.NormalAxis(n.Attrs.Int("axis", 0), len(x.Shape))
	if err != nil {
		return nil, err
	}
	outer, extent, inner := rowsOf(x.Shape, axis)
	if err := checkIndex(index.Ints, extent); err != nil {
		return nil, err
	}
	shape := append(append(append([]int64{}, x.Shape[:axis]...), index.Shape...), x.Shape[axis+1:]...)
	out, err := New[T](x.DType, shape)
	if err != nil {
		return nil, err
	}
	at := int64(0)
	for o := int64(0); o < outer; o++ {
		for _, k := range index.Ints {
			from := (o*extent + k) * inner
			if x.Data != nil {
				copy(out.Data[at:at+inner], x.Data[from:from+inner])
			} else {
				copy(out.Ints[at:at+inner], x.Ints[from:from+inner])
			}
			at += inner
		}
	}
	return out, nil
}

// scatterAdd accumulates in the element type's accumulator and rounds once, as a sum does.
func (m *machine[T]) scatterAdd(n *ugraph.Node, x, index, y *Tensor[T]) (*Tensor[T], error) {
	axis, err := ugraph.NormalAxis(n.Attrs.Int("axis", 0), len(x.Shape))
	if err != nil {
		return nil, err
	}
	outer, extent, inner := rowsOf(x.Shape, axis)
	if err := checkIndex(index.Ints, extent); err != nil {
		return nil, err
	}
	if want := outer * int64(index.Len()) * inner; want != int64(y.Len()) {
		return nil, fmt.Errorf("%d elements to add, not %d", y.Len(), want)
	}
	out := x.clone()
	var add func(a, b T) T
	if x.Data != nil {
		if add, err = m.ar.Binary(ugraph.OpAdd, x.DType.Accumulator()); err != nil {
			return nil, err
		}
	}
	at := int64(0)
	for o := int64(0); o < outer; o++ {
		for _, k := range index.Ints {
			to := (o*extent + k) * inner
			for i := int64(0); i < inner; i++ {
				if x.Data != nil {
					out.Data[to+i] = add(out.Data[to+i], y.Data[at+i])
				} else {
					out.Ints[to+i] += y.Ints[at+i]
				}
			}
			at += inner
		}
	}
	apply(out.Ints, out.Ints, func(v int64) int64 { return wrap(v, x.DType) })
	if round := m.ar.Round(x.DType); x.Data != nil && round != nil {
		apply(out.Data, out.Data, round)
	}
	return out, nil
}
