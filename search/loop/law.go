package loop

import (
	"fmt"
	"slices"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph"
)

// one stands for the number 1 in place of a node.
const one = -1

// term is a summand h(x)·exp(Σ pos - Σ neg)·Πnum/Πden of a separated value. x are the values that
// carry the loop axis; pos, neg, num and den are values after the loop. h is a node that already
// contains the exponential, evaluated at the running values of pos and neg, so that it stays bounded.
type term struct {
	minus    bool
	h        int // node, or one
	pos, neg []int
	num, den []int
}

func (t term) pureX() bool { return len(t.pos)+len(t.neg)+len(t.num)+len(t.den) == 0 && !t.minus }
func (t term) pureR() bool { return t.h == one && len(t.pos)+len(t.neg) == 0 }

// separated is a value as a sum of terms.
type separated struct {
	terms   []term
	neutral bool // does not depend on the loop axis at all: may join either side of a product
}

// part is one accumulator's share in the value of a reduction over the loop axis: term.h is the
// reduction of the part that is known in the loop.
type part = term

// law separates the values of a DAG for one loop axis. d is a private copy: separation adds nodes.
type law struct {
	d      *expr.DAG
	axis   int          // -1: no loop
	set    expr.AxisSet // of the loop axis, or none
	after  []bool       // no loop axis, but a reduction over it beneath
	taint  []bool       // a reduction over the loop axis beneath
	known  map[string]int
	cache  map[int]separated
	parts  map[int][]part // of the reductions over the loop axis
	moving map[int]moving // of reductions that need a moving basis, see moving.go
}

func newLaw(d *expr.DAG, axis int) *law {
	l := &law{d: d.Clone(), axis: axis, known: map[string]int{}, cache: map[int]separated{}, parts: map[int][]part{}, moving: map[int]moving{}}
	if axis >= 0 {
		l.set = expr.Set(axis)
	}
	for i := range l.d.Nodes {
		l.note(i)
	}
	return l
}

// on tells whether a set holds the loop axis.
func (l *law) on(s expr.AxisSet) bool { return s&l.set != 0 }

func nodeKey(n expr.Node) string {
	return fmt.Sprintf("%d %v %d %d %d {%s} %s %d", n.Op, n.Args, n.Over, n.Axes, n.DType, n.Attrs, n.Value, n.Input)
}

// note classifies node i.
func (l *law) note(i int) {
	n := l.d.Nodes[i]
	t := l.on(n.Over)
	for _, a := range n.Args {
		t = t || l.taint[a]
	}
	l.taint = append(l.taint, t)
	l.after = append(l.after, t && !l.on(n.Axes))
	if k := nodeKey(n); n.Op != ugraph.OpInvalid {
		if _, ok := l.known[k]; !ok {
			l.known[k] = i
		}
	}
}

// add appends a node unless the DAG has it.
func (l *law) add(n expr.Node) int {
	if n.Op != ugraph.OpConst && n.Op != ugraph.OpIota {
		for _, a := range n.Args {
			n.Axes |= l.d.Nodes[a].Axes
		}
		n.Axes &^= n.Over
	}
	if i, ok := l.known[nodeKey(n)]; ok {
		return i
	}
	i := l.d.Add(n)
	l.note(i)
	return i
}

func (l *law) op(op ugraph.Op, dt ugraph.DType, args ...int) int {
	return l.add(expr.Node{Op: op, Args: args, DType: dt})
}

func (l *law) constant(v ugraph.Number, dt ugraph.DType) int {
	return l.add(expr.Node{Op: ugraph.OpConst, Value: v, DType: dt})
}

// ones is the value 1 along an axis. It is derived from the index, so that a ragged tile has as many
// ones as it has columns.
func (l *law) ones(axis int, dt ugraph.DType) int {
	i := l.add(expr.Node{Op: ugraph.OpIota, Axes: expr.Set(axis), DType: ugraph.I32})
	x := l.add(expr.Node{Op: ugraph.OpCast, Args: []int{i}, DType: dt, Attrs: ugraph.Attrs{ugraph.WordAttr("to", dt.String())}})
	return l.op(ugraph.OpAdd, dt, l.op(ugraph.OpMul, dt, x, l.constant(ugraph.Int(0), dt)), l.constant(ugraph.Int(1), dt))
}

// refuse says why a value has no separated form.
func refuse(format string, args ...any) error { return fmt.Errorf(format, args...) }

// bodyError is a reduction over the loop axis whose body has no separated form.
type bodyError struct {
	node int
	err  error
}

func (e *bodyError) Error() string { return e.err.Error() }
func (e *bodyError) Unwrap() error { return e.err }

// separate returns the separated form of node v.
func (l *law) separate(v int) (separated, error) {
	if s, ok := l.cache[v]; ok {
		return s, nil
	}
	s, err := l.separateNew(v)
	if err == nil {
		l.cache[v] = s
	}
	return s, err
}

func (l *law) separateNew(v int) (separated, error) {
	n := l.d.Nodes[v]
	switch {
	case l.after[v]:
		return separated{terms: []term{{h: one, num: []int{v}}}}, nil
	case !l.taint[v]:
		return separated{terms: []term{{h: v}}, neutral: !l.on(n.Axes)}, nil
	}
	args := make([]separated, len(n.Args))
	for i, a := range n.Args {
		s, err := l.separate(a)
		if err != nil {
			return s, err
		}
		args[i] = s
	}
	rule, ok := rules[n.Op]
	if !ok {
		return separated{}, refuse("%s of a value that mixes the loop's elements with its reductions does not separate", n.Op)
	}
	s, err := rule(l, v, args)
	if err != nil {
		return s, err
	}
	return l.collect(s, n.DType), nil
}

// rules is the law, operator by operator: the separated form of a node from those of its operands.
var rules map[ugraph.Op]func(l *law, v int, args []separated) (separated, error)

func init() {
	rules = map[ugraph.Op]func(l *law, v int, args []separated) (separated, error){
		ugraph.OpAdd:  func(_ *law, _ int, a []separated) (separated, error) { return sumOf(a[0], a[1]), nil },
		ugraph.OpSub:  func(_ *law, _ int, a []separated) (separated, error) { return sumOf(a[0], negated(a[1])), nil },
		ugraph.OpNeg:  func(_ *law, _ int, a []separated) (separated, error) { return negated(a[0]), nil },
		ugraph.OpCast: ruleCast,
		ugraph.OpMul: func(l *law, v int, a []separated) (separated, error) {
			return l.product(a[0], a[1], l.d.Nodes[v].DType)
		},
		ugraph.OpDiv:        ruleDiv,
		ugraph.OpReciprocal: ruleReciprocal,
		ugraph.OpSquare:     ruleSquare,
		ugraph.OpAbs:        ruleAbs,
		ugraph.OpExp:        ruleExp,
		ugraph.OpWhere:      ruleWhere,
		ugraph.OpSum:        ruleReduce,
		ugraph.OpMean:       ruleReduce,
		ugraph.OpMatMul:     ruleMatMul,
		ugraph.OpMax:        ruleExtreme,
		ugraph.OpMin:        ruleExtreme,
	}
}

func sumOf(a, b separated) separated {
	return separated{terms: append(append([]term{}, a.terms...), b.terms...)}
}

func negated(a separated) separated {
	out := separated{neutral: a.neutral}
	for _, t := range a.terms {
		t.minus = !t.minus
		out.terms = append(out.terms, t)
	}
	return out
}

// collect joins the terms whose factors after the loop agree.
func (l *law) collect(s separated, dt ugraph.DType) separated {
	at := map[string]int{}
	var out []term
	for _, t := range s.terms {
		if t.h == one {
			out = append(out, t)
			continue
		}
		k := fmt.Sprint(t.pos, t.neg, t.num, t.den)
		i, ok := at[k]
		if !ok {
			at[k] = len(out)
			out = append(out, t)
			continue
		}
		switch o := &out[i]; {
		case o.minus == t.minus:
			o.h = l.op(ugraph.OpAdd, dt, o.h, t.h)
		case o.minus:
			o.h, o.minus = l.op(ugraph.OpSub, dt, t.h, o.h), false
		default:
			o.h = l.op(ugraph.OpSub, dt, o.h, t.h)
		}
	}
	return separated{terms: out, neutral: s.neutral}
}

func cat(a, b []int) []int { return append(append([]int{}, a...), b...) }

// product multiplies two separated forms. The product of two sums is the power basis of a moment,
// which cancels catastrophically: it is refused.
func (l *law) product(a, b separated, dt ugraph.DType) (separated, error) {
	if len(a.terms) > 1 && len(b.terms) > 1 {
		return separated{}, refuse("a product of two sums separates only in the power basis, which cancels")
	}
	var out separated
	for _, s := range a.terms {
		for _, t := range b.terms {
			out.terms = append(out.terms, l.times(s, t, a.neutral, b.neutral, func(x, y int) int { return l.op(ugraph.OpMul, dt, x, y) }))
		}
	}
	return out, nil
}

// times multiplies two terms; mul multiplies their parts in the loop. A neutral part joins the
// factors after the loop where the other term has nothing in the loop.
func (l *law) times(s, t term, sNeutral, tNeutral bool, mul func(x, y int) int) term {
	u := term{minus: s.minus != t.minus, pos: cat(s.pos, t.pos), neg: cat(s.neg, t.neg), num: cat(s.num, t.num), den: cat(s.den, t.den)}
	switch {
	case s.h == one && t.h == one:
		u.h = one
	case s.h == one && tNeutral:
		u.h, u.num = one, append(u.num, t.h)
	case t.h == one && sNeutral:
		u.h, u.num = one, append(u.num, s.h)
	case s.h == one:
		u.h = t.h
	case t.h == one:
		u.h = s.h
	default:
		u.h = mul(s.h, t.h)
	}
	return u
}

// inverse is 1/t.
func (l *law) inverse(t term, dt ugraph.DType) term {
	u := term{minus: t.minus, h: t.h, pos: t.neg, neg: t.pos, num: t.den, den: t.num}
	if t.h != one {
		u.h = l.op(ugraph.OpReciprocal, dt, t.h)
	}
	return u
}

func ruleCast(l *law, v int, a []separated) (separated, error) {
	n := l.d.Nodes[v]
	from := l.d.Nodes[n.Args[0]].DType
	if !from.IsFloat() || !n.DType.IsFloat() || narrows(n) {
		return separated{}, refuse("a conversion from %s to %s does not separate", from, n.DType)
	}
	return a[0], nil // rounding is judged by the verifier; inside a kernel floats are at least f32
}

func ruleDiv(l *law, v int, a []separated) (separated, error) {
	dt := l.d.Nodes[v].DType
	if len(a[1].terms) != 1 {
		return separated{}, refuse("a quotient by a sum of loop elements and reductions does not separate")
	}
	d := a[1].terms[0]
	var out separated
	for _, t := range a[0].terms {
		u := term{minus: t.minus != d.minus, h: t.h, pos: cat(t.pos, d.neg), neg: cat(t.neg, d.pos), num: cat(t.num, d.den), den: cat(t.den, d.num)}
		switch {
		case d.h == one:
		case t.h == one && a[1].neutral:
			u.den = append(u.den, d.h)
		case t.h == one:
			u.h = l.op(ugraph.OpReciprocal, dt, d.h)
		default:
			u.h = l.op(ugraph.OpDiv, dt, t.h, d.h)
		}
		out.terms = append(out.terms, u)
	}
	return out, nil
}

func ruleReciprocal(l *law, v int, a []separated) (separated, error) {
	if len(a[0].terms) != 1 {
		return separated{}, refuse("the reciprocal of a sum of loop elements and reductions does not separate")
	}
	return separated{terms: []term{l.inverse(a[0].terms[0], l.d.Nodes[v].DType)}}, nil
}

func ruleSquare(l *law, v int, a []separated) (separated, error) {
	if len(a[0].terms) != 1 {
		return separated{}, refuse("the square of a sum of loop elements and reductions separates only in the power basis, which cancels")
	}
	t, dt := a[0].terms[0], l.d.Nodes[v].DType
	return separated{terms: []term{l.times(t, t, false, false, func(x, _ int) int { return l.op(ugraph.OpSquare, dt, x) })}}, nil
}

func ruleAbs(l *law, v int, a []separated) (separated, error) {
	if len(a[0].terms) != 1 {
		return separated{}, refuse("the absolute value of a sum does not separate")
	}
	t, dt := a[0].terms[0], l.d.Nodes[v].DType
	u := term{h: t.h, pos: t.pos, neg: t.neg}
	if t.h != one {
		u.h = l.op(ugraph.OpAbs, dt, t.h)
	}
	for _, x := range t.num {
		u.num = append(u.num, l.op(ugraph.OpAbs, dt, x))
	}
	for _, x := range t.den {
		u.den = append(u.den, l.op(ugraph.OpAbs, dt, x))
	}
	return separated{terms: []term{u}}, nil
}

// ruleWhere moves a selection by an untainted condition into the loop's parts.
func ruleWhere(l *law, v int, a []separated) (separated, error) {
	n := l.d.Nodes[v]
	if l.taint[n.Args[0]] {
		return separated{}, refuse("a condition on reductions over the loop axis does not separate")
	}
	zero := l.constant(ugraph.Int(0), n.DType)
	var out separated
	for side, s := range a[1:] {
		for _, t := range s.terms {
			if t.h == zero {
				continue
			}
			h := t.h
			if h == one {
				h = l.constant(ugraph.Int(1), n.DType)
			}
			choice := []int{n.Args[0], h, zero}
			if side == 1 {
				choice = []int{n.Args[0], zero, h}
			}
			t.h = l.op(ugraph.OpWhere, n.DType, choice...)
			out.terms = append(out.terms, t)
		}
	}
	return out, nil
}

// ruleExp keeps the exponential of the part after the loop in the loop, where running values bound
// it: exp(x + r) = exp(x + r_running)·exp(r - r_running). A logarithm in r becomes a factor.
func ruleExp(l *law, v int, a []separated) (separated, error) {
	n := l.d.Nodes[v]
	u := term{h: v}
	var x *term
	changed := false
	for i, t := range a[0].terms {
		switch {
		case t.h != one && len(t.pos)+len(t.neg)+len(t.num)+len(t.den) == 0 && x == nil:
			x = &a[0].terms[i]
		case t.pureR():
			changed = l.exponent(l.factorNode(t, n.DType), t.minus, &u) || changed
		default:
			return separated{}, refuse("an exponent that is not a sum of loop elements and reductions does not separate")
		}
	}
	for i := 0; i < len(u.pos); i++ { // what is added and subtracted, such as a maximum shifted twice
		if j := slices.Index(u.neg, u.pos[i]); j >= 0 {
			u.pos, u.neg = slices.Delete(u.pos, i, i+1), slices.Delete(u.neg, j, j+1)
			changed = true
			i--
		}
	}
	if err := l.held(u); err != nil {
		return separated{}, err
	}
	if changed { // h without what left the exponent
		arg := one
		join := func(op ugraph.Op, y int) {
			switch {
			case arg != one:
				arg = l.op(op, n.DType, arg, y)
			case op == ugraph.OpSub:
				arg = l.op(ugraph.OpNeg, n.DType, y)
			default:
				arg = y
			}
		}
		if x != nil {
			join(signed(x.minus), x.h)
		}
		for _, r := range u.pos {
			join(ugraph.OpAdd, r)
		}
		for _, r := range u.neg {
			join(ugraph.OpSub, r)
		}
		if arg == one {
			return separated{}, refuse("an exponent of reductions alone is no exponential of the loop")
		}
		u.h = l.op(ugraph.OpExp, n.DType, arg)
	}
	return separated{terms: []term{u}}, nil
}

func signed(minus bool) ugraph.Op {
	if minus {
		return ugraph.OpSub
	}
	return ugraph.OpAdd
}

// factorNode is the node of a term's factors after the loop, without its sign.
func (l *law) factorNode(t term, dt ugraph.DType) int {
	v := one
	for _, x := range t.num {
		if v == one {
			v = x
		} else {
			v = l.op(ugraph.OpMul, dt, v, x)
		}
	}
	if v == one {
		v = l.constant(ugraph.Int(1), dt)
	}
	for _, x := range t.den {
		v = l.op(ugraph.OpDiv, dt, v, x)
	}
	return v
}

// exponent adds ±r to the exponent of u, taking sums apart, shifted maxima too, and turning logarithms
// into factors. It tells whether the exponent is no longer the sum of the terms as written.
func (l *law) exponent(r int, minus bool, u *term) bool {
	n := l.d.Nodes[r]
	switch n.Op {
	case ugraph.OpAdd:
		a := l.exponent(n.Args[0], minus, u)
		return l.exponent(n.Args[1], minus, u) || a
	case ugraph.OpSub:
		a := l.exponent(n.Args[0], minus, u)
		return l.exponent(n.Args[1], !minus, u) || a
	case ugraph.OpNeg:
		return l.exponent(n.Args[0], !minus, u)
	case ugraph.OpLog:
		if minus {
			u.den = append(u.den, n.Args[0])
		} else {
			u.num = append(u.num, n.Args[0])
		}
		return true
	case ugraph.OpMax, ugraph.OpMin:
		if !l.on(n.Over) {
			break
		}
		parts, err := l.accumulate(r)
		if err != nil || len(parts) < 2 {
			break
		}
		for _, t := range parts {
			if t.h != one {
				l.exponent(t.h, minus != t.minus, u)
			} else {
				l.exponent(l.factorNode(t, n.DType), minus != t.minus, u)
			}
		}
		return true
	}
	if minus {
		u.neg = append(u.neg, r)
	} else {
		u.pos = append(u.pos, r)
	}
	return false
}

// held checks that a maximum over the loop axis holds the exponential down. Without one the
// exponential may overflow, and the rescale factor of the first trip is not a number.
func (l *law) held(u term) error {
	for _, r := range u.neg {
		if !l.extreme(r, ugraph.OpMax) {
			return refuse("an exponent is shifted by %s, which is no maximum over the loop axis", l.d.Nodes[r].Op)
		}
	}
	for _, r := range u.pos {
		if !l.extreme(r, ugraph.OpMin) {
			return refuse("an exponent is raised by %s, which is no minimum over the loop axis", l.d.Nodes[r].Op)
		}
	}
	return nil
}

// extreme tells whether r is a maximum (minimum) over the loop axis, perhaps times a positive number,
// or an elementwise maximum with one.
func (l *law) extreme(r int, op ugraph.Op) bool {
	n := l.d.Nodes[r]
	switch n.Op {
	case op:
		return l.on(n.Over) || l.after[n.Args[0]] && l.extreme(n.Args[0], op)
	case ugraph.OpMul:
		return l.extreme(n.Args[0], op) && l.positive(n.Args[1]) || l.extreme(n.Args[1], op) && l.positive(n.Args[0])
	case ugraph.OpDiv:
		return l.extreme(n.Args[0], op) && l.positive(n.Args[1])
	case ugraph.OpMaximum:
		return op == ugraph.OpMax && (l.extreme(n.Args[0], op) || l.extreme(n.Args[1], op))
	case ugraph.OpMinimum:
		return op == ugraph.OpMin && (l.extreme(n.Args[0], op) || l.extreme(n.Args[1], op))
	case ugraph.OpCast:
		return n.DType.IsFloat() && l.extreme(n.Args[0], op)
	}
	return false
}

// positive tells whether a value is greater than 0 for certain.
func (l *law) positive(v int) bool {
	n := l.d.Nodes[v]
	switch n.Op {
	case ugraph.OpConst:
		return n.Value.IsInf() == 0 && n.Value.Rat().Sign() > 0
	case ugraph.OpSqrt, ugraph.OpRsqrt, ugraph.OpReciprocal, ugraph.OpCast:
		return l.positive(n.Args[0])
	case ugraph.OpMul, ugraph.OpDiv, ugraph.OpAdd:
		return l.positive(n.Args[0]) && l.positive(n.Args[1])
	case ugraph.OpSigmoid:
		return true
	}
	return false
}
