package onnx

import (
	"github.com/morgana-ml/morgana/ugraph"
)

// unaryOperators are the elementwise operators of one tensor.
var unaryOperators = map[string]*operator{
	"Abs":        direct(ugraph.OpAbs),
	"BitwiseNot": since(18, direct(ugraph.OpNot)),
	"Cos":        direct(ugraph.OpCos),
	"Erf":        direct(ugraph.OpErf),
	"Exp":        direct(ugraph.OpExp),
	"Floor":      direct(ugraph.OpFloor),
	"Log":        direct(ugraph.OpLog),
	"Not":        direct(ugraph.OpNot),
	"Reciprocal": direct(ugraph.OpReciprocal),
	"Relu":       direct(ugraph.OpRelu),
	"Sigmoid":    direct(ugraph.OpSigmoid),
	"Sign":       direct(ugraph.OpSign),
	"Sin":        direct(ugraph.OpSin),
	"Sqrt":       direct(ugraph.OpSqrt),
	"Tanh":       direct(ugraph.OpTanh),

	"Neg":      {min: 1, max: 1, rule: neg, doc: "neg; sizes are negated when the model is imported"},
	"Identity": {min: 1, max: 1, rule: identity, doc: "nothing"},
	"Dropout":  {min: 1, max: 3, rule: dropout, doc: "nothing, outside training"},
	"Cast":     {min: 1, max: 1, rule: cast, doc: "cast; to bool: different from 0"},
	"CastLike": {since: 15, min: 2, max: 2, rule: castLike, doc: "cast to the second input's type"},
	"Clip":     {min: 1, max: 3, rule: clip, doc: "clamp, or minimum and maximum where a bound is computed"},

	"Gelu":            {since: 20, min: 1, max: 1, rule: gelu, doc: "gelu"},
	"Softplus":        formula("log(1 + e^x) = max(x, 0) + log(1 + e^-|x|)", softplus),
	"Softsign":        formula("x / (1 + |x|)", func(c *call, x v) v { return c.div(x, c.plus(c.op(ugraph.OpAbs, nil, x), 1)) }),
	"Mish":            since(18, formula("x · tanh(softplus(x))", func(c *call, x v) v { return c.mul(x, c.op(ugraph.OpTanh, nil, softplus(c, x))) })),
	"HardSwish":       since(14, formula("x · clamp(x/6 + 1/2, 0, 1)", hardSwish)),
	"Ceil":            formula("-floor(-x)", func(c *call, x v) v { return c.neg(c.op(ugraph.OpFloor, nil, c.neg(x))) }),
	"Round":           formula("to the nearest integer, halves to the even one", round),
	"Tan":             formula("sin(x) / cos(x)", func(c *call, x v) v { return c.div(c.op(ugraph.OpSin, nil, x), c.op(ugraph.OpCos, nil, x)) }),
	"Sinh":            formula("(e^x - e^-x) / 2", func(c *call, x v) v { return c.half(c.op(ugraph.OpSub, nil, c.exp(x), c.exp(c.neg(x)))) }),
	"Cosh":            formula("(e^x + e^-x) / 2", func(c *call, x v) v { return c.half(c.add(c.exp(x), c.exp(c.neg(x)))) }),
	"IsNaN":           formula("x is not equal to itself", func(c *call, x v) v { return c.op(ugraph.OpNot, nil, c.op(ugraph.OpEqual, nil, x, x)) }),
	"IsInf":           formula("x equals an infinity", isInf),
	"LeakyRelu":       formula("alpha · x below 0", func(c *call, x v) v { return c.below0(x, c.scale(x, c.attrFloat("alpha", 0.01)), x) }),
	"Elu":             formula("alpha · (e^x - 1) below 0", elu),
	"Celu":            formula("alpha · (e^(x/alpha) - 1) below 0", celu),
	"Selu":            formula("gamma · x, and gamma · alpha · (e^x - 1) up to 0", selu),
	"ThresholdedRelu": formula("0 up to alpha", thresholdedRelu),
	"HardSigmoid":     formula("clamp(alpha · x + beta, 0, 1)", hardSigmoid),
	"Shrink":          formula("x moved by bias towards 0, and 0 within lambd", shrink),
}

type v = ugraph.ValueID

// direct is a row for an operator that both languages have.
func direct(op ugraph.Op) *operator {
	return &operator{min: 1, max: 1, doc: "the same: " + op.String(), rule: func(c *call) []*tensor {
		return c.one(c.op(op, nil, c.value(0)))
	}}
}

// formula is a row for an operator that a formula of its input defines.
func formula(doc string, f func(c *call, x v) v) *operator {
	return &operator{min: 1, max: 1, doc: doc, rule: func(c *call) []*tensor { return c.one(f(c, c.value(0))) }}
}

// since sets the operator set in which a row's operator came.
func since(opset int64, o *operator) *operator { o.since = opset; return o }

// The steps of formulas.

func (c *call) add(a, b v) v { return c.op(ugraph.OpAdd, nil, a, b) }
func (c *call) sub(a, b v) v { return c.op(ugraph.OpSub, nil, a, b) }
func (c *call) mul(a, b v) v { return c.op(ugraph.OpMul, nil, a, b) }
func (c *call) div(a, b v) v { return c.op(ugraph.OpDiv, nil, a, b) }
func (c *call) neg(a v) v    { return c.op(ugraph.OpNeg, nil, a) }
func (c *call) exp(a v) v    { return c.op(ugraph.OpExp, nil, a) }
func (c *call) half(a v) v   { return c.mul(a, c.ratio(1, 2, c.typ(a).DType)) }

// plus adds an integer.
func (c *call) plus(a v, n int64) v { return c.add(a, c.int(n, c.typ(a).DType)) }

// where is a where cond is true, else b.
func (c *call) where(cond, a, b v) v { return c.op(ugraph.OpWhere, nil, cond, a, b) }

// below0 is a where x < 0, else b.
func (c *call) below0(x, a, b v) v {
	return c.where(c.op(ugraph.OpLess, nil, x, c.int(0, c.typ(x).DType)), a, b)
}

// clamp bounds x by two integers.
func (c *call) clamp(x v, lo, hi int64) v {
	return c.op(ugraph.OpClamp, ugraph.Attrs{ugraph.IntAttr("min", lo), ugraph.IntAttr("max", hi)}, x)
}

func neg(c *call) []*tensor {
	if x := c.in[0]; x.known != nil && !x.typ.DType.IsFloat() {
		k := &known{fill: x.known.fill}
		for _, d := range x.known.ints {
			k.ints = append(k.ints, d.Mul(ugraph.D(-1)))
		}
		return []*tensor{knownTensor(x.typ.DType, x.typ.Shape, k)}
	}
	return c.one(c.neg(c.value(0)))
}

func identity(c *call) []*tensor { return []*tensor{c.in[0]} }

func dropout(c *call) []*tensor {
	c.attr("seed")
	if c.has(2) {
		if training, err := c.in[2].number(); err != nil || training.Float64() != 0 {
			c.refuse("training_mode must be known and false: a program draws no random numbers of its own")
		}
	}
	out := []*tensor{c.in[0]}
	if len(c.node.outputs) > 1 {
		out = append(out, knownTensor(ugraph.Bool, c.in[0].typ.Shape, &known{ints: []ugraph.Dim{ugraph.D(1)}, fill: true}))
	}
	return out
}

func cast(c *call) []*tensor {
	dt, err := elementType(c.attrInt("to", 0))
	c.check(err)
	c.attr("saturate") // only for float8, where ug.md saturates
	c.attr("round_mode")
	return c.castTo(dt)
}

func castLike(c *call) []*tensor {
	c.attr("saturate")
	return c.castTo(c.in[1].typ.DType)
}

// castTo casts the first input. Known integers stay known among the integers, and one known number as a float
// that has it exactly.
func (c *call) castTo(dt ugraph.DType) []*tensor {
	x := c.in[0]
	from := x.typ.DType
	if from == dt {
		return []*tensor{x}
	}
	if x.known != nil && !from.IsFloat() && (dt == ugraph.I64 || dt == ugraph.I32) {
		fits := true
		for _, d := range x.known.ints {
			n, isNumber := d.Const()
			fits = fits && (!isNumber || ugraph.CheckLiteral(ugraph.Int(n), dt) == nil)
		}
		if fits {
			return []*tensor{knownTensor(dt, x.typ.Shape, x.known)}
		}
	}
	if x.uniform() && !from.IsFloat() && dt.IsFloat() {
		if n, ok := x.known.ints[0].Const(); ok && n > -1<<8 && n < 1<<8 && float64(n) <= dt.Max() {
			return []*tensor{knownTensor(dt, x.typ.Shape, &known{floats: []float64{float64(n)}, fill: x.known.fill})}
		}
	}
	if dt == ugraph.Bool {
		zero := c.int(0, from)
		return c.one(c.op(ugraph.OpNot, nil, c.op(ugraph.OpEqual, nil, c.value(0), zero)))
	}
	return c.one(c.cast(c.value(0), dt))
}

// clip bounds by numbers where they are known; max wins where it is below min, as in ONNX.
func clip(c *call) []*tensor {
	x := c.value(0)
	var attrs ugraph.Attrs
	var bounds [2]*ugraph.Number
	for i, name := range []string{"min", "max"} {
		if !c.has(i + 1) {
			continue
		}
		n, ok := c.literal(c.in[i+1])
		if !ok {
			bounds = [2]*ugraph.Number{}
			break
		}
		bounds[i] = &n
		if n.IsInf() != 2*i-1 {
			attrs = attrs.With(ugraph.NumberAttr(name, n))
		}
	}
	switch {
	case bounds[0] != nil && bounds[1] != nil && bounds[0].Cmp(*bounds[1]) > 0, bounds == [2]*ugraph.Number{}:
		if c.has(1) {
			x = c.op(ugraph.OpMaximum, nil, x, c.operands(c.computed(x), c.in[1])[1])
		}
		if c.has(2) {
			x = c.op(ugraph.OpMinimum, nil, x, c.operands(c.computed(x), c.in[2])[1])
		}
	case len(attrs) > 0:
		x = c.op(ugraph.OpClamp, attrs, x)
	}
	return c.one(x)
}

// literal is the one number of a tensor as it is written, where it has one.
func (c *call) literal(t *tensor) (ugraph.Number, bool) {
	if !t.uniform() {
		return ugraph.Number{}, false
	}
	if len(t.known.floats) == 1 {
		n, err := numberOf(t.known.floats[0], t.typ.DType)
		return n, err == nil
	}
	n, ok := t.known.ints[0].Const()
	return ugraph.Int(n), ok
}

func gelu(c *call) []*tensor {
	form := c.attrString("approximate", "none")
	return c.one(c.op(ugraph.OpGelu, ugraph.Attrs{ugraph.WordAttr("approximate", form)}, c.value(0)))
}
