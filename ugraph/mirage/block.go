package mirage

import (
	"fmt"

	"github.com/morgana-ml/morgana/ugraph"
)

var gridNames = [3]string{"x", "y", "z"}

// block imports the body of one kn_customized_op.
type block struct {
	scope
	k      *ugraph.BlockBuilder
	outer  *scope
	body   *blockGraph
	grid   [3]int // index of the grid dimension, -1 where it is left out
	dims   int    // grid dimensions that are kept
	looped bool
	stored []tensor // dtensors of the tb_output_op, in order
}

// kernel imports a kn_customized_op.
func (s *scope) kernel(o *operator, name string) error {
	if o.Body == nil {
		return fmt.Errorf("bgraph: it is missing")
	}
	if _, err := s.uses(o); err != nil {
		return err
	}
	if n := len(o.Body.Operators); n > maxOperators {
		return fmt.Errorf("bgraph: %d operators; the limit is %d", n, maxOperators)
	}
	var stored []tensor
	var failed error
	results := s.b.Kernel(name, func(k *ugraph.BlockBuilder) {
		b := &block{scope: scope{b: &k.Builder, values: map[int64]ugraph.ValueID{}}, k: k, outer: s, body: o.Body}
		failed = b.build()
		stored = b.stored
	})
	if failed != nil {
		return fmt.Errorf("bgraph: %w", failed)
	}
	if err := s.b.Err(); err != nil {
		return err
	}
	if len(stored) != len(o.Outputs) {
		return fmt.Errorf("output_tensors: %d, but bgraph has %d tb_output_op", len(o.Outputs), len(stored))
	}
	for i := range o.Outputs {
		if stored[i].GUID != o.Outputs[i].GUID {
			return fmt.Errorf("output_tensors %d: guid %d, but tb_output_op %d writes %d", i, o.Outputs[i].GUID, i, stored[i].GUID)
		}
		if err := s.define(i, &o.Outputs[i], results[i]); err != nil {
			return err
		}
	}
	return nil
}

func (b *block) build() error {
	if err := b.tiling(); err != nil {
		return err
	}
	for i := range b.body.Operators {
		o := &b.body.Operators[i]
		if err := b.operator(o); err != nil {
			return fmt.Errorf("operator %d (%s): %w", i, o.Type, err)
		}
	}
	return nil
}

// tiling declares the grid and the loop, leaving out what is of size 1 and cuts nothing.
func (b *block) tiling() error {
	var cuts [3]bool
	loopCuts := false
	for i := range b.body.Operators {
		o := &b.body.Operators[i]
		for _, m := range []*xyz{o.InputMap, o.OutputMap} {
			if m == nil {
				continue
			}
			for d, axis := range m.list() {
				cuts[d] = cuts[d] || axis >= 0
			}
		}
		loopCuts = loopCuts || o.LoopAxis != nil && *o.LoopAxis >= 0
	}
	for d, n := range b.body.Grid.list() {
		if n < 1 || n > maxParts {
			return fmt.Errorf("grid_dim: %s = %d must be 1 to %d", gridNames[d], n, maxParts)
		}
		b.grid[d] = -1
		if n > 1 || cuts[d] {
			b.grid[d] = b.k.GridParts(gridNames[d], n)
			b.dims++
		}
	}
	n := b.body.Iterations
	if n < 1 || n > maxParts {
		return fmt.Errorf("forloop_range: %d must be 1 to %d", n, maxParts)
	}
	if b.looped = n > 1 || loopCuts; b.looped {
		b.k.LoopParts("i", n)
	}
	return nil
}

// axes maps Mirage's x, y, z to the grid dimensions that are kept.
func (b *block) axes(field string, m *xyz, rank int) ([]int64, error) {
	if m == nil {
		return nil, fmt.Errorf("%s: it is missing", field)
	}
	out := make([]int64, b.dims)
	for d, axis := range m.list() {
		if axis < -1 || axis >= int64(rank) {
			return nil, fmt.Errorf("%s: %s = %d is not an axis of a tensor with %d, nor -1", field, gridNames[d], axis, rank)
		}
		if b.grid[d] >= 0 {
			out[b.grid[d]] = axis
		}
	}
	return out, nil
}

func (b *block) operator(o *operator) error {
	switch o.Type {
	case "tb_input_op":
		return b.load(o)
	case "tb_output_op":
		return b.store(o)
	}
	if f, ok := accumulators[o.Type]; ok {
		args, err := b.uses(o)
		if err != nil {
			return err
		}
		if len(args) != 1 || len(o.Outputs) != 1 {
			return fmt.Errorf("it has %d input_tensors and %d output_tensors, not one and one", len(args), len(o.Outputs))
		}
		v, err := f(b, args[0])
		if err != nil {
			return err
		}
		if err := b.k.Err(); err != nil {
			return err
		}
		return b.define(0, &o.Outputs[0], v)
	}
	return b.apply(plainName("tb_", o.Type), o)
}

func (b *block) load(o *operator) error {
	if o.Outer == nil || len(o.Outputs) != 1 {
		return fmt.Errorf("it needs a dtensor and one of output_tensors")
	}
	v, err := b.outer.use("dtensor", 0, o.Outer)
	if err != nil {
		return err
	}
	rank := b.outer.b.Type(v).Rank()
	grid, err := b.axes("input_map", o.InputMap, rank)
	if err != nil {
		return err
	}
	loop := int64(-1)
	if o.LoopAxis != nil {
		loop = *o.LoopAxis
	}
	if loop < -1 || loop >= int64(rank) {
		return fmt.Errorf("forloop_dim: %d is not an axis of a tensor with %d, nor -1", loop, rank)
	}
	tile := b.k.Load(v, grid, loop)
	if err := b.k.Err(); err != nil {
		return err
	}
	return b.define(0, &o.Outputs[0], tile)
}

func (b *block) store(o *operator) error {
	args, err := b.uses(o)
	if err != nil {
		return err
	}
	if o.Outer == nil || len(args) != 1 {
		return fmt.Errorf("it needs a dtensor and one of input_tensors")
	}
	grid, err := b.axes("output_map", o.OutputMap, b.k.Type(args[0]).Rank())
	if err != nil {
		return err
	}
	place := ugraph.Store{Loop: -1}
	seen := map[int64]bool{}
	for _, axis := range grid {
		if axis >= 0 && seen[axis] {
			return fmt.Errorf("output_map: two grid dimensions are stored to axis %d", axis)
		}
		seen[axis] = true
		place.Grid = append(place.Grid, int(axis))
	}
	b.k.Store(fmt.Sprintf("o%d", len(b.stored)), args[0], place)
	b.stored = append(b.stored, *o.Outer)
	return b.k.Err()
}

// accumulators are Mirage's, each a reduction in the loop, a sum over the iterations, and what follows.
var accumulators = map[string]func(b *block, v ugraph.ValueID) (ugraph.ValueID, error){
	"tb_accum_nored_op":         (*block).accumulate,
	"tb_accum_red_ld_sum_op":    (*block).accumulateSum,
	"tb_accum_red_ld_rms_op":    (*block).accumulateRMS,
	"tb_accum_redtox_ld_sum_op": (*block).accumulateToR,
}

// accumulate sums over the iterations.
func (b *block) accumulate(v ugraph.ValueID) (ugraph.ValueID, error) {
	if !b.looped {
		return v, nil
	}
	return b.k.Accum("sum", v), nil
}

// accumulateSum sums over the last axis, which stays with extent 1, and the iterations.
func (b *block) accumulateSum(v ugraph.ValueID) (ugraph.ValueID, error) {
	return b.accumulate(b.k.Op(ugraph.OpSum, keep(-1), v))
}

// accumulateRMS is the root of the mean of the squares over the last axis and the iterations.
func (b *block) accumulateRMS(v ugraph.ValueID) (ugraph.ValueID, error) {
	t := b.k.Type(v)
	if t.Rank() == 0 {
		return 0, fmt.Errorf("input_tensors 0: it has no axis to reduce")
	}
	n, _ := t.Shape[t.Rank()-1].Const()
	total, err := b.accumulateSum(b.k.Op(ugraph.OpSquare, nil, v))
	if err != nil {
		return 0, err
	}
	count := b.k.Const(ugraph.Int(n*b.body.Iterations), t.DType)
	return b.k.Op(ugraph.OpSqrt, nil, b.k.Op(ugraph.OpDiv, nil, total, count)), nil
}

// accumulateToR reduces the last axis to R entries, entry j adding j, j+R, j+2R, …, and sums over the
// iterations.
func (b *block) accumulateToR(v ugraph.ValueID) (ugraph.ValueID, error) {
	t, r := b.k.Type(v), b.body.ReduceTo
	if t.Rank() == 0 {
		return 0, fmt.Errorf("input_tensors 0: it has no axis to reduce")
	}
	last := t.Rank() - 1
	n, _ := t.Shape[last].Const()
	if r < 1 || n%r != 0 {
		return 0, fmt.Errorf("reduction_dimx: %d does not divide the last axis of %s", r, t)
	}
	shape := append(append([]ugraph.Dim{}, t.Shape[:last]...), ugraph.D(n/r), ugraph.D(r))
	folded := b.k.Op(ugraph.OpReshape, ugraph.Attrs{ugraph.DimsAttr("shape", shape...)}, v)
	return b.accumulate(b.k.Op(ugraph.OpSum, ugraph.Attrs{ugraph.IntsAttr("axis", int64(last))}, folded))
}
