package ugraph

import "fmt"

// GridDependence returns, for every value of a block graph, which grid dimensions it depends on: bit i
// is set where blocks along dimension i may hold different tiles.
func GridDependence(g *Graph) []uint64 {
	dep := make([]uint64, len(g.Values))
	for i := range g.Nodes {
		n := &g.Nodes[i]
		var d uint64
		for _, a := range n.Args {
			d |= dep[a]
		}
		if n.Op == OpLoad {
			grid, _ := n.Attrs.Get("grid")
			for gi, axis := range grid.Ints {
				if axis >= 0 {
					d |= 1 << gi
				}
			}
		}
		for _, r := range n.Results {
			dep[r] = d
		}
	}
	return dep
}

func checkStoreAxes(g *Graph) string {
	for _, o := range g.Outputs {
		rank := g.Values[o.Value].Rank()
		used := map[int]bool{}
		for gi, axis := range o.Store.Grid {
			switch {
			case axis < -1 || axis >= rank:
				return fmt.Sprintf("output %s: %s is stored to axis %d of a tile with %d axes", o.Name, g.Grid[gi].Name, axis, rank)
			case axis >= 0 && used[axis]:
				return fmt.Sprintf("output %s: two grid dimensions are stored to axis %d", o.Name, axis)
			}
			if axis >= 0 {
				used[axis] = true
			}
		}
		if l := o.Store.Loop; l < -1 || l >= rank {
			return fmt.Sprintf("output %s: the loop is stored to axis %d of a tile with %d axes", o.Name, l, rank)
		}
	}
	return ""
}

func checkStorePhase(g *Graph) string {
	ps, _ := Phases(g)
	for _, o := range g.Outputs {
		v := g.Values[o.Value]
		if o.Store.Loop >= 0 && !v.Cut(o.Store.Loop).Loop {
			return fmt.Sprintf("output %s: the loop does not cut axis %d of the stored tile", o.Name, o.Store.Loop)
		}
		if ps[o.Value] == InLoop && o.Store.Loop < 0 {
			return fmt.Sprintf("output %s stores a tile of each trip to one place; give loop=, or accumulate it", o.Name)
		}
		for i, c := range v.Cuts {
			if c.Loop && i != o.Store.Loop {
				return fmt.Sprintf("output %s: the loop cuts axis %d of the stored tile, which has no place of its own", o.Name, i)
			}
		}
	}
	return ""
}

func checkStoreGrid(g *Graph) string {
	dep := GridDependence(g)
	for _, o := range g.Outputs {
		for gi, axis := range o.Store.Grid {
			if axis < 0 && dep[o.Value]>>gi&1 == 1 && o.Store.Reduce == "" {
				return fmt.Sprintf("output %s: blocks along %s hold different tiles; store it to an axis, or reduce", o.Name, g.Grid[gi].Name)
			}
		}
	}
	return ""
}

func checkStoreReduce(g *Graph) string {
	dep := GridDependence(g)
	for _, o := range g.Outputs {
		switch o.Store.Reduce {
		case "":
			continue
		case "sum", "max", "min":
		default:
			return fmt.Sprintf("output %s: reduce=%s; have sum, max, min", o.Name, o.Store.Reduce)
		}
		if g.Values[o.Value].DType.IsBool() {
			return fmt.Sprintf("output %s reduces bool; cast it first", o.Name)
		}
		differ := false
		for gi, axis := range o.Store.Grid {
			differ = differ || axis < 0 && dep[o.Value]>>gi&1 == 1
		}
		if !differ {
			return fmt.Sprintf("output %s: reduce=%s, but no blocks hold different tiles of it for one place", o.Name, o.Store.Reduce)
		}
	}
	return ""
}

// checkStoreOnce: a sum across blocks has a term per block. Along a dimension that the store does not
// place and the tile does not depend on, blocks hold equal tiles, so there may be only one of them.
// (The greatest and the least of equal tiles are the tile: max and min may have any number.)
func checkStoreOnce(g *Graph) string {
	dep := GridDependence(g)
	for _, o := range g.Outputs {
		if o.Store.Reduce != "sum" {
			continue
		}
		for gi, axis := range o.Store.Grid {
			if d := g.Grid[gi]; axis < 0 && dep[o.Value]>>gi&1 == 0 && !d.Blocks().Is(1) {
				return fmt.Sprintf("output %s: reduce=sum adds the blocks along %s, which hold equal tiles; drop %s, or store it to an axis", o.Name, d.Name, d.Name)
			}
		}
	}
	return ""
}

// checkStoreRagged: an axis that is cut by a grid dimension and not stored by it keeps the tile's
// extent, so that extent must be the same in every block; and so must that of an axis along which
// tiles are stacked.
func checkStoreRagged(top *Graph) string {
	return everyGraph(top, func(g *Graph) string {
		for _, o := range g.Outputs {
			if o.Store == nil {
				continue
			}
			for i, c := range g.Values[o.Value].Cuts {
				if c.Grid == 0 || o.Store.Grid[c.Grid-1] == i {
					continue
				}
				if !g.Grid[c.Grid-1].exact(top.Symbols) {
					return fmt.Sprintf("output %s: %s cuts axis %d into tiles of which the last may be smaller, and the store does not place them along it", o.Name, g.Grid[c.Grid-1].Name, i)
				}
			}
			for gi, axis := range o.Store.Grid {
				if axis < 0 {
					continue
				}
				c := g.Values[o.Value].Cut(axis)
				if c.Grid != gi+1 && c.Loop && !g.Loop.exact(top.Symbols) {
					return fmt.Sprintf("output %s: %s stacks tiles along axis %d, of which the loop's last may be smaller", o.Name, g.Grid[gi].Name, axis)
				}
			}
		}
		return ""
	})
}
