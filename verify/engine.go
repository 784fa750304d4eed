package verify

import (
	"context"
	"fmt"

	"github.com/morgana-ml/morgana/ugraph"
)

// engine evaluates graphs over one algebra at one instance, exactly as written: grid, loop,
// accumulators, ragged tiles.
type engine[V any] struct {
	alg     algebra[V]
	inst    *instance
	weights []V // per column id; entry 0 is unused (weight 1)
	ctx     context.Context

	accums  map[*ugraph.Graph][]*tensor[V] // per block graph: the accumulators of every block, in order
	trips   map[*ugraph.Graph][]*tensor[V] // per block graph: the outputs that its trips store
	steps   int
	lenient bool // axes that meet wrongly are taken for the first of them

	opaque *opaqueInts                         // integer operators that are opaque functions; nil: none is
	word   func(name string, index int) uint64 // their values
}

func (e *engine[V]) tick(n int) error {
	e.steps += n
	if e.steps > maxSteps {
		return &errTooLarge{}
	}
	if e.ctx != nil && e.ctx.Err() != nil {
		return e.ctx.Err()
	}
	return e.alg.err()
}

// maxSteps bounds the scalar operations of one evaluation.
const maxSteps = 1 << 28

type errTooLarge struct{}

// maxTensor bounds the entries of one tensor of an instance.
const maxTensor = 1 << 23

// fits checks the size of a tensor before it is made.
func fits(shape []int) error {
	n := 1
	for _, d := range shape {
		if d > maxTensor/n {
			return &errTooLarge{}
		}
		n *= max(d, 1)
	}
	return nil
}

func (*errTooLarge) Error() string { return "an instance needs too many operations" }

// run evaluates a kernel-level or thread graph on its inputs.
func (e *engine[V]) run(g *ugraph.Graph, inputs []*tensor[V]) ([]*tensor[V], error) {
	vals := make([]*tensor[V], len(g.Values))
	for i, in := range g.Inputs {
		vals[in.Value] = inputs[i]
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		args := make([]*tensor[V], len(n.Args))
		for k, a := range n.Args {
			args[k] = vals[a]
		}
		rs, err := e.node(g, n, args)
		if err != nil {
			return nil, wrap(n, err)
		}
		for k, r := range n.Results {
			vals[r] = rs[k]
		}
	}
	outs := make([]*tensor[V], len(g.Outputs))
	for i, o := range g.Outputs {
		outs[i] = vals[o.Value]
	}
	return outs, nil
}

// errAt says at which operator an evaluation failed.
type errAt struct {
	op  ugraph.Op
	err error
}

func (e *errAt) Error() string { return e.op.String() + ": " + e.err.Error() }
func (e *errAt) Unwrap() error { return e.err }

func wrap(n *ugraph.Node, err error) error {
	if _, ok := err.(*errAt); ok {
		return err
	}
	return &errAt{n.Op, err}
}

// node evaluates one operator that is not block-only.
func (e *engine[V]) node(g *ugraph.Graph, n *ugraph.Node, args []*tensor[V]) ([]*tensor[V], error) {
	switch n.Op {
	case ugraph.OpKernel:
		return e.kernel(n.Body, args)
	case ugraph.OpThread:
		return e.run(n.Body, args)
	case ugraph.OpSplit:
		ax, err := ugraph.NormalAxis(n.Attrs.Int("axis", 0), len(args[0].shape))
		if err != nil {
			return nil, err
		}
		parts := len(n.Results)
		if args[0].shape[ax]%parts != 0 {
			return nil, errShape
		}
		if args[0].axes[ax].part && parts > 1 {
			return nil, &errUnweighted{"partial sums are divided"}
		}
		w := args[0].shape[ax] / parts
		out := make([]*tensor[V], parts)
		for p := range out {
			out[p] = args[0].slice(ax, p*w, p*w+w)
		}
		return out, nil
	case ugraph.OpTopK:
		return e.topK(n, args[0])
	}
	r, err := e.single(g, n, args)
	if err != nil {
		return nil, err
	}
	size := elements(r.shape)
	for _, a := range args {
		size += elements(a.shape)
	}
	if err := e.tick(size); err != nil {
		return nil, err
	}
	if r.dt == ugraph.F8E4M3 && n.Op.Rounds() {
		if r, err = e.elementwise(ugraph.OpCast, nil, r.dt, []*tensor[V]{r}); err != nil {
			return nil, err
		}
	}
	if e.inst.sizes.casts[n] {
		for i, x := range r.f {
			r.f[i] = forget(e.alg, x)
		}
	}
	if r.f != nil {
		e.alg.store(r.dt, r)
	}
	return []*tensor[V]{r}, nil
}

func (e *engine[V]) single(g *ugraph.Graph, n *ugraph.Node, args []*tensor[V]) (*tensor[V], error) {
	res := &g.Values[n.Results[0]]
	if e.opaque != nil {
		if name, ok := e.opaque.names[n]; ok {
			return e.opaqueElementwise(name, n.Op, res.DType, args)
		}
	}
	switch n.Op {
	case ugraph.OpConst:
		t := newTensor[V](res.DType, nil)
		v := n.Attrs.Num("value", ugraph.Number{})
		if t.f != nil {
			t.f[0] = e.alg.lit(v)
		} else {
			t.i[0], _ = v.IsInt()
		}
		return t, nil
	case ugraph.OpIota:
		size, cols, err := e.inst.extent(g, n.Results[0], 0)
		if err != nil {
			return nil, err
		}
		t := newTensor[V](res.DType, []int{size})
		for i := range t.i {
			t.i[i] = int64(i)
		}
		t.axes[0].cols = cols
		return t, nil
	case ugraph.OpMatMul:
		return e.matmul(n, args[0], args[1])
	case ugraph.OpSum, ugraph.OpMean, ugraph.OpMax, ugraph.OpMin:
		axes, err := ugraph.ReduceAxes(n.Attrs, len(args[0].shape))
		if err != nil {
			return nil, err
		}
		return e.reduce(n.Op, args[0], axes, n.Attrs.Flag("keepdims"), g.Values[n.Args[0]].Type)
	case ugraph.OpArgmax:
		return e.argmax(n, args[0])
	case ugraph.OpTranspose:
		perm, err := ugraph.Perm(n.Attrs, len(args[0].shape))
		if err != nil {
			return nil, err
		}
		return args[0].transpose(perm), nil
	case ugraph.OpReshape:
		return e.reshape(g, n, args[0])
	case ugraph.OpBroadcast:
		return e.broadcast(g, n, args[0])
	case ugraph.OpConcat:
		return e.concat(n, args)
	case ugraph.OpSlice:
		return e.sliceOp(g, n, args[0])
	case ugraph.OpGather:
		return e.gather(n, args[0], args[1])
	case ugraph.OpScatterAdd:
		return e.scatterAdd(n, args[0], args[1], args[2])
	}
	if n.Op.Info().Class == ugraph.Composite {
		return e.composite(g, n, args)
	}
	return e.elementwise(n.Op, n.Attrs, res.DType, args)
}

var linearities = map[ugraph.Op]linearity{
	ugraph.OpAdd: linearSum, ugraph.OpSub: linearSum, ugraph.OpNeg: linearSum, ugraph.OpCast: linearSum,
	ugraph.OpMul: linearEach, ugraph.OpDiv: linearFirst,
}

// joined is the broadcast shape of the operands, with the axes that meet merged.
func joined[V any](lin linearity, lenient bool, args []*tensor[V]) ([]int, []axis, error) {
	rank := 0
	for _, a := range args {
		rank = max(rank, len(a.shape))
	}
	shape, axes := make([]int, rank), make([]axis, rank)
	for i := range shape {
		shape[i] = 1
		for _, a := range args {
			if j := i - rank + len(a.shape); j >= 0 && a.shape[j] != 1 {
				if shape[i] != 1 && shape[i] != a.shape[j] {
					return nil, nil, errShape
				}
				shape[i] = a.shape[j]
			}
		}
		for k, a := range args {
			var x axis
			if j := i - rank + len(a.shape); j >= 0 {
				x = a.axes[j]
				if a.shape[j] == 1 && shape[i] != 1 {
					if x.part {
						return nil, nil, &errUnweighted{"a partial sum is repeated along its axis"}
					}
					x = axis{}
				}
			}
			if k == 0 {
				axes[i] = x
				if x.part && lin == notLinear {
					return nil, nil, &errUnweighted{"a partial sum meets an operator that is not linear in it"}
				}
				continue
			}
			y, err := joinAxis(axes[i], x, lin)
			if err != nil && lenient && !x.part && !axes[i].part {
				y, err = axes[i], nil
			}
			if err != nil {
				return nil, nil, err
			}
			axes[i] = y
		}
	}
	return shape, axes, nil
}

func (e *engine[V]) elementwise(op ugraph.Op, attrs ugraph.Attrs, dt ugraph.DType, args []*tensor[V]) (*tensor[V], error) {
	shape, axes, err := joined(linearities[op], e.lenient, args)
	if err != nil {
		return nil, err
	}
	if err := fits(shape); err != nil {
		return nil, err
	}
	t := newTensor[V](dt, shape)
	t.axes = axes
	sts := make([][]int, len(args))
	for i, a := range args {
		sts[i] = broadcastStrides(a.shape, shape)
	}
	at := 0
	floats := args[len(args)-1].f != nil
	switch {
	case op == ugraph.OpWhere:
		c, x, y := args[0], args[1], args[2]
		walk(shape, sts, func(o []int) {
			from, k := y, o[2]
			if c.i[o[0]] != 0 {
				from, k = x, o[1]
			}
			if floats {
				t.f[at] = from.f[k]
			} else {
				t.i[at] = from.i[k]
			}
			at++
		})
	case op == ugraph.OpCast:
		walk(shape, sts, func(o []int) {
			err = first(err, e.cast(t, at, args[0], o[0]))
			at++
		})
	case op == ugraph.OpUniform:
		walk(shape, sts, func(o []int) {
			t.f[at] = e.alg.lit(philoxUniform(args[0].i[o[0]], args[1].i[o[1]]))
			at++
		})
	case !floats:
		f, ok := integerOps[op]
		if !ok {
			return nil, fmt.Errorf("has no meaning on integers")
		}
		walk(shape, sts, func(o []int) {
			y := int64(0)
			if len(args) == 2 {
				y = args[1].i[o[1]]
			}
			t.i[at] = wrapInt(dt, f(args[0].i[o[0]], y, attrs, args[0].dt))
			at++
		})
	case len(args) == 1:
		x := args[0].f
		if op == ugraph.OpPow {
			p := attrs.Num("exponent", ugraph.Int(1))
			walk(shape, sts, func(o []int) { t.f[at] = e.alg.pow(x[o[0]], p); at++ })
			break
		}
		walk(shape, sts, func(o []int) { t.f[at] = e.alg.unary(op, attrs, x[o[0]]); at++ })
	case dt == ugraph.Bool:
		x, y := args[0].f, args[1].f
		walk(shape, sts, func(o []int) {
			c, ordered := e.alg.cmp(x[o[0]], y[o[1]])
			if ordered && holds(op, c) {
				t.i[at] = 1
			}
			at++
		})
	default:
		f := e.binary(op)
		if f == nil {
			return nil, fmt.Errorf("has no meaning on floats")
		}
		x, y := args[0].f, args[1].f
		if op == ugraph.OpMul && args[0] == args[1] {
			f = func(x, y V) V { return notNegative(e.alg, e.alg.mul(x, y)) }
		}
		walk(shape, sts, func(o []int) { t.f[at] = f(x[o[0]], y[o[1]]); at++ })
	}
	return t, err
}

func first(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func (e *engine[V]) binary(op ugraph.Op) func(x, y V) V {
	switch op {
	case ugraph.OpAdd:
		return e.alg.add
	case ugraph.OpSub:
		return e.alg.sub
	case ugraph.OpMul:
		return e.alg.mul
	case ugraph.OpDiv:
		return e.alg.div
	case ugraph.OpMaximum:
		return func(x, y V) V { return e.alg.max([]V{x, y}) }
	case ugraph.OpMinimum:
		return func(x, y V) V { return e.alg.min([]V{x, y}) }
	}
	return nil
}

func (e *engine[V]) cast(t *tensor[V], at int, x *tensor[V], from int) error {
	switch {
	case x.f == nil && t.f == nil:
		t.i[at] = castInt(t.dt, x.i[from])
	case x.f == nil:
		t.f[at] = e.alg.datum(x.i[from])
		if t.dt == ugraph.F8E4M3 {
			t.f[at] = e.alg.narrow(t.dt, t.f[at])
		}
	case t.f != nil:
		t.f[at] = e.alg.narrow(t.dt, x.f[from])
	case t.dt == ugraph.Bool: // x != 0
		c, ordered := e.alg.cmp(x.f[from], e.alg.integer(0))
		if !ordered || c != 0 {
			t.i[at] = 1
		}
	default:
		n, err := e.truncate(t.dt, x.f[from])
		if err != nil {
			return err
		}
		t.i[at] = n
	}
	return nil
}

// truncater is an algebra that can turn a float into an integer.
type truncater[V any] interface {
	truncate(to ugraph.DType, x V) int64
}

func (e *engine[V]) truncate(to ugraph.DType, x V) (int64, error) {
	if t, ok := e.alg.(truncater[V]); ok {
		return t.truncate(to, x), nil
	}
	return 0, &errUndecided{"an integer that depends on real data"}
}

// errUndecided reports a program outside the theory.
type errUndecided struct{ what string }

func (e *errUndecided) Error() string { return "not verifiable: " + e.what }

func holds(op ugraph.Op, c int) bool {
	switch op {
	case ugraph.OpLess:
		return c < 0
	case ugraph.OpLessEqual:
		return c <= 0
	case ugraph.OpEqual:
		return c == 0
	case ugraph.OpGreater:
		return c > 0
	}
	return c >= 0
}

func (t *tensor[V]) transpose(perm []int) *tensor[V] {
	st := strides(t.shape)
	shape, stride, axes := make([]int, len(perm)), make([]int, len(perm)), make([]axis, len(perm))
	for i, p := range perm {
		shape[i], stride[i], axes[i] = t.shape[p], st[p], t.axes[p]
	}
	return t.move(shape, stride, 0, axes)
}

func (e *engine[V]) concat(n *ugraph.Node, args []*tensor[V]) (*tensor[V], error) {
	ax, err := ugraph.NormalAxis(n.Attrs.Int("axis", 0), len(args[0].shape))
	if err != nil {
		return nil, err
	}
	shape := append([]int(nil), args[0].shape...)
	axes := append([]axis(nil), args[0].axes...)
	shape[ax] = 0
	var cols []int32
	for _, a := range args {
		for i := range shape {
			if i != ax && a.shape[i] != shape[i] {
				return nil, errShape
			}
			if i != ax {
				if axes[i], err = joinAxis(axes[i], a.axes[i], linearSum); err != nil {
					return nil, err
				}
			}
		}
		if a.axes[ax].part {
			return nil, &errUnweighted{"partial sums are joined"}
		}
		if a.axes[ax].cols == nil { // constant along it, or of extent 1: weight 1
			cols = append(cols, make([]int32, a.shape[ax])...)
		} else {
			cols = append(cols, a.axes[ax].cols...)
		}
		shape[ax] += a.shape[ax]
	}
	axes[ax] = axis{cols: cols}
	t := newTensor[V](args[0].dt, shape)
	t.axes = axes
	corner := make([]int, len(shape))
	for _, a := range args {
		if err := t.put(a, corner); err != nil {
			return nil, err
		}
		corner[ax] += a.shape[ax]
	}
	return t, nil
}

func (e *engine[V]) sliceOp(g *ugraph.Graph, n *ugraph.Node, x *tensor[V]) (*tensor[V], error) {
	ax, err := ugraph.NormalAxis(n.Attrs.Int("axis", 0), len(x.shape))
	if err != nil {
		return nil, err
	}
	lo, hi, err := sliceRange(n, x.shape[ax])
	if err != nil {
		return nil, err
	}
	if x.axes[ax].part && (lo > 0 || hi < x.shape[ax]) {
		return nil, &errUnweighted{"partial sums are divided"}
	}
	return x.slice(ax, lo, hi), nil
}

// sliceRange is the range [lo, hi) that a slice takes of an axis.
func sliceRange(n *ugraph.Node, extent int) (lo, hi int, err error) {
	l, h, err := ugraph.SliceBounds(n.Attrs, ugraph.D(int64(extent)))
	if err != nil {
		return 0, 0, err
	}
	from, _ := l.Const()
	to, _ := h.Const()
	if to <= from || from < 0 {
		return 0, 0, errShape
	}
	return int(from), int(to), nil
}
