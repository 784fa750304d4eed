package loop

import (
	"fmt"
	"slices"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph"
)

// mode says at which time a value after the loop is read: at the end, or in the loop after or before
// the current trip's updates. Values that do not depend on a reduction over the loop axis are the
// same in every mode.
type mode uint8

const (
	final mode = iota
	running
	previous
)

type slot struct {
	node int
	mode mode
}

// plan writes the steps of a form, each value when it is first asked for.
type plan struct {
	f    *Form
	l    *law
	memo map[slot]int
	accs map[string]int
}

// computeType is the type that tiles of values of type t are computed in.
func computeType(t ugraph.DType) ugraph.DType {
	if t.IsFloat() && t != ugraph.F64 {
		return ugraph.F32
	}
	return t
}

// step appends a step, deriving its phase and axes.
func (p *plan) step(s Step) int {
	s.Phase = ugraph.Before
	switch s.Op {
	case ugraph.OpLoad:
		if p.f.Loop >= 0 && s.Axes.Has(p.f.Loop) {
			s.Phase = ugraph.InLoop
		}
	case ugraph.OpRunning, ugraph.OpPrevious:
		s.Phase, s.Axes = ugraph.InLoop, p.f.Steps[s.Args[0]].Axes
	case ugraph.OpAccum:
		s.Phase, s.Axes = ugraph.After, p.f.Steps[s.Args[0]].Axes
	default:
		for _, a := range s.Args {
			s.Axes |= p.f.Steps[a].Axes
			s.Phase = max(s.Phase, p.f.Steps[a].Phase)
		}
		s.Axes &^= s.Over
	}
	p.f.Steps = append(p.f.Steps, s)
	return len(p.f.Steps) - 1
}

func (p *plan) op(op ugraph.Op, args ...int) int {
	dt := p.f.Steps[args[len(args)-1]].DType
	if op == ugraph.OpEqual {
		dt = ugraph.Bool
	}
	return p.step(Step{Op: op, Args: args, DType: dt, Input: -1})
}

func (p *plan) number(v ugraph.Number, dt ugraph.DType) int {
	key := "const " + v.String() + dt.String()
	if s, ok := p.accs[key]; ok {
		return s
	}
	s := p.step(Step{Op: ugraph.OpConst, Value: v, DType: dt, Input: -1})
	p.accs[key] = s
	return s
}

// value returns the step that holds node v at mode m.
func (p *plan) value(v int, m mode) (int, error) {
	if !p.l.taint[v] {
		m = final
	} else if p.l.on(p.l.d.Nodes[v].Axes) {
		m = running
	}
	if s, ok := p.memo[slot{v, m}]; ok {
		return s, nil
	}
	s, err := p.newValue(v, m)
	if err == nil {
		p.memo[slot{v, m}] = s
	}
	return s, err
}

func (p *plan) newValue(v int, m mode) (int, error) {
	n := p.l.d.Nodes[v]
	dt := computeType(n.DType)
	switch {
	case n.Op == ugraph.OpInvalid:
		return p.step(Step{Op: ugraph.OpLoad, Input: n.Input, Axes: n.Axes, DType: dt}), nil
	case n.Op == ugraph.OpIota:
		return p.step(Step{Op: ugraph.OpLoad, Input: -1, Axes: n.Axes, DType: ugraph.I32}), nil
	case n.Op == ugraph.OpConst:
		return p.number(n.Value, dt), nil
	case p.l.on(n.Over):
		return p.reduction(v, m)
	}
	return p.apply(n, m)
}

// apply is an operator on its operands' steps.
func (p *plan) apply(n expr.Node, m mode) (int, error) {
	dt := computeType(n.DType)
	args := make([]int, len(n.Args))
	for i, a := range n.Args {
		s, err := p.value(a, m)
		if err != nil {
			return 0, err
		}
		args[i] = s
	}
	attrs := n.Attrs
	if n.Op == ugraph.OpCast {
		if narrows(n) { // computing goes on with what the narrow type keeps
			narrow := ugraph.Attrs{ugraph.WordAttr("to", n.DType.String())}
			args = []int{p.step(Step{Op: n.Op, Args: args, DType: n.DType, Attrs: narrow, Input: -1})}
		}
		if p.f.Steps[args[0]].DType == dt {
			return args[0], nil
		}
		attrs = ugraph.Attrs{ugraph.WordAttr("to", dt.String())}
	}
	if n.Op == ugraph.OpDiv {
		return p.divided(args[0], args[1]), nil
	}
	return p.step(Step{Op: n.Op, Args: args, Over: n.Over, DType: dt, Attrs: attrs, Input: -1}), nil
}

// divided is x/by: where the divisor has fewer elements, few divisions and many multiplications. (A number is no tile, and
// its reciprocal would be rounded.)
func (p *plan) divided(x, by int) int {
	if a, b := p.f.Steps[x].Axes, p.f.Steps[by].Axes; b == 0 || b == a || b&^a != 0 {
		return p.op(ugraph.OpDiv, x, by)
	}
	return p.op(ugraph.OpMul, x, p.reciprocal(by))
}

// reciprocal is 1/x for a step x, made once.
func (p *plan) reciprocal(x int) int {
	key := fmt.Sprint("reciprocal ", x)
	r, ok := p.accs[key]
	if !ok {
		r = p.op(ugraph.OpReciprocal, x)
		p.accs[key] = r
	}
	return r
}

// narrows tells whether a node is a cast that loses what the program may not keep: to f8.
func narrows(n expr.Node) bool { return n.Op == ugraph.OpCast && n.DType == ugraph.F8E4M3 }

// reduction is a reduction over the loop axis: its accumulators, joined by the factors after the loop.
func (p *plan) reduction(v int, m mode) (int, error) {
	if mv, ok, err := p.movingReduction(v, m); ok || err != nil {
		return mv, err
	}
	parts, err := p.l.accumulate(v)
	if err != nil {
		return 0, &bodyError{v, err}
	}
	num, den := make([][]int, len(parts)), make([][]int, len(parts))
	for i, t := range parts {
		if num[i], den[i], err = p.factors(t, m); err != nil {
			return 0, err
		}
	}
	common := den[0]
	for _, d := range den[1:] {
		common = slices.DeleteFunc(slices.Clone(common), func(s int) bool { return !slices.Contains(d, s) })
	}
	sum := -1
	for i, t := range parts {
		s := p.quotient(num[i], without(den[i], common), computeType(p.l.d.Nodes[v].DType))
		switch {
		case sum < 0 && t.minus:
			sum = p.op(ugraph.OpNeg, s)
		case sum < 0:
			sum = s
		case t.minus:
			sum = p.op(ugraph.OpSub, sum, s)
		default:
			sum = p.op(ugraph.OpAdd, sum, s)
		}
	}
	for _, s := range common {
		sum = p.divided(sum, s)
	}
	return sum, nil
}

// factors are the steps whose product over whose quotient is one part without its sign.
func (p *plan) factors(t part, m mode) (num, den []int, err error) {
	if t.h != one {
		acc, err := p.accumulator(t)
		if err != nil {
			return nil, nil, err
		}
		s := p.read(acc, m)
		if m == running {
			s = p.guard(s, t.h)
		}
		num = append(num, s)
	}
	for _, x := range t.num {
		v, err := p.value(x, m)
		if err != nil {
			return nil, nil, err
		}
		num = append(num, v)
	}
	for _, x := range t.den {
		v, err := p.value(x, m)
		if err != nil {
			return nil, nil, err
		}
		if i := slices.Index(num, v); i >= 0 {
			num = slices.Delete(num, i, i+1)
			continue
		}
		den = append(den, v)
	}
	return num, den, nil
}

// without removes the elements of b from a, each as often as it occurs in b.
func without(a, b []int) []int {
	out := slices.Clone(a)
	for _, x := range b {
		if i := slices.Index(out, x); i >= 0 {
			out = slices.Delete(out, i, i+1)
		}
	}
	return out
}

func (p *plan) quotient(num, den []int, dt ugraph.DType) int {
	s := -1
	for _, x := range num {
		if s < 0 {
			s = x
		} else {
			s = p.op(ugraph.OpMul, s, x)
		}
	}
	if s < 0 {
		s = p.number(ugraph.Int(1), dt)
	}
	for _, x := range den {
		s = p.divided(s, x)
	}
	return s
}

// read is an accumulator at a mode.
func (p *plan) read(acc int, m mode) int {
	if m == final {
		return acc
	}
	key := fmt.Sprintf("read %d %d", acc, m)
	if s, ok := p.accs[key]; ok {
		return s
	}
	op := ugraph.OpRunning
	if m == previous {
		op = ugraph.OpPrevious
	}
	s := p.step(Step{Op: op, Args: []int{acc}, DType: p.f.Steps[acc].DType, Input: -1})
	p.accs[key] = s
	return s
}

// guard replaces a running maximum of -inf by 0: where all elements so far are masked, exp(s - m)
// would be exp(-inf + inf).
func (p *plan) guard(s, h int) int {
	n := p.l.d.Nodes[h]
	sign := 0
	switch n.Op {
	case ugraph.OpMax:
		sign = -1
	case ugraph.OpMin:
		sign = 1
	default:
		return s
	}
	if !n.DType.IsFloat() || !p.l.mayBeInfinite(n.Args[0]) {
		return s
	}
	key := fmt.Sprintf("guard %d", s)
	if g, ok := p.accs[key]; ok {
		return g
	}
	dt := p.f.Steps[s].DType
	masked := p.op(ugraph.OpEqual, s, p.number(ugraph.Inf(sign), dt))
	g := p.op(ugraph.OpWhere, masked, p.number(ugraph.Int(0), dt), s)
	p.accs[key] = g
	return g
}

// mayBeInfinite tells whether a value may hold -inf (or +inf) as a mask does.
func (l *law) mayBeInfinite(v int) bool {
	n := l.d.Nodes[v]
	switch n.Op {
	case ugraph.OpInvalid:
		return n.DType.IsFloat()
	case ugraph.OpConst:
		return n.Value.IsInf() != 0
	case ugraph.OpLog:
		return true
	case ugraph.OpWhere:
		return l.mayBeInfinite(n.Args[1]) || l.mayBeInfinite(n.Args[2])
	case ugraph.OpAdd, ugraph.OpSub, ugraph.OpMul, ugraph.OpMaximum, ugraph.OpMinimum:
		return l.mayBeInfinite(n.Args[0]) || l.mayBeInfinite(n.Args[1])
	case ugraph.OpDiv, ugraph.OpNeg, ugraph.OpCast, ugraph.OpMax, ugraph.OpMin:
		return l.mayBeInfinite(n.Args[0])
	}
	return false
}

var accumKinds = map[ugraph.Op]string{ugraph.OpSum: "sum", ugraph.OpMatMul: "sum", ugraph.OpMax: "max", ugraph.OpMin: "min"}

// accKey names the accumulator of a part: equal parts share one.
func accKey(t part) string { return fmt.Sprintf("%d %v %v", t.h, t.pos, t.neg) }

// accumulator is the accumulator of part t: the tile's reduction, rescaled where t has an exponent.
func (p *plan) accumulator(t part) (int, error) {
	key := accKey(t)
	if s, ok := p.f.accs[key]; ok {
		return s, nil
	}
	n := p.l.d.Nodes[t.h]
	kind, ok := accumKinds[n.Op]
	if !ok {
		panic(fmt.Sprintf("loop: %s is no accumulator", n.Op))
	}
	if !p.l.carried(n) {
		return 0, refuse("a reduction over an axis that its operand lacks")
	}
	tile, err := p.apply(n, running)
	if err != nil {
		return 0, err
	}
	args, role := []int{tile}, kind
	if len(t.pos)+len(t.neg) > 0 {
		factor, err := p.rescale(t)
		if err != nil {
			return 0, err
		}
		args, role = append(args, factor), "rescaled"
	}
	p.f.Roles[role]++
	s := p.step(Step{Op: ugraph.OpAccum, Args: args, Over: p.l.set, DType: p.f.Steps[tile].DType, Kind: kind, Input: -1})
	p.f.accs[key] = s
	return s, nil
}

// carried tells whether a reduction's operands carry the loop axis.
func (l *law) carried(n expr.Node) bool {
	for _, a := range n.Args {
		if l.on(l.d.Nodes[a].Axes) {
			return true
		}
	}
	return false
}

// rescale is φ = exp(Σ neg_previous - neg_running + Σ pos_running - pos_previous).
func (p *plan) rescale(t part) (int, error) {
	key := fmt.Sprintf("rescale %v %v", t.pos, t.neg)
	if s, ok := p.accs[key]; ok {
		return s, nil
	}
	arg := -1
	add := func(r int, plus, minus mode) error {
		a, err := p.value(r, plus)
		if err != nil {
			return err
		}
		b, err := p.value(r, minus)
		if err != nil {
			return err
		}
		d := p.op(ugraph.OpSub, a, b)
		if arg >= 0 {
			d = p.op(ugraph.OpAdd, arg, d)
		}
		arg = d
		return nil
	}
	for _, r := range t.neg {
		if err := add(r, previous, running); err != nil {
			return 0, err
		}
	}
	for _, r := range t.pos {
		if err := add(r, running, previous); err != nil {
			return 0, err
		}
	}
	s := p.op(ugraph.OpExp, arg)
	p.accs[key] = s
	return s, nil
}
