package onnx

import (
	"math/bits"

	"github.com/morgana-ml/morgana/ugraph"
)

// binaryOperators are the elementwise operators of several tensors.
var binaryOperators = map[string]*operator{
	"Add":        {min: 2, max: 2, rule: func(c *call) []*tensor { return c.arith(ugraph.OpAdd, ugraph.Dim.Add) }, doc: "add; sizes are added when the model is imported"},
	"Sub":        {min: 2, max: 2, rule: func(c *call) []*tensor { return c.arith(ugraph.OpSub, ugraph.Dim.Sub) }, doc: "sub; sizes likewise"},
	"Mul":        {min: 2, max: 2, rule: func(c *call) []*tensor { return c.arith(ugraph.OpMul, ugraph.Dim.Mul) }, doc: "mul; sizes likewise"},
	"Div":        {min: 2, max: 2, rule: div, doc: "div; integers of 32 bits and less through f64, i64 by a power of two"},
	"Mod":        {min: 2, max: 2, rule: mod, doc: "integers by a power of two: and"},
	"Pow":        {min: 2, max: 2, rule: pow, doc: "pow with a number; its square and roots by their operators"},
	"Max":        variadic(ugraph.OpMaximum),
	"Min":        variadic(ugraph.OpMinimum),
	"Sum":        variadic(ugraph.OpAdd),
	"Mean":       {min: 1, max: -1, rule: mean, doc: "add and a division by the number of inputs"},
	"And":        two(ugraph.OpAnd),
	"Or":         two(ugraph.OpOr),
	"Xor":        two(ugraph.OpXor),
	"BitwiseAnd": since(18, two(ugraph.OpAnd)),
	"BitwiseOr":  since(18, two(ugraph.OpOr)),
	"BitwiseXor": since(18, two(ugraph.OpXor)),
	"BitShift":   {min: 2, max: 2, rule: bitShift, doc: "shift_left, shift_right"},

	"Equal":          {min: 2, max: 2, rule: func(c *call) []*tensor { return c.compare(ugraph.OpEqual) }, doc: "equal; known sizes are compared when the model is imported"},
	"Less":           {min: 2, max: 2, rule: func(c *call) []*tensor { return c.compare(ugraph.OpLess) }, doc: "less"},
	"LessOrEqual":    {min: 2, max: 2, rule: func(c *call) []*tensor { return c.compare(ugraph.OpLessEqual) }, doc: "less_equal"},
	"Greater":        {min: 2, max: 2, rule: func(c *call) []*tensor { return c.compare(ugraph.OpGreater) }, doc: "greater"},
	"GreaterOrEqual": {min: 2, max: 2, rule: func(c *call) []*tensor { return c.compare(ugraph.OpGreaterEqual) }, doc: "greater_equal"},
	"Where":          {min: 3, max: 3, rule: where, doc: "where; known conditions choose when the model is imported"},
	"PRelu":          {min: 2, max: 2, rule: prelu, doc: "slope · x below 0"},
}

func two(op ugraph.Op) *operator {
	return &operator{min: 2, max: 2, doc: "the same: " + op.String(), rule: func(c *call) []*tensor { return c.one(c.op(op, nil, c.args()...)) }}
}

// variadic is a row for an operator of any number of tensors: one of two, again and again.
func variadic(op ugraph.Op) *operator {
	return &operator{min: 1, max: -1, doc: op.String() + " again and again", rule: func(c *call) []*tensor { return c.one(c.joinAll(op)) }}
}

func (c *call) joinAll(op ugraph.Op) v {
	args := c.args()
	x := args[0]
	for _, y := range args[1:] {
		x = c.op(op, nil, x, y)
	}
	if shape, ok := joined(c.typ(x).Shape, c.in[0].typ.Shape); ok {
		x = c.broadcast(x, shape)
	}
	return x
}

func mean(c *call) []*tensor {
	x := c.joinAll(ugraph.OpAdd)
	return c.one(c.div(x, c.int(int64(len(c.in)), c.typ(x).DType)))
}

// arith is a binary operator; of known integers it is folded.
func (c *call) arith(op ugraph.Op, fold func(a, b ugraph.Dim) ugraph.Dim) []*tensor {
	if t := c.fold2(fold); t != nil {
		return []*tensor{t}
	}
	return c.one(c.op(op, nil, c.args()...))
}

// fold2 applies a function to two known integer tensors, or returns nil where they are not, or where the
// function has no answer (Overflow).
func (c *call) fold2(f func(a, b ugraph.Dim) ugraph.Dim) *tensor {
	a, b := c.in[0], c.in[1]
	if a.known == nil || b.known == nil || a.typ.DType.IsFloat() || a.typ.DType != b.typ.DType {
		return nil
	}
	shape, ok := joined(a.typ.Shape, b.typ.Shape)
	if !ok {
		return nil
	}
	out := &known{}
	switch {
	case a.uniform() && b.uniform():
		out.ints, out.fill = []ugraph.Dim{f(a.known.ints[0], b.known.ints[0])}, true
	case a.uniform() && ugraph.SameShape(shape, b.typ.Shape):
		for _, d := range b.known.ints {
			out.ints = append(out.ints, f(a.known.ints[0], d))
		}
	case b.uniform() && ugraph.SameShape(shape, a.typ.Shape):
		for _, d := range a.known.ints {
			out.ints = append(out.ints, f(d, b.known.ints[0]))
		}
	case ugraph.SameShape(a.typ.Shape, b.typ.Shape) && len(a.known.ints) == len(b.known.ints):
		for i, d := range a.known.ints {
			out.ints = append(out.ints, f(d, b.known.ints[i]))
		}
	default:
		return nil
	}
	for _, d := range out.ints {
		if n, isNumber := d.Const(); d == ugraph.Overflow || isNumber && ugraph.CheckLiteral(ugraph.Int(n), a.typ.DType) != nil {
			return nil
		}
	}
	return knownTensor(a.typ.DType, shape, out)
}

// div: integers are divided towards 0. Sizes are folded where the division has no rest. f64 has quotients of
// 32-bit integers closely enough for their integer part; for i64 only a power of two is left, by shifts.
func div(c *call) []*tensor {
	dt := c.in[0].typ.DType
	if !dt.IsInt() {
		return c.one(c.op(ugraph.OpDiv, nil, c.args()...))
	}
	if t := c.fold2(func(a, b ugraph.Dim) ugraph.Dim {
		n, isNumber := b.Const()
		if !isNumber || n == 0 {
			return ugraph.Overflow
		}
		if q, ok := a.Div(n); ok {
			return q
		}
		if m, ok := a.Const(); ok {
			return ugraph.D(m / n)
		}
		return ugraph.Overflow
	}); t != nil {
		return []*tensor{t}
	}
	args := c.args()
	if dt != ugraph.I64 {
		return c.one(c.cast(c.div(c.cast(args[0], ugraph.F64), c.cast(args[1], ugraph.F64)), dt))
	}
	n, ok := c.powerOfTwo(c.in[1])
	if !ok {
		c.refuse("a division of i64 whose divisor is no known power of two")
	}
	shift := func(x v) v { return c.op(ugraph.OpShiftRight, nil, x, c.int(n, dt)) }
	return c.one(c.below0(args[0], c.neg(shift(c.neg(args[0]))), shift(args[0])))
}

// powerOfTwo returns log2 of a tensor of one known power of two.
func (c *call) powerOfTwo(t *tensor) (int64, bool) {
	n, ok := c.literal(t)
	p, isInt := n.IsInt()
	if !ok || !isInt || p < 1 || p&(p-1) != 0 {
		return 0, false
	}
	return int64(bits.TrailingZeros64(uint64(p))), true
}

func mod(c *call) []*tensor {
	dt := c.in[0].typ.DType
	if t := c.fold2(func(a, b ugraph.Dim) ugraph.Dim {
		m, okA := a.Const()
		n, okB := b.Const()
		if !okA || !okB || n < 1 {
			return ugraph.Overflow
		}
		return ugraph.D((m%n + n) % n)
	}); t != nil && !c.attrFlag("fmod", false) {
		return []*tensor{t}
	}
	n, ok := c.powerOfTwo(c.in[1])
	if !dt.IsInt() || c.attrFlag("fmod", false) || !ok {
		c.refuse("a remainder other than of integers by a known power of two")
	}
	return c.one(c.op(ugraph.OpAnd, nil, c.args()[0], c.int(1<<n-1, dt)))
}

// pow: the exponent is a number, of any type. The result has the type of the base.
func pow(c *call) []*tensor {
	e, ok := c.literal(c.in[1])
	if !ok {
		c.refuse("an exponent that is computed or is no single number")
	}
	x := c.value(0)
	shape, fits := joined(c.in[0].typ.Shape, c.in[1].typ.Shape)
	if !fits {
		c.refuse("the shapes %s and %s do not broadcast", ugraph.ShapeString(c.in[0].typ.Shape), ugraph.ShapeString(c.in[1].typ.Shape))
	}
	dt := c.typ(x).DType
	switch e.Float64() {
	case 1:
	case 2:
		x = c.op(ugraph.OpSquare, nil, x)
	case 0.5:
		x = c.op(ugraph.OpSqrt, nil, x)
	case -0.5:
		x = c.op(ugraph.OpRsqrt, nil, x)
	case -1:
		x = c.op(ugraph.OpReciprocal, nil, x)
	case 3:
		x = c.mul(c.op(ugraph.OpSquare, nil, x), x)
	default:
		if !dt.IsFloat() {
			c.refuse("the power %s of integers", e)
		}
		x = c.op(ugraph.OpPow, ugraph.Attrs{ugraph.NumberAttr("exponent", e)}, x)
	}
	return c.one(c.broadcast(x, shape))
}

func bitShift(c *call) []*tensor {
	op := ugraph.OpShiftLeft
	switch d := c.attrString("direction", ""); d {
	case "LEFT":
	case "RIGHT":
		op = ugraph.OpShiftRight
	default:
		c.refuse("direction=%q; have LEFT, RIGHT", d)
	}
	return c.one(c.op(op, nil, c.args()...))
}

// compare folds the comparison of sizes where their difference has one sign for all sizes.
func (c *call) compare(op ugraph.Op) []*tensor {
	t := c.fold2(func(a, b ugraph.Dim) ugraph.Dim { return c.decide(op, a.Sub(b)) })
	if t != nil {
		t.typ.DType = ugraph.Bool
		return []*tensor{t}
	}
	return c.one(c.op(op, nil, c.args()...))
}

// decide compares a difference with 0: 1, 0, or Overflow where that depends on the sizes.
func (c *call) decide(op ugraph.Op, d ugraph.Dim) ugraph.Dim {
	sign := 0
	switch n, isNumber := d.Const(); {
	case isNumber && n > 0 || !isNumber && c.im.positive(d):
		sign = 1
	case isNumber && n < 0 || !isNumber && c.im.positive(d.Mul(ugraph.D(-1))):
		sign = -1
	case !isNumber:
		return ugraph.Overflow
	}
	yes := false
	switch op {
	case ugraph.OpEqual:
		yes = sign == 0
	case ugraph.OpLess:
		yes = sign < 0
	case ugraph.OpLessEqual:
		yes = sign <= 0
	case ugraph.OpGreater:
		yes = sign > 0
	case ugraph.OpGreaterEqual:
		yes = sign >= 0
	}
	if yes {
		return ugraph.D(1)
	}
	return ugraph.D(0)
}

// where folds a choice between known sizes.
func where(c *call) []*tensor {
	cond, a, b := c.in[0], c.in[1], c.in[2]
	if cond.known != nil && a.known != nil && b.known != nil && !a.typ.DType.IsFloat() && a.typ.DType == b.typ.DType {
		shape, ok := joined(cond.typ.Shape, a.typ.Shape, b.typ.Shape)
		all, errC := cond.dims()
		first, errA := a.dims()
		second, errB := b.dims()
		if ok && errC == nil && errA == nil && errB == nil && len(shape) <= 1 && len(all)*len(first)*len(second) > 0 {
			n := max(len(all), len(first), len(second))
			k := &known{}
			for i := range n {
				from := second
				if all[i%len(all)].Is(1) {
					from = first
				}
				k.ints = append(k.ints, from[i%len(from)])
			}
			return []*tensor{knownTensor(a.typ.DType, shape, k)}
		}
	}
	return c.one(c.op(ugraph.OpWhere, nil, c.args()...))
}

func prelu(c *call) []*tensor {
	args := c.args()
	return c.one(c.below0(args[0], c.mul(args[0], args[1]), args[0]))
}
