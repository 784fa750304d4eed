package loop

import (
	"fmt"
	"slices"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph"
)

// AxisTile cuts an axis into tiles of an extent.
type AxisTile struct {
	Axis int
	Tile int64
}

// Tiling says how a form is cut into blocks and trips.
type Tiling struct {
	Grid     []AxisTile // axes of Form.Grid, each at most once
	LoopTile int64      // of the loop axis; not read without a loop
	// Split cuts the loop axis over a grid dimension too: each block loops over its part. Where
	// Form.Direct holds the blocks' results are reduced when they are stored; else partial
	// accumulators are stored and a second kernel joins them.
	Split *AxisTile
	// MergeGrid is the second kernel's grid; Grid where nil.
	MergeGrid []AxisTile
}

// Check tells whether the tiling is legal for the form.
func (f *Form) Check(t Tiling) error {
	var seen expr.AxisSet
	for _, c := range t.Grid {
		switch {
		case c.Axis < 0 || c.Axis >= len(f.DAG.Axes) || !f.Grid.Has(c.Axis):
			return fmt.Errorf("axis %d is reduced or absent: the grid cannot cut it", c.Axis)
		case c.Tile < 1:
			return fmt.Errorf("axis %s: tile %d must be at least 1", f.DAG.Axes[c.Axis].Name, c.Tile)
		case seen.Has(c.Axis) || c.Axis == f.Loop:
			return fmt.Errorf("axis %s is cut twice", f.DAG.Axes[c.Axis].Name)
		}
		seen |= expr.Set(c.Axis)
	}
	if f.Loop >= 0 && t.LoopTile < 1 {
		return fmt.Errorf("axis %s: loop tile %d must be at least 1", f.DAG.Axes[f.Loop].Name, t.LoopTile)
	}
	if t.Split != nil && (!f.Split || t.Split.Axis != f.Loop || t.Split.Tile < 1) {
		return fmt.Errorf("the form has no loop axis that can be split over the grid")
	}
	return nil
}

// Emit adds the kernel, or with a split that needs it the two kernels, of a form to a μGraph. in has
// a value per input of the DAG, shaped by its axes. The values of the DAG's outputs are returned; they have
// the outputs' names, and partials have the DAG's name in theirs, so each kernel of a μGraph needs a
// DAG with a name of its own.
func Emit(b *ugraph.Builder, f *Form, t Tiling, in []ugraph.ValueID) ([]ugraph.ValueID, error) {
	if err := f.Check(t); err != nil {
		return nil, err
	}
	if len(in) != len(f.DAG.Inputs) {
		return nil, fmt.Errorf("%d values for %d inputs", len(in), len(f.DAG.Inputs))
	}
	for i, x := range f.DAG.Inputs {
		var shape []ugraph.Dim
		for _, a := range x.Axes {
			shape = append(shape, f.DAG.Axes[a].Extent)
		}
		if got := b.Type(in[i]); b.Err() == nil && (!ugraph.SameShape(got.Shape, shape) || got.DType != x.DType) {
			return nil, fmt.Errorf("input %s is %s, its axes make %s%s", x.Name, got, x.DType, ugraph.ShapeString(shape))
		}
	}
	name := f.DAG.Name
	if name == "" {
		name = "kernel"
	}
	e := &emitter{f: f, t: t, in: in, name: name, rank: axisRank(f.DAG), dim: map[int]int{}}
	split := t.Split != nil && !f.Direct
	var outs []ugraph.ValueID
	results := b.Kernel(name, func(k *ugraph.BlockBuilder) {
		e.k = k
		e.block(split)
	})
	if b.Err() != nil {
		return nil, b.Err()
	}
	if !split {
		return results, nil
	}
	merge, sources, err := f.Merge(t.Split.Tile)
	if err != nil {
		return nil, err
	}
	merged := f.merged()
	kept := len(f.Outputs) - len(merged)
	mergeIn := make([]ugraph.ValueID, len(sources))
	for i, s := range sources {
		if s < 0 {
			mergeIn[i] = results[kept-1-s]
		} else {
			mergeIn[i] = in[s]
		}
	}
	grid := t.MergeGrid
	if grid == nil {
		for _, c := range t.Grid {
			if merge.Grid.Has(c.Axis) {
				grid = append(grid, c)
			}
		}
	}
	joined, err := Emit(b, merge, Tiling{Grid: grid}, mergeIn)
	if err != nil {
		return nil, err
	}
	for i := range f.Outputs {
		if at := slices.Index(merged, i); at >= 0 {
			outs = append(outs, joined[at])
		} else {
			outs = append(outs, results[0])
			results = results[1:]
		}
	}
	return outs, nil
}

// emitter writes one block graph.
type emitter struct {
	f     *Form
	t     Tiling
	k     *ugraph.BlockBuilder
	in    []ugraph.ValueID
	name  string
	rank  rank
	cut   expr.AxisSet // by the grid or the loop
	dim   map[int]int  // axis -> grid dimension
	dims  int
	tiles []tile
}

func (e *emitter) gridDim(c AxisTile) {
	ax := e.f.DAG.Axes[c.Axis]
	if n, ok := ax.Extent.Const(); ok && n <= c.Tile && (e.t.Split == nil || c != *e.t.Split) {
		return // a single tile is no cut
	}
	e.dim[c.Axis] = e.k.Grid(e.axisName(c.Axis), ax.Extent, c.Tile)
	e.dims++
	e.cut |= expr.Set(c.Axis)
}

// axisName is the axis's name, or a made-up one where that is no legal name of a grid dimension.
func (e *emitter) axisName(axis int) string {
	name := e.f.DAG.Axes[axis].Name
	legal := ugraph.IsIdentifier(name) && name != "loop" && name != "reduce"
	for i, a := range e.f.DAG.Axes {
		legal = legal && (i == axis || a.Name != name)
	}
	if legal {
		return name
	}
	return fmt.Sprintf("axis%d", axis)
}

func (e *emitter) block(partials bool) {
	for _, c := range e.t.Grid {
		e.gridDim(c)
	}
	if e.t.Split != nil {
		e.gridDim(*e.t.Split)
	}
	if e.f.Loop >= 0 {
		ax := e.f.DAG.Axes[e.f.Loop]
		extent := ax.Extent
		if e.t.Split != nil {
			extent = ugraph.D(e.t.Split.Tile)
			if n, ok := ax.Extent.Const(); ok && n < e.t.Split.Tile {
				extent = ax.Extent
			}
		}
		e.k.Loop(e.axisName(e.f.Loop), extent, e.t.LoopTile)
		e.cut |= expr.Set(e.f.Loop)
	}
	e.tiles = make([]tile, len(e.f.Steps))
	stored := map[int]bool{}
	var mark func(s int)
	mark = func(s int) {
		if stored[s] {
			return
		}
		stored[s] = true
		for _, a := range e.f.Steps[s].Args {
			mark(a)
		}
	}
	if partials {
		for _, s := range e.f.partials() {
			mark(s)
		}
	}
	for _, o := range e.f.Outputs {
		if !partials || e.f.Steps[o].Phase != ugraph.After {
			mark(o)
		}
	}
	for i := range e.f.Steps {
		if stored[i] {
			e.tiles[i] = e.emit(e.f.Steps[i])
		}
	}
	for i, o := range e.f.Outputs {
		if !partials || e.f.Steps[o].Phase != ugraph.After {
			e.store(e.f.DAG.Outputs[i], o)
		}
	}
	if partials {
		for i, s := range e.f.partials() {
			e.storePartial(i, s)
		}
	}
}

// grid is the cut of a tensor with the given axes: per grid dimension, the place of its axis or -1.
func (e *emitter) grid(axes []int) (grid []int64, loop int64) {
	grid = make([]int64, e.dims)
	for i := range grid {
		grid[i] = -1
	}
	for i, a := range axes {
		if g, ok := e.dim[a]; ok {
			grid[g] = int64(i)
		}
	}
	return grid, int64(slices.Index(axes, e.loopAxis()))
}

func (e *emitter) loopAxis() int {
	if e.f.Loop < 0 {
		return -2 // no axis
	}
	return e.f.Loop
}

func (e *emitter) emit(s Step) tile {
	switch s.Op {
	case ugraph.OpConst:
		return tile{e.k.Const(s.Value, s.DType), nil}
	case ugraph.OpLoad:
		return e.load(s)
	case ugraph.OpRunning, ugraph.OpPrevious:
		a := e.tiles[s.Args[0]]
		return tile{e.k.Op(s.Op, nil, a.id), a.dims}
	case ugraph.OpAccum:
		t := e.tiles[s.Args[0]]
		if len(s.Args) == 1 {
			return tile{e.k.Accum(s.Kind, t.id), t.dims}
		}
		factor := e.tiles[s.Args[1]]
		if dims, ok := joinDims([]tile{t, factor}); !ok || !slices.Equal(dims, t.dims) {
			if factor = e.conform(factor, t.dims); len(factor.dims) > len(t.dims) {
				factor = e.arrange(factor, factor.axes())
			}
		}
		return tile{e.k.Accum(s.Kind, t.id, factor.id), t.dims}
	case ugraph.OpMatMul:
		return e.contraction(s, e.tiles[s.Args[0]], e.tiles[s.Args[1]])
	}
	args := make([]tile, len(s.Args))
	for i, a := range s.Args {
		args[i] = e.tiles[a]
	}
	if s.Over != 0 {
		return e.reduce(s.Op, args[0], s.Over)
	}
	args, dims := e.align(args)
	ids := make([]ugraph.ValueID, len(args))
	for i, a := range args {
		ids[i] = a.id
	}
	return tile{e.k.Op(s.Op, s.Attrs, ids...), dims}
}

func (e *emitter) load(s Step) tile {
	var whole ugraph.ValueID
	var axes []int
	if s.Input >= 0 {
		axes = e.f.DAG.Inputs[s.Input].Axes
		whole = e.k.Arg(e.in[s.Input])
	} else {
		axes = s.Axes.List()
		whole = e.k.Op(ugraph.OpIota, ugraph.Attrs{ugraph.DimAttr("n", e.f.DAG.Axes[axes[0]].Extent)})
	}
	grid, loop := e.grid(axes)
	return e.cast(tile{e.k.LoadTile(whole, grid, loop), slices.Clone(axes)}, s.DType)
}

func (e *emitter) cast(t tile, to ugraph.DType) tile {
	if e.k.Err() == nil && e.k.Type(t.id).DType != to {
		t.id = e.k.Op(ugraph.OpCast, ugraph.Attrs{ugraph.WordAttr("to", to.String())}, t.id)
	}
	return t
}

// reduce keeps the reduced dimensions as units, so that the result broadcasts against its operand.
func (e *emitter) reduce(op ugraph.Op, t tile, over expr.AxisSet) tile {
	var at []int64
	dims := slices.Clone(t.dims)
	for i, a := range t.dims {
		if a != unit && over.Has(a) {
			at = append(at, int64(i))
			dims[i] = unit
		}
	}
	return tile{e.k.Op(op, ugraph.Attrs{ugraph.IntsAttr("axis", at...), ugraph.BoolAttr("keepdims", true)}, t.id), dims}
}

// store writes an output.
func (e *emitter) store(o expr.Output, step int) {
	t := e.tiles[step]
	want := make([]int, len(o.Axes))
	for i, a := range o.Axes {
		want[i] = unit
		if slices.Contains(t.dims, a) {
			want[i] = a
		}
	}
	if !slices.Equal(t.dims, want) {
		t = e.arrange(t, want)
	}
	t = e.cast(t, o.DType)
	s := ugraph.Store{Grid: make([]int, e.dims), Loop: -1}
	grid, loop := e.grid(t.dims)
	for g, a := range grid {
		s.Grid[g] = int(a)
	}
	s.Loop = int(loop)
	if e.f.Steps[step].Op == ugraph.OpAccum && e.t.Split != nil {
		s.Reduce = e.f.Steps[step].Kind
	}
	e.k.Store(o.Name, t.id, s)
}

// storePartial stacks an accumulator's value of each block along a new first dimension.
func (e *emitter) storePartial(i, step int) {
	want := append([]int{unit}, e.f.partialAxes(step)...)
	t := e.tiles[step]
	if !slices.Equal(t.dims, want) {
		t = e.arrange(t, want)
	}
	s := ugraph.Store{Grid: make([]int, e.dims), Loop: -1}
	grid, _ := e.grid(t.dims)
	for g, a := range grid {
		s.Grid[g] = int(a)
	}
	s.Grid[e.dim[e.f.Loop]] = 0
	e.k.Store(fmt.Sprintf("%s_partial%d", e.name, i), t.id, s)
}
