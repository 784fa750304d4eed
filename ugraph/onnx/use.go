package onnx

import (
	"math"

	"github.com/morgana-ml/morgana/ugraph"
)

// use makes a tensor a value of the call's program: the value that a node computed there, an input, a
// const input, a literal, or a count.
func (c *call) use(t *tensor) ugraph.ValueID {
	if v, ok := t.ids[c.level]; ok {
		return v
	}
	v, fresh := c.enter(t)
	if fresh {
		if t.ids == nil {
			t.ids = map[int]ugraph.ValueID{}
		}
		t.ids[c.level] = v
	}
	return v
}

func (c *call) enter(t *tensor) (v ugraph.ValueID, keep bool) {
	n, isNumber := t.elements()
	switch {
	case isNumber && n == 0:
		c.refuse("%s is empty; .ug has no empty tensors", t.label())
	case t.uniform():
		return c.broadcast(c.scalar(t), t.typ.Shape), false
	case t.known != nil && (t.weight == nil || t.counts()):
		return c.list(t), false
	}
	for i, d := range t.typ.Shape {
		if !ugraph.Declarable(d) {
			c.refuse("%s is %s and lies between two programs: axis %d can be no input's, which is an integer, a symbol, or an integer times a symbol", t.label(), t.typ, i)
		}
	}
	c.im.uses[c.level] = append(c.im.uses[c.level], t)
	if t.level >= 0 {
		c.im.demanded[t] = true
	}
	return c.graph().AddInput(t.ident, t.typ, t.weight != nil), true
}

// scalar is a known tensor's one value as a scalar: a literal, or a size.
func (c *call) scalar(t *tensor) ugraph.ValueID {
	if len(t.known.floats) == 1 {
		n, err := numberOf(t.known.floats[0], t.typ.DType)
		c.check(err)
		return c.num(n, t.typ.DType)
	}
	return c.size(t.known.ints[0], t.typ.DType)
}

// size is a polynomial in the symbols as an integer scalar: its part without a constant is the sum of as
// many ones.
func (c *call) size(d ugraph.Dim, dt ugraph.DType) ugraph.ValueID {
	if n, ok := d.Const(); ok {
		return c.int(n, dt)
	}
	c0, err := d.Eval(zeros(d))
	c.check(err)
	symbolic := d.Sub(ugraph.D(c0))
	sign := ugraph.OpAdd
	if !c.im.positive(symbolic) {
		symbolic, sign = symbolic.Mul(ugraph.D(-1)), ugraph.OpSub
		if !c.im.positive(symbolic) {
			c.refuse("the number %s is not of one sign for all sizes, and can be no value", d)
		}
	}
	ones := c.broadcast(c.int(1, ugraph.I64), []ugraph.Dim{symbolic})
	count := c.op(ugraph.OpSum, nil, ones)
	if c0 != 0 || sign == ugraph.OpSub {
		count = c.op(sign, nil, c.int(c0, ugraph.I64), count)
	}
	return c.cast(count, dt)
}

func zeros(d ugraph.Dim) ugraph.Env {
	env := ugraph.Env{}
	for _, s := range d.Symbols() {
		env[s] = 0
	}
	return env
}

// positive tells whether a polynomial is at least 1 for all sizes, as far as least can tell.
func (im *importer) positive(d ugraph.Dim) bool {
	least, ok := im.least(d)
	return ok && least >= 1
}

// least is the least value of a polynomial over the symbols' ranges, for one that is linear in each symbol:
// such a polynomial has it at a corner.
func (im *importer) least(d ugraph.Dim) (int64, bool) {
	if n, ok := d.Const(); ok {
		return n, true
	}
	if d == ugraph.Overflow {
		return 0, false
	}
	names := d.Symbols()
	if len(names) > 4 || !multilinear(d, names) {
		return 0, false
	}
	best := int64(math.MaxInt64)
	for corner := range 1 << len(names) {
		env := ugraph.Env{}
		for i, name := range names {
			for _, s := range im.symbols {
				if s.Name == name {
					env[name] = s.Lo
					if corner>>i&1 == 1 {
						env[name] = s.Hi
					}
				}
			}
		}
		v, err := d.Eval(env)
		if err != nil {
			return 0, false
		}
		best = min(best, v)
	}
	return best, true
}

// multilinear tells whether a polynomial is linear in each symbol: its second differences vanish, which is
// looked for at a few points far enough apart for the polynomials of shapes.
func multilinear(d ugraph.Dim, names []string) bool {
	for _, name := range names {
		env := ugraph.Env{}
		for i, other := range names {
			env[other] = int64(3 + 2*i)
		}
		at := func(x int64) (int64, bool) {
			env[name] = x
			v, err := d.Eval(env)
			return v, err == nil
		}
		base, ok0 := at(0)
		for _, x := range []int64{1, 2, 3, 7, 64, 1001} {
			slope, ok1 := at(1)
			v, ok2 := at(x)
			if !ok0 || !ok1 || !ok2 || v-base != x*(slope-base) {
				return false
			}
		}
	}
	return true
}

// list makes known integers a value: a count where they are one, else a weight or, with sizes among them,
// scalars side by side.
func (c *call) list(t *tensor) ugraph.ValueID {
	k, dt := t.known, t.typ.DType
	if t.counts() {
		start, step, _ := k.progression()
		v := c.iota(ugraph.D(int64(len(k.ints))), dt)
		if step != 1 {
			v = c.op(ugraph.OpMul, nil, v, c.int(step, dt))
		}
		if start != 0 {
			v = c.op(ugraph.OpAdd, nil, v, c.int(start, dt))
		}
		return c.reshape(v, t.typ.Shape)
	}
	if nums, err := t.numbers(); err == nil {
		shape, err := ugraph.EvalShape(t.typ.Shape, nil)
		c.check(err)
		if t.ident == "" {
			t.ident = c.im.identifier("folded")
		}
		t.weight = &Weight{DType: dt, Shape: shape, ints: nums}
		return c.use(t)
	}
	parts := make([]ugraph.ValueID, len(k.ints))
	for i, d := range k.ints {
		parts[i] = c.reshape(c.size(d, dt), ugraph.Ds(1))
	}
	return c.reshape(c.op(ugraph.OpConcat, nil, parts...), t.typ.Shape)
}

// joined is the shape to which shapes broadcast, or false.
func joined(shapes ...[]ugraph.Dim) ([]ugraph.Dim, bool) {
	rank := 0
	for _, s := range shapes {
		rank = max(rank, len(s))
	}
	out := make([]ugraph.Dim, rank)
	for i := range out {
		out[i] = ugraph.D(1)
		for _, s := range shapes {
			j := i - (rank - len(s))
			if j < 0 || s[j].Is(1) || s[j] == out[i] {
				continue
			}
			if !out[i].Is(1) {
				return nil, false
			}
			out[i] = s[j]
		}
	}
	return out, true
}

// operands makes the inputs of an elementwise operator values: a literal stays a scalar where the others
// already have the result's shape.
func (c *call) operands(ts ...*tensor) []ugraph.ValueID {
	out := make([]ugraph.ValueID, len(ts))
	var shapes [][]ugraph.Dim
	for _, t := range ts {
		if !t.uniform() {
			shapes = append(shapes, t.typ.Shape)
		}
	}
	rest, ok := joined(shapes...)
	for i, t := range ts {
		if ok && len(shapes) > 0 && t.uniform() {
			if all, fits := joined(rest, t.typ.Shape); fits && ugraph.SameShape(all, rest) {
				out[i] = c.scalar(t)
				continue
			}
		}
		out[i] = c.use(t)
	}
	return out
}

// args is operands of all inputs.
func (c *call) args() []ugraph.ValueID { return c.operands(c.in...) }
