package onnx

import (
	"slices"

	"github.com/morgana-ml/morgana/ugraph"
)

// reduceOperators are reductions and selections.
var reduceOperators = map[string]*operator{
	"ReduceSum":       reduction("sum", func(c *call, x v, as ugraph.Attrs) v { return c.op(ugraph.OpSum, as, x) }),
	"ReduceMean":      reduction("mean", func(c *call, x v, as ugraph.Attrs) v { return c.op(ugraph.OpMean, as, x) }),
	"ReduceMax":       reduction("max", func(c *call, x v, as ugraph.Attrs) v { return c.op(ugraph.OpMax, as, x) }),
	"ReduceMin":       reduction("min", func(c *call, x v, as ugraph.Attrs) v { return c.op(ugraph.OpMin, as, x) }),
	"ReduceL1":        reduction("sum(|x|)", func(c *call, x v, as ugraph.Attrs) v { return c.op(ugraph.OpSum, as, c.op(ugraph.OpAbs, nil, x)) }),
	"ReduceSumSquare": reduction("sum(x²)", sumSquare),
	"ReduceL2":        reduction("sqrt(sum(x²))", func(c *call, x v, as ugraph.Attrs) v { return c.op(ugraph.OpSqrt, nil, sumSquare(c, x, as)) }),
	"ReduceLogSum":    reduction("log(sum(x))", func(c *call, x v, as ugraph.Attrs) v { return c.op(ugraph.OpLog, nil, c.op(ugraph.OpSum, as, x)) }),
	"ReduceLogSumExp": reduction("logsumexp; over several axes one after the other", logSumExp),

	"ReduceProd": {min: 1, max: 2, rule: product, doc: "of known sizes, when the model is imported"},

	"Softmax":    {min: 1, max: 1, rule: alongAxis(ugraph.OpSoftmax), doc: "softmax"},
	"LogSoftmax": {min: 1, max: 1, rule: alongAxis(ugraph.OpLogSoftmax), doc: "log_softmax"},
	"Hardmax":    {min: 1, max: 1, rule: hardmax, doc: "1 at argmax, else 0"},
	"ArgMax":     {min: 1, max: 1, rule: func(c *call) []*tensor { return argmax(c, c.value(0)) }, doc: "argmax"},
	"ArgMin":     {min: 1, max: 1, rule: func(c *call) []*tensor { return argmax(c, c.reversed(c.value(0))) }, doc: "argmax of the negated"},
	"TopK":       {min: 2, max: 2, rule: topK, doc: "topk; of the negated for the least"},
	"CumSum":     {min: 2, max: 2, rule: cumSum, doc: "a product with the triangular matrix of ones"},

	"GlobalAveragePool": {min: 1, max: 1, rule: func(c *call) []*tensor { return globalPool(c, ugraph.OpMean) }, doc: "mean over the axes after the second"},
	"GlobalMaxPool":     {min: 1, max: 1, rule: func(c *call) []*tensor { return globalPool(c, ugraph.OpMax) }, doc: "max over the axes after the second"},
}

// reduction is a row for a reduction over axes: an attribute, or from operator set 18 (sum: 13) on an input.
// Without axes all are reduced, or none where noop_with_empty_axes says so.
func reduction(doc string, f func(c *call, x v, as ugraph.Attrs) v) *operator {
	return &operator{min: 1, max: 2, doc: doc, rule: func(c *call) []*tensor {
		x := c.value(0)
		axes, given := c.axes("axes", 1, c.typ(x).Rank())
		keep, noop := c.attrFlag("keepdims", true), c.attrFlag("noop_with_empty_axes", false)
		as := ugraph.Attrs{ugraph.BoolAttr("keepdims", keep)}
		switch {
		case given && len(axes) > 0:
			as = as.With(ugraph.IntsAttr("axis", axes...))
		case noop, c.typ(x).Rank() == 0:
			as = as.With(ugraph.IntsAttr("axis"))
		}
		return c.one(f(c, x, as))
	}}
}

// axes reads a list of axes, an attribute or input i, and makes them count from the front.
func (c *call) axes(name string, i, rank int) (axes []int64, given bool) {
	axes, given = c.attrInts(name)
	if c.has(i) {
		if given {
			c.refuse("%s is an attribute and an input", name)
		}
		var err error
		axes, err = c.in[i].numbers()
		c.check(err)
		given = true
	}
	out := make([]int64, len(axes))
	for j, a := range axes {
		out[j] = int64(c.axis(a, rank))
		if slices.Contains(out[:j], out[j]) {
			c.refuse("%s names axis %d twice", name, a)
		}
	}
	return out, given
}

// axis makes an axis count from the front.
func (c *call) axis(axis int64, rank int) int {
	a, err := ugraph.NormalAxis(axis, rank)
	c.check(err)
	return a
}

func sumSquare(c *call, x v, as ugraph.Attrs) v {
	return c.op(ugraph.OpSum, as, c.op(ugraph.OpSquare, nil, x))
}

// logSumExp takes its axes one after the other, the last first: log(sum(exp(logsumexp))) is that of both.
func logSumExp(c *call, x v, as ugraph.Attrs) v {
	axes, err := ugraph.ReduceAxes(as, c.typ(x).Rank())
	c.check(err)
	for _, a := range slices.Backward(axes) {
		x = c.op(ugraph.OpLogSumExp, ugraph.Attrs{ugraph.IntAttr("axis", int64(a)), ugraph.BoolAttr("keepdims", as.Flag("keepdims"))}, x)
	}
	return x
}

// product multiplies known sizes: the language has no product over an axis.
func product(c *call) []*tensor {
	x := c.in[0]
	ds, err := x.dims()
	c.check(err)
	axes, given := c.axes("axes", 1, x.typ.Rank())
	keep, noop := c.attrFlag("keepdims", true), c.attrFlag("noop_with_empty_axes", false)
	if x.typ.Rank() > 1 || noop && !given || given && len(axes) != x.typ.Rank() {
		c.refuse("a product over an axis of %s", x.typ)
	}
	n := ugraph.Elements(ds)
	if n == ugraph.Overflow {
		c.refuse("a product beyond 2^63")
	}
	shape := []ugraph.Dim{}
	if keep && x.typ.Rank() == 1 {
		shape = ugraph.Ds(1)
	}
	return []*tensor{knownTensor(x.typ.DType, shape, &known{ints: []ugraph.Dim{n}})}
}

func alongAxis(op ugraph.Op) func(c *call) []*tensor {
	return func(c *call) []*tensor {
		x := c.value(0)
		axis := c.axis(c.attrInt("axis", -1), c.typ(x).Rank())
		return c.one(c.op(op, ugraph.Attrs{axisAttr(axis, c.typ(x).Rank())}, x))
	}
}

// axisAttr is axis=, as -1 where it is the last: the default of what takes it.
func axisAttr(axis, rank int) ugraph.Attr {
	if axis == rank-1 {
		axis = -1
	}
	return ugraph.IntAttr("axis", int64(axis))
}

func argmaxAt(c *call, x v, axis int, keep bool) v {
	return c.op(ugraph.OpArgmax, ugraph.Attrs{ugraph.IntsAttr("axis", int64(axis)), ugraph.BoolAttr("keepdims", keep)}, x)
}

func argmax(c *call, x v) []*tensor {
	axis := c.axis(c.attrInt("axis", 0), c.typ(x).Rank())
	if c.attrFlag("select_last_index", false) {
		c.refuse("select_last_index: argmax is the first of equals")
	}
	return c.one(c.cast(argmaxAt(c, x, axis, c.attrFlag("keepdims", true)), ugraph.I64))
}

// reversed turns the order round: negation, and the complement for integers, which cannot overflow.
func (c *call) reversed(x v) v {
	if c.typ(x).DType.IsInt() {
		return c.op(ugraph.OpNot, nil, x)
	}
	return c.neg(x)
}

func hardmax(c *call) []*tensor {
	x := c.value(0)
	t := c.typ(x)
	axis := c.axis(c.attrInt("axis", -1), t.Rank())
	place := c.along(c.iota(t.Shape[axis], ugraph.I32), axis, t.Rank())
	return c.one(c.cast(c.op(ugraph.OpEqual, nil, place, argmaxAt(c, x, axis, true)), t.DType))
}

// topK has its k as an input. The least are the greatest of the reversed order.
func topK(c *call) []*tensor {
	x := c.value(0)
	axis := c.axis(c.attrInt("axis", -1), c.typ(x).Rank())
	largest := c.attrFlag("largest", true)
	c.attr("sorted") // any order does where it is false
	k, err := c.in[1].numbers()
	c.check(err)
	if len(k) != 1 {
		c.refuse("k must be one number, it has %d", len(k))
	}
	if !largest {
		x = c.reversed(x)
	}
	r := c.ops(ugraph.OpTopK, ugraph.Attrs{ugraph.IntAttr("k", k[0]), axisAttr(axis, c.typ(x).Rank())}, x)
	if !largest {
		r[0] = c.reversed(r[0])
	}
	return []*tensor{c.computed(r[0]), c.computed(c.cast(r[1], ugraph.I64))}
}

// cumSum multiplies, along the axis, by the matrix that is 1 where an element counts.
func cumSum(c *call) []*tensor {
	x := c.value(0)
	t := c.typ(x)
	axes, err := c.in[1].numbers()
	c.check(err)
	if len(axes) != 1 {
		c.refuse("axis must be one number")
	}
	axis := c.axis(axes[0], t.Rank())
	n := t.Shape[axis]
	from := c.reshape(c.iota(n, ugraph.I32), []ugraph.Dim{n, ugraph.D(1)})
	to := c.iota(n, ugraph.I32)
	op := ugraph.OpLessEqual
	exclusive, reverse := c.attrFlag("exclusive", false), c.attrFlag("reverse", false)
	switch {
	case exclusive && reverse:
		op = ugraph.OpGreater
	case exclusive:
		op = ugraph.OpLess
	case reverse:
		op = ugraph.OpGreaterEqual
	}
	ones := c.cast(c.op(op, nil, from, to), t.DType)
	perm := make([]int64, t.Rank())
	for i := range perm {
		perm[i] = int64(i)
	}
	last := t.Rank() - 1
	perm[axis], perm[last] = perm[last], perm[axis]
	rows := c.transpose(x, perm...)
	shape := c.typ(rows).Shape
	if t.Rank() == 1 {
		rows = c.reshape(rows, []ugraph.Dim{ugraph.D(1), n})
	}
	return c.one(c.transpose(c.reshape(c.op(ugraph.OpMatMul, nil, rows, ones), shape), perm...))
}

func globalPool(c *call, op ugraph.Op) []*tensor {
	x := c.value(0)
	var axes []int64
	for i := 2; i < c.typ(x).Rank(); i++ {
		axes = append(axes, int64(i))
	}
	if len(axes) == 0 {
		c.refuse("a pool over no axes: %s", c.typ(x))
	}
	return c.one(c.op(op, ugraph.Attrs{ugraph.IntsAttr("axis", axes...), ugraph.BoolAttr("keepdims", true)}, x))
}
