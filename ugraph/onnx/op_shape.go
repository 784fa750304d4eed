package onnx

import (
	"github.com/morgana-ml/morgana/ugraph"
)

// shapeOperators make constants and arithmetic on shapes: all of their results are known, but for counts that
// a program makes.
var shapeOperators = map[string]*operator{
	"Shape":           {min: 1, max: 1, rule: shape, doc: "known when the model is imported"},
	"Size":            {min: 1, max: 1, rule: size, doc: "known when the model is imported"},
	"Constant":        {min: 0, max: 0, rule: constant, doc: "a literal, or a const input"},
	"ConstantOfShape": {min: 1, max: 1, rule: constantOfShape, doc: "a literal, broadcast"},
	"Range":           {min: 3, max: 3, rule: rangeOf, doc: "iota, scaled and shifted"},
	"EyeLike":         {min: 1, max: 1, rule: eyeLike, doc: "iota compared with iota"},
	"Trilu":           {since: 14, min: 1, max: 2, rule: trilu, doc: "where iota compared with iota, else 0"},
	"OneHot":          {min: 3, max: 3, rule: oneHot, doc: "where the index equals iota"},
}

func shape(c *call) []*tensor {
	ds := c.in[0].typ.Shape
	n := int64(len(ds))
	clip := func(i int64) int64 {
		if i < 0 {
			i += n
		}
		return max(0, min(n, i))
	}
	start, end := clip(c.attrInt("start", 0)), clip(c.attrInt("end", n))
	return []*tensor{sizes(append([]ugraph.Dim{}, ds[start:max(start, end)]...))}
}

func size(c *call) []*tensor {
	n := ugraph.Elements(c.in[0].typ.Shape)
	if n == ugraph.Overflow {
		c.refuse("the number of elements of %s is beyond 2^63", c.in[0].typ)
	}
	return []*tensor{knownTensor(ugraph.I64, []ugraph.Dim{}, &known{ints: []ugraph.Dim{n}})}
}

func constant(c *call) []*tensor {
	if len(c.node.attrs) != 1 {
		c.refuse("%d attributes, not one", len(c.node.attrs))
	}
	a := &c.node.attrs[0]
	c.read[a.name] = true
	switch a.name {
	case "value":
		if a.t == nil {
			c.refuse("value is no tensor")
		}
		t, err := c.im.constant(a.t)
		c.check(err)
		return []*tensor{t}
	case "value_float", "value_floats":
		list, dims := a.floats, ugraph.Ds(int64(len(a.floats)))
		if a.name == "value_float" {
			list, dims = []float32{a.f}, []ugraph.Dim{}
		}
		k := &known{}
		for _, f := range list {
			k.floats = append(k.floats, float64(f))
		}
		return []*tensor{knownTensor(ugraph.F32, dims, k)}
	case "value_int", "value_ints":
		list, dims := a.ints, ugraph.Ds(int64(len(a.ints)))
		if a.name == "value_int" {
			list, dims = []int64{a.i}, []ugraph.Dim{}
		}
		if len(list) > maxKnown {
			c.refuse("more than %d elements", maxKnown)
		}
		k := &known{}
		for _, i := range list {
			k.ints = append(k.ints, ugraph.D(i))
		}
		return []*tensor{knownTensor(ugraph.I64, dims, k)}
	}
	c.refuse("%s: strings and sparse tensors have no form in .ug", a.name)
	return nil
}

// shapeFrom reads a known list of sizes as a shape.
func (c *call) shapeFrom(i int) []ugraph.Dim {
	ds, err := c.in[i].dims()
	c.check(err)
	if c.in[i].typ.Rank() != 1 || len(ds) > maxRank {
		c.refuse("input %d must be a list of at most %d sizes, it is %s", i, maxRank, c.in[i].typ)
	}
	return ds
}

func constantOfShape(c *call) []*tensor {
	ds := c.shapeFrom(0)
	for _, d := range ds {
		if n, isNumber := d.Const(); isNumber && n < 0 {
			c.refuse("a negative size %d", n)
		}
	}
	a := c.attr("value")
	if a == nil {
		return []*tensor{knownTensor(ugraph.F32, ds, &known{floats: []float64{0}, fill: true})}
	}
	if a.t == nil {
		c.refuse("value is no tensor")
	}
	t, err := c.im.constant(a.t)
	c.check(err)
	if !t.uniform() {
		c.refuse("value must have one element, it is %s", t.typ)
	}
	return []*tensor{knownTensor(t.typ.DType, ds, &known{ints: t.known.ints, floats: t.known.floats, fill: true})}
}

// rangeOf counts: its length must be a size.
func rangeOf(c *call) []*tensor {
	dt := c.in[0].typ.DType
	if !dt.IsInt() {
		return c.one(c.floatRange(dt))
	}
	var bound [3]ugraph.Dim
	for i := range bound {
		ds, err := c.in[i].dims()
		c.check(err)
		if len(ds) != 1 {
			c.refuse("input %d must have one element", i)
		}
		bound[i] = ds[0]
	}
	step, ok := bound[2].Const()
	if !ok || step == 0 {
		c.refuse("a step of %s", bound[2])
	}
	n, ok := bound[1].Sub(bound[0]).Div(step)
	if m, isNumber := bound[1].Sub(bound[0]).Const(); !ok && isNumber {
		n, ok = ugraph.D(m/step+1), true // Div failed, so there is a rest
		if (m < 0) != (step < 0) {
			n = ugraph.D(0)
		}
	}
	if !ok || n == ugraph.Overflow {
		c.refuse("the number of elements from %s to %s by %d is no polynomial", bound[0], bound[1], step)
	}
	if m, isNumber := n.Const(); isNumber && m < 1 {
		return []*tensor{knownTensor(dt, ugraph.Ds(0), &known{})}
	} else if isNumber && m <= maxKnown {
		k := &known{}
		for i := range m {
			d := bound[0].Add(ugraph.D(i).Mul(bound[2]))
			if d == ugraph.Overflow {
				c.refuse("a range beyond 2^63")
			}
			k.ints = append(k.ints, d)
		}
		return []*tensor{knownTensor(dt, ugraph.Ds(m), k)}
	}
	x := c.iota(n, dt)
	if step != 1 {
		x = c.mul(x, c.int(step, dt))
	}
	if !bound[0].Is(0) {
		x = c.add(x, c.size(bound[0], dt))
	}
	return c.one(x)
}

// floatRange is a range of floats with known numbers.
func (c *call) floatRange(dt ugraph.DType) v {
	var bound [3]ugraph.Number
	for i := range bound {
		n, ok := c.literal(c.in[i])
		if !ok || n.IsInf() != 0 {
			c.refuse("a range of floats whose bounds are computed")
		}
		bound[i] = n
	}
	start, limit, delta := bound[0].Float64(), bound[1].Float64(), bound[2].Float64()
	n := (limit - start) / delta
	if delta == 0 || !(n > 0) || n > 1<<40 {
		c.refuse("a range from %s to %s by %s", bound[0], bound[1], bound[2])
	}
	count := int64(n)
	if float64(count) < n {
		count++
	}
	x := c.scale(c.iota(ugraph.D(count), dt), bound[2])
	if start != 0 {
		x = c.add(x, c.num(bound[0], dt))
	}
	return x
}

// diagonal compares column - row with k, for matrices of those sizes.
func (c *call) diagonal(op ugraph.Op, rows, columns ugraph.Dim, k v) v {
	row := c.reshape(c.iota(rows, ugraph.I32), []ugraph.Dim{rows, ugraph.D(1)})
	if n, ok := c.literalOf(k); !ok || n.Cmp(ugraph.Int(0)) != 0 {
		row = c.add(row, k)
	}
	return c.op(op, nil, c.iota(columns, ugraph.I32), row)
}

// literalOf is the number of a value that is a literal.
func (c *call) literalOf(x v) (ugraph.Number, bool) {
	g := c.graph()
	if p := g.Values[x].Node; p >= 0 && g.Nodes[p].Op == ugraph.OpConst {
		return g.Nodes[p].Attrs.Num("value", ugraph.Int(0)), true
	}
	return ugraph.Number{}, false
}

func eyeLike(c *call) []*tensor {
	t := c.in[0].typ
	dt := t.DType
	if a := c.attr("dtype"); a != nil {
		var err error
		dt, err = elementType(a.i)
		c.check(err)
	}
	if t.Rank() != 2 {
		c.refuse("it takes a matrix, the input is %s", t)
	}
	return c.one(c.cast(c.diagonal(ugraph.OpEqual, t.Shape[0], t.Shape[1], c.offset(c.attrInt("k", 0))), dt))
}

// offset is the literal of a diagonal's place.
func (c *call) offset(k int64) v {
	if k < -1<<30 || k > 1<<30 {
		c.refuse("the diagonal %d", k)
	}
	return c.int(k, ugraph.I32)
}

func trilu(c *call) []*tensor {
	t := c.in[0].typ
	if t.Rank() < 2 {
		c.refuse("it takes matrices, the input is %s", t)
	}
	k := c.offset(0)
	if c.has(1) {
		ds, err := c.in[1].dims()
		c.check(err)
		if len(ds) != 1 {
			c.refuse("k must have one element")
		}
		if n, ok := ds[0].Const(); ok {
			k = c.offset(n)
		} else {
			k = c.size(ds[0], ugraph.I32)
		}
	}
	op := ugraph.OpLessEqual
	if c.attrFlag("upper", true) {
		op = ugraph.OpGreaterEqual
	}
	keep := c.diagonal(op, t.Shape[t.Rank()-2], t.Shape[t.Rank()-1], k)
	x := c.operands(c.in[0], c.computed(keep))[0]
	if t.DType == ugraph.Bool {
		return c.one(c.op(ugraph.OpAnd, nil, x, keep))
	}
	return c.one(c.where(keep, x, c.int(0, t.DType)))
}

// oneHot puts the new axis where axis says; an index below 0 counts from the end.
func oneHot(c *call) []*tensor {
	index := c.value(0)
	t := c.typ(index)
	depth, err := c.in[1].dims()
	c.check(err)
	if !t.DType.IsInt() || len(depth) != 1 || !ugraph.SameShape(c.in[2].typ.Shape, ugraph.Ds(2)) {
		c.refuse("indices must be integers, depth one number and values two")
	}
	axis := c.axis(c.attrInt("axis", -1), t.Rank()+1)
	at := append(append(append([]ugraph.Dim{}, t.Shape[:axis]...), ugraph.D(1)), t.Shape[axis:]...)
	index = c.below0(index, c.add(index, c.size(depth[0], t.DType)), index)
	hit := c.op(ugraph.OpEqual, nil, c.reshape(index, at), c.along(c.iota(depth[0], t.DType), axis, t.Rank()+1))
	values := c.value(2)
	part := func(i int64) v {
		return c.reshape(c.op(ugraph.OpSlice, ugraph.Attrs{ugraph.IntAttr("start", i), ugraph.IntAttr("end", i+1)}, values), []ugraph.Dim{})
	}
	return c.one(c.where(hit, part(1), part(0)))
}
