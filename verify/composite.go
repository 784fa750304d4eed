package verify

import (
	"fmt"
	"math/big"

	"github.com/morgana-ml/morgana/ugraph"
)

// composite evaluates the operators that are definitions over primitives. The definitions are
// written down again here, from ug.md, so that an error in the shared library is seen.
func (e *engine[V]) composite(g *ugraph.Graph, n *ugraph.Node, args []*tensor[V]) (*tensor[V], error) {
	x := args[0]
	typ := g.Values[n.Args[0]].Type
	c := &calc[V]{engine: e}
	switch n.Op {
	case ugraph.OpSoftmax, ugraph.OpLogSoftmax, ugraph.OpLogSumExp, ugraph.OpRMSNorm, ugraph.OpLayerNorm:
		ax, err := ugraph.NormalAxis(n.Attrs.Int("axis", -1), len(x.shape))
		if err != nil {
			return nil, err
		}
		switch n.Op {
		case ugraph.OpSoftmax:
			return c.softmax(x, ax, typ), c.err
		case ugraph.OpLogSoftmax:
			return c.bin(ugraph.OpSub, x, c.logSumExp(x, ax, typ, true)), c.err
		case ugraph.OpLogSumExp:
			return c.logSumExp(x, ax, typ, n.Attrs.Flag("keepdims")), c.err
		}
		y := x
		if n.Op == ugraph.OpLayerNorm {
			y = c.bin(ugraph.OpSub, x, c.reduce(ugraph.OpMean, x, ax, true, typ))
		}
		v := c.reduce(ugraph.OpMean, c.un(ugraph.OpSquare, y), ax, true, typ)
		if eps := n.Attrs.Num("eps", ugraph.Int(0)); eps.Cmp(ugraph.Int(0)) != 0 {
			v = c.bin(ugraph.OpAdd, v, c.lit(eps, x.dt))
		}
		y = c.bin(ugraph.OpDiv, y, c.un(ugraph.OpSqrt, v))
		if len(args) > 1 {
			y = c.bin(ugraph.OpMul, y, args[1])
		}
		if len(args) > 2 {
			y = c.bin(ugraph.OpAdd, y, args[2])
		}
		return y, c.err
	case ugraph.OpRope:
		return e.rope(g, n, x, args[1])
	case ugraph.OpAttention:
		return e.attention(g, n, args)
	}
	return nil, fmt.Errorf("unknown composite operator")
}

// calc chains tensor operators; the first error sticks.
type calc[V any] struct {
	*engine[V]
	err error
}

func (c *calc[V]) keep(t *tensor[V], err error) *tensor[V] {
	if c.err == nil {
		c.err = err
	}
	return t
}

func (c *calc[V]) bin(op ugraph.Op, x, y *tensor[V]) *tensor[V] {
	if c.err != nil {
		return nil
	}
	return c.keep(c.elementwise(op, nil, x.dt, []*tensor[V]{x, y}))
}

func (c *calc[V]) un(op ugraph.Op, x *tensor[V]) *tensor[V] {
	if c.err != nil {
		return nil
	}
	return c.keep(c.elementwise(op, nil, x.dt, []*tensor[V]{x}))
}

func (c *calc[V]) reduce(op ugraph.Op, x *tensor[V], ax int, keep bool, typ ugraph.Type) *tensor[V] {
	if c.err != nil {
		return nil
	}
	return c.keep(c.engine.reduce(op, x, []int{ax}, keep, typ))
}

func (c *calc[V]) lit(n ugraph.Number, dt ugraph.DType) *tensor[V] {
	t := newTensor[V](dt, nil)
	t.f[0] = c.alg.lit(n)
	return t
}

func (c *calc[V]) softmax(x *tensor[V], ax int, typ ugraph.Type) *tensor[V] {
	p := c.un(ugraph.OpExp, c.bin(ugraph.OpSub, x, c.reduce(ugraph.OpMax, x, ax, true, typ)))
	return c.bin(ugraph.OpDiv, p, c.reduce(ugraph.OpSum, p, ax, true, typ))
}

func (c *calc[V]) logSumExp(x *tensor[V], ax int, typ ugraph.Type, keep bool) *tensor[V] {
	m := c.reduce(ugraph.OpMax, x, ax, true, typ)
	p := c.un(ugraph.OpExp, c.bin(ugraph.OpSub, x, m))
	l := c.bin(ugraph.OpAdd, m, c.un(ugraph.OpLog, c.reduce(ugraph.OpSum, p, ax, true, typ)))
	if c.err != nil || keep {
		return l
	}
	shape := append(append([]int(nil), l.shape[:ax]...), l.shape[ax+1:]...)
	axes := append(append([]axis(nil), l.axes[:ax]...), l.axes[ax+1:]...)
	return &tensor[V]{dt: l.dt, shape: shape, f: l.f, axes: axes}
}

// rope rotates pairs of the last axis by position·theta^(−2i/d): component i with i + d/2 (half) or
// 2i with 2i+1 (interleaved). The frequency belongs to the pair, whatever the size of the instance.
func (e *engine[V]) rope(g *ugraph.Graph, n *ugraph.Node, x, pos *tensor[V]) (*tensor[V], error) {
	d := x.shape[len(x.shape)-1]
	if d%2 != 0 {
		return nil, errShape
	}
	theta := n.Attrs.Num("theta", ugraph.Int(10000))
	t := like(x, x.dt)
	lead := x.shape[:len(x.shape)-1]
	inter := n.Attrs.Word("style", "half") == "interleaved"
	row := 0
	for _, a := range pos.axes {
		if a.part {
			return nil, &errUnweighted{"positions are partial sums"}
		}
	}
	if x.axes[len(x.axes)-1].part {
		return nil, &errUnweighted{"rope of partial sums"}
	}
	real, ok := g.Values[n.Args[0]].Shape[len(x.shape)-1].Const()
	if !ok {
		return nil, &errUndecided{"rope over an axis of symbolic extent"}
	}
	// φᵢ = position · exp(i · (log θ · −2/d)), with the real d.
	step := e.alg.mul(e.alg.unary(ugraph.OpLog, nil, e.alg.lit(theta)), e.alg.lit(ugraph.Rat(big.NewRat(-2, real))))
	freq := make([]V, d/2)
	for i := range freq {
		freq[i] = e.alg.unary(ugraph.OpExp, nil, e.alg.mul(e.alg.integer(int64(i)), step))
	}
	walk(lead, [][]int{broadcastStrides(pos.shape, lead)}, func(o []int) {
		for i := range d / 2 {
			a, b := row*d+i, row*d+i+d/2
			if inter {
				a, b = row*d+2*i, row*d+2*i+1
			}
			sin, cos := e.alg.sinCos(e.alg.mul(e.alg.datum(pos.i[o[0]]), freq[i]))
			t.f[a] = e.alg.sub(e.alg.mul(x.f[a], cos), e.alg.mul(x.f[b], sin))
			t.f[b] = e.alg.add(e.alg.mul(x.f[b], cos), e.alg.mul(x.f[a], sin))
		}
		row++
	})
	return t, nil
}

// attention is softmax(q·kᵀ·scale + mask)·v with grouped heads: query head h uses key head
// h·Hkv/Hq; the last query sees every key; a row that sees no key gives 0.
func (e *engine[V]) attention(g *ugraph.Graph, n *ugraph.Node, args []*tensor[V]) (*tensor[V], error) {
	q, k, v := args[0], args[1], args[2]
	r := len(q.shape)
	hq, hk := q.shape[r-3], k.shape[r-3]
	if hk == 0 || hq%hk != 0 {
		return nil, errShape
	}
	var err error
	if g.Values[n.Args[0]].Shape[r-3] != g.Values[n.Args[1]].Shape[r-3] { // an instance may have as many columns of both
		if k, err = repeatHeads(k, r-3, hq, q.axes[r-3]); err != nil {
			return nil, err
		}
		if v, err = repeatHeads(v, r-3, hq, q.axes[r-3]); err != nil {
			return nil, err
		}
	}
	c := &calc[V]{engine: e}
	s, err := e.product(q, k, false, true)
	if err != nil {
		return nil, err
	}
	scale := newTensor[V](q.dt, nil)
	if a, ok := n.Attrs.Get("scale"); ok {
		scale.f[0] = e.alg.lit(a.Number)
	} else {
		dim := g.Values[n.Args[0]].Shape[r-1]
		real, isNumber := dim.Const()
		switch {
		case !isNumber:
			return nil, &errUndecided{"the scale 1/√d of a head dimension that is a symbol"}
		default:
			scale.f[0] = e.alg.invSqrt(real)
		}
	}
	s = c.bin(ugraph.OpMul, s, scale)
	if c.err != nil {
		return nil, c.err
	}
	seen := make([]bool, len(s.f)) // scores that are visible
	for i := range seen {
		seen[i] = true
	}
	if len(args) == 4 {
		m := args[3]
		if m.f != nil {
			s = c.bin(ugraph.OpAdd, s, m)
		} else {
			at := 0
			walk(s.shape, [][]int{broadcastStrides(m.shape, s.shape)}, func(o []int) { seen[at] = m.i[o[0]] != 0; at++ })
		}
	}
	if n.Attrs.Flag("causal") {
		queries, keys := s.shape[r-2], s.shape[r-1]
		for i := range seen {
			if i%keys > i/keys%queries+keys-queries {
				seen[i] = false
			}
		}
	}
	if c.err != nil {
		return nil, c.err
	}
	ninf := e.alg.lit(ugraph.Inf(-1))
	masked := like(s, s.dt).copyFrom(s)
	for i, ok := range seen {
		if !ok {
			masked.f[i] = ninf
		}
	}
	keys := s.shape[r-1]
	p := c.softmax(masked, r-1, ugraph.Type{Shape: make([]ugraph.Dim, r)})
	if c.err != nil {
		return nil, c.err
	}
	for row := 0; row < len(p.f); row += keys { // a row that sees no key
		any := false
		for i := row; i < row+keys; i++ {
			any = any || seen[i]
		}
		for i := row; i < row+keys && !any; i++ {
			p.f[i] = e.alg.integer(0)
		}
	}
	return e.product(p, v, false, false)
}

// repeatHeads repeats each head of an axis so that there are n.
func repeatHeads[V any](t *tensor[V], ax, n int, like axis) (*tensor[V], error) {
	if t.axes[ax].part {
		return nil, &errUnweighted{"heads are partial sums"}
	}
	each := n / t.shape[ax]
	shape := append(append(append([]int(nil), t.shape[:ax+1]...), each), t.shape[ax+1:]...)
	st := strides(t.shape)
	stride := append(append(append([]int(nil), st[:ax+1]...), 0), st[ax+1:]...)
	u := t.move(shape, stride, 0, make([]axis, len(shape)))
	out := &tensor[V]{dt: t.dt, f: u.f, i: u.i, shape: append([]int(nil), t.shape...), axes: append([]axis(nil), t.axes...)}
	out.shape[ax] = n
	out.axes[ax] = like
	return out, nil
}
