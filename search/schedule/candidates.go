package schedule

import (
	"slices"
	"sort"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/search/loop"
	"github.com/morgana-ml/morgana/ugraph"
)

// odd are the tiles tried beside powers of two: multiples of 8 between them, and of the 6 rows of a
// CPU's micro-kernel.
var odd = []int64{3, 6, 12, 24, 48, 96, 192, 384}

// tiles lists the tiles tried for an axis, ascending; coarse: only parts for all units, and single elements.
func tiles(extents []int64, units int, coarse bool) []int64 {
	top := slices.Max(extents)
	out := make([]int64, 0, 48)
	add := func(n int64) {
		if n >= 1 && n < top && n <= maxTile {
			out = append(out, n)
		}
	}
	add(1)
	for n := int64(2); n < top && !coarse; n *= 2 {
		add(n)
	}
	for _, n := range odd {
		if !coarse {
			add(n)
		}
	}
	for _, e := range extents {
		for _, parts := range []int64{2, 3, 4, int64(units), 2 * int64(units), 4 * int64(units)} {
			n := (e + parts - 1) / parts
			if n >= 64 {
				n = (n + 15) / 16 * 16
			}
			add(n)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// whole is the tile of an axis that is not cut.
const whole = 0

// space is what the scheduler chooses from.
type space struct {
	axes   []int     // grid axes, the largest extent first
	tiles  [][]int64 // by position in axes; whole among them
	loops  []int64   // tiles of the loop; nil without one
	splits []int64   // tiles of the loop axis's cut by the grid; whole first
	order  []int     // natural order of the grid: position of an axis in the outputs
}

// maxTile bounds the tiles of symbolic axes, whose largest extents say little about the usual.
const maxTile = 1 << 16

func newSpace(f *loop.Form, sizes []size, units int, coarse bool) *space {
	s := &space{order: axisRank(f.DAG)}
	grid := f.Grid
	for _, o := range f.DAG.Outputs {
		grid &= expr.Set(o.Axes...)
	}
	for _, o := range f.Outputs {
		grid &= f.Steps[o].Axes
	}
	if f.Loop >= 0 {
		grid &^= expr.Set(f.Loop)
	}
	extents := func(a int) []int64 {
		var out []int64
		for i := range sizes {
			out = append(out, sizes[i].extent[a])
		}
		return out
	}
	s.axes = grid.List()
	sort.SliceStable(s.axes, func(i, j int) bool { return slices.Max(extents(s.axes[i])) > slices.Max(extents(s.axes[j])) })
	for _, a := range s.axes {
		s.tiles = append(s.tiles, append([]int64{whole}, tiles(extents(a), units, coarse)...))
	}
	s.splits = []int64{whole}
	if f.Loop < 0 {
		return s
	}
	e := extents(f.Loop)
	s.loops = tiles(e, units, coarse)
	// Without a cut the loop would be one trip: that is the form without a loop, unless the
	// extent is a symbol, where a large tile serves short axes in one trip.
	if n, ok := f.DAG.Axes[f.Loop].Extent.Const(); ok {
		s.loops = append(s.loops, n)
	}
	if f.Split {
		for _, parts := range []int64{2, 4, 8, 16, 32, 64} {
			for _, n := range e {
				t := (n + parts - 1) / parts
				if t >= 16 {
					t = (t + 15) / 16 * 16
				}
				if t < n && !slices.Contains(s.splits, t) {
					s.splits = append(s.splits, t)
				}
			}
		}
		slices.Sort(s.splits)
	}
	return s
}

// hiEnv binds every symbol to its largest legal value.
func hiEnv(symbols []ugraph.Symbol) ugraph.Env {
	env := ugraph.Env{}
	for _, s := range symbols {
		env[s.Name] = s.At(s.Hi)
	}
	return env
}
