package interp

import (
	"fmt"

	"github.com/morgana-ml/morgana/ugraph"
)

func (m *machine[T]) matMul(n *ugraph.Node, a, b *Tensor[T]) (*Tensor[T], error) {
	ra, rb := len(a.Shape), len(b.Shape)
	as, bs := stridesOf(a.Shape), stridesOf(b.Shape)
	am, ak, bk, bn := ra-2, ra-1, rb-2, rb-1
	if n.Attrs.Flag("transpose_a") {
		am, ak = ak, am
	}
	if n.Attrs.Flag("transpose_b") {
		bk, bn = bn, bk
	}
	rowsN, cols, inner := a.Shape[am], b.Shape[bn], a.Shape[ak]
	if b.Shape[bk] != inner {
		return nil, fmt.Errorf("contracts %d with %d in %v and %v", inner, b.Shape[bk], a.Shape, b.Shape)
	}
	batch, err := broadcastShape(a.Shape[:ra-2], b.Shape[:rb-2])
	if err != nil {
		return nil, err
	}
	out, err := New[T](a.DType, append(append([]int64{}, batch...), rowsN, cols))
	if err != nil {
		return nil, err
	}
	if err := m.spend(int64(out.Len()), inner); err != nil {
		return nil, err
	}
	// A batch index is an offset into each operand, which is walked with the matrices as unit elements.
	lead := func(shape, strides []int64) ([]int64, error) {
		s, err := broadcastStrides(shape[:len(shape)-2], batch)
		if err != nil {
			return nil, err
		}
		size := shape[len(shape)-1] * shape[len(shape)-2]
		for i := range s {
			s[i] *= size
		}
		return s, nil
	}
	la, err := lead(a.Shape, as)
	if err != nil {
		return nil, err
	}
	lb, err := lead(b.Shape, bs)
	if err != nil {
		return nil, err
	}
	at := int64(0)
	var failed error
	rows(batch, [][]int64{la, lb}, func(count int64, offset []int64) {
		i, j := offset[0], offset[1]
		for ; count > 0 && failed == nil; count-- {
			ma := Matrix[T]{a.Data, i, as[am], as[ak]}
			mb := Matrix[T]{b.Data, j, bs[bk], bs[bn]}
			if a.Data != nil {
				failed = m.matMulOne(out.Data[at:at+rowsN*cols], ma, mb, rowsN, cols, inner, a.DType)
			} else {
				ia := Matrix[int64]{a.Ints, i, as[am], as[ak]}
				ib := Matrix[int64]{b.Ints, j, bs[bk], bs[bn]}
				product(out.Ints[at:at+rowsN*cols], ia, ib, rowsN, cols, inner,
					func(x, y int64) int64 { return x * y }, func(x, y int64) int64 { return x + y })
			}
			at += rowsN * cols
			i += step(la)
			j += step(lb)
		}
	})
	if a.Data == nil {
		apply(out.Ints, out.Ints, func(v int64) int64 { return wrap(v, a.DType) })
	}
	return out, failed
}

func (m *machine[T]) matMulOne(c []T, a, b Matrix[T], rows, cols, inner int64, dt ugraph.DType) error {
	if fast, ok := m.ar.(MatMuler[T]); ok {
		fast.MatMul(c, a, b, rows, cols, inner, dt)
		return nil
	}
	mul, err := m.ar.Binary(ugraph.OpMul, dt.Accumulator())
	if err != nil {
		return err
	}
	add, err := m.ar.Binary(ugraph.OpAdd, dt.Accumulator())
	if err != nil {
		return err
	}
	product(c, a, b, rows, cols, inner, mul, add)
	if round := m.ar.Round(dt); round != nil {
		apply(c, c, round)
	}
	return nil
}

// product writes a·b into c, summing over the inner axis in order.
func product[E any](c []E, a, b Matrix[E], rows, cols, inner int64, mul, add func(x, y E) E) {
	for i := int64(0); i < rows; i++ {
		for j := int64(0); j < cols; j++ {
			x, y := a.At+i*a.Row, b.At+j*b.Col
			acc := mul(a.Data[x], b.Data[y])
			for p := int64(1); p < inner; p++ {
				acc = add(acc, mul(a.Data[x+p*a.Col], b.Data[y+p*b.Row]))
			}
			c[i*cols+j] = acc
		}
	}
}
