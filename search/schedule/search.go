package schedule

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/search/loop"
	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph"
)

// Options says for what to schedule.
type Options struct {
	Row   *target.Row
	Sizes []ugraph.Env // values of the symbols to tune at; nil: one without symbols
	Top   int          // how many tilings that differ in grid shape; 0: 1
	// Below is a time in microseconds that a tiling must beat to be of interest; 0: none.
	Below float64
	// ProgramBytes has, by size, the bytes of the whole program's inputs and outputs, which decide
	// whether they stay in the last cache; nil: those of the form.
	ProgramBytes []float64
	// InnerInputs and InnerOutputs tell which inputs and outputs of the DAG are intermediate tensors
	// of the program; nil: none.
	InnerInputs, InnerOutputs []bool

	exhaustive bool // no pruning by bounds: for tests
	coarse     bool // fewer tiles: for merges, which take little time however they are cut
}

// Choice is a form with a tiling.
type Choice struct {
	Form      *loop.Form
	Tiling    loop.Tiling
	US        float64   // geometric mean of the predicted times over the sizes, microseconds
	BySize    []float64 // predicted time at each size
	TileBytes float64   // of a block, at the largest size
	Kernels   int
}

// Stats counts what the search did.
type Stats struct {
	States       int // beginnings of tilings that were bounded
	Priced       int // complete tilings that were priced
	PrunedBound  int // states whose bound was not better than the best
	PrunedMemory int // states whose tiles cannot fit
}

// Add sums counts.
func (s *Stats) Add(t Stats) {
	s.States += t.States
	s.Priced += t.Priced
	s.PrunedBound += t.PrunedBound
	s.PrunedMemory += t.PrunedMemory
}

// Best returns the best choices over the given forms of one DAG, the best first; none where no
// tiling fits or is below opt.Below. A cancelled context ends the search with what was found.
func Best(ctx context.Context, forms []*loop.Form, opt Options) ([]Choice, Stats, error) {
	if opt.Row == nil {
		return nil, Stats{}, fmt.Errorf("schedule: no target")
	}
	if opt.Sizes == nil {
		opt.Sizes = []ugraph.Env{{}}
	}
	opt.Top = max(opt.Top, 1)
	s := &search{ctx: ctx, opt: opt, limit: math.Inf(1)}
	if opt.Below > 0 {
		s.limit = bucket(opt.Below)
	}
	if err := s.forms(forms); err != nil {
		return nil, s.stats, err
	}
	out := make([]Choice, len(s.best))
	for i, e := range s.best {
		out[i] = e.choice
	}
	return out, s.stats, nil
}

// bucket quantises a time: those in one bucket tie.
func bucket(us float64) float64 { return math.Floor(math.Log(us) * 500) }

// entry is a found tiling with what decides ties.
type entry struct {
	choice     Choice
	bucket     float64
	contiguous int64
	trips      float64
	serial     int
}

// before orders entries: cost, less tile memory, longer runs, fewer trips, the order of enumeration.
func (e *entry) before(o *entry) bool {
	switch {
	case e.bucket != o.bucket:
		return e.bucket < o.bucket
	case e.choice.Kernels != o.choice.Kernels:
		return e.choice.Kernels < o.choice.Kernels
	case e.choice.TileBytes != o.choice.TileBytes:
		return e.choice.TileBytes < o.choice.TileBytes
	case e.contiguous != o.contiguous:
		return e.contiguous > o.contiguous
	case e.trips != o.trips:
		return e.trips < o.trips
	}
	return e.serial < o.serial
}

// sameShape tells whether two entries have the same grid for a loop over the same axis: then they compete
// for one place.
func (e *entry) sameShape(o *entry) bool {
	a, b := &e.choice, &o.choice
	split := func(t *loop.Tiling) int64 {
		if t.Split == nil {
			return 0
		}
		return t.Split.Tile
	}
	return a.Form.Loop == b.Form.Loop && split(&a.Tiling) == split(&b.Tiling) && slices.Equal(a.Tiling.Grid, b.Tiling.Grid)
}

type search struct {
	ctx   context.Context
	opt   Options
	stats Stats
	best  []entry
	limit float64 // bucket that must not be exceeded
	ticks int
	root  int // number of the root below which the search is

	prepared
	by     []float64
	levels []level
	turned bool // the pricers hold the kernel of the point with its grid in the opposite order
}

// prepared is a form made ready for pricing.
type prepared struct {
	f       *loop.Form
	m       *model
	sp      *space
	sizes   []size
	pricers []*pricer
	most    *pricer // at the largest sizes: for memory
}

// level is the memory of a step of the search, which is used again.
type level struct {
	children []point
	order    []ranked
}

// ranked is a child with its bound.
type ranked struct {
	bound float64
	child int
}

// root is a form with a cut of its loop axis by the grid.
type root struct {
	prepared
	ranked
	point point
}

// forms searches the tilings of forms, those of the least bound first: the sooner a good tiling is found, the more
// is cut off. What is found does not depend on the order.
func (s *search) forms(forms []*loop.Form) error {
	var roots []root
	for _, f := range forms {
		if err := s.prepare(f); err != nil {
			return err
		}
		for _, split := range s.sp.splits {
			r := root{prepared: s.prepared, point: point{split: split, open: expr.Set(s.sp.axes...), loopOpen: f.Loop >= 0}}
			bound, _, ok := s.value(&r.point)
			if !ok {
				continue
			}
			r.bound, r.child = bucket(bound), len(roots)
			roots = append(roots, r)
		}
	}
	slices.SortStableFunc(roots, func(x, y root) int { return cmp.Compare(x.bound, y.bound) })
	for i := range roots {
		r := &roots[i]
		s.prepared, s.root = r.prepared, r.child
		if r.bound > s.limit && !s.opt.exhaustive {
			s.stats.PrunedBound++
			continue
		}
		s.branch(&r.point, 0)
	}
	return nil
}

func (s *search) prepare(f *loop.Form) error {
	s.prepared = prepared{f: f, m: newModel(f, s.opt.Row, s.opt.InnerInputs, s.opt.InnerOutputs)}
	for i, env := range s.opt.Sizes {
		bytes := 0.0
		if s.opt.ProgramBytes != nil {
			bytes = s.opt.ProgramBytes[i]
		}
		z, err := newSize(f.DAG, env, s.opt.Row, bytes)
		if err != nil {
			return err
		}
		s.sizes = append(s.sizes, z)
	}
	for i := range s.sizes {
		s.pricers = append(s.pricers, newPricer(s.m, &s.sizes[i]))
	}
	hi, err := newSize(f.DAG, hiEnv(f.DAG.Symbols), s.opt.Row, 1)
	if err != nil {
		return err
	}
	s.most = newPricer(s.m, &hi)
	s.sp = newSpace(f, s.sizes, s.opt.Row.Units, s.opt.coarse)
	return nil
}

// value is the objective at a point: the price of a complete one, else a lower bound. It is not ok where
// the second kernel of a split has no tiling, or, for a complete point, where it cannot be among the best.
func (s *search) value(p *point) (mean float64, by []float64, ok bool) {
	by = s.by[:0]
	split := p.split > 0 && !s.f.Direct
	for _, r := range s.pricers {
		k := &r.k
		if s.turned {
			r.turn(len(p.grid))
		} else {
			k = r.kernel(p)
		}
		us := k.US(s.opt.Row)
		if split {
			us += s.opt.Row.LaunchUS // the least that the second kernel takes
		}
		by = append(by, us)
	}
	s.by = by
	mean = geometricMean(by)
	if !split || !p.complete() {
		return mean, by, true
	}
	if bucket(mean) > s.limit {
		return 0, nil, false
	}
	m := s.merge(p.split)
	if m.err != nil {
		return 0, nil, false
	}
	for i := range by {
		by[i] += m.us[i] - s.opt.Row.LaunchUS
	}
	return geometricMean(by), by, true
}

func geometricMean(xs []float64) float64 {
	if len(xs) == 1 {
		return xs[0]
	}
	sum := 0.0
	for _, x := range xs {
		sum += math.Log(x)
	}
	return math.Exp(sum / float64(len(xs)))
}

// merge schedules the second kernel for a split, once.
func (s *search) merge(split int64) *merge {
	if m, ok := s.m.merges[split]; ok {
		return m
	}
	m := &merge{}
	s.m.merges[split] = m
	form, inner, err := mergeForm(s.f, split, s.opt)
	if err != nil {
		m.err = err
		return m
	}
	opt := s.opt
	opt.InnerInputs, opt.Top, opt.Below, opt.coarse, opt.ProgramBytes = inner, 1, 0, true, nil
	for i := range s.sizes {
		opt.ProgramBytes = append(opt.ProgramBytes, s.sizes[i].bytes)
	}
	if opt.InnerOutputs != nil {
		opt.InnerOutputs = nil
		for i, o := range s.f.Outputs {
			if s.f.Steps[o].Phase == ugraph.After {
				opt.InnerOutputs = append(opt.InnerOutputs, s.opt.InnerOutputs[i])
			}
		}
	}
	best, _, err := Best(s.ctx, []*loop.Form{form}, opt)
	if err != nil || len(best) == 0 {
		m.err = fmt.Errorf("no tiling of the merge fits")
		return m
	}
	m.grid, m.us = best[0].Tiling.Grid, best[0].BySize
	if m.grid == nil {
		m.grid = []loop.AxisTile{}
	}
	return m
}

// branch fixes grid axis number i of the space, then the loop.
func (s *search) branch(p *point, i int) {
	if s.ticks++; s.ticks&15 == 0 && s.ctx.Err() != nil {
		return
	}
	if p.complete() {
		s.leaf(p)
		return
	}
	for len(s.levels) <= i {
		s.levels = append(s.levels, level{})
	}
	children, order := s.next(p, i), s.levels[i].order[:0]
	for k := range children {
		c := &children[k]
		s.stats.States++
		if s.most.leastMemory(c) > float64(s.opt.Row.TileBudget) {
			s.stats.PrunedMemory++
			continue
		}
		if c.complete() {
			order = append(order, ranked{math.Inf(-1), k})
			continue
		}
		if b, _, ok := s.value(c); ok {
			order = append(order, ranked{bucket(b), k})
		}
	}
	slices.SortFunc(order, func(x, y ranked) int {
		return cmp.Or(cmp.Compare(x.bound, y.bound), cmp.Compare(x.child, y.child))
	})
	s.levels[i].order = order
	for _, c := range order {
		if c.bound > s.limit && !s.opt.exhaustive {
			s.stats.PrunedBound++
			continue
		}
		s.branch(&children[c.child], i+1)
	}
}

// next lists the points one step further than p.
func (s *search) next(p *point, i int) []point {
	out := s.levels[i].children[:0]
	if i < len(s.sp.axes) {
		a := s.sp.axes[i]
		grids := make([]loop.AxisTile, 0, len(s.sp.tiles[i])*(len(p.grid)+1))
		for _, t := range s.sp.tiles[i] {
			c := *p
			c.open &^= expr.Set(a)
			if t != whole {
				from := len(grids)
				grids = s.insert(grids, p.grid, loop.AxisTile{Axis: a, Tile: t})
				c.grid = grids[from:len(grids):len(grids)]
			}
			out = append(out, c)
		}
	} else {
		for _, t := range s.sp.loops {
			if p.split > 0 && t > p.split {
				break
			}
			c := *p
			c.loop, c.loopOpen = t, false
			out = append(out, c)
		}
	}
	s.levels[i].children = out
	return out
}

// insert appends a grid with one more cut to out, in the outputs' order of axes.
func (s *search) insert(out, grid []loop.AxisTile, c loop.AxisTile) []loop.AxisTile {
	at := 0
	for at < len(grid) && s.sp.order[grid[at].Axis] < s.sp.order[c.Axis] {
		at++
	}
	return append(append(append(out, grid[:at]...), c), grid[at:]...)
}

// leaf prices a complete point with both orders of its grid.
func (s *search) leaf(p *point) {
	s.price(p)
	if len(p.grid) > 1 {
		r := *p
		r.grid = slices.Clone(p.grid)
		slices.Reverse(r.grid)
		s.turned = true
		s.price(&r)
		s.turned = false
	}
}

func (s *search) price(p *point) {
	s.stats.Priced++
	if e, ok := s.entry(p); ok {
		s.keep(e)
	}
}

// entry is the tiling at a complete point; it is not ok where there is none, or it cannot be among the best.
func (s *search) entry(p *point) (entry, bool) {
	us, by, ok := s.value(p)
	if !ok {
		return entry{}, false
	}
	e := entry{bucket: bucket(us), serial: s.root<<32 | s.stats.Priced}
	if e.bucket > s.limit {
		return entry{}, false
	}
	e.trips = s.pricers[0].k.Trips.Blocks
	e.contiguous = s.pricers[0].contiguous()
	s.most.cut(p, false)
	t := loop.Tiling{Grid: p.grid, LoopTile: p.loop}
	e.choice = Choice{Form: s.f, US: us, BySize: slices.Clone(by), TileBytes: s.most.memory(), Kernels: 1}
	if p.split > 0 {
		t.Split = &loop.AxisTile{Axis: s.f.Loop, Tile: p.split}
		if !s.f.Direct {
			t.MergeGrid = s.merge(p.split).grid
			e.choice.Kernels = 2
		}
	}
	e.choice.Tiling = t
	return e, true
}

// keep enters e among the best, one for each shape of grid.
func (s *search) keep(e entry) {
	at := len(s.best)
	for i := range s.best {
		if s.best[i].sameShape(&e) {
			at = i
		}
	}
	if at < len(s.best) {
		if !e.before(&s.best[at]) {
			return
		}
		s.best = slices.Delete(s.best, at, at+1)
	}
	at = sort.Search(len(s.best), func(i int) bool { return e.before(&s.best[i]) })
	if at >= s.opt.Top {
		return
	}
	s.best = slices.Insert(s.best, at, e)
	if len(s.best) > s.opt.Top {
		s.best = s.best[:s.opt.Top]
	}
	if len(s.best) == s.opt.Top {
		s.limit = min(s.limit, s.best[len(s.best)-1].bucket)
	}
}
