package shrink

import (
	"fmt"

	"github.com/morgana-ml/morgana/ugraph"
)

// cutAxis is what a grid dimension or the loop cuts: the whole axis, and its tile.
type cutAxis struct {
	whole Axis
	tile  Part
	known bool
}

// block copies a block graph and returns the axes of its outputs.
func (c *copier) block(k *ugraph.BlockBuilder) ([][]Axis, error) {
	grid, loop, err := c.cuts()
	if err != nil {
		return nil, err
	}
	for gi, d := range c.g.Grid {
		if d.Parts > 0 {
			k.GridParts(d.Name, d.Parts)
		} else {
			_, to := grid[gi].whole.extents()
			t, _ := grid[gi].tile.New.Const()
			k.Grid(d.Name, to, t)
		}
	}
	if d := c.g.Loop; d != nil && d.Parts > 0 {
		k.LoopParts(d.Name, d.Parts)
	} else if d != nil {
		_, to := loop.whole.extents()
		t, _ := loop.tile.New.Const()
		k.Loop(d.Name, to, t)
	}
	for i := range c.g.Nodes {
		n := &c.g.Nodes[i]
		args := make([]ugraph.ValueID, len(n.Args))
		for j, a := range n.Args {
			args[j] = c.ids[a]
		}
		switch n.Op {
		case ugraph.OpThread:
			err = c.thread(k, n, args)
		case ugraph.OpLoad:
			v := k.Ops(n.Op, n.Attrs, args...)
			if k.Err() != nil {
				return nil, k.Err()
			}
			c.ids[n.Results[0]] = v[0]
			err = c.loaded(n, k.Type(v[0]))
		default:
			err = c.operator(n, args)
		}
		if err == nil {
			err = k.Err()
		}
		if err != nil {
			return nil, fmt.Errorf("node %d (%s): %w", i, n.Op, err)
		}
	}
	outs := make([][]Axis, len(c.g.Outputs))
	for i, o := range c.g.Outputs {
		k.Store(o.Name, c.ids[o.Value], *o.Store)
		if outs[i], err = c.stored(o, grid, loop); err != nil {
			return nil, fmt.Errorf("output %s: %w", o.Name, err)
		}
	}
	return outs, nil
}

// loaded traces a tile: an axis that is cut has one part.
func (c *copier) loaded(n *ugraph.Node, got ugraph.Type) error {
	r := n.Results[0]
	was := c.g.Values[r].Type
	axes := append([]Axis{}, c.axes[n.Args[0]]...)
	for i := range axes {
		if was.Cut(i).IsCut() {
			axes[i] = single(was.Shape[i], got.Shape[i])
		}
	}
	c.axes[r] = axes
	return c.check(r, got)
}

func single(from, to ugraph.Dim) Axis {
	if from.Is(1) && to.Is(1) {
		return nil
	}
	return Axis{{from, to}}
}

// cuts finds the axis that each grid dimension and the loop cut, from the loads, and the new tiles.
func (c *copier) cuts() (grid []cutAxis, loop cutAxis, err error) {
	grid = make([]cutAxis, len(c.g.Grid))
	whole := func(n *ugraph.Node) ([]Axis, error) { // an iota is loaded before it is copied
		src := c.g.Values[n.Args[0]]
		if src.Node < 0 {
			return c.axes[n.Args[0]], nil
		}
		to, err := c.number(src.Shape[0])
		return []Axis{single(src.Shape[0], to)}, err
	}
	for pass := range 2 { // the loop cuts the grid's tiles
		for i := range c.g.Nodes {
			n := &c.g.Nodes[i]
			if n.Op != ugraph.OpLoad {
				continue
			}
			axes, err := whole(n)
			if err != nil {
				return nil, loop, err
			}
			attr, _ := n.Attrs.Get("grid")
			l := n.Attrs.Int("loop", -1)
			for gi, axis := range attr.Ints {
				if pass == 0 && axis >= 0 && !grid[gi].known {
					grid[gi] = c.cut(c.g.Grid[gi], axes[axis], false)
				}
				if pass == 1 && axis == l && l >= 0 && !loop.known {
					loop = c.cut(*c.g.Loop, single(grid[gi].tile.Old, grid[gi].tile.New), true)
				}
			}
			if pass == 1 && l >= 0 && !loop.known {
				loop = c.cut(*c.g.Loop, axes[l], true)
			}
		}
	}
	for gi, d := range c.g.Grid {
		if !grid[gi].known {
			if grid[gi], err = c.unloaded(d, false); err != nil {
				return nil, loop, err
			}
		}
	}
	if c.g.Loop != nil && !loop.known {
		loop, err = c.unloaded(*c.g.Loop, true)
	}
	return grid, loop, err
}

// unloaded is a cut that no load has: blocks that do the same, or trips.
func (c *copier) unloaded(d ugraph.GridDim, loop bool) (cutAxis, error) {
	if d.Parts > 0 {
		return cutAxis{known: true}, nil
	}
	to, err := c.number(d.Extent)
	return c.cut(d, single(d.Extent, to), loop), err
}

func (c *copier) cut(d ugraph.GridDim, whole Axis, loop bool) cutAxis {
	out := cutAxis{whole: whole, known: true}
	if d.Parts > 0 {
		return out
	}
	from, to := whole.extents()
	tile := d.Tile
	if c.plan.Tile != nil {
		tile = c.plan.Tile(from, to, d.Tile, loop)
	}
	nominal := func(t int64, extent ugraph.Dim) ugraph.Dim {
		if n, ok := extent.Const(); ok && n < t {
			return extent
		}
		return ugraph.D(t)
	}
	out.tile = Part{nominal(d.Tile, from), nominal(tile, to)}
	return out
}

// times is an axis that was cut into equal parts, given one of them.
func times(part Axis, n int64) Axis {
	from, to := part.extents()
	return single(from.Mul(ugraph.D(n)), to.Mul(ugraph.D(n)))
}

// stored traces an output of the kernel from the tile that is stored.
func (c *copier) stored(o ugraph.Output, grid []cutAxis, loop cutAxis) ([]Axis, error) {
	t := c.g.Values[o.Value].Type
	axes := append([]Axis{}, c.axes[o.Value]...)
	if l := o.Store.Loop; l >= 0 {
		axes[l] = loop.whole
		if p := c.g.Loop.Parts; p > 0 {
			axes[l] = times(c.axes[o.Value][l], p)
		}
	}
	for gi, axis := range o.Store.Grid {
		if axis < 0 {
			continue
		}
		d := c.g.Grid[gi]
		if t.Cut(axis).Grid == gi+1 {
			if axes[axis] = grid[gi].whole; d.Parts > 0 {
				axes[axis] = times(c.axes[o.Value][axis], d.Parts)
			}
			continue
		}
		was, now := d.Blocks(), d.Blocks()
		if d.Parts == 0 {
			_, to := grid[gi].whole.extents()
			n, ok := grid[gi].tile.New.Const()
			if !ok {
				return nil, fmt.Errorf("grid dimension %s has tiles of no fixed size", d.Name)
			}
			now = to.CeilDiv(n)
		}
		axes[axis] = append(single(was, now), axes[axis]...)
	}
	return axes, nil
}

// thread copies a fused operator.
func (c *copier) thread(k *ugraph.BlockBuilder, n *ugraph.Node, args []ugraph.ValueID) error {
	body := n.Body.Clone()
	inner := newCopier(c.plan, body, nil)
	for i, in := range body.Inputs {
		inner.axes[in.Value] = c.axes[n.Args[i]]
	}
	for i := range body.Nodes {
		m := &body.Nodes[i]
		results, attrs, err := inner.rule(m)
		if err != nil {
			return fmt.Errorf("node %d (%s): %w", i, m.Op, err)
		}
		m.Attrs = attrs
		for j, r := range m.Results {
			inner.axes[r] = results[j]
		}
	}
	res := k.Thread(body, args)
	if k.Err() != nil {
		return k.Err()
	}
	for j, r := range n.Results {
		c.ids[r], c.axes[r] = res[j], inner.axes[body.Outputs[j].Value]
		if err := c.check(r, k.Type(res[j])); err != nil {
			return err
		}
	}
	return nil
}
