package interp

import (
	"fmt"

	"github.com/morgana-ml/morgana/ugraph"
)

func apply[A, B any](out []B, x []A, f func(A) B) {
	for i, v := range x {
		out[i] = f(v)
	}
}

// zip applies f to two operands that broadcast to shape.
func zip[A, B any](out []B, shape []int64, a []A, as []int64, b []A, bs []int64, f func(a, b A) B) {
	da, db := step(as), step(bs)
	k := 0
	rows(shape, [][]int64{as, bs}, func(n int64, at []int64) {
		i, j := at[0], at[1]
		for ; n > 0; n-- {
			out[k] = f(a[i], b[j])
			k++
			i += da
			j += db
		}
	})
}

func (m *machine[T]) unary(n *ugraph.Node, x *Tensor[T]) (*Tensor[T], error) {
	out, err := New[T](x.DType, x.Shape)
	if err != nil {
		return nil, err
	}
	if fast, ok := m.ar.(RowArith[T]); ok && x.Data != nil {
		f, err := fast.UnaryExact(n.Op, n.Attrs)
		if err != nil {
			return nil, err
		}
		apply(out.Data, x.Data, f)
		fast.RoundRow(x.DType, out.Data)
		return out, nil
	}
	if x.Data != nil {
		f, err := m.ar.Unary(n.Op, n.Attrs, x.DType)
		if err != nil {
			return nil, err
		}
		apply(out.Data, x.Data, f)
		return out, nil
	}
	f, err := intUnary(n.Op, n.Attrs, x.DType)
	if err != nil {
		return nil, err
	}
	apply(out.Ints, x.Ints, f)
	return out, nil
}

func (m *machine[T]) cast(n *ugraph.Node, x *Tensor[T]) (*Tensor[T], error) {
	dt, err := ugraph.ParseDType(n.Attrs.Word("to", ""))
	if err != nil {
		return nil, err
	}
	out, err := New[T](dt, x.Shape)
	if err != nil {
		return nil, err
	}
	switch {
	case x.Data != nil && out.Data != nil:
		copy(out.Data, x.Data)
		if f := m.ar.Cast(dt); f != nil {
			apply(out.Data, x.Data, f)
		}
	case x.Data != nil && dt.IsBool():
		equal, err := m.ar.Compare(ugraph.OpEqual)
		if err != nil {
			return nil, err
		}
		zero := m.ar.FromInt(0, x.DType)
		apply(out.Ints, x.Data, func(v T) int64 { return asInt(!equal(v, zero)) })
	case x.Data != nil:
		for i, v := range x.Data {
			k, err := m.ar.ToInt(v)
			if err != nil {
				return nil, err
			}
			out.Ints[i] = saturate(k, dt)
		}
	case out.Data != nil:
		apply(out.Data, x.Ints, func(v int64) T { return m.ar.FromInt(v, dt) })
	default:
		apply(out.Ints, x.Ints, func(v int64) int64 { return saturate(v, dt) })
	}
	return out, nil
}

// joined returns the shape that operands broadcast to and their strides in it.
func joined[T any](args ...*Tensor[T]) (shape []int64, strides [][]int64, err error) {
	shapes := make([][]int64, len(args))
	for i, a := range args {
		shapes[i] = a.Shape
	}
	if shape, err = broadcastShape(shapes...); err != nil {
		return nil, nil, err
	}
	strides = make([][]int64, len(args))
	for i, a := range args {
		if strides[i], err = broadcastStrides(a.Shape, shape); err != nil {
			return nil, nil, err
		}
	}
	return shape, strides, nil
}

func (m *machine[T]) binary(n *ugraph.Node, a, b *Tensor[T]) (*Tensor[T], error) {
	shape, st, err := joined(a, b)
	if err != nil {
		return nil, err
	}
	out, err := New[T](a.DType, shape)
	if err != nil {
		return nil, err
	}
	if fast, ok := m.ar.(RowArith[T]); ok && a.Data != nil {
		f, err := fast.BinaryRow(n.Op)
		if err != nil {
			return nil, err
		}
		k := int64(0)
		rows(shape, st, func(n int64, at []int64) {
			f(out.Data[k:k+n], a.Data[at[0]:], b.Data[at[1]:], step(st[0]), step(st[1]))
			k += n
		})
		fast.RoundRow(a.DType, out.Data)
		return out, nil
	}
	if a.Data != nil {
		f, err := m.ar.Binary(n.Op, a.DType)
		if err != nil {
			return nil, err
		}
		zip(out.Data, shape, a.Data, st[0], b.Data, st[1], f)
		return out, nil
	}
	f, err := intBinary(n.Op, a.DType)
	if err != nil {
		return nil, err
	}
	zip(out.Ints, shape, a.Ints, st[0], b.Ints, st[1], f)
	return out, nil
}

func (m *machine[T]) compare(n *ugraph.Node, a, b *Tensor[T]) (*Tensor[T], error) {
	shape, st, err := joined(a, b)
	if err != nil {
		return nil, err
	}
	out, err := New[T](ugraph.Bool, shape)
	if err != nil {
		return nil, err
	}
	if a.Data != nil {
		f, err := m.ar.Compare(n.Op)
		if err != nil {
			return nil, err
		}
		zip(out.Ints, shape, a.Data, st[0], b.Data, st[1], func(x, y T) int64 { return asInt(f(x, y)) })
		return out, nil
	}
	f, err := intCompare(n.Op)
	if err != nil {
		return nil, err
	}
	zip(out.Ints, shape, a.Ints, st[0], b.Ints, st[1], func(x, y int64) int64 { return asInt(f(x, y)) })
	return out, nil
}

func (m *machine[T]) where(c, a, b *Tensor[T]) (*Tensor[T], error) {
	shape, st, err := joined(c, a, b)
	if err != nil {
		return nil, err
	}
	yes, err := view(a, 0, st[1], shape)
	if err != nil {
		return nil, err
	}
	no, err := view(b, 0, st[2], shape)
	if err != nil {
		return nil, err
	}
	cond, err := view(c, 0, st[0], shape)
	if err != nil {
		return nil, err
	}
	for i, v := range cond.Ints {
		switch {
		case v != 0:
		case yes.Data != nil:
			yes.Data[i] = no.Data[i]
		default:
			yes.Ints[i] = no.Ints[i]
		}
	}
	return yes, nil
}

// uniform is ((w >> 8) + 0.5) · 2^-24 = (2·(w >> 8) + 1) · 2^-25 for the word w of Philox.
func (m *machine[T]) uniform(seed, index *Tensor[T]) (*Tensor[T], error) {
	shape, st, err := joined(seed, index)
	if err != nil {
		return nil, err
	}
	out, err := New[T](ugraph.F32, shape)
	if err != nil {
		return nil, err
	}
	unit, err := ugraph.Float(0x1p-25)
	if err != nil {
		return nil, err
	}
	scale, err := m.ar.Const(unit, ugraph.F32)
	if err != nil {
		return nil, err
	}
	mul, err := m.ar.Binary(ugraph.OpMul, ugraph.F32)
	if err != nil {
		return nil, err
	}
	zip(out.Data, shape, seed.Ints, st[0], index.Ints, st[1], func(s, i int64) T {
		w := philox(uint32(s), uint32(i))
		return mul(m.ar.FromInt(2*int64(w>>8)+1, ugraph.F32), scale)
	})
	return out, nil
}

func (m *machine[T]) constant(n *ugraph.Node) (*Tensor[T], error) {
	dt, err := ugraph.ParseDType(n.Attrs.Word("dtype", ""))
	if err != nil {
		return nil, err
	}
	out, err := New[T](dt, []int64{})
	if err != nil {
		return nil, err
	}
	v := n.Attrs.Num("value", ugraph.Int(0))
	if dt.IsFloat() {
		if out.Data[0], err = m.ar.Const(v, dt); err != nil {
			return nil, fmt.Errorf("literal %w", err)
		}
		return out, nil
	}
	k, _ := v.IsInt()
	out.Ints[0] = wrap(k, dt)
	return out, nil
}
