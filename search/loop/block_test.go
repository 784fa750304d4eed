package loop

import (
	"fmt"
	"math"

	"github.com/morgana-ml/morgana/ugraph"
)

// runGraph interprets a kernel-level graph in float64, block by block and trip by trip.
func runGraph(g *ugraph.Graph, env ugraph.Env, inputs []array) []array {
	vals := make([]array, len(g.Values))
	for i, in := range g.Inputs {
		vals[in.Value] = inputs[i]
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Op != ugraph.OpKernel {
			panic("test graphs hold kernels only")
		}
		args := make([]array, len(n.Args))
		for j, a := range n.Args {
			args[j] = vals[a]
		}
		for j, r := range runKernel(n.Body, env, args) {
			vals[n.Results[j]] = r
		}
	}
	var outs []array
	for _, o := range g.Outputs {
		outs = append(outs, vals[o.Value])
	}
	return outs
}

func ext(d ugraph.Dim, env ugraph.Env) int {
	n, err := d.Eval(env)
	if err != nil {
		panic(err)
	}
	return int(n)
}

// blockRun is one block of a kernel.
type blockRun struct {
	g     *ugraph.Graph
	env   ugraph.Env
	coord []int
	trip  int
	vals  []array
	acc   map[ugraph.ValueID]array
	prev  map[ugraph.ValueID]array
}

// part returns the range of an axis of the given extent that a cut leaves to this block and trip.
func (r *blockRun) part(grid int, loop bool, extent int) (lo, n int) {
	n = extent
	if grid >= 0 {
		t := int(r.g.Grid[grid].Tile)
		lo = min(n, r.coord[grid]*t)
		n = min(t, n-lo)
	}
	if loop {
		t := int(r.g.Loop.Tile)
		off := min(n, r.trip*t)
		lo, n = lo+off, min(t, n-off)
	}
	return lo, n
}

// actual is the shape of a value's tile in this block and trip.
func (r *blockRun) actual(t ugraph.Type) []int {
	s := make([]int, t.Rank())
	for i, d := range t.Shape {
		c := t.Cut(i)
		if c.Irregular {
			panic("irregular cut")
		}
		if c.IsCut() {
			_, s[i] = r.part(c.Grid-1, c.Loop, ext(c.Extent, r.env))
		} else {
			s[i] = ext(d, r.env)
		}
	}
	return s
}

func runKernel(g *ugraph.Graph, env ugraph.Env, inputs []array) []array {
	outs := make([]array, len(g.Outputs))
	written := make([][]int, len(outs))
	for i := range outs {
		t, err := g.OutputType(i)
		if err != nil {
			panic(err)
		}
		shape := make([]int, t.Rank())
		for j, d := range t.Shape {
			shape[j] = ext(d, env)
		}
		outs[i] = newArray(shape)
		written[i] = make([]int, len(outs[i].data))
	}
	blocks := make([]int, len(g.Grid))
	for i, d := range g.Grid {
		blocks[i] = ext(d.Blocks(), env)
	}
	phases, bad := ugraph.Phases(g)
	if bad >= 0 {
		panic("phases")
	}
	each(blocks, func(at []int, _ int) {
		r := &blockRun{g: g, env: env, coord: at, vals: make([]array, len(g.Values)), acc: map[ugraph.ValueID]array{}, prev: map[ugraph.ValueID]array{}}
		for i, in := range g.Inputs {
			r.vals[in.Value] = inputs[i]
		}
		r.run(phases, ugraph.Whole)
		r.run(phases, ugraph.Before)
		trips := 1
		if g.Loop != nil {
			trips = ext(g.Loop.Blocks(), env)
		}
		for r.trip = 0; r.trip < trips; r.trip++ {
			if !r.empty() {
				r.run(phases, ugraph.InLoop)
				for i, o := range g.Outputs {
					if phases[o.Value] == ugraph.InLoop {
						r.store(o, outs[i], written[i])
					}
				}
			}
		}
		r.trip = 0
		for id, a := range r.acc {
			r.vals[id] = a
		}
		r.run(phases, ugraph.After)
		for i, o := range g.Outputs {
			if phases[o.Value] != ugraph.InLoop {
				r.store(o, outs[i], written[i])
			}
		}
	})
	for i := range outs {
		for j, w := range written[i] {
			if w == 0 {
				panic(fmt.Sprintf("element %d of output %s is not written", j, g.Outputs[i].Name))
			}
		}
	}
	return outs
}

// empty tells whether a load of this trip has an empty tile.
func (r *blockRun) empty() bool {
	for i := range r.g.Nodes {
		if n := &r.g.Nodes[i]; n.Op == ugraph.OpLoad {
			for _, d := range r.actual(r.g.Values[n.Results[0]].Type) {
				if d <= 0 {
					return true
				}
			}
		}
	}
	return false
}

func (r *blockRun) run(phases []ugraph.Phase, p ugraph.Phase) {
	for i := range r.g.Nodes {
		n := &r.g.Nodes[i]
		id := n.Results[0]
		switch {
		case n.Op == ugraph.OpAccum && p == ugraph.InLoop:
			r.accumulate(n, id)
		case n.Op == ugraph.OpAccum || phases[id] != p:
		default:
			r.vals[id] = r.eval(n)
		}
	}
}

func (r *blockRun) accumulate(n *ugraph.Node, id ugraph.ValueID) {
	x := r.vals[n.Args[0]]
	kind := n.Attrs.Word("kind", "sum")
	old, ok := r.acc[id]
	if !ok {
		old = newArray(x.shape)
		for i := range old.data {
			old.data[i] = map[string]float64{"max": math.Inf(-1), "min": math.Inf(1)}[kind]
		}
	}
	r.prev[id] = old
	now := array{old.shape, append([]float64{}, old.data...)}
	each(x.shape, func(at []int, i int) {
		switch kind {
		case "max":
			now.data[i] = math.Max(now.data[i], x.data[i])
		case "min":
			now.data[i] = math.Min(now.data[i], x.data[i])
		default:
			f := 1.0
			if len(n.Args) == 2 {
				fa := r.vals[n.Args[1]]
				f = fa.data[fa.index(at)]
			}
			now.data[i] = now.data[i]*f + x.data[i]
		}
	})
	r.acc[id] = now
}

func (r *blockRun) eval(n *ugraph.Node) array {
	args := make([]array, len(n.Args))
	for i, a := range n.Args {
		args[i] = r.vals[a]
	}
	out := r.g.Values[n.Results[0]].Type
	switch n.Op {
	case ugraph.OpConst:
		v := newArray(nil)
		v.data[0] = n.Attrs.Num("value", ugraph.Int(0)).Float64()
		return v
	case ugraph.OpIota:
		v := newArray([]int{ext(out.Shape[0], r.env)})
		for i := range v.data {
			v.data[i] = float64(i)
		}
		return v
	case ugraph.OpLoad:
		lo, shape := make([]int, out.Rank()), make([]int, out.Rank())
		for i := range shape {
			c := out.Cut(i)
			lo[i], shape[i] = r.part(c.Grid-1, c.Loop, args[0].shape[i])
		}
		v := newArray(shape)
		from := make([]int, len(shape))
		each(shape, func(at []int, k int) {
			for i := range from {
				from[i] = lo[i] + at[i]
			}
			v.data[k] = args[0].data[args[0].index(from)]
		})
		return v
	case ugraph.OpRunning:
		return r.acc[n.Args[0]]
	case ugraph.OpPrevious:
		return r.prev[n.Args[0]]
	case ugraph.OpReshape, ugraph.OpBroadcast:
		shape := r.actual(out)
		v := newArray(shape)
		if len(v.data) != len(args[0].data) {
			panic(fmt.Sprintf("%s of %v to %v", n.Op, args[0].shape, shape))
		}
		copy(v.data, args[0].data)
		return v
	case ugraph.OpTranspose:
		perm, _ := ugraph.Perm(n.Attrs, len(args[0].shape))
		return transposeArray(args[0], perm)
	case ugraph.OpSum, ugraph.OpMean, ugraph.OpMax, ugraph.OpMin:
		axes, _ := ugraph.ReduceAxes(n.Attrs, len(args[0].shape))
		gone := map[int]bool{}
		for _, a := range axes {
			gone[a] = true
		}
		return reduceArray(n.Op, args[0], gone, n.Attrs.Flag("keepdims"))
	case ugraph.OpMatMul:
		return matmulArray(args[0], args[1], n.Attrs.Flag("transpose_a"), n.Attrs.Flag("transpose_b"))
	}
	return elementwise(n.Op, n.Attrs, args)
}

func matmulArray(a, b array, ta, tb bool) array {
	swap := func(x array) array {
		perm := make([]int, len(x.shape))
		for i := range perm {
			perm[i] = i
		}
		n := len(perm)
		perm[n-1], perm[n-2] = n-2, n-1
		return transposeArray(x, perm)
	}
	if ta {
		a = swap(a)
	}
	if tb {
		b = swap(b)
	}
	wide := func(x array, at int) array {
		s := append([]int{}, x.shape...)
		s = append(s[:len(s)+at], append([]int{1}, s[len(s)+at:]...)...)
		return array{s, x.data}
	}
	// [.., m, k, 1] · [.., 1, k, n] summed over k.
	p := elementwise(ugraph.OpMul, nil, []array{{append(append([]int{}, a.shape...), 1), a.data}, wide(b, -2)})
	return reduceArray(ugraph.OpSum, p, map[int]bool{len(p.shape) - 2: true}, false)
}

func (r *blockRun) store(o ugraph.Output, out array, written []int) {
	t := r.g.Values[o.Value].Type
	v := r.vals[o.Value]
	lo := make([]int, t.Rank())
	for gi, axis := range o.Store.Grid {
		if axis < 0 {
			continue
		}
		if t.Cut(axis).Grid == gi+1 {
			lo[axis], _ = r.part(gi, o.Store.Loop == axis, out.shape[axis])
		} else {
			lo[axis] = r.coord[gi] * v.shape[axis]
		}
	}
	if l := o.Store.Loop; l >= 0 && t.Cut(l).Grid == 0 {
		lo[l], _ = r.part(-1, true, out.shape[l])
	}
	to := make([]int, len(lo))
	each(v.shape, func(at []int, i int) {
		for j := range to {
			to[j] = lo[j] + at[j]
		}
		k := out.index(to)
		switch {
		case written[k] == 0 || o.Store.Reduce == "":
			out.data[k] = v.data[i]
		case o.Store.Reduce == "sum":
			out.data[k] += v.data[i]
		case o.Store.Reduce == "max":
			out.data[k] = math.Max(out.data[k], v.data[i])
		}
		written[k]++
	})
}
