package verify

import (
	"fmt"

	"github.com/morgana-ml/morgana/ugraph"
)

// piece is a tile on its way to its place in a kernel's output.
type piece[V any] struct {
	corner []int
	tile   *tensor[V]
}

// kernel evaluates a block graph: every block, every trip, tile by tile.
func (e *engine[V]) kernel(g *ugraph.Graph, inputs []*tensor[V]) ([]*tensor[V], error) {
	phases, bad := ugraph.Phases(g)
	if bad >= 0 {
		return nil, fmt.Errorf("operands of the loop and of after it meet")
	}
	k := &blockRun[V]{engine: e, g: g, phases: phases, inputs: inputs, pieces: make([][]piece[V], len(g.Outputs))}
	k.blocks = make([]int, len(g.Grid))
	total := 1
	for i := range g.Grid {
		n, err := k.parts(g.Grid[i], e.inst.grid(g, i), i+1)
		if err != nil {
			return nil, err
		}
		k.blocks[i] = n
		total *= n
	}
	k.at = make([]int, len(g.Grid))
	for b := range total {
		for i := len(k.at) - 1; i >= 0; i-- {
			k.at[i] = b % k.blocks[i]
			b /= k.blocks[i]
		}
		if err := k.block(); err != nil {
			return nil, err
		}
	}
	outs := make([]*tensor[V], len(g.Outputs))
	for i := range outs {
		t, err := k.assemble(i)
		if err != nil {
			return nil, fmt.Errorf("output %s: %w", g.Outputs[i].Name, err)
		}
		e.alg.store(t.dt, t)
		outs[i] = t
		if g.Outputs[i].Store.Loop >= 0 && e.trips != nil {
			e.trips[g] = append(e.trips[g], t)
		}
	}
	return outs, nil
}

// blockRun is the evaluation of one kernel.
type blockRun[V any] struct {
	*engine[V]
	g      *ugraph.Graph
	phases []ugraph.Phase
	inputs []*tensor[V]
	blocks []int // per grid dimension
	at     []int // the block's coordinates
	vals   []*tensor[V]
	prev   []*tensor[V] // accumulators before this trip's update; nil: not yet updated
	acc    []*tensor[V]
	trip   int
	trips  int
	pieces [][]piece[V]
}

// parts is the number of parts that a grid dimension makes: of its form, and of the extents of the
// axes that it cuts.
func (k *blockRun[V]) parts(d ugraph.GridDim, size cutSize, gridIndex int) (int, error) {
	if d.Parts > 0 {
		return size.parts, nil
	}
	for i := range k.g.Nodes {
		n := &k.g.Nodes[i]
		if n.Op != ugraph.OpLoad {
			continue
		}
		grid, _ := n.Attrs.Get("grid")
		if ax := grid.Ints[gridIndex-1]; ax >= 0 {
			whole, err := k.whole(n.Args[0])
			if err != nil {
				return 0, err
			}
			return (whole.shape[ax] + size.tile - 1) / size.tile, nil
		}
	}
	return size.parts, nil
}

// whole is the whole tensor that a load reads: an input of the kernel or an iota.
func (k *blockRun[V]) whole(v ugraph.ValueID) (*tensor[V], error) {
	val := &k.g.Values[v]
	if val.Node < 0 {
		return k.inputs[val.Index], nil
	}
	rs, err := k.node(k.g, &k.g.Nodes[val.Node], nil)
	if err != nil {
		return nil, err
	}
	return rs[0], nil
}

// interval is part number i of n positions.
func interval(d ugraph.GridDim, size cutSize, i, n int) (lo, hi int, err error) {
	if d.Parts > 0 {
		if n%size.parts != 0 {
			return 0, 0, errShape
		}
		t := n / size.parts
		return i * t, i*t + t, nil
	}
	return min(n, i*size.tile), min(n, i*size.tile+size.tile), nil
}

func (k *blockRun[V]) block() error {
	g := k.g
	k.vals = make([]*tensor[V], len(g.Values))
	k.acc = make([]*tensor[V], len(g.Values))
	k.prev = make([]*tensor[V], len(g.Values))
	for i, in := range g.Inputs {
		k.vals[in.Value] = k.inputs[i]
	}
	if err := k.phase(0, ugraph.Whole, ugraph.Before); err != nil {
		return err
	}
	trips := 1
	if g.Loop != nil {
		trips = k.inst.loop(g).parts
		if g.Loop.Parts == 0 {
			n, err := k.loopExtent()
			if err != nil {
				return err
			}
			if t := k.inst.loop(g).tile; n > 0 {
				trips = (n + t - 1) / t
			}
		}
	}
	k.trips = trips
	for t := range trips {
		k.trip = t
		copy(k.prev, k.acc)
		if err := k.phase(t, ugraph.InLoop); err != nil {
			return err
		}
		for i, o := range g.Outputs {
			if k.phases[o.Value] == ugraph.InLoop {
				if o.Store.Loop < 0 {
					return fmt.Errorf("output %s is a value of the loop, but its store names no axis that the loop cuts", o.Name)
				}
				if err := k.store(i); err != nil {
					return err
				}
			}
		}
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Op == ugraph.OpAccum {
			if k.acc[n.Results[0]] == nil {
				return fmt.Errorf("accum: the loop has no trip")
			}
			k.vals[n.Results[0]] = k.acc[n.Results[0]]
			k.accums[g] = append(k.accums[g], k.acc[n.Results[0]])
		}
	}
	if err := k.phase(0, ugraph.After); err != nil {
		return err
	}
	for i, o := range g.Outputs {
		if k.phases[o.Value] != ugraph.InLoop {
			if o.Store.Loop >= 0 {
				return fmt.Errorf("output %s is no value of the loop, but its store names an axis that the loop cuts", o.Name)
			}
			if err := k.store(i); err != nil {
				return err
			}
		}
	}
	return nil
}

// loopExtent is the extent, in this block, of the axes that the loop cuts.
func (k *blockRun[V]) loopExtent() (int, error) {
	extent := -1
	for i := range k.g.Nodes {
		n := &k.g.Nodes[i]
		if n.Op != ugraph.OpLoad || n.Attrs.Int("loop", -1) < 0 {
			continue
		}
		whole, err := k.whole(n.Args[0])
		if err != nil {
			return 0, err
		}
		ax := int(n.Attrs.Int("loop", -1))
		lo, hi := 0, whole.shape[ax]
		grid, _ := n.Attrs.Get("grid")
		for gi, a := range grid.Ints {
			if int(a) == ax {
				if lo, hi, err = interval(k.g.Grid[gi], k.inst.grid(k.g, gi), k.at[gi], whole.shape[ax]); err != nil {
					return 0, err
				}
			}
		}
		if extent >= 0 && extent != hi-lo {
			return 0, errShape
		}
		extent = hi - lo
	}
	if extent < 0 {
		return 0, nil
	}
	return extent, nil
}

// phase evaluates the nodes of the given phases in order. An accumulator's update belongs to the loop.
func (k *blockRun[V]) phase(trip int, want ...ugraph.Phase) error {
	for i := range k.g.Nodes {
		n := &k.g.Nodes[i]
		p := ugraph.After
		if len(n.Results) > 0 {
			p = k.phases[n.Results[0]]
		}
		if n.Op == ugraph.OpAccum {
			p = ugraph.InLoop
		}
		match := false
		for _, w := range want {
			match = match || p == w
		}
		if !match {
			continue
		}
		if err := k.blockNode(n, trip); err != nil {
			return wrap(n, err)
		}
	}
	return nil
}

func (k *blockRun[V]) blockNode(n *ugraph.Node, trip int) error {
	switch n.Op {
	case ugraph.OpLoad:
		t, err := k.load(n, trip)
		if err == nil {
			k.vals[n.Results[0]] = t
		}
		return err
	case ugraph.OpAccum:
		return k.update(n)
	case ugraph.OpRunning:
		k.vals[n.Results[0]] = k.acc[n.Args[0]]
		return nil
	case ugraph.OpPrevious:
		p := k.prev[n.Args[0]]
		if p == nil {
			p = k.initial(n.Args[0], k.acc[n.Args[0]])
		}
		k.vals[n.Results[0]] = p
		return nil
	}
	args := make([]*tensor[V], len(n.Args))
	for i, a := range n.Args {
		if args[i] = k.vals[a]; args[i] == nil {
			return fmt.Errorf("operand %d has no value at this point of the kernel", i)
		}
	}
	rs, err := k.node(k.g, n, args)
	if err != nil {
		return err
	}
	for i, r := range n.Results {
		k.vals[r] = rs[i]
	}
	return nil
}

func (k *blockRun[V]) load(n *ugraph.Node, trip int) (*tensor[V], error) {
	t, err := k.whole(n.Args[0])
	if err != nil {
		return nil, err
	}
	grid, _ := n.Attrs.Get("grid")
	for gi, a := range grid.Ints {
		if a < 0 {
			continue
		}
		lo, hi, err := interval(k.g.Grid[gi], k.inst.grid(k.g, gi), k.at[gi], t.shape[a])
		if err != nil {
			return nil, err
		}
		t = t.slice(int(a), lo, hi)
		if k.weights != nil && k.inst.blockWeights(k.g, gi) != nil && t.axes[a].cols != nil {
			t = t.relabel(int(a), k.inst.withoutBlock(t.axes[a].cols))
		}
	}
	if a := n.Attrs.Int("loop", -1); a >= 0 {
		lo, hi, err := interval(*k.g.Loop, k.inst.loop(k.g), trip, t.shape[a])
		if err != nil {
			return nil, err
		}
		t = t.slice(int(a), lo, hi)
	}
	return t, k.tick(elements(t.shape))
}

// initial is an accumulator before its first update.
func (k *blockRun[V]) initial(acc ugraph.ValueID, shape *tensor[V]) *tensor[V] {
	t := like(shape, shape.dt)
	n := &k.g.Nodes[k.g.Values[acc].Node]
	var v V
	var i int64
	switch n.Attrs.Word("kind", "sum") {
	case "max":
		v, i = k.alg.lit(ugraph.Inf(-1)), int64(t.dt.Min())
	case "min":
		v, i = k.alg.lit(ugraph.Inf(1)), int64(t.dt.Max())
	default:
		v = k.alg.integer(0)
	}
	for j := range t.f {
		t.f[j] = v
	}
	for j := range t.i {
		t.i[j] = i
	}
	return t
}

// update is one trip's update of an accumulator: acc ← acc ⊕ tile, or acc·factor + tile. Where the
// loop cuts an axis of the tile that is not reduced, trips fold upon each other: that is the first
// part of a sum over the axis, so the weights go in here.
func (k *blockRun[V]) update(n *ugraph.Node) error {
	id := n.Results[0]
	tile := k.vals[n.Args[0]]
	if tile == nil {
		return fmt.Errorf("its tile has no value")
	}
	kind := n.Attrs.Word("kind", "sum")
	if k.weights != nil && kind == "sum" {
		typ := k.g.Values[n.Args[0]].Type
		folded := false
		for ax := range tile.shape {
			if typ.Cut(ax).Loop && !tile.axes[ax].part {
				if len(n.Args) == 2 {
					return &errUnweighted{"a rescaled sum folds an axis that the loop cuts"}
				}
				var err error
				if tile, err = k.weighted(tile, ax); err != nil {
					return err
				}
				if !folded {
					t := *tile
					t.axes = append([]axis(nil), tile.axes...)
					tile, folded = &t, true
				}
				tile.axes[ax] = axis{part: true}
			}
		}
	}
	if k.weights != nil && kind != "sum" {
		for _, a := range tile.axes {
			if a.part {
				return &errUnweighted{"a maximum of partial sums"}
			}
		}
	}
	old := k.acc[id]
	if old == nil {
		old = k.initial(id, tile)
	}
	next := like(old, old.dt).copyFrom(old)
	part := next
	if elements(tile.shape) != elements(next.shape) {
		part = next
		for ax := range tile.shape {
			part = part.slice(ax, 0, tile.shape[ax])
		}
	}
	var err error
	if len(n.Args) == 2 {
		f := k.vals[n.Args[1]]
		if f == nil {
			return fmt.Errorf("its factor has no value")
		}
		if part, err = k.elementwise(ugraph.OpMul, nil, part.dt, []*tensor[V]{part, f}); err != nil {
			return err
		}
	}
	op := map[string]ugraph.Op{"sum": ugraph.OpAdd, "max": ugraph.OpMaximum, "min": ugraph.OpMinimum}[kind]
	if part, err = k.elementwise(op, nil, part.dt, []*tensor[V]{part, tile}); err != nil {
		return err
	}
	if elements(part.shape) == elements(next.shape) {
		next = part
	} else if err := next.put(part, make([]int, len(next.shape))); err != nil {
		return err
	}
	k.acc[id] = next
	return k.tick(elements(next.shape))
}

func (t *tensor[V]) copyFrom(u *tensor[V]) *tensor[V] {
	copy(t.f, u.f)
	copy(t.i, u.i)
	return t
}
