package schedule

import (
	"math/bits"
	"slices"

	"github.com/morgana-ml/morgana/search/cost"
	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/search/loop"
	"github.com/morgana-ml/morgana/ugraph"
)

// point is a tiling, or the beginning of one.
type point struct {
	grid     []loop.AxisTile // cuts that are fixed, in the order of the grid
	split    int64           // tile of the loop axis's cut by the grid; 0: none
	loop     int64           // tile of the loop; 0: one trip
	open     expr.AxisSet    // grid axes that are not fixed yet
	loopOpen bool
}

func (p *point) complete() bool { return p.open == 0 && !p.loopOpen }

// pricer turns points into kernels at one size, reusing its memory.
type pricer struct {
	base *model
	m    *model // the variant of base that the tiles ask for
	at   variant
	s    *size
	k    cost.Kernel
	tile []int64
	live []float64
}

func newPricer(m *model, s *size) *pricer {
	return &pricer{base: m, s: s, tile: make([]int64, len(s.extent))}
}

func (r *pricer) product(axes []int) float64 {
	n := 1.0
	for _, a := range axes {
		n *= float64(r.tile[a])
	}
	return n
}

// cut sets the tiles. For least memory, open axes count 1 instead of their whole extent.
func (r *pricer) cut(p *point, least bool) {
	copy(r.tile, r.s.extent)
	if least {
		for _, a := range p.open.List() {
			r.tile[a] = 1
		}
	}
	for _, c := range p.grid {
		r.tile[c.Axis] = min(c.Tile, r.s.extent[c.Axis])
	}
	if l := r.base.f.Loop; l >= 0 {
		if p.split > 0 {
			r.tile[l] = min(r.tile[l], p.split)
		}
		switch {
		case p.loopOpen && least:
			r.tile[l] = 1
		case p.loop > 0:
			r.tile[l] = min(r.tile[l], p.loop)
		}
	}
	v := variant{ones: p.open, partial: p.split > 0 && !r.base.f.Direct} // open axes may still be cut to single elements
	if p.loopOpen {
		v.ones |= expr.Set(r.base.f.Loop)
	}
	for a, n := range r.tile {
		if n == 1 {
			v.ones |= expr.Set(a)
		}
	}
	if v != r.at || r.m == nil {
		r.m, r.at = r.base.variant(v), v
	}
}

// memory is the most bytes of tiles that are live at once.
func (r *pricer) memory() float64 {
	r.live = append(r.live[:0], make([]float64, len(r.m.parts)+2)...)
	for i := range r.m.parts {
		p := &r.m.parts[i]
		if p.scattered { // the products of the batch, until they are summed
			b := r.product(p.out) * 4
			n := b * r.product(p.k) / r.longest(p)
			if p.bytes == 0 {
				n += b
			}
			r.live[i] += n
			r.live[i+1] -= n
		}
		if p.bytes == 0 {
			continue
		}
		b := r.product(p.out) * p.bytes
		r.live[p.from] += b
		r.live[min(p.to, len(r.m.parts))+1] -= b
	}
	var now, most float64
	for _, d := range r.live {
		now += d
		most = max(most, now)
	}
	return most
}

func (r *pricer) leastMemory(p *point) float64 {
	r.cut(p, true)
	return r.memory()
}

// kernel fills r.k with the numbers of the form's (first) kernel at a point.
func (r *pricer) kernel(p *point) *cost.Kernel {
	f := r.base.f
	k := &r.k
	*k = cost.Kernel{Grid: k.Grid[:0], Works: k.Works[:0], Loads: k.Loads[:0], Stores: k.Stores[:0], Trips: cost.Dim{Blocks: 1, Whole: 1}, Open: 1}
	r.cut(p, false)
	m := r.m
	for _, c := range p.grid {
		k.Grid = append(k.Grid, r.dim(c.Axis, r.s.extent[c.Axis], c.Tile))
	}
	partial := p.split > 0 && !f.Direct
	loopWhole := int64(1)
	if f.Loop >= 0 {
		loopWhole = r.s.extent[f.Loop]
	}
	if p.split > 0 {
		k.Grid = append(k.Grid, r.dim(f.Loop, loopWhole, p.split))
		loopWhole = min(loopWhole, p.split)
	}
	switch {
	case f.Loop < 0 || p.loop == 0:
	case p.split > 0: // its columns are the grid's
		k.Trips = cost.Cut(loopWhole, p.loop)
	default:
		k.Trips = r.dim(f.Loop, loopWhole, p.loop)
	}
	if !p.complete() {
		k.Bound = true
		for _, a := range p.open.List() {
			k.Open *= float64(r.s.extent[a])
		}
	}
	for i := range m.parts {
		q := &m.parts[i]
		if q.kind == cost.Free {
			continue
		}
		w := cost.Work{Kind: q.kind, Phase: q.phase, DType: q.dtype, Flops: q.flops, Rate: q.rate, Folded: q.folded}
		if !q.near {
			w.Bytes = r.product(q.out) * 4
		}
		for _, a := range q.args {
			w.Bytes += r.product(a) * 4
		}
		if q.kind == cost.MatMul {
			w.Batch, w.M, w.N, w.K = r.product(q.batch), r.product(q.m), r.product(q.n), r.product(q.k)
			w.Packed, w.TransB, w.Accumulates = q.packed, q.transB, q.bytes == 0
			for _, a := range q.apart {
				switch {
				case q.far:
					w.Apart = float64(r.s.extent[a])
				case !p.open.Has(a) && !(p.loopOpen && a == f.Loop):
					w.Apart = float64(r.tile[a])
				} // an open one of a tile may be cut to any length
			}
			for _, a := range q.m {
				w.OpenRows = w.OpenRows || p.open.Has(a) || p.loopOpen && a == f.Loop
			}
			for _, a := range q.n {
				w.OpenColumns = w.OpenColumns || p.open.Has(a) || p.loopOpen && a == f.Loop
			}
		} else {
			w.Elements = r.product(q.axes)
			w.Rows = 1
			if q.byRow {
				w.Rows = w.Elements / r.rowOf(q.order, p)
			}
			for _, a := range q.gaps {
				if l := len(q.order); l > 0 && r.tile[a] < r.s.extent[a] {
					w.Rows = w.Elements / float64(r.tile[q.order[l-1]])
				}
			}
		}
		if q.scattered && w.Kind == cost.MatMul && !k.Bound {
			rest := r.scatter(q, &w)
			k.Works = append(k.Works, w)
			out := r.product(q.out)
			if q.bytes == 0 { // what is summed first is added by itself
				k.Works = append(k.Works, cost.Work{Kind: cost.Simple, Phase: q.phase, DType: q.dtype, Flops: 1, Elements: out, Bytes: 2 * out * 4, Rows: 1})
			}
			w = cost.Work{Kind: cost.Reduce, Phase: q.phase, DType: q.dtype, Flops: 1, Elements: rest * out, Bytes: (rest + 1) * out * 4, Rows: rest * out / r.rowOf(q.order, p)}
		}
		k.Works = append(k.Works, w)
	}
	for i := range m.loads {
		t := &m.loads[i]
		n := r.product(t.axes)
		if slices.Contains(t.axes, f.Loop) {
			n *= k.Trips.Whole
		}
		l := cost.Load{Bytes: n * t.size, Cached: r.cached(t), DType: t.dtype}
		if t.columns >= 0 && !p.open.Has(t.columns) && !(p.loopOpen && t.columns == f.Loop) {
			g := m.row.ColumnGroup
			x := r.tile[t.columns]
			l.Bytes *= float64((x+g-1)/g*g) / float64(x)
		}
		if !t.packed {
			l.Run = r.run(t.axes) * t.size
		}
		if t.convert {
			l.Convert = n
		}
		for g, c := range p.grid {
			if slices.Contains(t.axes, c.Axis) {
				l.Cut |= 1 << g
			}
		}
		if p.split > 0 && slices.Contains(t.axes, f.Loop) {
			l.Cut |= 1 << len(p.grid)
		}
		k.Loads = append(k.Loads, l)
	}
	for i := range m.stores {
		t := &m.stores[i]
		s := cost.Store{Bytes: r.s.elements(t.axes) * t.size, Again: 1, Cached: r.cached(t), DType: t.dtype}
		if t.convert {
			s.Convert = r.s.elements(t.axes)
		}
		s.Runs = r.s.elements(t.axes) / r.run(t.axes)
		if p.split > 0 && f.Direct && t.after {
			s.Again = k.Grid[len(k.Grid)-1].Blocks
		}
		k.Stores = append(k.Stores, s)
	}
	if partial {
		parts := k.Grid[len(k.Grid)-1].Blocks
		for _, a := range m.accs {
			b := parts * r.s.elements(m.parts[a].out) * 4
			k.Stores = append(k.Stores, cost.Store{Bytes: b, Again: 1, Cached: cost.Fits(2*b, m.row), Runs: b / 4 / r.run(m.parts[a].order)})
		}
	}
	if !k.Bound {
		k.TileBytes = r.memory()
	}
	return k
}

// longest is the largest extent of a product's reduced axes.
func (r *pricer) longest(q *part) float64 {
	n := int64(1)
	for _, a := range q.k {
		n = max(n, r.tile[a])
	}
	return float64(n)
}

// scatter makes a product sum the longest of its reduced axes alone: the others are axes of the batch, over so many
// of whose products a sum follows, also of one.
func (r *pricer) scatter(q *part, w *cost.Work) float64 {
	longest := r.longest(q)
	rest := w.K / longest
	out := r.product(q.out) * 4
	w.Bytes += (rest - 1) * out
	w.Accumulates = false
	w.Batch, w.K = w.Batch*rest, longest
	return rest
}

// rowOf is the length of a run of elements in a tile whose axes have that order: the last extent above 1, or for a
// bound the largest that it can be.
func (r *pricer) rowOf(order []int, p *point) float64 {
	row := int64(1)
	for i := len(order) - 1; i >= 0; i-- {
		a := order[i]
		row = max(row, r.tile[a])
		if r.tile[a] > 1 && !p.open.Has(a) && !(p.loopOpen && a == r.base.f.Loop) {
			break
		}
	}
	return float64(row)
}

// run is how many elements of a tile follow each other in a tensor with those axes.
func (r *pricer) run(axes []int) float64 {
	run := 1.0
	for i := len(axes) - 1; i >= 0; i-- {
		a := axes[i]
		run *= float64(r.tile[a])
		if r.tile[a] < r.s.extent[a] {
			break
		}
	}
	return run
}

// dim is an axis in tiles; a ragged one of columns of products is rounded up.
func (r *pricer) dim(axis int, n, tile int64) cost.Dim {
	if r.m.padded.Has(axis) {
		return cost.CutColumns(n, tile, r.m.row.ColumnGroup)
	}
	return cost.Cut(n, tile)
}

// turn reverses the first n dimensions of the grid of r.k: all else is the same.
func (r *pricer) turn(n int) {
	slices.Reverse(r.k.Grid[:n])
	for i := range r.k.Loads {
		cut := &r.k.Loads[i].Cut
		low := *cut & (1<<n - 1)
		*cut = *cut&^(1<<n-1) | bits.Reverse64(low)>>(64-n)
	}
}

func (r *pricer) cached(t *tensor) bool {
	if t.inner { // written and read again
		return cost.Fits(2*r.s.elements(t.axes)*t.size, r.m.row)
	}
	return r.s.warm
}

// contiguous is the shortest contiguous run of elements that a load or store of a block has.
func (r *pricer) contiguous() int64 {
	least := int64(1) << 40
	for _, list := range [][]tensor{r.m.loads, r.m.stores} {
		for _, t := range list {
			if len(t.axes) > 0 {
				least = min(least, r.tile[t.axes[len(t.axes)-1]])
			}
		}
	}
	return least
}

// Estimate prices a tiling of a form for the sizes in env, of which opt.ProgramBytes has one: the sum of its kernels, of which a split
// that is not direct has two.
func Estimate(f *loop.Form, t loop.Tiling, env ugraph.Env, opt Options) (cost.Estimate, error) {
	if err := f.Check(t); err != nil {
		return cost.Estimate{}, err
	}
	row := opt.Row
	m := newModel(f, row, opt.InnerInputs, opt.InnerOutputs)
	bytes := 0.0
	if opt.ProgramBytes != nil {
		bytes = opt.ProgramBytes[0]
	}
	s, err := newSize(f.DAG, env, row, bytes)
	if err != nil {
		return cost.Estimate{}, err
	}
	r := newPricer(m, &s)
	p := &point{grid: t.Grid, loop: t.LoopTile}
	if t.Split != nil {
		p.split = t.Split.Tile
	}
	e := r.kernel(p).Estimate(row)
	if p.split == 0 || f.Direct {
		return e, nil
	}
	mf, inner, err := mergeForm(f, p.split, opt)
	if err != nil {
		return cost.Estimate{}, err
	}
	grid := t.MergeGrid
	if grid == nil {
		for _, c := range t.Grid {
			if mf.Grid.Has(c.Axis) {
				grid = append(grid, c)
			}
		}
	}
	second, err := Estimate(mf, loop.Tiling{Grid: grid}, env, Options{Row: row, InnerInputs: inner, InnerOutputs: opt.InnerOutputs, ProgramBytes: []float64{s.bytes}})
	if err != nil {
		return cost.Estimate{}, err
	}
	return cost.Sum(e, second), nil
}

// mergeForm is the second kernel's form and which of its inputs are intermediate tensors.
func mergeForm(f *loop.Form, split int64, opt Options) (*loop.Form, []bool, error) {
	mf, sources, err := f.Merge(split)
	if err != nil {
		return nil, nil, err
	}
	inner := make([]bool, len(sources))
	for i, s := range sources {
		inner[i] = s < 0 || opt.InnerInputs != nil && opt.InnerInputs[s]
	}
	return mf, inner, nil
}
