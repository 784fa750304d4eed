package interp

import (
	"fmt"

	"github.com/morgana-ml/morgana/ugraph"
)

// maxTrips bounds blocks · trips of one kernel.
const maxTrips = 1 << 26

// accumulator is the state of one accum node in one block.
type accumulator[T any] struct {
	sum      *Tensor[T] // unrounded, in the accumulator's precision
	previous *Tensor[T] // before this trip's update, rounded; kept only where something reads it
}

// kernelRun is one kernel while its blocks run, one after the other.
type kernelRun[T any] struct {
	m      *machine[T]
	g      *ugraph.Graph
	phases []ugraph.Phase
	reads  []bool // accumulators whose previous value is read
	blocks []int64
	trips  int64
	whole  []*Tensor[T] // inputs and iotas
	stores []*storePlan[T]

	coord []int64 // of this block
	vals  []*Tensor[T]
	accs  []*accumulator[T]
}

// kernel runs a block graph and returns its outputs.
func (m *machine[T]) kernel(g *ugraph.Graph, args []*Tensor[T]) ([]*Tensor[T], error) {
	k := &kernelRun[T]{m: m, g: g, trips: 1, whole: make([]*Tensor[T], len(g.Values)), reads: make([]bool, len(g.Values))}
	k.phases, _ = ugraph.Phases(g)
	for i, in := range g.Inputs {
		k.whole[in.Value] = args[i]
	}
	for i := range g.Nodes {
		switch n := &g.Nodes[i]; n.Op {
		case ugraph.OpIota:
			if err := m.node(g, n, k.whole); err != nil {
				return nil, err
			}
		case ugraph.OpPrevious:
			k.reads[n.Args[0]] = true
		}
	}
	total := int64(1)
	count := func(d ugraph.GridDim) (int64, error) {
		n, err := d.Blocks().Eval(m.env)
		if err != nil {
			return 0, err
		}
		if n < 1 || total > maxTrips/n {
			return 0, fmt.Errorf("more than %d blocks and trips, the interpreter's limit", int64(maxTrips))
		}
		total *= n
		return n, nil
	}
	for _, d := range g.Grid {
		n, err := count(d)
		if err != nil {
			return nil, err
		}
		k.blocks = append(k.blocks, n)
	}
	if g.Loop != nil {
		n, err := count(*g.Loop)
		if err != nil {
			return nil, err
		}
		k.trips = n
	}
	if err := k.planStores(); err != nil {
		return nil, err
	}
	k.coord = make([]int64, len(k.blocks))
	for {
		if err := k.block(); err != nil {
			return nil, fmt.Errorf("block %v: %w", k.coord, err)
		}
		d := len(k.coord) - 1
		for ; d >= 0; d-- {
			if k.coord[d]++; k.coord[d] < k.blocks[d] {
				break
			}
			k.coord[d] = 0
		}
		if d < 0 {
			break
		}
	}
	return k.finish()
}

// block runs the block at k.coord: what does not depend on the trip, the trips, what comes after.
func (k *kernelRun[T]) block() error {
	k.vals = append([]*Tensor[T](nil), k.whole...)
	k.accs = make([]*accumulator[T], len(k.g.Values))
	if err := k.run(ugraph.Before, 0); err != nil {
		return err
	}
	for t := int64(0); t < k.trips; t++ {
		empty, err := k.loadTrip(t)
		if err != nil {
			return fmt.Errorf("trip %d: %w", t, err)
		}
		if empty {
			continue
		}
		if err := k.run(ugraph.InLoop, t); err != nil {
			return fmt.Errorf("trip %d: %w", t, err)
		}
		if err := k.store(t, true); err != nil {
			return fmt.Errorf("trip %d: %w", t, err)
		}
	}
	for v, a := range k.accs {
		if a != nil {
			k.vals[v] = k.rounded(a.sum)
		}
	}
	if err := k.run(ugraph.After, 0); err != nil {
		return err
	}
	return k.store(0, false)
}

// loadTrip loads the tiles of a trip, and tells whether one of them is empty.
func (k *kernelRun[T]) loadTrip(trip int64) (empty bool, err error) {
	for i := range k.g.Nodes {
		n := &k.g.Nodes[i]
		if n.Op != ugraph.OpLoad || k.phases[n.Results[0]] != ugraph.InLoop {
			continue
		}
		t, err := k.load(n, trip)
		if err != nil {
			return false, fmt.Errorf("node %d (load): %w", i, err)
		}
		if t == nil {
			return true, nil
		}
		k.vals[n.Results[0]] = t
	}
	return false, nil
}

// run runs the nodes of a phase in order; accumulators are updated in the loop.
func (k *kernelRun[T]) run(phase ugraph.Phase, trip int64) error {
	for i := range k.g.Nodes {
		n := &k.g.Nodes[i]
		if len(n.Results) == 0 {
			continue
		}
		p := k.phases[n.Results[0]]
		var err error
		switch {
		case n.Op == ugraph.OpAccum:
			if phase == ugraph.InLoop {
				err = k.accumulate(n)
			}
		case p != phase:
		case n.Op == ugraph.OpLoad && phase == ugraph.Before:
			if k.vals[n.Results[0]], err = k.load(n, 0); err == nil && k.vals[n.Results[0]] == nil {
				err = fmt.Errorf("the tile is empty")
			}
		case n.Op == ugraph.OpLoad: // by loadTrip
		case n.Op == ugraph.OpRunning, n.Op == ugraph.OpPrevious:
			a := k.accs[n.Args[0]]
			switch {
			case a == nil:
				err = fmt.Errorf("the accumulator has no value yet")
			case n.Op == ugraph.OpPrevious:
				k.vals[n.Results[0]] = a.previous
			default:
				k.vals[n.Results[0]] = k.rounded(a.sum)
			}
		default:
			err = k.m.node(k.g, n, k.vals)
		}
		if err != nil {
			return fmt.Errorf("node %d (%s): %w", i, n.Op, err)
		}
	}
	return nil
}

// span is a part of an axis: start and length.
type span struct{ at, n int64 }

// cut returns part c of the span when d cuts it; tile is the nominal extent of a part.
func (s span) cut(d ugraph.GridDim, c, tile int64) span {
	if d.Parts == 0 {
		tile = d.Tile
	}
	at := min(c*tile, s.n)
	return span{s.at + at, min(tile, s.n-at)}
}

// load returns the tile of this block and trip, or nil where it is empty. A tile that nothing cuts is
// the whole tensor, not a copy.
func (k *kernelRun[T]) load(n *ugraph.Node, trip int64) (*Tensor[T], error) {
	x := k.whole[n.Args[0]]
	if x == nil {
		return nil, fmt.Errorf("load takes an input or an iota")
	}
	spans := make([]span, len(x.Shape))
	for i, d := range x.Shape {
		spans[i] = span{0, d}
	}
	grid, _ := n.Attrs.Get("grid")
	for gi, axis := range grid.Ints {
		if d := k.g.Grid[gi]; axis >= 0 {
			tile := int64(0)
			if d.Parts > 0 {
				tile = x.Shape[axis] / d.Parts
			}
			spans[axis] = spans[axis].cut(d, k.coord[gi], tile)
		}
	}
	if axis := n.Attrs.Int("loop", -1); axis >= 0 {
		tile, err := k.g.Values[n.Results[0]].Shape[axis].Eval(k.m.env)
		if err != nil {
			return nil, err
		}
		spans[axis] = spans[axis].cut(*k.g.Loop, trip, tile)
	}
	own := stridesOf(x.Shape)
	shape, at, size, cut := make([]int64, len(spans)), int64(0), int64(1), false
	for i, s := range spans {
		if s.n <= 0 {
			return nil, nil
		}
		shape[i] = s.n
		at += s.at * own[i]
		size *= s.n
		cut = cut || s.n != x.Shape[i]
	}
	if !cut {
		return x, nil
	}
	if err := k.m.spend(size, 1); err != nil {
		return nil, err
	}
	return view(x, at, own, shape)
}

// initial is a tensor of an accumulator's first value: 0, -inf or +inf, or an integer type's extremes.
func (m *machine[T]) initial(kind string, dt ugraph.DType, shape []int64) (*Tensor[T], error) {
	t, err := New[T](dt, shape)
	if err != nil {
		return nil, err
	}
	if dt.IsFloat() {
		v := m.ar.FromInt(0, dt)
		if kind != "sum" {
			sign := -1
			if kind == "min" {
				sign = 1
			}
			if v, err = m.ar.Const(ugraph.Inf(sign), dt.Accumulator()); err != nil {
				return nil, err
			}
		}
		for i := range t.Data {
			t.Data[i] = v
		}
		return t, nil
	}
	v := int64(0)
	switch kind {
	case "max":
		v = saturate(-1<<63, dt)
	case "min":
		v = saturate(1<<63-1, dt)
	}
	for i := range t.Ints {
		t.Ints[i] = v
	}
	return t, nil
}

var combineOps = map[string]ugraph.Op{"sum": ugraph.OpAdd, "max": ugraph.OpMaximum, "min": ugraph.OpMinimum}

// combine updates the box of acc that starts at `at` with a tile: acc ← acc · factor + tile, or the
// greater, or the lesser. The factor may be nil.
func (m *machine[T]) combine(kind string, acc *Tensor[T], at int64, tile, factor *Tensor[T]) error {
	strides := [][]int64{stridesOf(acc.Shape), stridesOf(tile.Shape), make([]int64, len(tile.Shape))}
	if factor != nil {
		var err error
		if strides[2], err = broadcastStrides(factor.Shape, tile.Shape); err != nil {
			return fmt.Errorf("the factor: %w", err)
		}
	}
	if acc.Data == nil {
		op := func(a, b int64) int64 { return a + b } // unwrapped: sums are kept in i64
		if kind != "sum" {
			var err error
			if op, err = intBinary(combineOps[kind], acc.DType); err != nil {
				return err
			}
		}
		var f []int64
		if factor != nil {
			f = factor.Ints
		}
		update(acc.Ints, at, tile.Ints, f, tile.Shape, strides, op, func(a, b int64) int64 { return a * b })
		return nil
	}
	dt := acc.DType.Accumulator()
	if fast, ok := m.ar.(RowArith[T]); ok && step(strides[0]) == 1 {
		return combineRows(fast, combineOps[kind], dt, acc.Data[at:], tile, factor, strides)
	}
	op, err := m.ar.Binary(combineOps[kind], dt)
	if err != nil {
		return err
	}
	mul, err := m.ar.Binary(ugraph.OpMul, dt)
	if err != nil {
		return err
	}
	var f []T
	if factor != nil {
		f = factor.Data
	}
	update(acc.Data, at, tile.Data, f, tile.Shape, strides, op, mul)
	return nil
}

// combineRows is combine by rows.
func combineRows[T any](ar RowArith[T], kind ugraph.Op, dt ugraph.DType, acc []T, tile, factor *Tensor[T], strides [][]int64) error {
	op, err := ar.BinaryRow(kind)
	if err != nil {
		return err
	}
	mul, err := ar.BinaryRow(ugraph.OpMul)
	if err != nil {
		return err
	}
	rows(tile.Shape, strides, func(n int64, at []int64) {
		row := acc[at[0] : at[0]+n]
		if factor != nil {
			mul(row, row, factor.Data[at[2]:], 1, step(strides[2]))
			ar.RoundRow(dt, row)
		}
		op(row, row, tile.Data[at[1]:], 1, step(strides[1]))
		ar.RoundRow(dt, row)
	})
	return nil
}

func update[E any](acc []E, base int64, tile, factor []E, shape []int64, strides [][]int64, op, mul func(a, b E) E) {
	da, dt, df := step(strides[0]), step(strides[1]), step(strides[2])
	rows(shape, strides, func(n int64, at []int64) {
		i, j, f := base+at[0], at[1], at[2]
		for ; n > 0; n-- {
			a := acc[i]
			if factor != nil {
				a = mul(a, factor[f])
			}
			acc[i] = op(a, tile[j])
			i += da
			j += dt
			f += df
		}
	})
}

func (k *kernelRun[T]) accumulate(n *ugraph.Node) error {
	tile := k.vals[n.Args[0]]
	if tile == nil {
		return fmt.Errorf("the tile has no value in the loop")
	}
	var factor *Tensor[T]
	if len(n.Args) > 1 {
		if factor = k.vals[n.Args[1]]; factor == nil {
			return fmt.Errorf("the factor has no value in the loop")
		}
	}
	kind := n.Attrs.Word("kind", "sum")
	a := k.accs[n.Results[0]]
	if a == nil {
		start, err := k.m.initial(kind, tile.DType, tile.Shape)
		if err != nil {
			return err
		}
		a = &accumulator[T]{sum: start}
		k.accs[n.Results[0]] = a
	}
	if len(a.sum.Shape) != len(tile.Shape) {
		return fmt.Errorf("a tile of shape %v for an accumulator of shape %v", tile.Shape, a.sum.Shape)
	}
	for i, d := range tile.Shape {
		if d > a.sum.Shape[i] {
			return fmt.Errorf("a tile of shape %v for an accumulator of shape %v", tile.Shape, a.sum.Shape)
		}
	}
	if k.reads[n.Results[0]] {
		a.previous = k.rounded(a.sum)
	}
	if err := k.m.spend(int64(tile.Len()), 1); err != nil {
		return err
	}
	return k.m.combine(kind, a.sum, 0, tile, factor)
}

// rounded is a copy of an accumulator's state in its element type.
func (k *kernelRun[T]) rounded(t *Tensor[T]) *Tensor[T] {
	out := t.clone()
	k.m.roundInPlace(out)
	return out
}

func (m *machine[T]) roundInPlace(t *Tensor[T]) {
	if t.Data != nil {
		if f := m.ar.Round(t.DType); f != nil {
			apply(t.Data, t.Data, f)
		}
		return
	}
	apply(t.Ints, t.Ints, func(v int64) int64 { return wrap(v, t.DType) })
}
