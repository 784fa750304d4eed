package schedule

import (
	"fmt"
	"slices"
	"sort"

	"github.com/morgana-ml/morgana/search/cost"
	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/search/loop"
	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph"
)

// part is what one step contributes to a kernel.
type part struct {
	kind   cost.Kind
	phase  ugraph.Phase
	dtype  ugraph.DType
	flops  float64
	axes   []int   // whose tile extents multiply to the elements that are worked on
	out    []int   // axes of the result
	args   [][]int // read from the level of the tiles
	near   bool    // the result exists a piece at a time only
	order  []int   // the axes of the elements that are worked on, in their order in memory
	byRow  bool    // each row is a run of its own
	folded bool    // computed by its reader
	gaps   []int   // axes along which a cut leaves gaps between the rows of an operand
	rate   float64 // of a cast, or a product

	batch, m, n, k []int // of products
	packed, transB bool
	apart          []int // axes whose extents multiply to the distance of B's rows; of tiles where B is computed
	far            bool  // B is a tensor
	scattered      bool  // the axes of K do not lie together in A as they do in B: one of them is summed by the product

	// Tile memory: alive from one step to another; bytes 0 for views and what streams by.
	from, to int
	bytes    float64 // of one element
}

type tensor struct {
	axes    []int
	size    float64 // bytes of one element
	inner   bool    // an intermediate tensor of the program, not an input or output of it
	dtype   ugraph.DType
	convert bool
	packed  bool
	columns int  // the axis of its packed columns; -1
	after   bool // an output of an accumulator
}

// model is a form prepared for pricing: the same numbers as package cost reads from its μGraph. Where tiles of some
// axes have a single element, operands that lack these axes have the shape of the result: what the executor computes
// together is another set of operators (variant).
type model struct {
	f      *loop.Form
	row    *target.Row
	parts  []part
	loads  []tensor
	stores []tensor
	accs   []int        // parts that are accumulators
	padded expr.AxisSet // axes along which products compute columns
	merges map[int64]*merge

	innerIn, innerOut []bool
	variants          map[variant]*model
}

// variant says which axes have tiles of a single element, and whether the kernel stores partial accumulators: then it
// has no step that only its merge needs.
type variant struct {
	ones    expr.AxisSet
	partial bool
}

func (m *model) variant(v variant) *model {
	if x, ok := m.variants[v]; ok {
		return x
	}
	x := m.build(v)
	m.variants[v] = x
	return x
}

// merge is the second kernel of a split form.
type merge struct {
	grid []loop.AxisTile
	us   []float64 // by size
	err  error
}

// newModel prepares a form. innerIn and innerOut say which of the DAG's inputs and outputs are
// intermediate tensors; nil: none.
func newModel(f *loop.Form, row *target.Row, innerIn, innerOut []bool) *model {
	return &model{f: f, row: row, merges: map[int64]*merge{}, innerIn: innerIn, innerOut: innerOut, variants: map[variant]*model{}}
}

// lastUses is LastUse, of the steps that a kernel runs; -1: it does not run the step.
func lastUses(f *loop.Form, partial bool) []int {
	if !partial {
		return f.LastUse()
	}
	last := make([]int, len(f.Steps))
	for i := range last {
		last[i] = -1
	}
	for _, o := range f.Outputs {
		if f.Steps[o].Phase != ugraph.After {
			last[o] = len(f.Steps)
		}
	}
	for i := len(f.Steps) - 1; i >= 0; i-- {
		if f.Steps[i].Op == ugraph.OpAccum {
			last[i] = len(f.Steps)
		}
		for _, a := range f.Steps[i].Args {
			if last[i] >= 0 {
				last[a] = max(last[a], i)
			}
		}
	}
	return last
}

func (m *model) build(v variant) *model {
	f, row, innerIn, innerOut, ones := m.f, m.row, m.innerIn, m.innerOut, v.ones
	m = &model{f: f, row: row, merges: m.merges}
	last := lastUses(f, v.partial)
	rank := axisRank(f.DAG)
	dims := make([][]int, len(f.Steps)) // order of the axes in each tile
	uses := make([][]int, len(f.Steps))
	for i, s := range f.Steps {
		for _, a := range s.Args {
			if last[i] >= 0 {
				uses[a] = append(uses[a], i)
			}
		}
	}
	outputs := map[int]bool{}
	for i := range f.Steps {
		outputs[i] = last[i] == len(f.Steps)
	}
	for i := len(f.Steps) - 1; i >= 0; i-- { // views extend the life of what they view
		if s := f.Steps[i]; isView(f, s) {
			last[s.Args[0]] = max(last[s.Args[0]], last[i])
		}
	}
	weight := make([]bool, len(f.Steps))
	for i := len(f.Steps) - 1; i >= 0; i-- {
		weight[i] = !outputs[i] && (f.Steps[i].Op != ugraph.OpLoad || f.Steps[i].Input >= 0 && cost.Packs(f.DAG.Inputs[f.Steps[i].Input].DType))
		for _, u := range uses[i] {
			s := f.Steps[u]
			_, b := orient(f, s, rank)
			weight[i] = weight[i] && (s.Op == ugraph.OpMatMul && b == i && s.Args[0] != s.Args[1] || isView(f, s) && weight[u])
		}
	}
	streams := make([]bool, len(f.Steps)) // a packed weight that passes by once in a block
	for i := len(f.Steps) - 1; i >= 0; i-- {
		streams[i] = weight[i]
		for _, u := range uses[i] {
			streams[i] = streams[i] && f.Steps[u].Phase == f.Steps[i].Phase && (!isView(f, f.Steps[u]) || streams[u])
		}
	}
	c := &chains{f: f, uses: uses, outputs: outputs, ones: ones, dims: dims}
	for i, s := range f.Steps {
		dims[i] = m.layout(s, rank, dims)
	}
	for i, s := range f.Steps {
		if last[i] < 0 {
			m.parts = append(m.parts, part{kind: cost.Free})
			continue
		}
		p := part{kind: cost.KindOf(s.Op), phase: s.Phase, dtype: s.DType, flops: s.Op.Info().Flops, axes: s.Axes.List(), out: s.Axes.List(), from: i, to: last[i], bytes: 4}
		for _, a := range c.operands(i) {
			if !c.together(a, i) {
				p.args = append(p.args, f.Steps[a].Axes.List())
			}
			if axis := c.gaps(a, dims); axis >= 0 {
				p.gaps = append(p.gaps, axis)
			}
			p.byRow = p.byRow || f.Steps[a].Axes&^ones != s.Axes&^ones && f.Steps[a].Axes&^ones != 0
		}
		p.near, p.byRow = c.private(i), p.byRow || c.summed(i)
		if rounds(f, s) {
			p.kind, p.flops, p.rate, p.byRow, p.gaps = cost.Move, 1, row.CastRate(s.DType).Round, false, nil
		}
		switch {
		case s.Op == ugraph.OpLoad && s.Input >= 0:
			in := f.DAG.Inputs[s.Input]
			packed := in.Const && weight[i]
			t := tensor{axes: in.Axes, size: float64(in.DType.Size()), dtype: in.DType, inner: innerIn != nil && innerIn[s.Input],
				convert: cost.Widens(in.DType) && !packed, columns: -1}
			if packed {
				t.packed, t.columns = true, c.columns(i, rank)
			}
			m.loads = append(m.loads, t)
			if packed && streams[i] {
				p.bytes = 0
			}
		case s.Op == ugraph.OpLoad:
		case s.Op == ugraph.OpConst || isView(f, s):
			p.bytes = 0
		case s.Op == ugraph.OpMatMul:
			m.product(&p, s, rank, dims, weight, streams)
			if l := len(p.n); l > 0 && p.kind == cost.MatMul {
				m.padded |= expr.Set(p.n[l-1])
			}
			if u := uses[i]; len(u) == 1 && f.Steps[u[0]].Op == ugraph.OpAccum && len(f.Steps[u[0]].Args) == 1 && p.kind == cost.MatMul {
				p.bytes = 0 // added to the accumulator in place
			}
		case s.Op == ugraph.OpAccum:
			p.phase, p.from, p.to = ugraph.InLoop, 0, len(f.Steps)
			p.flops = float64(len(s.Args))
			if len(s.Args) == 1 && f.Steps[s.Args[0]].Op == ugraph.OpMatMul {
				p.kind = cost.Free
			}
			m.accs = append(m.accs, i)
		case s.Over != 0:
			p.axes, p.byRow = f.Steps[s.Args[0]].Axes.List(), true
		default:
			for _, a := range s.Args { // in the place of an operand that dies here
				if last[a] == i && f.Steps[a].Axes&^ones == s.Axes&^ones && f.Steps[a].Op != ugraph.OpAccum && f.Steps[a].Op != ugraph.OpConst {
					p.from = i + 1
					break
				}
			}
		}
		order := dims[i]
		if s.Over != 0 && s.Op != ugraph.OpAccum {
			order = dims[s.Args[0]]
		}
		p.order = axes(order)
		p.folded = c.folded(i)
		m.parts = append(m.parts, p)
	}
	for i, s := range f.Steps { // operands whose axes come in another order than the result's
		for _, a := range s.Args {
			if last[i] >= 0 && s.Op.Info().Class == ugraph.Elementwise && !inOrder(axes(dims[a]), dims[i]) {
				m.transpose(a, row)
			}
		}
	}
	for i, o := range f.DAG.Outputs {
		if last[f.Outputs[i]] < 0 || v.partial && f.Steps[f.Outputs[i]].Phase == ugraph.After {
			continue
		}
		if !inOrder(axes(dims[f.Outputs[i]]), o.Axes) {
			m.transpose(f.Outputs[i], row)
		}
		m.stores = append(m.stores, tensor{axes: o.Axes, size: float64(o.DType.Size()), dtype: o.DType, convert: cost.Widens(o.DType), inner: innerOut != nil && innerOut[i],
			after: f.Steps[f.Outputs[i]].Phase == ugraph.After})
	}
	return m
}

// transpose adds the part that brings the elements of a step's tile into another order.
func (m *model) transpose(step int, row *target.Row) {
	p := &m.parts[step]
	m.parts = append(m.parts, part{kind: cost.Move, phase: p.phase, axes: m.f.Steps[step].Axes.List(), near: true, rate: row.Move * cost.Transposed})
}

// inOrder tells whether axes follow each other as they do in another list; those that it lacks may stand anywhere.
func inOrder(axes, of []int) bool {
	last := 0
	for _, a := range axes {
		at := slices.Index(of, a)
		if at >= 0 && at < last {
			return false
		}
		last = max(last, at)
	}
	return true
}

// unit is a dimension of a tile that no axis has: where one was reduced.
const unit = -1

// axes are dimensions without units.
func axes(dims []int) []int {
	return slices.DeleteFunc(slices.Clone(dims), func(a int) bool { return a == unit })
}

// layout is the order of the axes in a step's tile, with units.
func (m *model) layout(s loop.Step, rank []int, dims [][]int) []int {
	f := m.f
	switch {
	case s.Op == ugraph.OpLoad && s.Input >= 0:
		return f.DAG.Inputs[s.Input].Axes
	case s.Op == ugraph.OpLoad:
		return s.Axes.List()
	case s.Op == ugraph.OpMatMul:
		var p part
		m.roles(&p, s, rank)
		if p.kind == cost.MatMul {
			return slices.Concat(p.batch, p.m, p.n)
		}
	case s.Op == ugraph.OpConst:
		return nil
	case isView(f, s) || s.Op == ugraph.OpAccum:
		return dims[s.Args[0]]
	case s.Over != 0:
		out := slices.Clone(dims[s.Args[0]])
		for i, a := range out {
			if a != unit && s.Over.Has(a) {
				out[i] = unit
			}
		}
		return out
	}
	return joined(s, dims, rank)
}

func isView(f *loop.Form, s loop.Step) bool {
	return s.Op == ugraph.OpCast && !rounds(f, s) || s.Op == ugraph.OpRunning || s.Op == ugraph.OpPrevious
}

func rounds(f *loop.Form, s loop.Step) bool {
	return s.Op == ugraph.OpCast && cost.Rounds(f.Steps[s.Args[0]].DType, s.DType)
}

// orient returns the steps that a product takes as rows and as columns.
func orient(f *loop.Form, s loop.Step, rank []int) (a, b int) {
	if s.Op != ugraph.OpMatMul {
		return -1, -1
	}
	a, b = s.Args[0], s.Args[1]
	rows, cols := f.Steps[a].Axes&^f.Steps[b].Axes&^s.Over, f.Steps[b].Axes&^f.Steps[a].Axes&^s.Over
	if cols == 0 || rows != 0 && first(cols, rank) < first(rows, rank) {
		a, b = b, a
	}
	return a, b
}

func first(s expr.AxisSet, rank []int) int {
	least := 1 << 30
	for _, a := range s.List() {
		least = min(least, rank[a])
	}
	return least
}

// roles sorts the axes of a product.
func (m *model) roles(p *part, s loop.Step, rank []int) {
	f := m.f
	a, b := orient(f, s, rank)
	x, y := f.Steps[a].Axes, f.Steps[b].Axes
	sorted := func(s expr.AxisSet) []int {
		l := s.List()
		sort.Slice(l, func(i, j int) bool { return rank[l[i]] < rank[l[j]] })
		return l
	}
	p.batch, p.m, p.n, p.k = sorted(x&y&^s.Over), sorted(x&^y&^s.Over), sorted(y&^x&^s.Over), sorted(s.Over&(x|y))
	if x&y&s.Over == 0 { // nothing is summed jointly: an elementwise product
		p.kind, p.flops = cost.Simple, 1
		return
	}
	if len(p.m)+len(p.n) == 0 { // a sum of elementwise products
		p.kind, p.flops, p.axes = cost.Reduce, 2, (x | y).List()
		return
	}
	p.kind = cost.MatMul
}

func (m *model) product(p *part, s loop.Step, rank []int, dims [][]int, weight, streams []bool) {
	f := m.f
	a, b := orient(f, s, rank)
	if m.roles(p, s, rank); p.kind != cost.MatMul {
		return
	}
	if l := axes(dims[b]); len(l) > 0 {
		p.transB = s.Over.Has(l[len(l)-1]) && len(p.n) > 0
	}
	if len(p.k) > 1 {
		inA, inB := axes(dims[a]), axes(dims[b])
		var list []int
		for _, x := range inB {
			if s.Over.Has(x) {
				list = append(list, x)
			}
		}
		at, from := slices.Index(inA, list[0]), slices.Index(inB, list[0])
		p.scattered = s.Over.Has(max(f.Loop, 0)) && f.Loop >= 0 || at+len(list) > len(inA) || !slices.Equal(inA[at:at+len(list)], list) || !slices.Equal(inB[from:from+len(list)], list)
	}
	src := b
	for isView(f, f.Steps[src]) {
		src = f.Steps[src].Args[0]
	}
	if d := axes(dims[b]); len(d) > 0 {
		p.apart = d[len(d)-1:]
	}
	p.rate = m.row.ProductRate(stored(f, a), stored(f, b), p.dtype)
	if l := f.Steps[src]; l.Op == ugraph.OpLoad && l.Input >= 0 {
		p.far = true
		p.packed = f.DAG.Inputs[l.Input].Const && weight[src]
		if p.packed && streams[src] { // counted as a load
			p.args = [][]int{f.Steps[a].Axes.List()}
		}
	}
}

// stored is the type in which a step's value is stored: that of the tensor which it is a tile of, or its own.
func stored(f *loop.Form, i int) ugraph.DType {
	for isView(f, f.Steps[i]) && f.Steps[i].Op == ugraph.OpCast {
		i = f.Steps[i].Args[0]
	}
	if s := f.Steps[i]; s.Op == ugraph.OpLoad && s.Input >= 0 {
		return f.DAG.Inputs[s.Input].DType
	}
	return f.Steps[i].DType
}

// joined is the order of the axes of an elementwise result: that of the operand with most of them.
func joined(s loop.Step, dims [][]int, rank []int) []int {
	var base []int
	for _, a := range s.Args {
		if len(axes(dims[a])) > len(axes(base)) {
			base = dims[a]
		}
	}
	if out, ok := aligned(s, dims); ok {
		return out
	}
	out := axes(base)
	for _, a := range s.Args {
		for _, x := range axes(dims[a]) {
			if slices.Contains(out, x) {
				continue
			}
			at := 0
			for at < len(out) && rank[out[at]] < rank[x] {
				at++
			}
			out = slices.Insert(out, at, x)
		}
	}
	return out
}

// aligned is the result's dimensions where the operands' broadcast as they are, aligned at the right.
func aligned(s loop.Step, dims [][]int) ([]int, bool) {
	n := 0
	for _, a := range s.Args {
		n = max(n, len(dims[a]))
	}
	out := slices.Repeat([]int{unit}, n)
	for _, a := range s.Args {
		for i, x := range dims[a] {
			at := &out[n-len(dims[a])+i]
			if x != unit && *at != unit && *at != x {
				return nil, false
			}
			*at = max(*at, x)
		}
	}
	named := axes(out)
	return out, len(named) == expr.Set(named...).Len()
}

// axisRank numbers axes as they appear in the outputs, then in the inputs.
func axisRank(d *expr.DAG) []int {
	rank := make([]int, len(d.Axes))
	for i := range rank {
		rank[i] = -1
	}
	next := 0
	visit := func(axes []int) {
		for _, a := range axes {
			if rank[a] < 0 {
				rank[a] = next
				next++
			}
		}
	}
	for _, o := range d.Outputs {
		visit(o.Axes)
	}
	for _, in := range d.Inputs {
		visit(in.Axes)
	}
	for a := range d.Axes {
		visit([]int{a})
	}
	return rank
}

// size is a choice of the symbols' values.
type size struct {
	extent []int64 // by axis
	bytes  float64 // of the program's inputs and outputs
	warm   bool    // the program's inputs and outputs stay in the last cache
}

func newSize(d *expr.DAG, env ugraph.Env, row *target.Row, programBytes float64) (size, error) {
	s := size{extent: make([]int64, len(d.Axes))}
	for i, a := range d.Axes {
		n, err := a.Extent.Eval(env)
		if err != nil {
			return s, fmt.Errorf("axis %s: %w", a.Name, err)
		}
		s.extent[i] = n
	}
	if programBytes == 0 {
		for _, in := range d.Inputs {
			programBytes += s.elements(in.Axes) * float64(in.DType.Size())
		}
		for _, o := range d.Outputs {
			programBytes += s.elements(o.Axes) * float64(o.DType.Size())
		}
	}
	s.bytes, s.warm = programBytes, cost.Fits(programBytes, row)
	return s, nil
}

func (s *size) elements(axes []int) float64 {
	n := 1.0
	for _, a := range axes {
		n *= float64(s.extent[a])
	}
	return n
}
