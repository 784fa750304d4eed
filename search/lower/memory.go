package lower

import (
	"cmp"
	"slices"

	"github.com/morgana-ml/morgana/ugraph"
)

// prefetch marks the loads of the loop: each can be started one trip ahead, into a second buffer, since
// it depends on the trip's number alone.
func prefetch(g *ugraph.Graph, k *KernelPlan) {
	if g.Loop == nil {
		return
	}
	phases, _ := ugraph.Phases(g)
	for i := range g.Nodes {
		if n := &g.Nodes[i]; n.Op == ugraph.OpLoad && phases[n.Results[0]] == ugraph.InLoop {
			k.Prefetch = append(k.Prefetch, ugraph.NodeID(i))
		}
	}
}

// place gives every tile of known size an offset in the block's arena. Best fit by falling size is the
// smallest arena where it is no larger than what is live at once; else the arena is the smallest there
// is for up to ten tiles (on drawn ones; the test counts), and for up to searchedTiles the best of
// maxPlacements.
func place(g *ugraph.Graph, k *KernelPlan) {
	k.Tiles = lifetimes(g, k.Prefetch)
	var known []int
	for i, t := range k.Tiles {
		if t.Bytes > 0 {
			known = append(known, i)
		}
	}
	for at := range g.Nodes {
		var live int64
		for _, i := range known {
			if t := k.Tiles[i]; t.First <= at && at <= t.Last {
				live += t.Bytes
			}
		}
		k.Peak = max(k.Peak, live)
	}
	// Largest first, then longest, then by value.
	slices.SortFunc(known, func(a, b int) int {
		x, y := k.Tiles[a], k.Tiles[b]
		return cmp.Or(cmp.Compare(y.Bytes, x.Bytes), cmp.Compare(y.Last-y.First, x.Last-x.First), cmp.Compare(a, b))
	})
	a := arena{tiles: k.Tiles}
	k.Bytes = a.fit(known)
	if k.Bytes > k.Peak && len(known) <= searchedTiles {
		k.Bytes = a.exact(known, k.Bytes, k.Peak)
	}
}

// searchedTiles bounds the tiles whose placement is searched.
const searchedTiles = 16

// lifetimes lists the tiles of a block graph with their sizes and the positions between which they
// are live. What the loop reads from before it, and accumulators, are live through the whole loop.
func lifetimes(g *ugraph.Graph, ahead []ugraph.NodeID) []TilePlan {
	phases, _ := ugraph.Phases(g)
	loopFirst, loopLast := -1, -1
	inLoop := func(i int) bool {
		n := &g.Nodes[i]
		return n.Op == ugraph.OpAccum || phases[n.Results[0]] == ugraph.InLoop
	}
	for i := range g.Nodes {
		if inLoop(i) {
			if loopFirst < 0 {
				loopFirst = i
			}
			loopLast = i
		}
	}
	var out []TilePlan
	for v := range g.Values {
		id := ugraph.ValueID(v)
		def := g.Values[v].Node
		if def < 0 || phases[v] == ugraph.Whole || g.Nodes[def].Op == ugraph.OpConst {
			continue
		}
		switch g.Nodes[def].Op {
		case ugraph.OpRunning, ugraph.OpPrevious: // reads of an accumulator's own buffers
			continue
		}
		t := TilePlan{Value: id, Buffers: 1, First: int(def), Last: int(def)}
		for i := range g.Nodes {
			for _, a := range g.Nodes[i].Args {
				if a == id || reads(g, a) == id {
					t.Last = max(t.Last, i)
				}
			}
		}
		for _, o := range g.Outputs {
			if o.Value == id {
				t.Last = max(t.Last, len(g.Nodes)-1)
				if phases[v] == ugraph.InLoop {
					t.Last = loopLast
				}
			}
		}
		switch {
		case g.Nodes[def].Op == ugraph.OpAccum:
			t.First, t.Last = loopFirst, max(t.Last, loopLast)
		case phases[v] == ugraph.Before && t.Last >= loopFirst && loopFirst >= 0:
			t.Last = max(t.Last, loopLast)
		}
		if g.Nodes[def].Op == ugraph.OpAccum && hasPrevious(g, id) || slices.Contains(ahead, def) {
			t.Buffers = 2
		}
		if slices.Contains(ahead, def) {
			t.First, t.Last = loopFirst, loopLast
		}
		t.Bytes = fixedBytes(g.Values[v].Type) * int64(t.Buffers)
		out = append(out, t)
	}
	return out
}

// reads is the accumulator that a running or previous value reads, or -1.
func reads(g *ugraph.Graph, v ugraph.ValueID) ugraph.ValueID {
	if d := g.Values[v].Node; d >= 0 && (g.Nodes[d].Op == ugraph.OpRunning || g.Nodes[d].Op == ugraph.OpPrevious) {
		return g.Nodes[d].Args[0]
	}
	return -1
}

func hasPrevious(g *ugraph.Graph, acc ugraph.ValueID) bool {
	for i := range g.Nodes {
		if g.Nodes[i].Op == ugraph.OpPrevious && g.Nodes[i].Args[0] == acc {
			return true
		}
	}
	return false
}

// fixedBytes is the aligned size of a tile, 0 where a symbol is in it.
func fixedBytes(t ugraph.Type) int64 {
	n := t.DType.Size()
	for _, d := range t.Shape {
		e, ok := d.Const()
		if !ok {
			return 0
		}
		n *= e
	}
	return (n + Align - 1) / Align * Align
}

type arena struct {
	tiles []TilePlan
	steps int // placements that exact has tried
}

// fit places tiles one after another, each at the lowest offset that is free in its lifetime.
func (a *arena) fit(order []int) int64 {
	var top int64
	for n, i := range order {
		t := &a.tiles[i]
		t.Offset = a.lowest(order[:n], t)
		top = max(top, t.Offset+t.Bytes)
	}
	return top
}

func (a *arena) lowest(placed []int, t *TilePlan) int64 {
	var busy []TilePlan
	for _, j := range placed {
		if o := a.tiles[j]; o.First <= t.Last && t.First <= o.Last {
			busy = append(busy, o)
		}
	}
	slices.SortFunc(busy, func(x, y TilePlan) int { return cmp.Compare(x.Offset, y.Offset) })
	var at int64
	for _, o := range busy {
		if at+t.Bytes <= o.Offset {
			break
		}
		at = max(at, o.Offset+o.Bytes)
	}
	return at
}

// maxPlacements bounds the search; it is counted, so the result does not depend on the clock.
const maxPlacements = 20_000

// exact searches the orders of placement at the lowest free offset with rising offsets, among which a
// smallest arena always is: slide the tiles of any packing down as far as they go, and read them off
// from below. At any position, what is still to be placed lies above all that is placed there and above
// the last offset, which bounds the arena from below.
func (a *arena) exact(tiles []int, best, bound int64) int64 {
	found := make([]int64, len(a.tiles))
	for _, i := range tiles {
		found[i] = a.tiles[i].Offset
	}
	order, used := make([]int, 0, len(tiles)), make([]bool, len(tiles))
	var search func(top, from int64)
	search = func(top, from int64) {
		if a.steps++; a.steps > maxPlacements || best == bound || a.least(tiles, used, from) >= best {
			return
		}
		if len(order) == len(tiles) {
			best = top
			for _, i := range tiles {
				found[i] = a.tiles[i].Offset
			}
			return
		}
		for n, i := range tiles {
			if used[n] {
				continue
			}
			t := &a.tiles[i]
			at := a.lowest(order, t)
			if at < from {
				continue
			}
			t.Offset = at
			used[n], order = true, append(order, i)
			search(max(top, at+t.Bytes), at)
			used[n], order = false, order[:len(order)-1]
		}
	}
	search(0, 0)
	for _, i := range tiles {
		a.tiles[i].Offset = found[i]
	}
	return best
}

// least bounds an arena from below in which the tiles that are not used lie at from or above, and above
// those that are used.
func (a *arena) least(tiles []int, used []bool, from int64) int64 {
	var most int64
	for _, i := range tiles { // the most is live where some tile begins
		at := a.tiles[i].First
		placed, left := from, int64(0)
		for m, j := range tiles {
			switch t := &a.tiles[j]; {
			case t.First > at || at > t.Last:
			case used[m]:
				placed = max(placed, t.Offset+t.Bytes)
			default:
				left += t.Bytes
			}
		}
		if left > 0 || placed > from {
			most = max(most, placed+left)
		}
	}
	return most
}
