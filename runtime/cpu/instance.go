package cpu

import (
	"context"
	"fmt"
	"time"
	"unsafe"

	"github.com/morgana-ml/morgana/runtime/memory"
	"github.com/morgana-ml/morgana/runtime/tensor"
	"github.com/morgana-ml/morgana/ugraph"
)

// instance is a program compiled for known sizes, with the buffers and workers of one run. A run has
// an instance to itself; instances of the same sizes share nothing but packed weights.
type instance struct {
	p       *Program
	env     ugraph.Env
	bufs    []buffer // by kernel-level value, then partial results
	owned   []*memory.Buffer
	kernels []*block
	packed  map[*packing]*memory.Buffer
	workers []*worker
	tasks   []func(worker, i int) // one closure per kernel, made once so that a run allocates nothing
	consts  []constFill
	inputs  [][]int // values that share the memory of each input
	outputs []outputBinding
}

// constFill is a kernel-level literal or iota that the instance fills in once.
type constFill struct {
	value ugraph.ValueID
	node  *ugraph.Node
}

func (p *Program) newInstance(env ugraph.Env) (*instance, error) {
	g, err := Unfused(p.graph, env)
	if err != nil {
		return nil, err
	}
	in := &instance{p: p, env: env, packed: map[*packing]*memory.Buffer{}, bufs: make([]buffer, len(g.Values))}
	for v := range g.Values {
		t := g.Values[v].Type
		if t.Rank() > maxRank-1 {
			return nil, fmt.Errorf("%s has %d axes; the CPU executor takes at most %d", g.Values[v].Name, t.Rank(), maxRank-1)
		}
		shape, err := ugraph.EvalShape(t.Shape, env)
		if err != nil {
			return nil, err
		}
		in.bufs[v] = newBuffer(t.DType, shape)
	}
	isConst := make([]bool, len(g.Values))
	external := make([]bool, len(g.Values))
	for _, x := range g.Inputs {
		isConst[x.Value], external[x.Value] = x.Const, true
	}
	alias := make([]ugraph.ValueID, len(g.Values)) // reshapes share their operand's memory
	for v := range alias {
		alias[v] = ugraph.ValueID(v)
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		switch n.Op {
		case ugraph.OpReshape:
			alias[n.Results[0]] = alias[n.Args[0]]
			isConst[n.Results[0]] = isConst[n.Args[0]]
		case ugraph.OpConst, ugraph.OpIota:
			in.consts = append(in.consts, constFill{n.Results[0], n})
		case ugraph.OpKernel:
			dims := make([][maxRank]int, len(n.Args))
			weights := make([]bool, len(n.Args))
			for j, a := range n.Args {
				dims[j], weights[j] = in.bufs[a].shape, isConst[a]
			}
			b, err := compileBlock(n.Body, env, dims, weights)
			if err != nil {
				return nil, err
			}
			for _, a := range n.Args {
				b.args = append(b.args, int(a))
			}
			if err := in.bindOutputs(b, n); err != nil {
				return nil, err
			}
			in.kernels = append(in.kernels, b)
		default:
			return nil, fmt.Errorf("the CPU executor has no kernel for %s", n.Op)
		}
	}
	in.alias(g, alias, external)
	if err := in.allocate(g, alias, external); err != nil {
		return nil, err
	}
	in.makeWorkers()
	return in, nil
}

func newBuffer(dt ugraph.DType, shape []int64) buffer {
	b := buffer{dtype: dt, rank: len(shape), size: 1}
	for a := len(shape) - 1; a >= 0; a-- {
		b.shape[a], b.str[a] = int(shape[a]), b.size
		b.size *= int(shape[a])
	}
	return b
}

// bindOutputs says where the tiles of a kernel's outputs go.
func (in *instance) bindOutputs(b *block, n *ugraph.Node) error {
	depends := ugraph.GridDependence(n.Body)
	for i, o := range n.Body.Outputs {
		v := b.flat.outputs[i]
		out := output{value: v, buf: int(n.Results[i]), grid: o.Store.Grid, loop: o.Store.Loop, reduce: o.Store.Reduce, partial: -1}
		t := n.Body.Values[o.Value].Type
		out.stacked = make([]bool, len(o.Store.Grid))
		for d, a := range o.Store.Grid {
			out.stacked[d] = a >= 0 && t.Cut(a).Grid != d+1
			switch {
			case a >= 0:
			case o.Store.Reduce != "" && depends[o.Value]>>d&1 != 0:
				out.spread = append(out.spread, d)
			default: // every block along the dimension holds the same tile: the first one writes it
				out.once = append(out.once, d)
			}
		}
		if len(out.spread) > 0 {
			parts := 1
			for _, d := range out.spread {
				parts *= b.grid[d]
			}
			shape := append([]int64{int64(parts)}, ints(in.bufs[out.buf])...)
			out.partial = len(in.bufs)
			in.bufs = append(in.bufs, newBuffer(in.bufs[out.buf].dtype.Accumulator(), shape))
		}
		inLoop := b.flat.phases[v] == ugraph.InLoop
		if b.outs[v] && b.flat.uses[v] == 1 && out.partial < 0 && len(out.once) == 0 && in.bufs[out.buf].dtype == ugraph.F32 && inLoop == (out.loop >= 0) {
			out.direct, b.direct[v] = true, i
		}
		b.outputs = append(b.outputs, out)
	}
	return nil
}

func ints(b buffer) []int64 {
	s := make([]int64, b.rank)
	for a := range s {
		s[a] = int64(b.shape[a])
	}
	return s
}

func (in *instance) alias(g *ugraph.Graph, alias []ugraph.ValueID, external []bool) {
	in.inputs = make([][]int, len(g.Inputs))
	for i, x := range g.Inputs {
		for v := range alias {
			if alias[v] == x.Value {
				in.inputs[i] = append(in.inputs[i], v)
			}
		}
	}
	// An output that a kernel writes and that no other output names is written in place; others (an
	// input returned as it is, the same value twice, a literal) are copied at the end of the run.
	taken := make([]bool, len(g.Values))
	in.outputs = make([]outputBinding, len(g.Outputs))
	for i, o := range g.Outputs {
		root := alias[o.Value]
		node := g.Values[root].Node
		direct := !external[root] && node >= 0 && g.Nodes[node].Op == ugraph.OpKernel && !taken[root]
		ob := outputBinding{value: int(o.Value), copy: !direct}
		if direct {
			taken[root] = true
			for v := range alias {
				if alias[v] == root {
					ob.values = append(ob.values, v)
				}
			}
		}
		in.outputs[i] = ob
	}
}

// outputBinding says how an output of the program gets its elements.
type outputBinding struct {
	value  int
	values []int // values that share the caller's memory
	copy   bool
}

// allocate gives memory to every value that is neither an input nor written straight to an output.
func (in *instance) allocate(g *ugraph.Graph, alias []ugraph.ValueID, external []bool) error {
	bound := make([]bool, len(in.bufs))
	for _, o := range in.outputs {
		for _, v := range o.values {
			bound[v] = true
		}
	}
	for v := range in.bufs {
		if v < len(alias) && (external[alias[v]] || int(alias[v]) != v || bound[v]) {
			continue
		}
		b := &in.bufs[v]
		buf, err := memory.Alloc(max(b.size, 1) * int(b.dtype.Size()))
		if err != nil {
			return err
		}
		in.owned = append(in.owned, buf)
		b.ptr = unsafe.Pointer(&buf.Bytes()[0])
	}
	for v := range alias {
		if !external[alias[v]] && int(alias[v]) != v && !bound[v] {
			in.bufs[v].ptr = in.bufs[alias[v]].ptr
		}
	}
	for _, c := range in.consts {
		b := &in.bufs[c.value]
		t := &tensor.Tensor{DType: b.dtype, Shape: ints(*b), Data: unsafe.Slice((*byte)(b.ptr), b.size*int(b.dtype.Size()))}
		for i := 0; i < b.size; i++ {
			if c.node.Op == ugraph.OpIota {
				t.SetFloat64(i, float64(i))
			} else {
				t.SetFloat64(i, c.node.Attrs.Num("value", ugraph.Int(0)).Float64())
			}
		}
	}
	return nil
}

func (in *instance) makeWorkers() {
	var need [numStorages]int
	values, dims := 0, 0
	for _, b := range in.kernels {
		for k := range need {
			need[k] = max(need[k], b.need[k])
		}
		values, dims = max(values, len(b.values)), max(dims, len(b.grid))
	}
	in.workers = make([]*worker, in.p.dev.pool.Threads())
	for i := range in.workers {
		w := &worker{inst: in, tiles: make([]tile, values), coord: make([]int, dims)}
		w.arena[inF32].f = alignedFloats(need[inF32])
		w.arena[inF64].d = make([]float64, need[inF64])
		w.arena[inI32].i = make([]int32, need[inI32])
		w.arena[inI64].l = make([]int64, need[inI64])
		in.workers[i] = w
	}
	for _, b := range in.kernels {
		in.tasks = append(in.tasks, func(id, i int) {
			w := in.workers[id]
			if w.blk != b {
				w.enter(b)
			}
			b.runBlock(w, i)
		})
	}
}

// alignedFloats is a slice that begins at a cache line.
func alignedFloats(n int) []float32 {
	s := make([]float32, n+16)
	skip := int(-uintptr(unsafe.Pointer(&s[0]))%64) / 4
	return s[skip : skip+n]
}

// enter prepares a worker for the blocks of a kernel.
func (w *worker) enter(b *block) {
	w.blk = b
	for v := range b.values {
		w.tiles[v] = tile{kind: b.values[v].kind, rank: b.values[v].rank}
	}
}

// run computes the outputs. The inputs and outputs have been checked.
func (in *instance) run(ctx context.Context, inputs, outputs []*tensor.Tensor) error {
	for i, t := range inputs {
		for _, v := range in.inputs[i] {
			in.bufs[v].ptr = dataOf(t)
		}
	}
	for i, t := range outputs {
		for _, v := range in.outputs[i].values {
			in.bufs[v].ptr = dataOf(t)
		}
	}
	for i, b := range in.kernels {
		if err := ctx.Err(); err != nil {
			return err
		}
		trace, start := in.p.dev.onKernel, time.Time{}
		if trace != nil {
			start = time.Now()
		}
		in.p.dev.pool.Run(b.blocks, in.tasks[i])
		for j := range b.outputs {
			if b.outputs[j].partial >= 0 {
				in.combine(b, &b.outputs[j])
			}
		}
		if trace != nil {
			r := KernelRun{Name: b.name, Elapsed: time.Since(start)}
			r.Flops, r.Bytes = b.work()
			trace(r)
		}
		for _, w := range in.workers {
			if w.err != nil {
				err := w.err
				w.err = nil
				return err
			}
		}
	}
	for i, o := range in.outputs {
		if o.copy {
			b := &in.bufs[o.value]
			copy(outputs[i].Data, unsafe.Slice((*byte)(b.ptr), b.size*int(b.dtype.Size())))
		}
	}
	return nil
}

func dataOf(t *tensor.Tensor) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(t.Data)) }

// combine reduces the partial results of the blocks in the order of the grid.
func (in *instance) combine(b *block, o *output) {
	w := in.workers[0]
	part, dst := &in.bufs[o.partial], &in.bufs[o.buf]
	k := storageOf(part.dtype)
	acc := tile{kind: k, rank: 1}
	acc.dims[0], acc.str[0] = dst.size, 1
	row := acc
	at := func(t *tile, off int) {
		switch k {
		case inF32:
			t.f = unsafe.Slice((*float32)(part.ptr), part.size)[off:]
		case inF64:
			t.d = unsafe.Slice((*float64)(part.ptr), part.size)[off:]
		case inI32:
			t.i = unsafe.Slice((*int32)(part.ptr), part.size)[off:]
		default:
			t.l = unsafe.Slice((*int64)(part.ptr), part.size)[off:]
		}
	}
	at(&acc, 0)
	join := b.joinTile(o.reduce)
	for p := 1; p < part.shape[0]; p++ {
		at(&row, p*part.str[0])
		join(w, &acc, &row)
	}
	flatDst := *dst
	flatDst.rank = 1
	flatDst.str[0] = 1
	if k == inI64 && dst.dtype != ugraph.I64 {
		narrow := tile{kind: inI32, rank: 1, i: make([]int32, dst.size)}
		narrow.dims[0], narrow.str[0] = dst.size, 1
		for i := range narrow.i {
			narrow.i[i] = int32(wrapInt(dst.dtype, acc.l[i]))
		}
		acc = narrow
	}
	w.store(&acc, &flatDst, 0)
}
