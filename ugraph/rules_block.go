package ugraph

import "fmt"

func checkExtents(g *Graph) string {
	dims := append([]GridDim{}, g.Grid...)
	if g.Loop != nil {
		dims = append(dims, *g.Loop)
	}
	for _, d := range dims {
		byParts := d.Parts >= 1 && d.Tile == 0 && d.Extent.Is(0)
		byTile := d.Parts == 0 && d.Tile >= 1 && !d.Extent.Is(0) && positive(d.Extent)
		if !byParts && !byTile {
			return fmt.Sprintf("%s: extent %s by %d, %d parts; it must be an extent of 1 or more by a tile of 1 or more, or 1 or more parts", d.Name, d.Extent, d.Tile, d.Parts)
		}
	}
	return ""
}

func checkLoads(g *Graph) string {
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Op != OpLoad {
			continue
		}
		grid, ok := n.Attrs.Get("grid")
		if !ok || len(grid.Ints) != len(g.Grid) {
			return fmt.Sprintf("node %d: grid= needs an axis or -1 for each of the %d grid dimensions", i, len(g.Grid))
		}
		for _, a := range grid.Ints {
			if a < -1 {
				return fmt.Sprintf("node %d: grid axis %d; it must be -1 or an axis counted from 0", i, a)
			}
		}
		if a := n.Attrs.Int("loop", -1); a < -1 || a >= 0 && g.Loop == nil {
			return fmt.Sprintf("node %d: loop=%d; it must be -1, or an axis where there is a loop", i, a)
		}
	}
	return ""
}

// isWhole tells whether a value is a whole tensor: an input or an iota.
func (g *Graph) isWhole(v ValueID) bool {
	n := g.Values[v].Node
	return n < 0 || g.Nodes[n].Op == OpIota
}

func checkWhole(g *Graph) string {
	for i := range g.Nodes {
		n := &g.Nodes[i]
		for _, a := range n.Args {
			if g.isWhole(a) != (n.Op == OpLoad) {
				if n.Op == OpLoad {
					return fmt.Sprintf("node %d loads from a tile", i)
				}
				return fmt.Sprintf("node %d (%s) uses a whole tensor; load it first", i, n.Op)
			}
		}
	}
	for _, o := range g.Outputs {
		if g.isWhole(o.Value) {
			return fmt.Sprintf("output %s stores a whole tensor; load it first", o.Name)
		}
	}
	return ""
}

func checkAccumulators(g *Graph) string {
	ps, _ := Phases(g)
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Op != OpAccum {
			continue
		}
		for _, a := range n.Args {
			if ps[a] == After {
				return fmt.Sprintf("node %d accumulates a value that is known only after the loop", i)
			}
		}
		if g.Values[n.Args[0]].DType.IsBool() {
			return fmt.Sprintf("node %d accumulates bool; cast it first", i)
		}
		if len(n.Args) == 2 {
			for _, c := range g.Values[n.Args[1]].Cuts {
				if c.Loop {
					return fmt.Sprintf("node %d: the factor has a part for each position of the trip's tile; what a smaller last trip leaves out would have none", i)
				}
			}
		}
	}
	return ""
}

// checkFolded looks for accumulators that keep an axis which the loop cuts: the first trip must be a
// whole tile, since later operators take the accumulator's extent for it.
func checkFolded(top *Graph) string {
	least := Env{}
	for _, s := range top.Symbols {
		least[s.Name] = s.At(s.Lo)
	}
	return everyGraph(top, func(g *Graph) string {
		for i := range g.Nodes {
			n := &g.Nodes[i]
			if n.Op != OpAccum || g.Loop == nil || g.Loop.Parts > 0 {
				continue
			}
			for _, c := range g.Values[n.Args[0]].Cuts {
				if !c.Loop {
					continue
				}
				if c.Grid > 0 && c.Grid <= len(g.Grid) && !g.Grid[c.Grid-1].exact(top.Symbols) {
					return fmt.Sprintf("node %d keeps the loop's axis, of which the last block of %s may have less than a tile; reduce the axis first", i, g.Grid[c.Grid-1].Name)
				}
				if _, isNumber := g.Loop.Extent.Const(); isNumber {
					continue // a tile is no larger than its axis
				}
				if extent, err := g.Loop.Extent.Eval(least); err != nil || extent < g.Loop.Tile {
					return fmt.Sprintf("node %d keeps the loop's axis, whose extent %s may be less than the tile %d; reduce the axis first, or bound it", i, g.Loop.Extent, g.Loop.Tile)
				}
			}
		}
		return ""
	})
}

func checkPhases(g *Graph) string {
	if _, bad := Phases(g); bad >= 0 {
		return fmt.Sprintf("node %d (%s) has operands of the loop and of after it", bad, g.Nodes[bad].Op)
	}
	return ""
}

func checkParts(g *Graph) string {
	if g.Loop == nil || g.Loop.Parts == 0 {
		return ""
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Op != OpLoad {
			continue
		}
		axis := n.Attrs.Int("loop", -1)
		grid, _ := n.Attrs.Get("grid")
		for gi, a := range grid.Ints {
			if a >= 0 && a == axis && !g.Grid[gi].exact(nil) {
				return fmt.Sprintf("node %d: the loop cuts axis %d into parts of tiles of %s, of which the last is smaller", i, axis, g.Grid[gi].Name)
			}
		}
	}
	return ""
}

// checkRegular looks for the operators where axes of different cuts meet. An axis that an accumulator
// folded (trip upon trip) is irregular too, but defined: a ragged trip updates its leading part.
func checkRegular(top *Graph) string {
	return everyGraph(top, func(g *Graph) string {
		for i := range g.Nodes {
			n := &g.Nodes[i]
			if n.Op == OpAccum || !g.meetsIrregular(n) {
				continue
			}
			for _, a := range n.Args {
				for _, c := range g.Values[a].Cuts {
					if what := g.raggedCut(c, top.Symbols); what != "" {
						return fmt.Sprintf("node %d (%s) joins axes that are cut differently, and %s", i, n.Op, what)
					}
				}
			}
		}
		return ""
	})
}

// meetsIrregular tells whether a result has an irregular axis that no operand has.
func (g *Graph) meetsIrregular(n *Node) bool {
	had := map[Cut]bool{}
	for _, a := range n.Args {
		for _, c := range g.Values[a].Cuts {
			if c.Irregular {
				had[c] = true
			}
		}
	}
	for _, r := range n.Results {
		for _, c := range g.Values[r].Cuts {
			if c.Irregular && !had[c] {
				return true
			}
		}
	}
	return false
}

// raggedCut says which dimension of a cut may have a smaller last tile, or is "". In a thread graph
// the dimensions are the block's, which g does not know; there the block's own operators decide.
func (g *Graph) raggedCut(c Cut, symbols []Symbol) string {
	if c.Grid > 0 && c.Grid <= len(g.Grid) && !g.Grid[c.Grid-1].exact(symbols) {
		return fmt.Sprintf("the last tile of %s may be smaller", g.Grid[c.Grid-1].Name)
	}
	if c.Loop && g.Loop != nil && !g.Loop.exact(symbols) {
		return fmt.Sprintf("the last tile of the loop %s may be smaller", g.Loop.Name)
	}
	return ""
}

func checkExpanded(g *Graph) string {
	for i := range g.Nodes {
		if g.Nodes[i].Op == OpAttention {
			return fmt.Sprintf("node %d: attention in a %s graph; write out its definition", i, g.Level)
		}
	}
	return ""
}
