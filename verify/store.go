package verify

import (
	"fmt"

	"github.com/morgana-ml/morgana/ugraph"
)

// This file puts the tiles that blocks store together: placed, stacked or combined.

// store records where the tile of an output goes.
func (k *blockRun[V]) store(i int) error {
	o := k.g.Outputs[i]
	tile := k.vals[o.Value]
	if tile == nil {
		return fmt.Errorf("output %s has no value", o.Name)
	}
	corner := make([]int, len(tile.shape))
	typ := k.g.Values[o.Value].Type
	for gi, ax := range o.Store.Grid {
		us := k.inst.blockWeights(k.g, gi)
		if us != nil && k.weights != nil {
			var err error
			if tile, err = k.blockWeighted(o, tile, typ, gi, us[k.at[gi]]); err != nil {
				return err
			}
		}
		if ax < 0 {
			continue
		}
		if typ.Cut(ax).Grid != gi+1 || k.g.Grid[gi].Parts > 0 {
			// Stacked, or equal parts side by side: a part is what the loop's trips store.
			n := tile.shape[ax]
			if o.Store.Loop == ax {
				n *= k.trips
			}
			corner[ax] += k.at[gi] * n
			continue
		}
		whole, err := k.cutExtent(o.Value, ax, gi)
		if err != nil {
			return err
		}
		lo, _, err := interval(k.g.Grid[gi], k.inst.grid(k.g, gi), k.at[gi], whole)
		if err != nil {
			return err
		}
		corner[ax] += lo
	}
	if ax := o.Store.Loop; ax >= 0 {
		if k.g.Loop.Parts > 0 {
			corner[ax] += k.trip * tile.shape[ax]
		} else {
			corner[ax] += k.trip * k.inst.loop(k.g).tile
		}
	}
	k.pieces[i] = append(k.pieces[i], piece[V]{corner, tile})
	return nil
}

// blockWeighted gives a stored tile the weight of its block: as a factor where the store adds blocks
// up, as the column of a stacked axis, and back in the columns of an axis that the grid cut.
func (k *blockRun[V]) blockWeighted(o ugraph.Output, tile *tensor[V], typ ugraph.Type, gi int, u int32) (*tensor[V], error) {
	switch ax := o.Store.Grid[gi]; {
	case ax < 0 && o.Store.Reduce == "sum", ax >= 0 && typ.Cut(ax).Grid == gi+1 && tile.axes[ax].part:
		t := like(tile, tile.dt)
		if t.f == nil {
			return nil, &errUnweighted{"blocks of integers are added"}
		}
		for i := range t.f {
			t.f[i] = k.alg.weigh(k.weights[u], tile.f[i])
		}
		return t, nil
	case ax < 0:
		return tile, nil
	case typ.Cut(ax).Grid == gi+1:
		if tile.axes[ax].cols == nil {
			return nil, &errUnweighted{"parts of an axis without columns are put side by side"}
		}
		return tile.relabel(ax, k.inst.withBlock(tile.axes[ax].cols)), nil
	case tile.shape[ax] != 1 || tile.axes[ax].part:
		return nil, &errUnweighted{"tiles of more than one position are stacked"}
	default:
		return tile.relabel(ax, []int32{u}), nil
	}
}

// relabel is the same tensor with other columns along an axis.
func (t *tensor[V]) relabel(ax int, cols []int32) *tensor[V] {
	u := *t
	u.axes = append([]axis(nil), t.axes...)
	u.axes[ax].cols = cols
	return &u
}

// cutExtent is the extent of the data axis that grid dimension gi cut to make an axis of a value.
func (k *blockRun[V]) cutExtent(v ugraph.ValueID, ax, gi int) (int, error) {
	of, a, ok := cutTensor(k.g, k.g.Values[v].Type.Cut(ax).Extent, gi)
	if !ok {
		return 0, errShape
	}
	whole, err := k.whole(of)
	if err != nil {
		return 0, err
	}
	return whole.shape[a], nil
}

// cutTensor finds a whole tensor, and its axis of the given extent, that grid dimension gi cuts in a load.
func cutTensor(g *ugraph.Graph, extent ugraph.Dim, gi int) (v ugraph.ValueID, ax int64, ok bool) {
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Op != ugraph.OpLoad {
			continue
		}
		grid, _ := n.Attrs.Get("grid")
		if a := grid.Ints[gi]; a >= 0 && g.Values[n.Args[0]].Shape[a] == extent {
			return n.Args[0], a, true
		}
	}
	return 0, 0, false
}

// assemble lays the tiles of an output side by side, combining those that meet where the store reduces.
func (k *blockRun[V]) assemble(i int) (*tensor[V], error) {
	o := k.g.Outputs[i]
	ps := k.pieces[i]
	if len(ps) == 0 {
		return nil, fmt.Errorf("nothing is stored")
	}
	rank := len(ps[0].corner)
	shape := make([]int, rank)
	for _, p := range ps {
		for a := range shape {
			shape[a] = max(shape[a], p.corner[a]+p.tile.shape[a])
		}
	}
	t := newTensor[V](k.g.Values[o.Value].DType, shape)
	for a := range shape {
		if err := k.storedAxis(&t.axes[a], ps, a, shape[a]); err != nil {
			return nil, err
		}
	}
	seen := make([]int, elements(shape))
	terms := map[int][]V{}
	st := strides(shape)
	for _, p := range ps {
		base := 0
		for a, c := range p.corner {
			base += c * st[a]
		}
		at := 0
		var err error
		walk(p.tile.shape, [][]int{st}, func(off []int) {
			d := base + off[0]
			switch {
			case seen[d] == 0 && t.f != nil:
				t.f[d] = p.tile.f[at]
			case seen[d] == 0:
				t.i[d] = p.tile.i[at]
			case o.Store.Reduce == "":
				if t.i != nil && t.i[d] != p.tile.i[at] || t.f != nil && !k.same(t.f[d], p.tile.f[at]) {
					err = &errConflict{"two blocks write different values to one place"}
				}
			case t.f != nil:
				if seen[d] == 1 {
					terms[d] = append(terms[d], t.f[d])
				}
				terms[d] = append(terms[d], p.tile.f[at])
			default:
				t.i[d] = wrapInt(t.dt, reduceInts(reduceOps[o.Store.Reduce], []int64{t.i[d], p.tile.i[at]}, 0, []int{0, 1}))
			}
			seen[d]++
			at++
		})
		if err != nil {
			return nil, err
		}
	}
	for d := range seen {
		if seen[d] == 0 {
			return nil, &errConflict{"no block writes some places"}
		}
		if ts := terms[d]; ts != nil {
			switch o.Store.Reduce {
			case "max":
				t.f[d] = k.alg.max(ts)
			case "min":
				t.f[d] = k.alg.min(ts)
			default:
				t.f[d] = k.sum(ts)
			}
		}
	}
	return t, k.tick(len(seen))
}

var reduceOps = map[string]ugraph.Op{"sum": ugraph.OpSum, "max": ugraph.OpMax, "min": ugraph.OpMin}

// errConflict reports that a kernel does not define its output.
type errConflict struct{ what string }

func (e *errConflict) Error() string { return e.what }

// comparer is an algebra that can tell whether two values are the same.
type comparer[V any] interface{ same(a, b V) bool }

func (k *blockRun[V]) same(a, b V) bool {
	if c, ok := k.alg.(comparer[V]); ok {
		return c.same(a, b)
	}
	return true
}

// storedAxis finds the columns of an axis of an output: those of the tiles where they were cut, and
// weight 1 along an axis on which tiles without columns are stacked.
func (k *blockRun[V]) storedAxis(out *axis, ps []piece[V], a, n int) error {
	var cols []int32
	for _, p := range ps {
		x := p.tile.axes[a]
		switch {
		case x.part:
			// Partial sums of different blocks lie side by side: still to be summed, all of them.
			out.part = true
		case x.cols != nil:
			if cols == nil {
				cols = make([]int32, n)
				for i := range cols {
					cols[i] = -1
				}
			}
			for i, c := range x.cols {
				if d := &cols[p.corner[a]+i]; *d >= 0 && *d != c && !k.lenient {
					return &errUnweighted{"tiles of different axes are stacked"}
				} else {
					*d = c
				}
			}
		}
	}
	if out.part {
		if cols != nil {
			return &errUnweighted{"partial sums are stacked with others"}
		}
		return nil
	}
	stacked := false
	for _, p := range ps {
		stacked = stacked || p.tile.shape[a] != n
	}
	if cols == nil && stacked {
		cols = make([]int32, n)
	}
	for i := range cols {
		if cols[i] < 0 {
			cols[i] = 0
		}
	}
	out.cols = cols
	return nil
}
