package verify

import (
	"fmt"

	"github.com/morgana-ml/morgana/ugraph"
)

// lazyKernel is a kernel whose blocks are evaluated as the entries of its outputs ask for them.
type lazyKernel[V any] struct {
	*lazyEngine[V]
	g      *ugraph.Graph
	phases []ugraph.Phase
	inputs []*lazyTensor[V]
	grid   []int // blocks per grid dimension
	blocks map[int]*lazyBlock[V]
}

// lazyBlock is one block.
type lazyBlock[V any] struct {
	*lazyKernel[V]
	at    []int
	trips int
	vals  []map[int]*lazyTensor[V] // per value: by trip, −1 outside of the loop
	accs  []map[int]*lazyTensor[V] // per accumulator: its state after a trip
}

// maxUnmapped bounds the blocks of grid dimensions that an output does not have which are compared
// where they all write the same place.
const maxUnmapped = 16

func (z *lazyEngine[V]) kernelLazy(outer *ugraph.Graph, n *ugraph.Node, inputs []*lazyTensor[V]) ([]*lazyTensor[V], error) {
	g := n.Body
	phases, bad := ugraph.Phases(g)
	if bad >= 0 {
		return nil, fmt.Errorf("operands of the loop and of after it meet")
	}
	k := &lazyKernel[V]{lazyEngine: z, g: g, phases: phases, inputs: inputs, blocks: map[int]*lazyBlock[V]{}}
	for i, d := range g.Grid {
		size := z.inst.grid(g, i)
		parts := size.parts
		if d.Parts == 0 {
			if extent, ok := k.cutBy(i); ok {
				parts = (extent + size.tile - 1) / size.tile
			}
		}
		k.grid = append(k.grid, parts)
	}
	outs := make([]*lazyTensor[V], len(g.Outputs))
	for i := range outs {
		t, err := k.output(outer, n.Results[i], i)
		if err != nil {
			return nil, fmt.Errorf("output %s: %w", g.Outputs[i].Name, err)
		}
		outs[i] = t
	}
	return outs, z.bad
}

// cutBy is the extent of an axis that a grid dimension cuts.
func (k *lazyKernel[V]) cutBy(gi int) (int, bool) {
	for i := range k.g.Nodes {
		n := &k.g.Nodes[i]
		if n.Op != ugraph.OpLoad {
			continue
		}
		grid, _ := n.Attrs.Get("grid")
		if ax := grid.Ints[gi]; ax >= 0 {
			return k.whole(n.Args[0]).shape[ax], true
		}
	}
	return 0, false
}

// whole is what a load reads: an input of the kernel, or an iota.
func (k *lazyKernel[V]) whole(v ugraph.ValueID) *lazyTensor[V] {
	val := &k.g.Values[v]
	if val.Node < 0 {
		return k.inputs[val.Index]
	}
	ts, err := k.nodeLazy(k.g, &k.g.Nodes[val.Node], nil)
	if err != nil {
		k.fail(err)
		return view(val.DType, make([]int, val.Rank()), func(int) cell[V] { return cell[V]{} })
	}
	return ts[0]
}

func (k *lazyKernel[V]) block(at []int) *lazyBlock[V] {
	id := 0
	for i, p := range at {
		id = id*k.grid[i] + p
	}
	if b, ok := k.blocks[id]; ok {
		return b
	}
	b := &lazyBlock[V]{lazyKernel: k, at: append([]int(nil), at...), trips: 1,
		vals: make([]map[int]*lazyTensor[V], len(k.g.Values)), accs: make([]map[int]*lazyTensor[V], len(k.g.Values))}
	k.blocks[id] = b
	if k.g.Loop != nil {
		b.trips = k.inst.loop(k.g).parts
		if k.g.Loop.Parts == 0 {
			if extent := b.loopExtent(); extent > 0 {
				t := k.inst.loop(k.g).tile
				b.trips = (extent + t - 1) / t
			}
		}
	}
	return b
}

// cuts is the box that a load reads before the loop cuts it.
func (b *lazyBlock[V]) cuts(n *ugraph.Node) *lazyTensor[V] {
	t := b.whole(n.Args[0])
	grid, _ := n.Attrs.Get("grid")
	for gi, a := range grid.Ints {
		if a < 0 {
			continue
		}
		lo, hi, err := interval(b.g.Grid[gi], b.inst.grid(b.g, gi), b.at[gi], t.shape[a])
		if err != nil {
			b.fail(err)
			return t
		}
		t = b.part(t, int(a), lo, hi)
	}
	return t
}

func (b *lazyBlock[V]) loopExtent() int {
	extent := 0
	for i := range b.g.Nodes {
		n := &b.g.Nodes[i]
		if n.Op != ugraph.OpLoad || n.Attrs.Int("loop", -1) < 0 {
			continue
		}
		d := b.cuts(n).shape[n.Attrs.Int("loop", -1)]
		if extent != 0 && extent != d {
			b.fail(errShape)
		}
		extent = d
	}
	return extent
}

// value is a value of the block: in a trip of the loop, or (−1) outside of it.
func (b *lazyBlock[V]) value(v ugraph.ValueID, trip int) *lazyTensor[V] {
	val := &b.g.Values[v]
	if val.Node < 0 {
		return b.inputs[val.Index]
	}
	n := &b.g.Nodes[val.Node]
	if n.Op == ugraph.OpAccum {
		return b.state(v, b.trips-1)
	}
	if b.phases[v] != ugraph.InLoop {
		trip = -1
	}
	if b.vals[v] == nil {
		b.vals[v] = map[int]*lazyTensor[V]{}
	}
	if t, ok := b.vals[v][trip]; ok {
		return t
	}
	if !b.spend(1) {
		return b.nothing(v)
	}
	rs, err := b.compute(n, trip)
	if err != nil {
		b.fail(wrap(n, err))
		return b.nothing(v)
	}
	for i, r := range n.Results {
		if b.vals[r] == nil {
			b.vals[r] = map[int]*lazyTensor[V]{}
		}
		b.vals[r][trip] = rs[i]
	}
	return b.vals[v][trip]
}

// nothing stands for a value after an error.
func (b *lazyBlock[V]) nothing(v ugraph.ValueID) *lazyTensor[V] {
	shape := make([]int, b.g.Values[v].Rank())
	for i := range shape {
		shape[i] = 1
	}
	return view(b.g.Values[v].DType, shape, func(int) cell[V] { return cell[V]{} })
}

func (b *lazyBlock[V]) compute(n *ugraph.Node, trip int) ([]*lazyTensor[V], error) {
	switch n.Op {
	case ugraph.OpLoad:
		t := b.cuts(n)
		if a := n.Attrs.Int("loop", -1); a >= 0 && b.bad == nil {
			lo, hi, err := interval(*b.g.Loop, b.inst.loop(b.g), trip, t.shape[a])
			if err != nil {
				return nil, err
			}
			t = b.part(t, int(a), lo, hi)
		}
		return []*lazyTensor[V]{t}, nil
	case ugraph.OpRunning:
		return []*lazyTensor[V]{b.state(n.Args[0], trip)}, nil
	case ugraph.OpPrevious:
		return []*lazyTensor[V]{b.state(n.Args[0], trip-1)}, nil
	}
	args := make([]*lazyTensor[V], len(n.Args))
	for i, a := range n.Args {
		args[i] = b.value(a, trip)
	}
	if b.bad != nil {
		return nil, b.bad
	}
	return b.nodeLazy(b.g, n, args)
}

// state is an accumulator after a trip; after trip −1 it is what it starts as.
func (b *lazyBlock[V]) state(acc ugraph.ValueID, trip int) *lazyTensor[V] {
	if b.accs[acc] == nil {
		b.accs[acc] = map[int]*lazyTensor[V]{}
	}
	if t, ok := b.accs[acc][trip]; ok {
		return t
	}
	n := &b.g.Nodes[b.g.Values[acc].Node]
	if !b.spend(1) {
		return b.nothing(acc)
	}
	shape := b.value(n.Args[0], 0).shape // the first tile is never smaller than a later one
	dt := b.g.Values[acc].DType
	if trip < 0 {
		start := (&blockRun[V]{engine: b.engine, g: b.g}).initial(acc, newTensor[V](dt, []int{1}))
		t := view(dt, shape, func(int) cell[V] { return cellOf(start, 0) })
		b.accs[acc][trip] = t
		return t
	}
	before := b.state(acc, trip-1)
	tile := b.value(n.Args[0], trip)
	var factor *lazyTensor[V]
	if len(n.Args) == 2 {
		factor = b.value(n.Args[1], trip)
	}
	op := map[string]ugraph.Op{"sum": ugraph.OpAdd, "max": ugraph.OpMaximum, "min": ugraph.OpMinimum}[n.Attrs.Word("kind", "sum")]
	t := b.of(dt, shape, func(i int) cell[V] {
		b.settle(acc, trip-1, i)
		old := b.at1(before, i)
		idx := index(i, shape)
		own, at := strides(tile.shape), 0
		for ax, p := range idx {
			if p >= tile.shape[ax] {
				return cellOf(old, 0) // beyond a ragged tile
			}
			at += p * own[ax]
		}
		var err error
		if factor != nil {
			fs, off := broadcastStrides(factor.shape, tile.shape), 0
			for ax, p := range idx {
				off += p * fs[ax]
			}
			if old, err = b.elementwise(ugraph.OpMul, nil, dt, []*tensor[V]{old, b.at1(factor, off)}); err != nil {
				return b.fail(err)
			}
		}
		return b.entry(b.elementwise(op, nil, dt, []*tensor[V]{old, b.at1(tile, at)}))
	})
	b.accs[acc][trip] = t
	return t
}

// settle evaluates an entry of an accumulator after each earlier trip in turn, so that a long loop is
// no deep recursion.
func (b *lazyBlock[V]) settle(acc ugraph.ValueID, trip, i int) {
	first := trip
	for first >= 0 {
		t := b.state(acc, first)
		if t.memo == nil || b.bad != nil {
			break
		}
		if _, ok := t.memo.get(i); ok {
			break
		}
		first--
	}
	for s := first + 1; s < trip && b.bad == nil; s++ {
		b.lazyEngine.at(b.state(acc, s), i)
	}
}

// at1 is one entry as a dense tensor.
func (z *lazyEngine[V]) at1(t *lazyTensor[V], i int) *tensor[V] { return z.collect(t, nil, []int{i}) }
