package cost

import (
	"fmt"
	"slices"

	"github.com/morgana-ml/morgana/ugraph"
)

// gridDim evaluates a grid dimension or loop; its tile is cut from an axis of the given extent.
func gridDim(d ugraph.GridDim, env ugraph.Env) (Dim, error) {
	if d.Parts > 0 {
		return Dim{Blocks: float64(d.Parts), Whole: float64(d.Parts)}, nil
	}
	n, err := d.Extent.Eval(env)
	if err != nil {
		return Dim{}, err
	}
	return Cut(n, d.Tile), nil
}

// Cut is an axis of extent n in tiles.
func Cut(n, tile int64) Dim {
	if tile >= n {
		return Dim{Blocks: 1, Whole: 1}
	}
	return Dim{Blocks: float64((n + tile - 1) / tile), Whole: float64(n) / float64(tile)}
}

// CutColumns is Cut of an axis along which products compute columns, in groups of so many.
func CutColumns(n, tile, group int64) Dim {
	d := Cut(n, tile)
	if rest := n % tile; tile < n && rest > 0 {
		up := func(x int64) float64 { return float64((x + group - 1) / group * group) }
		d.Padded = float64(n/tile) + up(rest)/up(tile)
	}
	return d
}

// blockReader turns a block graph into numbers.
type blockReader struct {
	c      *context
	n      *ugraph.Node
	g      *ugraph.Graph
	k      *Kernel
	phases []ugraph.Phase
	sizes  [][]int64 // of full tiles
	elems  []float64
	uses   [][]ugraph.NodeID
}

// block is a kernel that a block graph defines.
func (c *context) block(n *ugraph.Node) (*Kernel, error) {
	r := &blockReader{c: c, n: n, g: opened(n.Body), k: &Kernel{Trips: Dim{Blocks: 1, Whole: 1}}}
	for _, d := range r.g.Grid {
		dim, err := gridDim(d, c.env)
		if err != nil {
			return nil, err
		}
		r.k.Grid = append(r.k.Grid, dim)
	}
	if r.g.Loop != nil {
		dim, err := gridDim(*r.g.Loop, c.env)
		if err != nil {
			return nil, err
		}
		r.k.Trips = dim
	}
	if err := r.columns(); err != nil {
		return nil, err
	}
	var bad ugraph.NodeID
	if r.phases, bad = ugraph.Phases(r.g); bad >= 0 {
		return nil, fmt.Errorf("node %d has operands of the loop and of after it", bad)
	}
	if err := r.measure(); err != nil {
		return nil, err
	}
	for i := range r.g.Nodes {
		if err := r.node(&r.g.Nodes[i]); err != nil {
			return nil, err
		}
	}
	for i, o := range r.g.Outputs {
		if err := r.store(i, o); err != nil {
			return nil, err
		}
	}
	r.k.TileBytes = r.peak()
	return r.k, nil
}

// Run is how many elements of a tile follow each other in its tensor.
func Run(tile, whole []int64) float64 {
	run := 1.0
	for a := len(tile) - 1; a >= 0; a-- {
		run *= float64(min(tile[a], whole[a]))
		if tile[a] < whole[a] {
			break
		}
	}
	return run
}

// columns rounds ragged tiles up along which products compute columns.
func (r *blockReader) columns() error {
	pad := func(dim *Dim, d ugraph.GridDim) error {
		if d.Parts > 0 {
			return nil
		}
		n, err := d.Extent.Eval(r.c.env)
		if err != nil {
			return err
		}
		*dim = CutColumns(n, d.Tile, r.c.row.ColumnGroup)
		return nil
	}
	for i := range r.g.Nodes {
		n := &r.g.Nodes[i]
		if n.Op != ugraph.OpMatMul {
			continue
		}
		v := r.g.Values[n.Results[0]].Type
		cut := v.Cut(v.Rank() - 1)
		if g := cut.Grid - 1; g >= 0 {
			if err := pad(&r.k.Grid[g], r.g.Grid[g]); err != nil {
				return err
			}
		}
		if cut.Loop && cut.Grid == 0 {
			if err := pad(&r.k.Trips, *r.g.Loop); err != nil {
				return err
			}
		}
	}
	return nil
}

// opened is the block graph with the nodes of its thread graphs in the place of these: the executor runs
// them one by one on tiles. Outputs keep their types; nothing is inferred again.
func opened(g *ugraph.Graph) *ugraph.Graph {
	out := &ugraph.Graph{Level: g.Level, Name: g.Name, Grid: g.Grid, Loop: g.Loop}
	to := make([]ugraph.ValueID, len(g.Values))
	for _, in := range g.Inputs {
		v := g.Values[in.Value]
		to[in.Value] = out.AddInput(v.Name, v.Type, in.Const)
	}
	add := func(op ugraph.Op, attrs ugraph.Attrs, args []ugraph.ValueID, types []ugraph.Type) []ugraph.ValueID {
		n := ugraph.Node{Op: op, Attrs: attrs, Args: args}
		for i, t := range types {
			n.Results = append(n.Results, ugraph.ValueID(len(out.Values)))
			out.Values = append(out.Values, ugraph.Value{Type: t, Node: ugraph.NodeID(len(out.Nodes)), Index: i})
		}
		out.Nodes = append(out.Nodes, n)
		return n.Results
	}
	mapped := func(ids, to []ugraph.ValueID) []ugraph.ValueID {
		m := make([]ugraph.ValueID, len(ids))
		for i, v := range ids {
			m[i] = to[v]
		}
		return m
	}
	types := func(g *ugraph.Graph, ids []ugraph.ValueID) []ugraph.Type {
		ts := make([]ugraph.Type, len(ids))
		for i, v := range ids {
			ts[i] = g.Values[v].Type
		}
		return ts
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Op != ugraph.OpThread {
			for j, r := range add(n.Op, n.Attrs, mapped(n.Args, to), types(g, n.Results)) {
				to[n.Results[j]] = r
			}
			continue
		}
		inner := make([]ugraph.ValueID, len(n.Body.Values))
		for j, in := range n.Body.Inputs {
			inner[in.Value] = to[n.Args[j]]
		}
		for k := range n.Body.Nodes {
			m := &n.Body.Nodes[k]
			for j, r := range add(m.Op, m.Attrs, mapped(m.Args, inner), types(n.Body, m.Results)) {
				inner[m.Results[j]] = r
			}
		}
		for j, o := range n.Body.Outputs {
			to[n.Results[j]] = inner[o.Value]
		}
	}
	for _, o := range g.Outputs {
		o.Value = to[o.Value]
		out.Outputs = append(out.Outputs, o)
	}
	return out
}

// measure evaluates the shapes of all tiles. A tile is no larger than the axis that it was cut from.
func (r *blockReader) measure() error {
	r.uses = make([][]ugraph.NodeID, len(r.g.Values))
	for i := range r.g.Nodes {
		for _, a := range r.g.Nodes[i].Args {
			r.uses[a] = append(r.uses[a], ugraph.NodeID(i))
		}
	}
	for i := range r.g.Values {
		v := &r.g.Values[i]
		s, err := ugraph.EvalShape(v.Shape, r.c.env)
		if err != nil {
			return err
		}
		p := 1.0
		for a := range s {
			if c := v.Cut(a); c.IsCut() && !c.Irregular {
				whole, err := c.Extent.Eval(r.c.env)
				if err != nil {
					return err
				}
				s[a] = min(s[a], whole)
			}
			p *= float64(s[a])
		}
		r.sizes = append(r.sizes, s)
		r.elems = append(r.elems, p)
	}
	return nil
}

// source follows casts and views back to the load that a value is of; -1 if it is computed.
func (r *blockReader) source(v ugraph.ValueID) ugraph.NodeID {
	for {
		n := r.g.Values[v].Node
		if n < 0 {
			return -1
		}
		switch op := r.g.Nodes[n].Op; {
		case op == ugraph.OpLoad:
			return n
		case KindOf(op) != Free || len(r.g.Nodes[n].Args) != 1 || op == ugraph.OpRunning || op == ugraph.OpPrevious || r.rounds(&r.g.Nodes[n]):
			return -1
		}
		v = r.g.Nodes[n].Args[0]
	}
}

// weight tells whether a load reads a weight that only products read, as their second operand: then
// the executor has packed it.
func (r *blockReader) weight(load ugraph.NodeID) bool {
	n := &r.g.Nodes[load]
	in := r.g.Values[n.Args[0]]
	if in.Node >= 0 || !r.c.isConst[r.n.Args[in.Index]] || !Packs(in.DType) {
		return false
	}
	return r.onlyProducts(n.Results[0])
}

func (r *blockReader) onlyProducts(v ugraph.ValueID) bool {
	for _, u := range r.uses[v] {
		m := &r.g.Nodes[u]
		switch {
		case m.Op == ugraph.OpMatMul && m.Args[1] == v && m.Args[0] != v:
		case KindOf(m.Op) == Free && len(m.Args) == 1 && r.onlyProducts(m.Results[0]):
		default:
			return false
		}
	}
	return true
}

// onlyMultiplied tells whether every use of a value is an operand of a product.
func (r *blockReader) onlyMultiplied(v ugraph.ValueID) bool {
	return len(r.uses[v]) > 0 && !slices.ContainsFunc(r.uses[v], func(u ugraph.NodeID) bool { return r.g.Nodes[u].Op != ugraph.OpMatMul })
}

func (r *blockReader) node(n *ugraph.Node) error {
	if n.Op == ugraph.OpLoad {
		r.load(n)
		return nil
	}
	kind := KindOf(n.Op)
	out := n.Results[0]
	if r.rounds(n) {
		to := r.g.Values[out].DType
		r.k.Works = append(r.k.Works, Work{Kind: Move, Phase: r.phases[out], DType: to, Elements: r.elems[out], Flops: 1,
			Bytes: r.elems[out] * 8, Rows: 1, Rate: r.c.row.CastRate(to).Round})
		return nil
	}
	if n.Op == ugraph.OpTranspose && !r.onlyMultiplied(out) && r.moves(n) { // products read a view, others need the elements in order
		r.k.Works = append(r.k.Works, Work{Kind: Move, Phase: r.phases[out], Elements: r.elems[out], Rows: 1, Rate: r.c.row.Move * Transposed})
		return nil
	}
	switch {
	case kind == Free:
		return nil
	case r.folded(n):
		r.k.Works = append(r.k.Works, Work{Kind: kind, Phase: r.phases[out], Elements: r.elems[out], Flops: n.Op.Info().Flops, Folded: true})
		return nil
	}
	w := Work{Kind: kind, Phase: r.phases[out], DType: r.g.Values[n.Args[0]].DType, Elements: r.elems[out], Flops: n.Op.Info().Flops}
	w.Rows = 1
	gaps := false
	for _, a := range r.operands(n) {
		if !r.passes(a, n) {
			w.Bytes += r.elems[a] * 4
		}
		gaps = gaps || r.gaps(a)
		if r.elems[a] != r.elems[out] && r.elems[a] > 1 {
			w.Rows = r.rows(out)
		}
	}
	if !r.private(out) {
		w.Bytes += r.elems[out] * 4
	}
	if r.summed(out) {
		w.Rows = r.rows(out)
	}
	switch n.Op.Info().Class {
	case ugraph.Reduction, ugraph.Selection:
		w.Elements = r.elems[n.Args[0]]
		w.Rows = r.rows(n.Args[0])
		if gaps {
			w.Rows = r.runs(n.Args[0])
		}
	case ugraph.Elementwise:
		if gaps {
			w.Rows = r.runs(out)
		}
	case ugraph.Contraction:
		w.Batch, w.M, w.N, w.K = matmulSizes(n.Attrs, r.sizes[n.Args[0]], r.sizes[out])
		w.Rows, w.TransB = 0, n.Attrs.Flag("transpose_b")
		b := r.sizes[n.Args[1]]
		w.Apart = float64(b[len(b)-1])
		if s := r.source(n.Args[1]); s >= 0 {
			w.Packed = r.weight(s)
			if r.streams(s) { // counted as a load
				w.Bytes -= r.elems[n.Args[1]] * 4
			}
			if whole := r.g.Values[r.g.Nodes[s].Args[0]]; whole.Rank() > 0 {
				apart, err := whole.Shape[whole.Rank()-1].Eval(r.c.env)
				if err != nil {
					return err
				}
				w.Apart = float64(apart)
			}
		}
		w.Rate = r.productRate(n)
		w.Accumulates = r.accumulated(out)
	}
	if n.Op == ugraph.OpAccum {
		w.Phase = ugraph.InLoop
		if p := r.g.Values[n.Args[0]].Node; len(n.Args) == 1 && p >= 0 && r.g.Nodes[p].Op == ugraph.OpMatMul {
			return nil // the product is added to the accumulator in place
		}
		w.Flops = float64(len(n.Args))
	}
	r.k.Works = append(r.k.Works, w)
	return nil
}

// streams tells whether a packed weight passes by once per block: it is read in the phase in which it is
// loaded. One that is loaded before the loop and read in each trip has to stay in a cache instead.
func (r *blockReader) streams(load ugraph.NodeID) bool {
	v := r.g.Nodes[load].Results[0]
	return r.weight(load) && r.readIn(v, r.phases[v])
}

func (r *blockReader) readIn(v ugraph.ValueID, p ugraph.Phase) bool {
	for _, u := range r.uses[v] {
		out := r.g.Nodes[u].Results[0]
		if r.phases[out] != p || r.isView(&r.g.Nodes[u]) && !r.readIn(out, p) {
			return false
		}
	}
	return true
}

// rows is the number of contiguous runs of a tile.
func (r *blockReader) rows(v ugraph.ValueID) float64 {
	s := r.sizes[v]
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] > 1 {
			return r.elems[v] / float64(s[i])
		}
	}
	return 1
}

// runs is the number of rows of a tile that do not follow each other, be they of one element each.
func (r *blockReader) runs(v ugraph.ValueID) float64 {
	s := r.sizes[v]
	if len(s) == 0 {
		return 1
	}
	return r.elems[v] / float64(s[len(s)-1])
}

// moves tells whether a transposition changes the order of elements: axes of a single one may stand anywhere.
func (r *blockReader) moves(n *ugraph.Node) bool {
	perm, err := ugraph.Perm(n.Attrs, len(r.sizes[n.Args[0]]))
	if err != nil {
		return true
	}
	last := -1
	for _, a := range perm {
		if r.sizes[n.Args[0]][a] == 1 {
			continue
		}
		if a < last {
			return true
		}
		last = a
	}
	return false
}

func (r *blockReader) load(n *ugraph.Node) {
	whole := r.g.Values[n.Args[0]]
	if whole.Node >= 0 {
		return // an index costs nothing to read
	}
	v := n.Results[0]
	elements := r.elems[v]
	if r.phases[v] == ugraph.InLoop {
		elements *= r.k.Trips.Whole
	}
	outer := r.n.Args[whole.Index]
	l := Load{Bytes: elements * float64(whole.DType.Size()), DType: whole.DType}
	switch whole, err := ugraph.EvalShape(whole.Shape, r.c.env); {
	case r.weight(r.g.Values[v].Node):
		l.Bytes *= r.padding(v)
	case err == nil && len(whole) == len(r.sizes[v]):
		l.Run = Run(r.sizes[v], whole) * float64(l.DType.Size())
	}
	if grid, ok := n.Attrs.Get("grid"); ok {
		for g, axis := range grid.Ints {
			if axis >= 0 {
				l.Cut |= 1 << g
			}
		}
	}
	all := 1.0
	for _, d := range whole.Shape {
		x, err := d.Eval(r.c.env)
		if err != nil {
			x = 1 // reported by measure
		}
		all *= float64(x)
	}
	l.Cached = r.c.cached(outer, all*float64(whole.DType.Size()))
	if Widens(whole.DType) && !r.weight(r.g.Values[v].Node) {
		l.Convert = elements
	}
	r.k.Loads = append(r.k.Loads, l)
}

func (r *blockReader) store(i int, o ugraph.Output) error {
	t, err := r.g.OutputType(i)
	if err != nil {
		return err
	}
	b, err := bytesOf(t, r.c.env)
	if err != nil {
		return err
	}
	s := Store{Bytes: float64(b), Again: 1, Cached: r.c.cached(r.n.Results[i], float64(b)), DType: t.DType}
	elements := float64(b) / float64(t.DType.Size())
	if Widens(t.DType) {
		s.Convert = elements
	}
	whole, err := ugraph.EvalShape(t.Shape, r.c.env)
	if err != nil {
		return err
	}
	if tile := r.sizes[o.Value]; len(tile) == len(whole) {
		s.Runs = elements / Run(tile, whole)
	}
	if o.Store.Reduce != "" {
		for g, axis := range o.Store.Grid {
			if axis < 0 {
				s.Again *= r.k.Grid[g].Blocks
			}
		}
	}
	r.k.Stores = append(r.k.Stores, s)
	return nil
}

// peak is the most bytes of tiles that are live at once, in the order of the nodes: weights that
// products read stream by, an elementwise result takes the place of an operand that dies there,
// accumulators live as long as the block.
func (r *blockReader) peak() float64 {
	last := make([]int, len(r.g.Values))
	for v := range last {
		for _, u := range r.uses[v] {
			last[v] = max(last[v], int(u))
		}
	}
	for _, o := range r.g.Outputs {
		last[o.Value] = len(r.g.Nodes)
	}
	p := newPeak(len(r.g.Nodes))
	// Views extend the life of what they view.
	for i := len(r.g.Nodes) - 1; i >= 0; i-- {
		n := &r.g.Nodes[i]
		if r.isView(n) {
			last[n.Args[0]] = max(last[n.Args[0]], last[n.Results[0]])
		}
	}
	for i := range r.g.Nodes {
		n := &r.g.Nodes[i]
		for _, v := range n.Results {
			if last[v] == 0 || r.phases[v] == ugraph.Whole || r.isView(n) || n.Op == ugraph.OpConst ||
				n.Op == ugraph.OpLoad && r.streams(ugraph.NodeID(i)) {
				continue
			}
			from, to := i, last[v]
			switch {
			case n.Op == ugraph.OpAccum:
				from, to = 0, len(r.g.Nodes)
			case n.Op == ugraph.OpMatMul && r.accumulated(v):
				continue
			case n.Op.Info().Class == ugraph.Elementwise:
				for _, a := range n.Args {
					if d := r.g.Values[a].Node; last[a] == i && r.elems[a] == r.elems[v] && d >= 0 && r.g.Nodes[d].Op != ugraph.OpAccum {
						from = i + 1
						break
					}
				}
			}
			p.add(from, to, r.elems[v]*4)
		}
	}
	return p.max()
}

// accumulated tells whether a product is added to an accumulator in place.
func (r *blockReader) accumulated(v ugraph.ValueID) bool {
	if len(r.uses[v]) != 1 {
		return false
	}
	n := &r.g.Nodes[r.uses[v][0]]
	return n.Op == ugraph.OpAccum && len(n.Args) == 1
}

func (r *blockReader) isView(n *ugraph.Node) bool {
	return len(n.Args) > 0 && KindOf(n.Op) == Free && n.Op != ugraph.OpLoad && !r.rounds(n)
}

// peak sums intervals of bytes over positions in time.
type peak []float64

func newPeak(n int) peak { return make(peak, n+2) }

func (p peak) add(from, to int, bytes float64) {
	p[from] += bytes
	p[to+1] -= bytes
}

func (p peak) max() float64 {
	var live, most float64
	for _, d := range p {
		live += d
		most = max(most, live)
	}
	return most
}
