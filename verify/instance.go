package verify

import (
	"fmt"
	"slices"

	"github.com/morgana-ml/morgana/ugraph"
)

// An instance gives every axis of two graphs a size for one evaluation. Extents that must be equal
// share a variable; variables are joined by the relations that reshapes, concatenations and cuts
// impose, and get the smallest sizes that keep every kind of part (theory 1.7c).
type instance struct {
	sizes     *sizing
	size      []int     // per variable
	cols      [][]int32 // per variable: column ids of kernel-level axes
	pairs     map[[2]int32]int32
	columns   int32 // ids in use
	sums      []weightSum
	blocks    map[int][]int32   // variable of a grid count → weights of its blocks
	blockAxis map[int]*blockCut // variable of an axis → how its columns share the weights of blocks
	inner     map[int32]int32   // column with its block's weight → column without
	outer     map[int32]int32
	firstRow  map[int]int // integer inputs whose entries are all different rows → the first of them
}

// cutSize is what a grid dimension or loop does in an instance: the number of parts (of its form
// with parts), and the extent of a tile (of the other form).
type cutSize struct{ parts, tile int }

// sizing is the static analysis of both graphs: variables and relations.
type sizing struct {
	order  []*ugraph.Graph // in order of registration
	start  map[*ugraph.Graph][]int
	parent []int
	real   []ugraph.Dim // per slot: its extent
	kernel []bool       // per slot: an axis of a tensor in memory

	grids   map[*ugraph.Graph][]cutVars
	loops   map[*ugraph.Graph]cutVars
	rels    []relation
	pinned  map[int]string // slot → why its real size is needed
	iota    map[int]bool   // slots whose positions are used as numbers
	parts   map[int]int    // slot of a repetition count → the number
	fixed   map[int]int    // slot → the least size it needs
	reach   map[int]int    // axis → the least size for the masks of its positions
	equal   [][2]int       // axes that masks need in one size
	reduced map[int]bool   // slots of grid counts that need their real number

	stacks                        map[int][]int // slot of a grid count → axes of extent 1 per block that are stacked along it
	masked, maskedDim, maskedAxis int           // the mask of columns: its input (−1: none), the dimension and axis that it masks
	maskedLoop                    bool          // a loop cuts that axis
	maskedBits                    int           // its columns where they have no weights, and all their masks are tried; else 0

	indices   bool                  // argmax and top-k find indices that are computed with
	casts     map[*ugraph.Node]bool // of integers that depend on inputs, to floats
	unweighed map[int]bool          // slots of grid counts whose blocks cannot have weights of their own
	freeGrids map[cutOwner]bool     // whether the cut is free, for each grid dimension
}

type cutVars struct{ parts, tile int } // slots, -1 where absent

type relKind uint8

const (
	product relKind = iota // whole = Π parts
	total                  // whole = Σ parts
	tiled                  // whole is cut into tiles of extent parts[0], the last may be ragged; parts[1] tiles
)

type relation struct {
	kind    relKind
	whole   int
	parts   []int
	ragged  bool
	stacked bool // blocks' tiles stacked along an axis, not an axis that was cut
	heads   bool // an attention's groups of query heads
}

func newSizing() *sizing {
	return &sizing{masked: -1, maskedDim: -1, start: map[*ugraph.Graph][]int{}, grids: map[*ugraph.Graph][]cutVars{}, loops: map[*ugraph.Graph]cutVars{},
		pinned: map[int]string{}, stacks: map[int][]int{}, unweighed: map[int]bool{}, iota: map[int]bool{}, fixed: map[int]int{}, reach: map[int]int{}, reduced: map[int]bool{}}
}

func (s *sizing) fresh(real ugraph.Dim) int {
	s.parent = append(s.parent, len(s.parent))
	s.real = append(s.real, real)
	s.kernel = append(s.kernel, false)
	return len(s.parent) - 1
}

func (s *sizing) find(i int) int {
	for s.parent[i] != i {
		s.parent[i] = s.parent[s.parent[i]]
		i = s.parent[i]
	}
	return i
}

func (s *sizing) union(a, b int) {
	a, b = s.find(a), s.find(b)
	if a == b {
		return
	}
	if a > b {
		a, b = b, a
	}
	s.parent[b] = a
}

// slot is the variable slot of an axis of a value.
func (s *sizing) slot(g *ugraph.Graph, v ugraph.ValueID, ax int) int { return s.start[g][v] + ax }

// add registers the values of a graph and of the graphs in it.
func (s *sizing) add(g *ugraph.Graph) {
	st := make([]int, len(g.Values))
	for v := range g.Values {
		st[v] = len(s.parent)
		for _, d := range g.Values[v].Shape {
			i := s.fresh(d)
			s.kernel[i] = g.Level == ugraph.KernelLevel
		}
	}
	s.start[g] = st
	s.order = append(s.order, g)
	if g.Level == ugraph.BlockLevel {
		if s.freeGrids == nil {
			s.freeGrids = map[cutOwner]bool{}
		}
		s.grids[g] = nil // a graph may be compared with itself
		for gi, d := range g.Grid {
			s.grids[g] = append(s.grids[g], s.cut(d))
			s.freeGrids[cutOwner{g, gi}] = freeGrid(g, gi)
		}
		if g.Loop != nil {
			s.loops[g] = s.cut(*g.Loop)
		}
		for _, o := range g.Outputs {
			for gi, ax := range o.Store.Grid {
				dep := o.Store.Reduce != "" && ax < 0
				if ax >= 0 && g.Values[o.Value].Cut(ax).Grid != gi+1 {
					dep = true
				}
				if dep {
					s.reduced[s.grids[g][gi].parts] = true
				}
			}
		}
	}
	defer s.positions(g)
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Body != nil {
			s.add(n.Body)
			for k, a := range n.Args {
				s.same(g, a, n.Body, n.Body.Inputs[k].Value)
			}
		}
		s.node(g, n)
	}
}

// positions unites the axis of an iota in a block graph with the axis that the same grid dimension or
// loop cuts: the tile of the iota holds the positions of the tile of that axis.
func (s *sizing) positions(g *ugraph.Graph) {
	if g.Level != ugraph.BlockLevel {
		return
	}
	for i := range g.Nodes {
		if g.Nodes[i].Op != ugraph.OpIota {
			continue
		}
		own := s.slot(g, g.Nodes[i].Results[0], 0)
		for _, r := range s.rels {
			if r.stacked || s.find(r.whole) != s.find(own) {
				continue
			}
			for _, o := range s.rels {
				if o.kind == r.kind && !o.stacked && s.find(o.whole) != s.find(own) && s.real[o.whole] == s.real[own] &&
					(r.kind == tiled && o.parts[1] == r.parts[1] || r.kind == product && len(r.parts) == 2 && len(o.parts) == 2 && o.parts[0] == r.parts[0]) {
					s.union(o.whole, own)
				}
			}
		}
	}
}

func (s *sizing) cut(d ugraph.GridDim) cutVars {
	c := cutVars{parts: s.fresh(d.Blocks()), tile: -1}
	if d.Parts == 0 {
		c.tile = s.fresh(ugraph.D(d.Tile))
		if n, ok := d.Extent.Const(); ok && n < d.Tile {
			s.real[c.tile] = d.Extent
		}
	}
	return c
}

func (s *sizing) same(g *ugraph.Graph, a ugraph.ValueID, h *ugraph.Graph, b ugraph.ValueID) {
	for ax := range g.Values[a].Shape {
		s.union(s.slot(g, a, ax), s.slot(h, b, ax))
	}
}

// broadcasting unites the axes of operands with those of a result where they are not repeated.
func (s *sizing) broadcasting(g *ugraph.Graph, r ugraph.ValueID, args []ugraph.ValueID, rank int) {
	for _, a := range args {
		for ax, d := range g.Values[a].Shape {
			j := rank - g.Values[a].Rank() + ax
			if j >= 0 && d == g.Values[r].Shape[j] {
				s.union(s.slot(g, a, ax), s.slot(g, r, j))
			}
		}
	}
}

// leading does the same for the leading axes of an operand, all but the last skip.
func (s *sizing) leading(g *ugraph.Graph, r, a ugraph.ValueID, skip int) {
	ra, rr := g.Values[a].Rank()-skip, g.Values[r].Rank()-skip
	for ax := range ra {
		j := rr - ra + ax
		if j >= 0 && g.Values[a].Shape[ax] == g.Values[r].Shape[j] {
			s.union(s.slot(g, a, ax), s.slot(g, r, j))
		}
	}
}

func (s *sizing) pin(i int, why string) {
	if _, ok := s.pinned[i]; !ok {
		s.pinned[i] = why
	}
}

func (s *sizing) node(g *ugraph.Graph, n *ugraph.Node) {
	rank := func(v ugraph.ValueID) int { return g.Values[v].Rank() }
	at := func(v ugraph.ValueID, ax int) int { return s.slot(g, v, ax) }
	if len(n.Results) == 0 {
		return
	}
	r := n.Results[0]
	axis := func(def int64) int {
		a, _ := ugraph.NormalAxis(n.Attrs.Int("axis", def), rank(n.Args[0]))
		return a
	}
	switch n.Op {
	case ugraph.OpConst:
	case ugraph.OpIota:
		s.iota[at(r, 0)] = true
	case ugraph.OpMatMul:
		a, b := n.Args[0], n.Args[1]
		am, ak := rank(a)-2, rank(a)-1
		if n.Attrs.Flag("transpose_a") {
			am, ak = ak, am
		}
		bk, bn := rank(b)-2, rank(b)-1
		if n.Attrs.Flag("transpose_b") {
			bk, bn = bn, bk
		}
		s.union(at(a, ak), at(b, bk))
		s.union(at(a, am), at(r, rank(r)-2))
		s.union(at(b, bn), at(r, rank(r)-1))
		s.leading(g, r, a, 2)
		s.leading(g, r, b, 2)
	case ugraph.OpSum, ugraph.OpMean, ugraph.OpMax, ugraph.OpMin, ugraph.OpArgmax, ugraph.OpLogSumExp:
		axes, _ := ugraph.ReduceAxes(n.Attrs, rank(n.Args[0]))
		if n.Op == ugraph.OpLogSumExp {
			axes = []int{axis(-1)}
		}
		gone := map[int]bool{}
		for _, a := range axes {
			gone[a] = true
			if n.Op == ugraph.OpArgmax && s.indices {
				s.pin(at(n.Args[0], a), "an index of it is computed with")
			}
		}
		j := 0
		for ax := range rank(n.Args[0]) {
			if !gone[ax] {
				s.union(at(n.Args[0], ax), at(r, j))
			}
			if !gone[ax] || n.Attrs.Flag("keepdims") {
				j++
			}
		}
	case ugraph.OpTranspose:
		perm, _ := ugraph.Perm(n.Attrs, rank(r))
		for i, p := range perm {
			s.union(at(r, i), at(n.Args[0], p))
		}
	case ugraph.OpReshape:
		x := n.Args[0]
		for _, gr := range reshapeGroups(g.Values[x].Shape, g.Values[r].Shape) {
			in, out := gr.in, gr.out
			ins, outs := slots(at(x, 0), in), slots(at(r, 0), out)
			switch {
			case len(ins) == 1 && len(outs) == 1:
				s.union(ins[0], outs[0])
			case len(ins) == 1 && len(outs) > 0:
				s.rels = append(s.rels, relation{kind: product, whole: ins[0], parts: outs})
			case len(outs) == 1 && len(ins) > 0:
				s.rels = append(s.rels, relation{kind: product, whole: outs[0], parts: ins})
			case len(ins) > 0 && len(outs) > 0:
				for _, i := range append(ins, outs...) {
					s.pin(i, "a reshape mixes axes")
				}
			}
		}
	case ugraph.OpConcat:
		ax := axis(0)
		var ps []int
		for _, a := range n.Args {
			ps = append(ps, at(a, ax))
			for i := range rank(a) {
				if i != ax {
					s.union(at(a, i), at(r, i))
				}
			}
		}
		s.rels = append(s.rels, relation{kind: total, whole: at(r, ax), parts: ps})
	case ugraph.OpSplit:
		ax := axis(0)
		for _, p := range n.Results {
			for i := range rank(p) {
				if i != ax {
					s.union(at(p, i), at(n.Args[0], i))
				}
			}
			s.union(at(p, ax), at(r, ax))
		}
		ps := make([]int, len(n.Results))
		for i := range ps {
			ps[i] = at(r, ax)
		}
		s.rels = append(s.rels, relation{kind: total, whole: at(n.Args[0], ax), parts: ps})
	case ugraph.OpSlice:
		ax := axis(0)
		for i := range rank(r) {
			if i != ax || g.Values[r].Shape[i] == g.Values[n.Args[0]].Shape[i] {
				s.union(at(r, i), at(n.Args[0], i))
			}
		}
		if g.Values[r].Shape[ax] != g.Values[n.Args[0]].Shape[ax] {
			s.pin(at(r, ax), "a slice has fixed bounds")
			s.pin(at(n.Args[0], ax), "a slice has fixed bounds")
		}
	case ugraph.OpGather, ugraph.OpScatterAdd:
		ax := axis(0)
		x, idx, y := n.Args[0], n.Args[1], r
		if n.Op == ugraph.OpScatterAdd {
			y = n.Args[2]
			s.same(g, x, g, r)
		}
		for i := range rank(x) {
			switch {
			case i < ax:
				s.union(at(x, i), at(y, i))
			case i > ax:
				s.union(at(x, i), at(y, i-1+rank(idx)))
			}
		}
		for i := range rank(idx) {
			s.union(at(idx, i), at(y, ax+i))
		}
	case ugraph.OpTopK:
		ax := axis(-1)
		for _, p := range n.Results {
			for i := range rank(p) {
				if i != ax {
					s.union(at(p, i), at(n.Args[0], i))
				} else {
					s.union(at(p, i), at(r, i))
					s.pin(at(p, i), "top-k takes a fixed number")
				}
			}
		}
		k := int(n.Attrs.Int("k", 1))
		if i := at(n.Args[0], ax); s.fixed[i] < k+1 {
			s.fixed[i] = k + 1
		}
		if s.indices {
			s.pin(at(n.Args[0], ax), "an index of it is computed with")
		}
	case ugraph.OpRope:
		s.same(g, n.Args[0], g, r)
		half, _ := g.Values[r].Shape[rank(r)-1].Div(2)
		pair := s.fresh(ugraph.D(2))
		s.pin(pair, "rope rotates pairs")
		parts := []int{pair, s.fresh(half)}
		if n.Attrs.Word("style", "half") == "interleaved" {
			slices.Reverse(parts)
		}
		s.rels = append(s.rels, relation{kind: product, whole: at(r, rank(r)-1), parts: parts})
		pos := n.Args[1]
		for ax, d := range g.Values[pos].Shape {
			if j := rank(r) - 1 - rank(pos) + ax; d == g.Values[r].Shape[j] {
				s.union(at(pos, ax), at(r, j))
			}
		}
	case ugraph.OpAttention:
		q, k, v := n.Args[0], n.Args[1], n.Args[2]
		m := rank(q)
		for i := range m - 3 {
			s.union(at(q, i), at(k, i))
			s.union(at(q, i), at(v, i))
			s.union(at(q, i), at(r, i))
		}
		s.union(at(k, m-3), at(v, m-3))
		s.union(at(q, m-3), at(r, m-3))
		if g.Values[q].Shape[m-3] == g.Values[k].Shape[m-3] {
			s.union(at(q, m-3), at(k, m-3))
		} else {
			hq, _ := g.Values[q].Shape[m-3].Const()
			hk, _ := g.Values[k].Shape[m-3].Const()
			each := s.fresh(ugraph.D(hq / max(hk, 1)))
			s.kernel[each] = g.Level == ugraph.KernelLevel // the query heads are a merged axis, as if a reshape had split them
			s.rels = append(s.rels, relation{kind: product, whole: at(q, m-3), parts: []int{at(k, m-3), each}, heads: true})
		}
		s.union(at(q, m-2), at(r, m-2))
		s.union(at(q, m-1), at(k, m-1))
		s.union(at(k, m-2), at(v, m-2))
		s.union(at(v, m-1), at(r, m-1))
		if len(n.Args) == 4 {
			mask := n.Args[3]
			for ax, d := range g.Values[mask].Shape {
				j := m - rank(mask) + ax
				switch {
				case d.Is(1):
				case j == m-1:
					s.union(at(mask, ax), at(k, m-2))
				default:
					s.union(at(mask, ax), at(q, j))
				}
			}
		}
		if n.Attrs.Flag("causal") {
			s.iota[at(k, m-2)], s.iota[at(q, m-2)] = true, true
		}
	case ugraph.OpLoad:
		x := n.Args[0]
		cur := make([]int, rank(x))
		for i := range cur {
			cur[i] = at(x, i)
		}
		grid, _ := n.Attrs.Get("grid")
		for gi, a := range grid.Ints {
			if a >= 0 {
				cur[a] = s.cutAxis(cur[a], g.Grid[gi], s.grids[g][gi], g.Values[x].Shape[a])
			}
		}
		if a := n.Attrs.Int("loop", -1); a >= 0 {
			extent := s.real[cur[a]]
			cur[a] = s.cutAxis(cur[a], *g.Loop, s.loops[g], extent)
		}
		for i := range cur {
			s.union(cur[i], at(r, i))
		}
	case ugraph.OpAccum, ugraph.OpRunning, ugraph.OpPrevious:
		s.same(g, n.Args[0], g, r)
		if len(n.Args) == 2 {
			s.broadcasting(g, r, n.Args[1:], rank(r))
		}
	case ugraph.OpKernel:
		for k, res := range n.Results {
			s.storedResult(g, n.Body, k, res)
		}
	case ugraph.OpThread:
		for k, res := range n.Results {
			s.same(n.Body, n.Body.Outputs[k].Value, g, res)
		}
	default:
		s.broadcasting(g, r, n.Args, rank(r))
	}
}

func slots(first int, run [2]int) []int {
	var out []int
	for i := run[0]; i < run[1]; i++ {
		out = append(out, first+i)
	}
	return out
}

// cutAxis is the variable of a tile's axis that d cuts from a whole axis.
func (s *sizing) cutAxis(whole int, d ugraph.GridDim, c cutVars, extent ugraph.Dim) int {
	if d.Parts > 0 {
		t, _ := extent.Div(d.Parts)
		tile := s.fresh(t)
		s.rels = append(s.rels, relation{kind: product, whole: whole, parts: []int{c.parts, tile}})
		return tile
	}
	tile := s.fresh(s.real[c.tile])
	s.union(tile, c.tile)
	_, even := extent.Div(d.Tile)
	if n, ok := extent.Const(); ok && n < d.Tile {
		even = true
	}
	s.rels = append(s.rels, relation{kind: tiled, whole: whole, parts: []int{c.tile, c.parts}, ragged: !even})
	return tile
}

// storedResult relates a kernel's result to the tile that is stored in it.
func (s *sizing) storedResult(g, body *ugraph.Graph, k int, res ugraph.ValueID) {
	o := body.Outputs[k]
	typ := body.Values[o.Value].Type
	for ax := range typ.Shape {
		cur := s.slot(body, o.Value, ax)
		if o.Store.Loop == ax && body.Loop != nil {
			cur = s.uncut(cur, *body.Loop, s.loops[body], s.real[cur])
		}
		for gi, a := range o.Store.Grid {
			if a != ax {
				continue
			}
			if typ.Cut(ax).Grid == gi+1 {
				cur = s.uncut(cur, body.Grid[gi], s.grids[body][gi], s.real[cur])
			} else {
				w := s.fresh(s.real[cur].Mul(s.real[s.grids[body][gi].parts]))
				parts := s.grids[body][gi].parts
				s.rels = append(s.rels, relation{kind: product, whole: w, parts: []int{parts, cur}, stacked: true})
				if typ.Shape[ax].Is(1) {
					s.stacks[parts] = append(s.stacks[parts], w)
				} else {
					s.unweighed[parts] = true
				}
				cur = w
			}
		}
		s.union(cur, s.slot(g, res, ax))
	}
}

func (s *sizing) uncut(tile int, d ugraph.GridDim, c cutVars, extent ugraph.Dim) int {
	if d.Parts > 0 {
		w := s.fresh(extent.Mul(ugraph.D(d.Parts)))
		s.rels = append(s.rels, relation{kind: product, whole: w, parts: []int{c.parts, tile}})
		return w
	}
	// The axis that was cut has the same tiles: they share their relation's whole by its extent.
	for _, r := range s.rels {
		if r.kind == tiled && s.find(r.parts[0]) == s.find(c.tile) && r.parts[1] == c.parts {
			return r.whole
		}
	}
	w := s.fresh(d.Extent)
	_, even := d.Extent.Div(d.Tile)
	s.rels = append(s.rels, relation{kind: tiled, whole: w, parts: []int{c.tile, c.parts}, ragged: !even})
	return w
}

// extent is the size of an axis of a value, and its columns.
func (in *instance) extent(g *ugraph.Graph, v ugraph.ValueID, ax int) (int, []int32, error) {
	r := in.sizes.find(in.sizes.slot(g, v, ax))
	if in.size[r] == 0 {
		return 0, nil, fmt.Errorf("an axis has no size in the small instance")
	}
	return in.size[r], in.cols[r], nil
}

func (in *instance) cutOf(c cutVars) cutSize {
	out := cutSize{parts: in.size[in.sizes.find(c.parts)]}
	if c.tile >= 0 {
		out.tile = in.size[in.sizes.find(c.tile)]
	}
	return out
}

func (in *instance) grid(g *ugraph.Graph, i int) cutSize { return in.cutOf(in.sizes.grids[g][i]) }
func (in *instance) loop(g *ugraph.Graph) cutSize        { return in.cutOf(in.sizes.loops[g]) }

// pair is the column id of a merged position.
func (in *instance) pair(a, b int32) int32 {
	k := [2]int32{a, b}
	if id, ok := in.pairs[k]; ok {
		return id
	}
	in.columns++
	in.pairs[k] = in.columns
	return in.columns
}
