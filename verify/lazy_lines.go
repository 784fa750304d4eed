package verify

import "github.com/morgana-ml/morgana/ugraph"

// lines evaluates the operators that see an operand line by line along one axis: an entry asks for
// its whole line, which the dense operator then turns into the result's line at once.
func (z *lazyEngine[V]) lines(g *ugraph.Graph, n *ugraph.Node, args []*lazyTensor[V]) ([]*lazyTensor[V], error) {
	x := args[0]
	rank := len(x.shape)
	ax := rank - 1
	if n.Op == ugraph.OpArgmax {
		axes, err := ugraph.ReduceAxes(n.Attrs, rank)
		if err != nil {
			return nil, err
		}
		if len(axes) != 1 {
			if n.Attrs.Flag("keepdims") {
				return nil, &errUndecided{"keepdims over all axes is not supported by verification"}
			}
			flat := view(x.dt, []int{elements(x.shape)}, func(i int) cell[V] { return z.at(x, i) })
			args, x, rank = []*lazyTensor[V]{flat}, flat, 1
			axes = []int{0}
		}
		ax = axes[0]
	} else if n.Op != ugraph.OpRope {
		var err error
		if ax, err = ugraph.NormalAxis(n.Attrs.Int("axis", -1), rank); err != nil {
			return nil, err
		}
	}
	length, inner := x.shape[ax], elements(x.shape[ax+1:])
	lineShape := make([]int, rank)
	for i := range lineShape {
		lineShape[i] = 1
	}
	lineShape[ax] = length
	own := strides(x.shape)
	under := func(from, to []int, at int) int { // the entry of a broadcast operand under entry at of to
		st, full, off := broadcastStrides(from, to), strides(to), 0
		for i, s := range full {
			off += at / s % to[i] * st[i]
		}
		return off
	}
	done := map[int][]*tensor[V]{}
	line := func(l int) []*tensor[V] {
		if r, ok := done[l]; ok {
			return r
		}
		if !z.spend(length) {
			return nil
		}
		first := l/inner*length*inner + l%inner
		offs := make([]int, length)
		for k := range offs {
			offs[k] = first + k*own[ax]
		}
		dense := []*tensor[V]{z.collect(x, lineShape, offs)}
		for _, a := range args[1:] {
			if n.Op == ugraph.OpRope { // a position for the row
				dense = append(dense, z.collect(a, nil, []int{under(a.shape, x.shape[:rank-1], l)}))
				continue
			}
			ws := make([]int, length)
			for k := range ws {
				ws[k] = under(a.shape, x.shape, offs[k])
			}
			dense = append(dense, z.collect(a, lineShape, ws))
		}
		if z.bad != nil {
			return nil
		}
		rs, err := z.node(g, n, dense)
		if err != nil {
			z.fail(err)
			return nil
		}
		done[l] = rs
		return rs
	}
	out := make([]*lazyTensor[V], len(n.Results))
	for r, v := range n.Results {
		k := length // the result's extent along the axis
		shape := append([]int(nil), x.shape...)
		switch n.Op {
		case ugraph.OpTopK:
			k = int(n.Attrs.Int("k", 0))
			if k < 1 || k > length {
				return nil, errShape
			}
		case ugraph.OpArgmax, ugraph.OpLogSumExp:
			k = 1
		}
		shape[ax] = k
		if (n.Op == ugraph.OpArgmax || n.Op == ugraph.OpLogSumExp) && !n.Attrs.Flag("keepdims") {
			shape = append(shape[:ax], shape[ax+1:]...)
		}
		out[r] = z.of(g.Values[v].DType, shape, func(i int) cell[V] {
			rs := line(i/inner/k*inner + i%inner)
			if rs == nil {
				return cell[V]{}
			}
			return cellOf(rs[r], i/inner%k)
		})
	}
	return out, nil
}

// attentionLazy evaluates attention row by row: one query, the keys and values of its head. A causal
// row asks for the keys that it sees.
func (z *lazyEngine[V]) attentionLazy(g *ugraph.Graph, n *ugraph.Node, args []*lazyTensor[V]) (*lazyTensor[V], error) {
	q, k, v := args[0], args[1], args[2]
	r := len(q.shape)
	hq, hk := q.shape[r-3], k.shape[r-3]
	if hk == 0 || hq%hk != 0 {
		return nil, errShape
	}
	queries, d, keys, dv := q.shape[r-2], q.shape[r-1], k.shape[r-2], v.shape[r-1]
	row := *n
	row.Attrs = nil
	for _, a := range n.Attrs {
		if a.Name != "causal" {
			row.Attrs = append(row.Attrs, a)
		}
	}
	rowsShape := append(append([]int(nil), q.shape[:r-1]...), keys)
	lead := make([]int, r-2)
	for i := range lead {
		lead[i] = 1
	}
	dense := func(a, b int) []int { return append(append([]int(nil), lead...), a, b) }
	done := map[int]*tensor[V]{}
	line := func(l int) *tensor[V] {
		if t, ok := done[l]; ok {
			return t
		}
		query, head, batch := l%queries, l/queries%hq, l/queries/hq
		seen := keys
		if n.Attrs.Flag("causal") {
			seen = min(keys, query+keys-queries+1)
		}
		if seen <= 0 { // a row that sees no key is 0
			t := newTensor[V](q.dt, dense(1, dv))
			for i := range t.f {
				t.f[i] = z.alg.integer(0)
			}
			done[l] = t
			return t
		}
		if !z.spend(seen * (d + dv)) {
			return nil
		}
		run := func(from, count int) []int {
			offs := make([]int, count)
			for i := range offs {
				offs[i] = from + i
			}
			return offs
		}
		kv := batch*hk + head*hk/hq
		in := []*tensor[V]{z.collect(q, dense(1, d), run(l*d, d)), z.collect(k, dense(seen, d), run(kv*keys*d, seen*d)),
			z.collect(v, dense(seen, dv), run(kv*keys*dv, seen*dv))}
		if len(args) == 4 {
			st := broadcastStrides(args[3].shape, rowsShape)
			base := 0
			for ax, p := range index(l*keys, rowsShape) {
				base += p * st[ax]
			}
			offs := make([]int, seen)
			for i := range offs {
				offs[i] = base + i*st[len(st)-1]
			}
			in = append(in, z.collect(args[3], dense(1, seen), offs))
		}
		if z.bad != nil {
			return nil
		}
		t, err := z.attention(g, &row, in)
		if err != nil {
			z.fail(err)
			return nil
		}
		done[l] = t
		return t
	}
	shape := append(append([]int(nil), q.shape[:r-1]...), dv)
	return z.of(q.dt, shape, func(i int) cell[V] {
		t := line(i / dv)
		if t == nil {
			return cell[V]{}
		}
		return cellOf(t, i%dv)
	}), nil
}
