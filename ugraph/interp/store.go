package interp

import (
	"fmt"

	"github.com/morgana-ml/morgana/ugraph"
)

// storePlan says where the tiles of one output go.
type storePlan[T any] struct {
	out    *Tensor[T]
	value  ugraph.ValueID
	reduce string
	// Per axis of the tile: the grid dimension that places it and how far apart its blocks are; the
	// same for the loop.
	grid     []int // -1: none
	gridStep []int64
	stacked  []bool // blocks stand one after the other: only full tiles leave no gap
	loopAxis int
	loopStep int64
	nominal  []int64
	only     []int // grid dimensions of which only the first block contributes to a reduction
}

// dependence returns, for every value, on which grid dimensions its tile depends.
func dependence(g *ugraph.Graph) [][]bool {
	deps := make([][]bool, len(g.Values))
	for i := range deps {
		deps[i] = make([]bool, len(g.Grid))
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		for _, r := range n.Results {
			for _, a := range n.Args {
				for d := range g.Grid {
					deps[r][d] = deps[r][d] || deps[a][d]
				}
			}
			if n.Op == ugraph.OpLoad {
				grid, _ := n.Attrs.Get("grid")
				for d, axis := range grid.Ints {
					deps[r][d] = deps[r][d] || axis >= 0
				}
			}
		}
	}
	return deps
}

func (k *kernelRun[T]) planStores() error {
	deps := dependence(k.g)
	for i, o := range k.g.Outputs {
		p, err := k.planStore(i, deps[o.Value])
		if err != nil {
			return fmt.Errorf("output %s: %w", o.Name, err)
		}
		k.stores = append(k.stores, p)
	}
	return nil
}

func (k *kernelRun[T]) planStore(i int, depends []bool) (*storePlan[T], error) {
	o := k.g.Outputs[i]
	t, err := k.g.OutputType(i)
	if err != nil {
		return nil, err
	}
	shape, err := ugraph.EvalShape(t.Shape, k.m.env)
	if err != nil {
		return nil, err
	}
	v := &k.g.Values[o.Value]
	nominal, err := ugraph.EvalShape(v.Shape, k.m.env)
	if err != nil {
		return nil, err
	}
	p := &storePlan[T]{value: o.Value, reduce: o.Store.Reduce, loopAxis: o.Store.Loop, nominal: nominal,
		grid: make([]int, len(nominal)), gridStep: make([]int64, len(nominal)), stacked: make([]bool, len(nominal))}
	if p.reduce == "" {
		p.out, err = New[T](t.DType, shape)
	} else if _, ok := combineOps[p.reduce]; !ok {
		err = fmt.Errorf("reduce %s; have sum, max, min", p.reduce)
	} else {
		p.out, err = k.m.initial(p.reduce, t.DType, shape)
	}
	if err != nil {
		return nil, err
	}
	for axis := range p.grid {
		p.grid[axis] = -1
	}
	gridTile := append([]int64{}, nominal...)
	if l := p.loopAxis; l >= 0 {
		if p.reduce != "" {
			return nil, fmt.Errorf("a tile that is written in each trip is not reduced across blocks")
		}
		p.loopStep = k.g.Loop.Tile
		if k.g.Loop.Parts > 0 {
			p.loopStep = nominal[l]
			gridTile[l] = nominal[l] * k.g.Loop.Parts
		}
	}
	if inLoop := k.phases[o.Value] == ugraph.InLoop; inLoop != (p.loopAxis >= 0) {
		return nil, fmt.Errorf("a tile of phase %s with the loop's axis %d: only a tile of the loop is written in each trip, and it must be", k.phases[o.Value], p.loopAxis)
	}
	for gi, axis := range o.Store.Grid {
		switch {
		case axis >= 0 && p.grid[axis] >= 0:
			return nil, fmt.Errorf("two grid dimensions are stored to axis %d", axis)
		case axis >= 0:
			p.grid[axis] = gi
			p.gridStep[axis] = gridTile[axis]
			if v.Cut(axis).Grid != gi+1 {
				p.stacked[axis] = true
			} else if d := k.g.Grid[gi]; d.Parts == 0 {
				p.gridStep[axis] = d.Tile
			}
		case k.blocks[gi] == 1:
		case p.reduce != "" && !depends[gi]:
			p.only = append(p.only, gi)
		case p.reduce == "" && depends[gi]:
			return nil, fmt.Errorf("the blocks along %s would overwrite each other's tiles: give the output an axis or a reduction there", k.g.Grid[gi].Name)
		}
	}
	return p, nil
}

// store writes the outputs of a trip, or those of the block.
func (k *kernelRun[T]) store(trip int64, inLoop bool) error {
	for i, p := range k.stores {
		if (p.loopAxis >= 0) != inLoop {
			continue
		}
		if err := k.storeOne(p, trip); err != nil {
			return fmt.Errorf("output %s: %w", k.g.Outputs[i].Name, err)
		}
	}
	return nil
}

func (k *kernelRun[T]) storeOne(p *storePlan[T], trip int64) error {
	for _, gi := range p.only {
		if k.coord[gi] > 0 {
			return nil
		}
	}
	tile := k.vals[p.value]
	if tile == nil {
		return fmt.Errorf("its value was not computed")
	}
	strides, base := stridesOf(p.out.Shape), int64(0)
	for axis, n := range tile.Shape {
		at := int64(0)
		if gi := p.grid[axis]; gi >= 0 {
			at = k.coord[gi] * p.gridStep[axis]
			if p.stacked[axis] && k.blocks[gi] > 1 && n != p.nominal[axis] {
				return fmt.Errorf("a ragged tile (%d of %d along axis %d) cannot be stacked", n, p.nominal[axis], axis)
			}
		}
		if axis == p.loopAxis {
			at += trip * p.loopStep
		}
		if at+n > p.out.Shape[axis] {
			return fmt.Errorf("a tile of shape %v at %d of axis %d leaves the output %v", tile.Shape, at, axis, p.out.Shape)
		}
		base += at * strides[axis]
	}
	if p.reduce != "" {
		return k.m.combine(p.reduce, p.out, base, tile, nil)
	}
	move(p.out, base, strides, tile, 0, stridesOf(tile.Shape), tile.Shape)
	return nil
}

// finish returns the outputs; what was reduced across blocks is rounded now.
func (k *kernelRun[T]) finish() ([]*Tensor[T], error) {
	out := make([]*Tensor[T], len(k.stores))
	for i, p := range k.stores {
		if p.reduce != "" {
			k.m.roundInPlace(p.out)
		}
		out[i] = p.out
	}
	return out, nil
}
