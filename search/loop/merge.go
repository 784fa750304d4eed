package loop

import (
	"fmt"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph"
)

// A reduction split over a grid dimension leaves one partial value of every accumulator per block.
// The partials are stacked along a new axis P, and a second kernel joins them by the same factors as
// the loop: acc = Σ_P acc_P · exp(Σ neg_P - neg + Σ pos - pos_P), where neg and pos without P are the
// joined values.

// mergeable tells whether split partials can be joined: all but moving bases.
func (f *Form) mergeable() bool { return f.Roles["moving"] == 0 }

// partials are the accumulators that a split run stores, in the order of the steps.
func (f *Form) partials() []int {
	var out []int
	for i, s := range f.Steps {
		if s.Op == ugraph.OpAccum {
			out = append(out, i)
		}
	}
	return out
}

// merged are the outputs that need the second kernel: those that depend on an accumulator.
func (f *Form) merged() []int {
	var out []int
	for i, o := range f.Outputs {
		if f.Steps[o].Phase == ugraph.After {
			out = append(out, i)
		}
	}
	return out
}

// merger writes the second kernel's DAG.
type merger struct {
	f       *Form
	m       *expr.DAG
	axis    int // P
	inputs  map[int]int
	partial map[int]int // accumulator step -> node that loads its partials
	memo    map[slot]int
	known   map[string]int // nodes by content
}

// add appends a node unless the DAG has it.
func (g *merger) add(n expr.Node) int {
	key := nodeKey(n)
	if i, ok := g.known[key]; ok {
		return i
	}
	i := g.m.Add(n)
	g.known[key] = i
	return i
}

// Merge returns the form of the kernel that joins the partials of a loop axis that a grid dimension
// cut into tiles of the given extent. Its inputs are those of the DAG that it still needs, and one
// per accumulator named partial0, partial1, …, with the new axis first; Sources tells which is which.
func (f *Form) Merge(tile int64) (form *Form, sources []int, err error) {
	if !f.Split || f.Direct {
		return nil, nil, fmt.Errorf("the form has no partial accumulators to merge")
	}
	d := f.law.d
	m := &expr.DAG{Name: d.Name + "_merge", Symbols: d.Symbols, Axes: append([]expr.Axis{}, d.Axes...)}
	loop := d.Axes[f.Loop]
	m.Axes = append(m.Axes, expr.Axis{Name: loop.Name + "_parts", Extent: loop.Extent.CeilDiv(tile)})
	g := &merger{f: f, m: m, axis: len(m.Axes) - 1, inputs: map[int]int{}, partial: map[int]int{}, memo: map[slot]int{}, known: map[string]int{}}
	for i, acc := range f.partials() {
		axes := append([]int{g.axis}, f.partialAxes(acc)...)
		m.Inputs = append(m.Inputs, expr.Input{Name: fmt.Sprintf("partial%d", i), DType: f.Steps[acc].DType, Axes: axes})
		g.partial[acc] = m.Add(expr.Node{Op: ugraph.OpInvalid, Input: len(m.Inputs) - 1, DType: f.Steps[acc].DType})
		sources = append(sources, -1-i)
	}
	for _, o := range f.merged() {
		out := f.DAG.Outputs[o]
		if out.Node, err = g.value(out.Node, final); err != nil {
			return nil, nil, err
		}
		m.Outputs = append(m.Outputs, out)
	}
	for i := len(sources); i < len(m.Inputs); i++ {
		sources = append(sources, 0)
	}
	for from, to := range g.inputs {
		sources[to] = from
	}
	form, err = newForm(m, -1)
	return form, sources, err
}

// partialAxes is the memory order of an accumulator's partials: the outputs' order of axes.
func (f *Form) partialAxes(acc int) []int {
	var out []int
	rank := axisRank(f.DAG)
	for _, a := range rank.order {
		if f.Steps[acc].Axes.Has(a) {
			out = append(out, a)
		}
	}
	return out
}

// value copies node v into the merge DAG: joined (final), or at one block (running).
func (g *merger) value(v int, m mode) (int, error) {
	l := g.f.law
	if !l.taint[v] {
		m = final
	}
	if i, ok := g.memo[slot{v, m}]; ok {
		return i, nil
	}
	i, err := g.newValue(v, m)
	if err == nil {
		g.memo[slot{v, m}] = i
	}
	return i, err
}

func (g *merger) newValue(v int, m mode) (int, error) {
	l := g.f.law
	n := l.d.Nodes[v]
	switch {
	case l.on(n.Axes):
		return 0, refuse("a value of the loop is needed after it")
	case n.Op == ugraph.OpInvalid:
		in, ok := g.inputs[n.Input]
		if !ok {
			in = len(g.m.Inputs)
			g.inputs[n.Input] = in
			g.m.Inputs = append(g.m.Inputs, l.d.Inputs[n.Input])
		}
		n.Input = in
		return g.add(n), nil
	case l.on(n.Over):
		return g.reduction(v, m)
	}
	args := make([]int, len(n.Args))
	for i, a := range n.Args {
		x, err := g.value(a, m)
		if err != nil {
			return 0, err
		}
		args[i] = x
	}
	n.Args = args
	return g.add(n), nil
}

func (g *merger) op(op ugraph.Op, dt ugraph.DType, args ...int) int {
	return g.add(expr.Node{Op: op, Args: args, DType: dt})
}

func (g *merger) reduction(v int, m mode) (int, error) {
	parts, err := g.f.law.accumulate(v)
	if err != nil {
		return 0, err
	}
	dt := computeType(g.f.law.d.Nodes[v].DType)
	sum := -1
	for _, t := range parts {
		s, err := g.part(t, m, dt)
		if err != nil {
			return 0, err
		}
		switch {
		case sum < 0 && t.minus:
			sum = g.op(ugraph.OpNeg, dt, s)
		case sum < 0:
			sum = s
		case t.minus:
			sum = g.op(ugraph.OpSub, dt, sum, s)
		default:
			sum = g.op(ugraph.OpAdd, dt, sum, s)
		}
	}
	return sum, nil
}

func (g *merger) part(t part, m mode, dt ugraph.DType) (int, error) {
	s := -1
	if t.h != one {
		var err error
		if s, err = g.accumulator(t, m, dt); err != nil {
			return 0, err
		}
	}
	for _, x := range t.num {
		v, err := g.value(x, m)
		if err != nil {
			return 0, err
		}
		if s < 0 {
			s = v
		} else {
			s = g.op(ugraph.OpMul, dt, s, v)
		}
	}
	if s < 0 {
		s = g.add(expr.Node{Op: ugraph.OpConst, Value: ugraph.Int(1), DType: dt})
	}
	for _, x := range t.den {
		v, err := g.value(x, m)
		if err != nil {
			return 0, err
		}
		s = g.op(ugraph.OpDiv, dt, s, v)
	}
	return s, nil
}

// accumulator is the partial itself at one block, or the join of all.
func (g *merger) accumulator(t part, m mode, dt ugraph.DType) (int, error) {
	raw := g.partial[g.f.accs[accKey(t)]]
	if m != final {
		return raw, nil
	}
	over := expr.Set(g.axis)
	if kind := accumKinds[g.f.law.d.Nodes[t.h].Op]; kind != "sum" {
		op := ugraph.OpMax
		if kind == "min" {
			op = ugraph.OpMin
		}
		return g.add(expr.Node{Op: op, Args: []int{raw}, Over: over, DType: dt}), nil
	}
	arg := -1
	add := func(r int, plus, minus mode) error {
		a, err := g.value(r, plus)
		if err != nil {
			return err
		}
		b, err := g.value(r, minus)
		if err != nil {
			return err
		}
		d := g.op(ugraph.OpSub, dt, a, b)
		if arg >= 0 {
			d = g.op(ugraph.OpAdd, dt, arg, d)
		}
		arg = d
		return nil
	}
	for _, r := range t.neg {
		if err := add(r, running, final); err != nil {
			return 0, err
		}
	}
	for _, r := range t.pos {
		if err := add(r, final, running); err != nil {
			return 0, err
		}
	}
	if arg >= 0 {
		raw = g.op(ugraph.OpMul, dt, raw, g.op(ugraph.OpExp, dt, arg))
	}
	return g.add(expr.Node{Op: ugraph.OpSum, Args: []int{raw}, Over: over, DType: dt}), nil
}
