package verify

import (
	"github.com/morgana-ml/morgana/ugraph"
)

// weightsOf returns the weights along an axis, nil where all are 1.
func (e *engine[V]) weightsOf(t *tensor[V], ax int) ([]V, error) {
	a := t.axes[ax]
	if t.shape[ax] == 1 && a.cols == nil || a.part {
		return nil, nil
	}
	if a.cols == nil {
		if e.weights == nil {
			return nil, nil
		}
		return nil, &errUnweighted{"a value that is constant along an axis is summed over it"}
	}
	ws := make([]V, len(a.cols))
	any := false
	for i, c := range a.cols {
		if c == 0 || e.weights == nil {
			ws[i] = e.alg.integer(1)
			continue
		}
		ws[i], any = e.weights[c], true
	}
	if !any {
		return nil, nil
	}
	return ws, nil
}

// weighted returns t with the weights of an axis multiplied in.
func (e *engine[V]) weighted(t *tensor[V], ax int) (*tensor[V], error) {
	ws, err := e.weightsOf(t, ax)
	if err != nil || ws == nil {
		return t, err
	}
	if t.f == nil {
		return nil, &errUnweighted{"integers are summed over a weighted axis"}
	}
	u := like(t, t.dt)
	inner := strides(t.shape)[ax]
	for i := range t.f {
		u.f[i] = e.alg.weigh(ws[i/inner%t.shape[ax]], t.f[i])
	}
	return u, nil
}

// count is Σ 1 over an axis: what a mean divides by. Over an axis that a tile is part of, it is the
// tile's extent, a number.
func (e *engine[V]) count(t *tensor[V], ax int, typ ugraph.Type) (V, error) {
	var zero V
	if e.weights == nil {
		return e.alg.integer(int64(t.shape[ax])), nil
	}
	if t.axes[ax].part {
		return zero, &errUnweighted{"a mean over a partial sum"}
	}
	if typ.Cut(ax).IsCut() {
		n, ok := typ.Shape[ax].Const()
		cut := typ.Cut(ax)
		if _, even := cut.Extent.Div(max(n, 1)); !ok || !even || cut.Irregular || cut.Grid > 0 && cut.Loop {
			return zero, &errUnweighted{"a mean over a ragged tile"}
		}
		return e.alg.integer(n), nil
	}
	ws, err := e.weightsOf(t, ax)
	if err != nil {
		return zero, err
	}
	if ws == nil {
		return e.alg.integer(int64(t.shape[ax])), nil
	}
	sum := ws[0]
	for _, w := range ws[1:] {
		sum = e.alg.add(sum, w)
	}
	return sum, nil
}

// reduce is sum, mean, max or min over axes.
func (e *engine[V]) reduce(op ugraph.Op, t *tensor[V], axes []int, keep bool, typ ugraph.Type) (*tensor[V], error) {
	x := t
	gone := make([]bool, len(t.shape))
	var counts []V
	for _, a := range axes {
		gone[a] = true
		switch op {
		case ugraph.OpSum, ugraph.OpMean:
			var err error
			if x, err = e.weighted(x, a); err != nil {
				return nil, err
			}
			if op == ugraph.OpMean {
				c, err := e.count(t, a, typ)
				if err != nil {
					return nil, err
				}
				counts = append(counts, c)
			}
		default:
			if t.axes[a].part {
				return nil, &errUnweighted{"a maximum of partial sums"}
			}
		}
	}
	st := strides(x.shape)
	var keptShape, keptStride, goneShape, goneStride, outShape []int
	var keptAxes []axis
	for a, d := range x.shape {
		switch {
		case gone[a]:
			goneShape, goneStride = append(goneShape, d), append(goneStride, st[a])
			if keep {
				outShape, keptAxes = append(outShape, 1), append(keptAxes, axis{})
			}
		default:
			keptShape, keptStride = append(keptShape, d), append(keptStride, st[a])
			outShape, keptAxes = append(outShape, d), append(keptAxes, t.axes[a])
			if t.axes[a].part && op != ugraph.OpSum && op != ugraph.OpMean {
				return nil, &errUnweighted{"a maximum of partial sums"}
			}
		}
	}
	dt := t.dt
	if dt == ugraph.Bool {
		dt = ugraph.I32
	}
	r := newTensor[V](dt, outShape)
	r.axes = keptAxes
	var inner []int
	walk(goneShape, [][]int{goneStride}, func(o []int) { inner = append(inner, o[0]) })
	var buf []V
	if t.f != nil {
		buf = make([]V, len(inner))
	}
	at := 0
	walk(keptShape, [][]int{keptStride}, func(o []int) {
		if t.f == nil {
			r.i[at] = wrapInt(dt, reduceInts(op, x.i, o[0], inner))
			at++
			return
		}
		for k, d := range inner {
			buf[k] = x.f[o[0]+d]
		}
		switch op {
		case ugraph.OpMax:
			r.f[at] = e.alg.max(buf)
		case ugraph.OpMin:
			r.f[at] = e.alg.min(buf)
		default:
			s := e.sum(buf)
			for _, c := range counts {
				s = e.alg.div(s, c)
			}
			r.f[at] = s
		}
		at++
	})
	return r, nil
}

// summer is an algebra with a sum of its own (the order and type of accumulation matter to floats).
type summer[V any] interface{ sum(xs []V) V }

func (e *engine[V]) sum(xs []V) V {
	if s, ok := e.alg.(summer[V]); ok {
		return s.sum(xs)
	}
	v := xs[0]
	for _, x := range xs[1:] {
		v = e.alg.add(v, x)
	}
	return v
}

func (e *engine[V]) matmul(n *ugraph.Node, a, b *tensor[V]) (*tensor[V], error) {
	return e.product(a, b, n.Attrs.Flag("transpose_a"), n.Attrs.Flag("transpose_b"))
}

// product is matmul with either operand's last two axes exchanged.
func (e *engine[V]) product(a, b *tensor[V], ta, tb bool) (*tensor[V], error) {
	ra, rb := len(a.shape), len(b.shape)
	am, ak := ra-2, ra-1
	if ta {
		am, ak = ak, am
	}
	bk, bn := rb-2, rb-1
	if tb {
		bk, bn = bn, bk
	}
	k := a.shape[ak]
	if k != b.shape[bk] {
		return nil, errShape
	}
	if e.weights != nil {
		// A partial sum contracted with what is constant along it is the rest of the summation.
		switch x, y := a.axes[ak], b.axes[bk]; {
		case x.part && !y.part && y.cols == nil, y.part && !x.part && x.cols == nil:
		case x.part || y.part:
			return nil, &errUnweighted{"a product contracts partial sums"}
		default:
			if _, err := joinAxis(x, y, notLinear); err != nil && !e.lenient {
				return nil, err
			}
			var err error
			if x.cols == nil && y.cols != nil {
				b, err = e.weighted(b, bk)
			} else {
				a, err = e.weighted(a, ak)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	lead := func(t *tensor[V]) *tensor[V] {
		r := len(t.shape) - 2
		return &tensor[V]{shape: t.shape[:r], axes: t.axes[:r]}
	}
	shape, axes, err := joined(linearEach, e.lenient, []*tensor[V]{lead(a), lead(b)})
	if err != nil {
		return nil, err
	}
	outer := len(shape)
	shape = append(append([]int(nil), shape...), a.shape[am], b.shape[bn])
	axes = append(append([]axis(nil), axes...), a.axes[am], b.axes[bn])
	if err := fits(shape); err != nil {
		return nil, err
	}
	r := newTensor[V](a.dt, shape)
	r.axes = axes
	sa, sb := strides(a.shape), strides(b.shape)
	stA := append(broadcastStrides(a.shape[:ra-2], shape[:outer]), sa[am], 0)
	stB := append(broadcastStrides(b.shape[:rb-2], shape[:outer]), 0, sb[bn])
	// broadcastStrides sees the leading axes alone: scale to the whole tensor.
	for i := range outer {
		if stA[i] != 0 {
			stA[i] *= a.shape[ra-2] * a.shape[ra-1]
		}
		if stB[i] != 0 {
			stB[i] *= b.shape[rb-2] * b.shape[rb-1]
		}
	}
	if err := e.tick(elements(shape) * k); err != nil {
		return nil, err
	}
	at := 0
	walk(shape, [][]int{stA, stB}, func(o []int) {
		if r.f != nil {
			r.f[at] = e.alg.dot(a.f[o[0]:], sa[ak], b.f[o[1]:], sb[bk], k)
		} else {
			var s int64
			for i := range k {
				s += a.i[o[0]+i*sa[ak]] * b.i[o[1]+i*sb[bk]]
			}
			r.i[at] = wrapInt(r.dt, s)
		}
		at++
	})
	return r, nil
}
