package verify

import (
	"fmt"

	"github.com/morgana-ml/morgana/ugraph"
)

// nodeLazy builds the results of one operator that is not block-only. Their entries are rounded and forgotten as
// engine.node does it; operators on lines are evaluated by it.
func (z *lazyEngine[V]) nodeLazy(g *ugraph.Graph, n *ugraph.Node, args []*lazyTensor[V]) ([]*lazyTensor[V], error) {
	if z.own[n] {
		z.allInRange(n, args[0], args[1])
	}
	rs, err := z.exactLazy(g, n, args)
	if err != nil || n.Body != nil || onLines[n.Op] {
		return rs, err
	}
	for k, r := range rs {
		rounds, data := r.dt == ugraph.F8E4M3 && n.Op.Rounds(), z.inst.sizes.casts[n]
		if !rounds && !data {
			continue
		}
		exact := r
		rs[k] = z.of(r.dt, r.shape, func(i int) cell[V] {
			c := z.at(exact, i)
			if rounds && z.bad == nil {
				c = z.entry(z.elementwise(ugraph.OpCast, nil, r.dt, []*tensor[V]{z.at1(exact, i)}))
			}
			if data {
				c.f = forget(z.alg, c.f)
			}
			return c
		})
	}
	return rs, nil
}

// onLines are the operators of which lines of a result are evaluated at once.
var onLines = map[ugraph.Op]bool{
	ugraph.OpSoftmax: true, ugraph.OpLogSoftmax: true, ugraph.OpLogSumExp: true, ugraph.OpRMSNorm: true, ugraph.OpLayerNorm: true, ugraph.OpRope: true, ugraph.OpTopK: true,
	ugraph.OpArgmax: true,
}

// exactLazy builds the results before they are rounded.
func (z *lazyEngine[V]) exactLazy(g *ugraph.Graph, n *ugraph.Node, args []*lazyTensor[V]) ([]*lazyTensor[V], error) {
	one := func(t *lazyTensor[V], err error) ([]*lazyTensor[V], error) { return []*lazyTensor[V]{t}, err }
	if onLines[n.Op] {
		return z.lines(g, n, args)
	}
	switch n.Op {
	case ugraph.OpKernel:
		return z.kernelLazy(g, n, args)
	case ugraph.OpThread:
		return z.runLazy(n.Body, args), z.bad
	case ugraph.OpConst:
		t, err := z.single(g, n, nil)
		if err != nil {
			return nil, err
		}
		return one(view(t.dt, nil, func(int) cell[V] { return cellOf(t, 0) }), nil)
	case ugraph.OpIota:
		size, _, err := z.inst.extent(g, n.Results[0], 0)
		return one(view(g.Values[n.Results[0]].DType, []int{size}, func(i int) cell[V] { return cell[V]{i: int64(i)} }), err)
	case ugraph.OpMatMul:
		return one(z.matmulLazy(n, args[0], args[1]))
	case ugraph.OpSum, ugraph.OpMean, ugraph.OpMax, ugraph.OpMin:
		return one(z.reduceLazy(g, n, args[0]))
	case ugraph.OpTranspose:
		perm, err := ugraph.Perm(n.Attrs, len(args[0].shape))
		if err != nil {
			return nil, err
		}
		st := strides(args[0].shape)
		shape, stride := make([]int, len(perm)), make([]int, len(perm))
		for i, p := range perm {
			shape[i], stride[i] = args[0].shape[p], st[p]
		}
		return one(z.strided(args[0], shape, stride, 0), nil)
	case ugraph.OpReshape, ugraph.OpBroadcast:
		return one(z.reshapeLazy(g, n, args[0]))
	case ugraph.OpConcat, ugraph.OpSplit, ugraph.OpSlice:
		return z.cutsLazy(n, args)
	case ugraph.OpGather:
		return one(z.gatherLazy(n, args[0], args[1]))
	case ugraph.OpScatterAdd:
		return one(z.scatterLazy(n, args[0], args[1], args[2]))
	case ugraph.OpAttention:
		return one(z.attentionLazy(g, n, args))
	}
	return one(z.elementwiseLazy(n, g.Values[n.Results[0]].DType, args))
}

// elementwiseLazy is an elementwise operator: an entry asks for one entry of each operand.
func (z *lazyEngine[V]) elementwiseLazy(n *ugraph.Node, dt ugraph.DType, args []*lazyTensor[V]) (*lazyTensor[V], error) {
	shapes := make([]*tensor[V], len(args))
	for i, a := range args {
		shapes[i] = &tensor[V]{shape: a.shape, axes: make([]axis, len(a.shape))}
	}
	shape, _, err := joined(notLinear, false, shapes)
	if err != nil {
		return nil, err
	}
	sts := make([][]int, len(args))
	for i, a := range args {
		sts[i] = broadcastStrides(a.shape, shape)
	}
	own := strides(shape)
	offset := func(i, k int) int {
		at := 0
		for ax, s := range own {
			if sts[k][ax] != 0 {
				at += i / s % shape[ax] * sts[k][ax]
			}
		}
		return at
	}
	floats := dt.IsFloat()
	for _, a := range args {
		floats = floats && a.dt.IsFloat()
	}
	f := z.binary(n.Op)
	switch {
	case n.Op == ugraph.OpWhere:
		return z.of(dt, shape, func(i int) cell[V] {
			if z.at(args[0], offset(i, 0)).i != 0 {
				return z.at(args[1], offset(i, 1))
			}
			return z.at(args[2], offset(i, 2))
		}), nil
	case floats && len(args) == 2 && f != nil:
		return z.of(dt, shape, func(i int) cell[V] {
			return cell[V]{f: f(z.at(args[0], offset(i, 0)).f, z.at(args[1], offset(i, 1)).f)}
		}), nil
	case floats && len(args) == 1 && n.Op != ugraph.OpCast && n.Op != ugraph.OpPow:
		return z.of(dt, shape, func(i int) cell[V] {
			return cell[V]{f: z.alg.unary(n.Op, n.Attrs, z.at(args[0], offset(i, 0)).f)}
		}), nil
	}
	return z.of(dt, shape, func(i int) cell[V] {
		dense := make([]*tensor[V], len(args))
		for k, a := range args {
			dense[k] = z.collect(a, nil, []int{offset(i, k)})
		}
		return z.entry(z.elementwise(n.Op, n.Attrs, dt, dense))
	}), nil
}

// entry is the only entry of the result of a dense operator.
func (z *lazyEngine[V]) entry(t *tensor[V], err error) cell[V] {
	if err != nil {
		return z.fail(err)
	}
	if elements(t.shape) != 1 {
		return z.fail(errShape)
	}
	return cellOf(t, 0)
}

// matmulLazy contracts on demand: an entry asks for a row and a column.
func (z *lazyEngine[V]) matmulLazy(n *ugraph.Node, a, b *lazyTensor[V]) (*lazyTensor[V], error) {
	ra, rb := len(a.shape), len(b.shape)
	am, ak, bk, bn := ra-2, ra-1, rb-2, rb-1
	if n.Attrs.Flag("transpose_a") {
		am, ak = ak, am
	}
	if n.Attrs.Flag("transpose_b") {
		bk, bn = bn, bk
	}
	terms := a.shape[ak]
	if terms != b.shape[bk] {
		return nil, errShape
	}
	lead := func(s []int) *tensor[V] { return &tensor[V]{shape: s[:len(s)-2], axes: make([]axis, len(s)-2)} }
	outer, _, err := joined(notLinear, false, []*tensor[V]{lead(a.shape), lead(b.shape)})
	if err != nil {
		return nil, err
	}
	shape := append(append([]int(nil), outer...), a.shape[am], b.shape[bn])
	sa, sb := strides(a.shape), strides(b.shape)
	offset := func(idx []int, own, st []int, row int) int {
		at := row
		for ax := range own[:len(own)-2] {
			if own[ax] != 1 {
				at += idx[len(outer)-len(own)+2+ax] * st[ax]
			}
		}
		return at
	}
	return z.of(a.dt, shape, func(i int) cell[V] {
		if !z.spend(terms) {
			return cell[V]{}
		}
		idx := index(i, shape)
		oa := offset(idx, a.shape, sa, idx[len(outer)]*sa[am])
		ob := offset(idx, b.shape, sb, idx[len(outer)+1]*sb[bn])
		offs, offsB := make([]int, terms), make([]int, terms)
		for k := range terms {
			offs[k], offsB[k] = oa+k*sa[ak], ob+k*sb[bk]
		}
		x, y := z.collect(a, []int{1, terms}, offs), z.collect(b, []int{terms, 1}, offsB)
		return z.entry(z.product(x, y, false, false))
	}), nil
}

// reduceLazy reduces on demand: an entry asks for all of the reduced axes.
func (z *lazyEngine[V]) reduceLazy(g *ugraph.Graph, n *ugraph.Node, x *lazyTensor[V]) (*lazyTensor[V], error) {
	axes, err := ugraph.ReduceAxes(n.Attrs, len(x.shape))
	if err != nil {
		return nil, err
	}
	gone := map[int]bool{}
	for _, a := range axes {
		gone[a] = true
	}
	st := strides(x.shape)
	var outShape, outStride, inner, innerStride []int
	dense := make([]int, len(x.shape))
	for ax, d := range x.shape {
		dense[ax] = 1
		switch {
		case gone[ax]:
			dense[ax] = d
			inner, innerStride = append(inner, d), append(innerStride, st[ax])
			if n.Attrs.Flag("keepdims") {
				outShape, outStride = append(outShape, 1), append(outStride, 0)
			}
		default:
			outShape, outStride = append(outShape, d), append(outStride, st[ax])
		}
	}
	total := elements(inner)
	return z.of(g.Values[n.Results[0]].DType, outShape, func(i int) cell[V] {
		if !z.spend(total) {
			return cell[V]{}
		}
		base := 0
		for ax, p := range index(i, outShape) {
			base += p * outStride[ax]
		}
		offs := make([]int, 0, total)
		walk(inner, [][]int{innerStride}, func(o []int) { offs = append(offs, base+o[0]) })
		return z.entry(z.reduce(n.Op, z.collect(x, dense, offs), axes, true, g.Values[n.Args[0]].Type))
	}), nil
}

// reshapeLazy renumbers entries (reshape) or repeats them (broadcast).
func (z *lazyEngine[V]) reshapeLazy(g *ugraph.Graph, n *ugraph.Node, x *lazyTensor[V]) (*lazyTensor[V], error) {
	from, to := g.Values[n.Args[0]].Type, g.Values[n.Results[0]].Type
	shape := make([]int, len(to.Shape))
	nominal := func(j int) (int, error) {
		d, _, err := z.inst.extent(g, n.Results[0], j)
		return d, err
	}
	if n.Op == ugraph.OpBroadcast {
		for j := range shape {
			i := j - len(shape) + len(x.shape)
			if i >= 0 && from.Shape[i] == to.Shape[j] {
				shape[j] = x.shape[i]
				continue
			}
			d, err := nominal(j)
			if err != nil {
				return nil, err
			}
			shape[j] = d
		}
		return z.strided(x, shape, broadcastStrides(x.shape, shape), 0), nil
	}
	for _, gr := range reshapeGroups(from.Shape, to.Shape) {
		switch in := x.shape[gr.in[0]:gr.in[1]]; {
		case gr.out[1]-gr.out[0] == 1: // merged, or one axis for one
			shape[gr.out[0]] = elements(in)
		default:
			for j := gr.out[0]; j < gr.out[1]; j++ {
				d, err := nominal(j)
				if err != nil {
					return nil, err
				}
				shape[j] = d
			}
		}
	}
	if elements(shape) != elements(x.shape) {
		return nil, errShape
	}
	return view(x.dt, shape, func(i int) cell[V] { return z.at(x, i) }), nil
}

// cutsLazy is concat, split and slice.
func (z *lazyEngine[V]) cutsLazy(n *ugraph.Node, args []*lazyTensor[V]) ([]*lazyTensor[V], error) {
	x := args[0]
	ax, err := ugraph.NormalAxis(n.Attrs.Int("axis", 0), len(x.shape))
	if err != nil {
		return nil, err
	}
	switch n.Op {
	case ugraph.OpSlice:
		lo, hi, err := sliceRange(n, x.shape[ax])
		if err != nil {
			return nil, err
		}
		return []*lazyTensor[V]{z.part(x, ax, lo, hi)}, nil
	case ugraph.OpSplit:
		w := x.shape[ax] / len(n.Results)
		if w*len(n.Results) != x.shape[ax] {
			return nil, errShape
		}
		out := make([]*lazyTensor[V], len(n.Results))
		for p := range out {
			out[p] = z.part(x, ax, p*w, p*w+w)
		}
		return out, nil
	}
	shape := append([]int(nil), x.shape...)
	shape[ax] = 0
	for _, a := range args {
		for i := range shape {
			if i != ax && a.shape[i] != shape[i] {
				return nil, errShape
			}
		}
		shape[ax] += a.shape[ax]
	}
	inner := elements(shape[ax+1:])
	return []*lazyTensor[V]{view(x.dt, shape, func(i int) cell[V] {
		outer, p, rest := i/inner/shape[ax], i/inner%shape[ax], i%inner
		for _, a := range args {
			if p < a.shape[ax] {
				return z.at(a, (outer*a.shape[ax]+p)*inner+rest)
			}
			p -= a.shape[ax]
		}
		return z.fail(errShape)
	})}, nil
}

// gatherLazy asks for the index, then for the entry of the row that it names.
func (z *lazyEngine[V]) gatherLazy(n *ugraph.Node, x, idx *lazyTensor[V]) (*lazyTensor[V], error) {
	ax, err := ugraph.NormalAxis(n.Attrs.Int("axis", 0), len(x.shape))
	if err != nil {
		return nil, err
	}
	shape := append(append(append([]int(nil), x.shape[:ax]...), idx.shape...), x.shape[ax+1:]...)
	inner, rows := elements(x.shape[ax+1:]), elements(idx.shape)
	return view(x.dt, shape, func(i int) cell[V] {
		j := z.at(idx, i/inner%rows).i
		if j < 0 || j >= int64(x.shape[ax]) {
			return z.fail(&errUndecided{fmt.Sprintf("%s: index %d is outside 0 … %d on the inputs drawn", n.Op, j, x.shape[ax]-1)})
		}
		return z.at(x, (i/inner/rows*x.shape[ax]+int(j))*inner+i%inner)
	}), nil
}

// scatterLazy adds the rows whose index names the entry's row.
func (z *lazyEngine[V]) scatterLazy(n *ugraph.Node, x, idx, y *lazyTensor[V]) (*lazyTensor[V], error) {
	ax, err := ugraph.NormalAxis(n.Attrs.Int("axis", 0), len(x.shape))
	if err != nil {
		return nil, err
	}
	inner, rows := elements(x.shape[ax+1:]), elements(idx.shape)
	if elements(y.shape) != elements(x.shape[:ax])*rows*inner {
		return nil, errShape
	}
	return z.of(x.dt, x.shape, func(i int) cell[V] {
		if !z.spend(rows) {
			return cell[V]{}
		}
		sum := z.at(x, i)
		for r := range rows {
			j := z.at(idx, r).i
			if j < 0 || j >= int64(x.shape[ax]) {
				return z.fail(&errUndecided{fmt.Sprintf("%s: index %d is outside 0 … %d on the inputs drawn", n.Op, j, x.shape[ax]-1)})
			}
			if int(j) != i/inner%x.shape[ax] {
				continue
			}
			t := z.at(y, (i/inner/x.shape[ax]*rows+r)*inner+i%inner)
			if x.dt.IsFloat() {
				sum.f = z.alg.add(sum.f, t.f)
			} else {
				sum.i = wrapInt(x.dt, sum.i+t.i)
			}
		}
		return sum
	}), nil
}
