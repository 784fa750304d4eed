package partition

import (
	"container/heap"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/morgana-ml/morgana/search/cost"
	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/search/loop"
	"github.com/morgana-ml/morgana/search/schedule"
	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph"
)

// Options says for what to partition. Zero limits are the defaults.
type Options struct {
	Sizes           []ugraph.Env // values of the symbols to tune at; nil: one without symbols
	Top             int          // choices of each group, of different shapes of grid; 0: 1
	MaxOperators    int          // in a group; 0: 16
	MaxContractions int          // in a group; 0: 4
	// Below is a time in microseconds that the plan must beat to be of interest; 0: none.
	Below float64
	// Prefix begins the names of intermediate tensors: plans that are to be spliced need their own.
	Prefix string
	// ProgramBytes has, by size, the bytes of the inputs and outputs of the program that d is a window
	// of, and Inner the names of d's inputs and outputs that lie within it.
	ProgramBytes []float64
	Inner        []string
	// Each runs f for 0 ≤ i < n on the cores that are free and returns the error of the least i that has one; nil:
	// one after the other. The plan and its counts do not depend on it.
	Each func(n int, f func(i int) error) error
}

// Limits of one segment: beyond them the program is cut in topological order first.
const (
	maxCells     = 48
	maxIdeals    = 20000
	condenseFrom = 6 // operators
)

// ahead is the number of groups that are priced together: the one that is next, and the next ones that were not priced
// when it came out of the queue. Few of them would not have been priced at all: those beyond the optimum.
const ahead = 4

// ErrNoPlan says that no partition within the limits has a schedule that fits, or none below Options.Below.
type ErrNoPlan struct {
	Program string
	Below   float64
}

func (e *ErrNoPlan) Error() string {
	if e.Below > 0 {
		return fmt.Sprintf("%s: no partition is predicted below %.1f µs", e.Program, e.Below)
	}
	return fmt.Sprintf("%s: no partition into kernels fits the target", e.Program)
}

// inTurn runs f for 0 ≤ i < n.
func inTurn(n int, f func(i int) error) error {
	for i := range n {
		if err := f(i); err != nil {
			return err
		}
	}
	return nil
}

// newSearch is a search with the defaults of the limits, and the options with the bytes of the program.
func newSearch(ctx context.Context, d *expr.DAG, row *target.Row, opt Options) (*search, error) {
	if opt.Sizes == nil {
		opt.Sizes = []ugraph.Env{{}}
	}
	if opt.Each == nil {
		opt.Each = inTurn
	}
	if opt.MaxOperators == 0 {
		opt.MaxOperators = 16
	}
	if opt.MaxContractions == 0 {
		opt.MaxContractions = 4
	}
	s := &search{ctx: ctx, d: d, row: row, opt: opt, naming: newNaming(d, opt.Prefix), memo: map[cellSet]float64{}, failed: map[cellSet]float64{}}
	return s, s.measure()
}

// lists are the cells of the whole program, as lists of nodes.
func (s *search) lists() [][]int {
	nodes := work(s.d)
	return cellsOf(s.d, nodes, len(nodes) > condenseFrom, s.opt.MaxOperators)
}

// Bound is a lower bound for the predicted time of every plan of d, in microseconds: the greater of
// arithmetic that no form avoids and compulsory bytes, and a launch. It is 0 where there is nothing to do.
func Bound(d *expr.DAG, row *target.Row, opt Options) (float64, error) {
	s, err := newSearch(context.Background(), d, row, opt)
	if err != nil {
		return 0, err
	}
	us := 0.0
	for cells := s.lists(); len(cells) > 0; {
		n := min(maxCells, len(cells))
		s.prepare(cells[:n])
		us += s.bound(s.all) - s.tax
		cells = cells[n:]
	}
	return us, nil
}

// Whole returns the plan of d as one group, whose price is a first answer that is quickly had, and what
// it cost to find, or to see that there is none. Errors are those of Best; *ErrNoPlan also where one group would exceed the limits.
func Whole(ctx context.Context, d *expr.DAG, row *target.Row, opt Options) (*Plan, Stats, error) {
	s, err := newSearch(ctx, d, row, opt)
	if err != nil {
		return nil, Stats{}, err
	}
	none := &ErrNoPlan{d.Name, opt.Below}
	p := s.plan()
	cells := s.lists()
	switch {
	case len(cells) == 0:
		return p, Stats{}, nil
	case len(cells) > maxCells:
		return nil, Stats{}, none
	}
	s.prepare(cells)
	if !s.within(s.all) || !s.connected(s.all) {
		return nil, Stats{}, none
	}
	g, stats, err := s.schedule(s.nodes(s.all), max(1, opt.Top), opt.Below)
	s.stats.Stats.Add(stats)
	if err == nil {
		err = ctx.Err()
	}
	switch {
	case err != nil:
		return nil, s.stats, err
	case len(g.Choices) == 0:
		s.stats.Refused++
		return nil, s.stats, none
	case opt.Below > 0 && g.US() > opt.Below:
		return nil, s.stats, none
	}
	p.Groups, p.US, p.Stats = []Group{g}, g.US(), s.stats
	return p, s.stats, nil
}

// plan is one without groups.
func (s *search) plan() *Plan {
	opt := s.opt
	opt.ProgramBytes = s.bytes
	return &Plan{DAG: s.d, opt: opt, naming: s.naming}
}

// Best returns the plan of least predicted time. Errors: *ErrNoPlan, that of a cancelled context, and a
// symbol without a value.
func Best(ctx context.Context, d *expr.DAG, row *target.Row, opt Options) (*Plan, error) {
	s, err := newSearch(ctx, d, row, opt)
	if err != nil {
		return nil, err
	}
	p := s.plan()
	cells := s.lists()
	for length := maxCells; len(cells) > 0; {
		n := min(length, len(cells))
		groups, err := s.segment(cells[:n])
		if err == errTooManyIdeals && length > 8 {
			length /= 2
			continue
		}
		if err != nil {
			return nil, err
		}
		list, err := s.choices(groups)
		if err != nil {
			return nil, err
		}
		for _, g := range list {
			p.US += g.US()
		}
		p.Groups = append(p.Groups, list...)
		cells = cells[n:]
	}
	p.Stats = s.stats
	if opt.Below > 0 && p.US > opt.Below {
		return nil, &ErrNoPlan{d.Name, opt.Below}
	}
	return p, nil
}

var errTooManyIdeals = fmt.Errorf("too many ideals")

type search struct {
	ctx    context.Context
	d      *expr.DAG
	row    *target.Row
	opt    Options
	naming *naming
	sizes  [][]float64 // by size and axis
	bytes  []float64   // of the program's tensors, by size
	stats  Stats

	// Of a segment.
	cells  []cell
	all    cellSet
	tax    float64             // on each group, microseconds
	memo   map[cellSet]float64 // exact prices; +Inf: refused
	failed map[cellSet]float64 // the price is known to be more than this
}

func (s *search) measure() error {
	for i, env := range s.opt.Sizes {
		ext := make([]float64, len(s.d.Axes))
		for a, x := range s.d.Axes {
			n, err := x.Extent.Eval(env)
			if err != nil {
				return fmt.Errorf("%s: axis %s: %w", s.d.Name, x.Name, err)
			}
			ext[a] = float64(n)
		}
		s.sizes = append(s.sizes, ext)
		if s.opt.ProgramBytes != nil {
			s.bytes = append(s.bytes, s.opt.ProgramBytes[i])
			continue
		}
		b := 0.0
		for _, in := range s.d.Inputs {
			b += s.elements(i, expr.Set(in.Axes...)) * float64(in.DType.Size())
		}
		for _, o := range s.d.Outputs {
			b += s.elements(i, expr.Set(o.Axes...)) * float64(o.DType.Size())
		}
		s.bytes = append(s.bytes, b)
	}
	return nil
}

func (s *search) elements(size int, axes expr.AxisSet) float64 {
	n := 1.0
	for _, a := range axes.List() {
		n *= s.sizes[size][a]
	}
	return n
}

// mean is the geometric mean of f over the sizes; 0 where f is 0 at one.
func (s *search) mean(f func(size int) float64) float64 {
	sum := 0.0
	for i := range s.sizes {
		sum += math.Log(f(i))
	}
	return math.Exp(sum / float64(len(s.sizes)))
}

// prepare describes the cells of a segment.
func (s *search) prepare(lists [][]int) {
	s.cells, s.all = nil, cellSet(1)<<len(lists)-1
	clear(s.memo)
	clear(s.failed)
	of := make([]int, len(s.d.Nodes))
	for i := range of {
		of[i] = -1
	}
	for c, nodes := range lists {
		for _, n := range nodes {
			of[n] = c
		}
	}
	for c, nodes := range lists {
		x := cell{nodes: nodes, operators: len(nodes)}
		for _, n := range nodes {
			for _, a := range s.d.Nodes[n].Args {
				switch {
				case of[a] == c:
				case of[a] >= 0:
					x.needs |= 1 << of[a]
					x.reads = append(x.reads, a)
				case s.d.Nodes[a].Op != ugraph.OpConst && s.d.Nodes[a].Op != ugraph.OpIota:
					x.reads = append(x.reads, a)
				}
			}
			if isContraction(s.d, n) {
				x.contractions++
			}
			x.us += s.leastUS(n)
			for _, o := range s.d.Outputs {
				if o.Node == n {
					x.stores += s.mean(func(i int) float64 { return s.elements(i, expr.Set(o.Axes...)) * float64(o.DType.Size()) })
				}
			}
		}
		slices.Sort(x.reads)
		x.reads = slices.Compact(x.reads)
		s.cells = append(s.cells, x)
	}
	s.tax = 0
	s.tax = taxRate * s.bound(s.all)
}

// leastUS is the least time on all units that any form spends on a node: of contractions, and of what the
// loop law cannot move to fewer axes, which are functions and maxima.
func (s *search) leastUS(n int) float64 {
	node := s.d.Nodes[n]
	perUnit := 0.0 // nanoseconds
	switch {
	case isContraction(s.d, n):
		a, b := node.Args[0], node.Args[len(node.Args)-1]
		if node.Op == ugraph.OpSum {
			a, b = s.d.Nodes[a].Args[0], s.d.Nodes[a].Args[1]
		}
		x, y := s.d.Nodes[a], s.d.Nodes[b]
		rate := s.row.ProductRate(s.stored(a), s.stored(b), ugraph.F32)
		weights := s.isWeight(a) || s.isWeight(b)
		if !weights {
			rate *= slices.Max(s.row.RowEfficiency)
		}
		perUnit = s.mean(func(i int) float64 { return 2 * s.elements(i, x.Axes|y.Axes) }) / rate
		if rows, cols := x.Axes&^y.Axes, y.Axes&^x.Axes; !weights && rows != 0 && cols != 0 && s.row.Pack > 0 {
			perUnit += s.mean(func(i int) float64 { return min(s.elements(i, x.Axes), s.elements(i, y.Axes)) }) * cost.Direct / s.row.Pack
		}
	case node.Op == ugraph.OpMax || node.Op == ugraph.OpMin:
		all := node.Axes | node.Over
		perUnit = s.mean(func(i int) float64 { return s.elements(i, all) }) / s.row.Reduce
	case fixed[node.Op]:
		perUnit = s.mean(func(i int) float64 { return s.elements(i, node.Axes) }) * node.Op.Info().Flops / s.row.Transcend
	}
	return perUnit / float64(s.row.Units) * 1e-3
}

// fixed are the functions that are evaluated on all axes of their operand in every form.
var fixed = map[ugraph.Op]bool{ugraph.OpExp: true, ugraph.OpLog: true, ugraph.OpSin: true, ugraph.OpCos: true, ugraph.OpTanh: true, ugraph.OpErf: true,
	ugraph.OpSigmoid: true, ugraph.OpSilu: true, ugraph.OpGelu: true}

// stored is the type in which a node's value is stored: that of the input that it is a cast of, or its own.
func (s *search) stored(n int) ugraph.DType {
	node := s.d.Nodes[n]
	if node.Op == ugraph.OpCast && !cost.Rounds(s.d.Nodes[node.Args[0]].DType, node.DType) {
		return s.stored(node.Args[0])
	}
	if node.Op == ugraph.OpInvalid {
		return s.d.Inputs[node.Input].DType
	}
	return node.DType
}

func (s *search) isWeight(n int) bool {
	node := s.d.Nodes[n]
	return node.Op == ugraph.OpInvalid && s.d.Inputs[node.Input].Const
}

// taxRate is what a group costs beyond its predicted time, as a part of the bound of the whole: differences
// smaller than what the model can know do not justify another kernel and another tensor.
const taxRate = 0.01

// bound is a lower bound for the time of kernels that compute the cells: one launch, and the greater of
// arithmetic and compulsory bytes. Tensors that lie within the cells need not be moved.
func (s *search) bound(set cellSet) float64 {
	if set == 0 {
		return 0
	}
	var us, bytes float64
	read := map[int]bool{}
	own := map[int]bool{}
	for c := range s.cells {
		if !set.has(c) {
			continue
		}
		us += s.cells[c].us
		bytes += s.cells[c].stores
		for _, n := range s.cells[c].nodes {
			own[n] = true
		}
	}
	for c := range s.cells {
		if !set.has(c) {
			continue
		}
		for _, n := range s.cells[c].reads {
			if !own[n] && !read[n] {
				read[n] = true
				node := s.d.Nodes[n]
				dt, axes := node.DType, node.Axes
				if node.Op == ugraph.OpInvalid {
					dt = s.d.Inputs[node.Input].DType
				}
				bytes += s.mean(func(i int) float64 { return s.elements(i, axes) * float64(dt.Size()) })
			}
		}
	}
	return s.tax + s.row.LaunchUS + max(us, bytes/s.fastest()*1e-3)
}

// fastest is the greatest rate at which a kernel can move its tensors, in 10⁹ bytes a second.
func (s *search) fastest() float64 {
	warm := false
	for _, b := range s.bytes {
		warm = warm || cost.Fits(b, s.row)
	}
	memory := min(s.row.DRAM, s.row.DRAMUnit*float64(s.row.Units))
	if warm || len(s.opt.Inner) > 0 {
		return max(memory, s.row.Levels[len(s.row.Levels)-1].GBps*float64(s.row.Units))
	}
	return memory
}

// nodes lists the nodes of the cells, ascending.
func (s *search) nodes(set cellSet) []int {
	var out []int
	for c := range s.cells {
		if set.has(c) {
			out = append(out, s.cells[c].nodes...)
		}
	}
	slices.Sort(out)
	return out
}

// schedule is a group with the tilings that are predicted below a time, 0 for all, the best first; none is no error.
func (s *search) schedule(nodes []int, top int, below float64) (Group, schedule.Stats, error) {
	w, inner := s.naming.window(nodes, s.opt.Inner)
	g := Group{DAG: w, Nodes: nodes, inner: inner}
	best, stats, err := schedule.Best(s.ctx, loop.Forms(w), schedule.Options{Row: s.row, Sizes: s.opt.Sizes, Top: top, Below: below,
		ProgramBytes: s.bytes, InnerInputs: inner.in, InnerOutputs: inner.out})
	g.Choices = best
	return g, stats, err
}

// choices are the groups of a plan with all their choices.
func (s *search) choices(lists [][]int) ([]Group, error) {
	groups, stats := make([]Group, len(lists)), make([]schedule.Stats, len(lists))
	err := s.opt.Each(len(lists), func(i int) (err error) {
		groups[i], stats[i], err = s.schedule(lists[i], s.opt.Top, 0)
		if err == nil && len(groups[i].Choices) == 0 {
			if err = s.ctx.Err(); err == nil {
				err = &ErrNoPlan{Program: s.d.Name}
			}
		}
		return err
	})
	for _, st := range stats {
		s.stats.Stats.Add(st)
	}
	return groups, err
}

// segment returns the groups of the best partition of some cells, as lists of nodes in order.
func (s *search) segment(lists [][]int) ([][]int, error) {
	s.prepare(lists)
	// The first incumbent: everything in one kernel, if the limits allow that; else nothing.
	incumbent := math.Inf(1)
	if s.opt.Below > 0 {
		incumbent = s.opt.Below
	}
	if s.within(s.all) && s.connected(s.all) {
		whole := ask{s.all, incumbent}
		if err := s.price([]ask{whole}); err != nil {
			return nil, err
		}
		us, _ := s.known(whole)
		incumbent = min(incumbent, us)
	}
	rest := map[cellSet]float64{}
	bound := func(done cellSet) float64 {
		b, ok := rest[done]
		if !ok {
			b = s.bound(s.all &^ done)
			rest[done] = b
		}
		return b
	}
	q := &queue{}
	before := map[cellSet]cellSet{} // closed ideals
	tooMany := false
	expand := func(from cellSet, start float64) {
		s.stats.Ideals++
		tooMany = tooMany || !s.groups(from, func(to cellSet) {
			e := edge{from: from, to: to, start: start, us: s.bound(to &^ from)}
			e.total = start + e.us + bound(to)
			if e.total <= incumbent {
				s.stats.Groups++
				heap.Push(q, e)
			}
		})
	}
	before[0] = 0
	expand(0, 0)
	for q.Len() > 0 {
		if err := s.ctx.Err(); err != nil {
			return nil, err
		}
		if tooMany {
			return nil, errTooManyIdeals
		}
		e := heap.Pop(q).(edge)
		if _, ok := before[e.to]; ok {
			continue
		}
		if !e.exact {
			batch := []edge{e}
			for q.Len() > 0 && len(batch) < ahead && !(*q)[0].exact {
				next := heap.Pop(q).(edge)
				if _, ok := before[next.to]; !ok {
					batch = append(batch, next)
				}
			}
			if err := s.priceEdges(batch, func(e edge) float64 { return incumbent - e.start - bound(e.to) }); err != nil {
				return nil, err
			}
			for _, e := range batch {
				if e.total = e.start + e.us + bound(e.to); e.total <= incumbent*1.005 && !math.IsInf(e.us, 1) {
					heap.Push(q, e)
				}
			}
			continue
		}
		before[e.to] = e.from
		if e.to == s.all {
			var out [][]int
			for at := s.all; at != 0; at = before[at] {
				out = append(out, s.nodes(at&^before[at]))
			}
			slices.Reverse(out)
			return out, nil
		}
		if len(before) > maxIdeals {
			return nil, errTooManyIdeals
		}
		expand(e.to, e.start+e.us)
	}
	return nil, &ErrNoPlan{s.d.Name, s.opt.Below}
}
