package schedule

import (
	"fmt"
	"slices"

	"github.com/morgana-ml/morgana/search/loop"
	"github.com/morgana-ml/morgana/ugraph"
)

// Outside says which part of a tiling Best does not try for a form, or "" where it tries all of them.
// Tiles at or above an axis's extent count as no cut. Errors are those of sizes that have no value.
func Outside(f *loop.Form, opt Options, t loop.Tiling) (string, error) {
	if opt.Sizes == nil {
		opt.Sizes = []ugraph.Env{{}}
	}
	s := &search{opt: opt}
	if err := s.prepare(f); err != nil {
		return "", err
	}
	name := func(a int) string { return f.DAG.Axes[a].Name }
	largest := func(a int) int64 {
		var n int64
		for i := range s.sizes {
			n = max(n, s.sizes[i].extent[a])
		}
		return n
	}
	for _, c := range t.Grid {
		at := slices.Index(s.sp.axes, c.Axis)
		switch {
		case c.Tile >= largest(c.Axis):
		case at < 0:
			return fmt.Sprintf("the grid cuts axis %s, which the form reduces or an output lacks", name(c.Axis)), nil
		case !slices.Contains(s.sp.tiles[at], c.Tile):
			return fmt.Sprintf("grid tile %d of axis %s is none of %v", c.Tile, name(c.Axis), s.sp.tiles[at][1:]), nil
		}
	}
	if p := t.Split; p != nil && !slices.Contains(s.sp.splits, p.Tile) {
		return fmt.Sprintf("a split of axis %s by %d is none of %v", name(f.Loop), p.Tile, s.sp.splits[1:]), nil
	}
	if f.Loop >= 0 && t.LoopTile < largest(f.Loop) && !slices.Contains(s.sp.loops, t.LoopTile) {
		return fmt.Sprintf("loop tile %d of axis %s is none of %v", t.LoopTile, name(f.Loop), s.sp.loops), nil
	}
	return "", nil
}
