package onnx

import (
	"math"
	"slices"

	"github.com/morgana-ml/morgana/ugraph"
)

// partOperators take parts of axes, or put something beside them.
var partOperators = map[string]*operator{
	"Slice": {min: 3, max: 5, rule: slice, doc: "slice; gather of iota where the step is not 1 or a bound is a size"},
	"Split": {min: 1, max: 2, rule: split, doc: "split, or a slice each"},
	"Pad":   {min: 2, max: 4, rule: pad, doc: "concat with a literal; other modes than constant: gather of a bounded iota"},
}

// slice cuts one axis after the other. Lists of sizes stay known.
func slice(c *call) []*tensor {
	starts, ends := c.limits(1), c.limits(2)
	rank := c.in[0].typ.Rank()
	axes := make([]int64, len(starts))
	for i := range axes {
		axes[i] = int64(i)
	}
	if c.has(3) {
		axes, _ = c.axes("axes", 3, rank)
	}
	steps := make([]int64, len(starts))
	for i := range steps {
		steps[i] = 1
	}
	var err error
	if c.has(4) {
		steps, err = c.in[4].numbers()
		c.check(err)
	}
	if len(ends) != len(starts) || len(axes) != len(starts) || len(steps) != len(starts) || len(starts) > rank {
		c.refuse("starts, ends, axes and steps have %d, %d, %d and %d entries", len(starts), len(ends), len(axes), len(steps))
	}
	if x := c.in[0]; x.known != nil && rank == 1 && len(starts) == 1 {
		if t := c.slicedList(x, starts[0], ends[0], steps[0]); t != nil {
			return []*tensor{t}
		}
	}
	x := c.value(0)
	for i, axis := range axes {
		x = c.sliceAxis(x, int(axis), starts[i], ends[i], steps[i])
	}
	return c.one(x)
}

// limits reads starts or ends, in which exporters write -2^63 for the beginning; a size cannot hold that one
// number.
func (c *call) limits(i int) []ugraph.Dim {
	ds := slices.Clone(c.shapeFrom(i))
	for j, d := range ds {
		if d == ugraph.Overflow {
			ds[j] = ugraph.D(-math.MaxInt64)
		}
	}
	return ds
}

// slicedList is a slice of a known list, or nil where its bounds are no numbers.
func (c *call) slicedList(x *tensor, start, end ugraph.Dim, step int64) *tensor {
	ds, err := x.dims()
	s, okS := start.Const()
	e, okE := end.Const()
	if err != nil || !okS || !okE || step == 0 || x.typ.DType.IsFloat() {
		return nil
	}
	n := int64(len(ds))
	first, last := int64(0), n // for a negative step: the greatest place, and one before the least
	if step < 0 {
		first, last = -1, n-1
	}
	clip := func(v int64) int64 {
		if v < 0 {
			v += n
		}
		return max(first, min(last, v))
	}
	k := &known{}
	for i, stop := clip(s), clip(e); i >= 0 && i < n && (step > 0 && i < stop || step < 0 && i > stop); i += step {
		k.ints = append(k.ints, ds[i])
		if step > n || step < -n {
			break
		}
	}
	return knownTensor(x.typ.DType, ugraph.Ds(int64(len(k.ints))), k)
}

// sliceAxis cuts an axis from start up to end by steps. Bounds are clipped to the axis, as ONNX does; one
// that is a size, or lies within an axis of symbolic extent, must be in its range for all sizes.
func (c *call) sliceAxis(x v, axis int, start, end ugraph.Dim, step int64) v {
	extent := c.typ(x).Shape[axis]
	if step == 0 {
		c.refuse("a step of 0")
	}
	from, to := c.bound(start, extent, step, 0), c.bound(end, extent, step, 1)
	count, ok := to.Sub(from).Div(step)
	if n, isNumber := to.Sub(from).Const(); !ok && isNumber {
		count, ok = ugraph.D(n/step+1), true
		if (n < 0) != (step < 0) {
			count = ugraph.D(0)
		}
	}
	if !ok {
		c.refuse("the number of elements from %s to %s by %d is no polynomial", from, to, step)
	}
	if !c.im.positive(count) {
		c.refuse("the part from %s to %s by %d of an axis of extent %s is empty for some size; .ug has no empty tensors", from, to, step, extent)
	}
	if step == 1 && from.Is(0) && to == extent {
		return x
	}
	if step == 1 {
		attrs := ugraph.Attrs{ugraph.IntAttr("axis", int64(axis))}
		s, okS := from.Const()
		back, okBack := to.Sub(extent).Const()
		n, isNumber := to.Const()
		_, extentNumber := extent.Const()
		if fromEnd, isBack := from.Sub(extent).Const(); !okS && isBack {
			s, okS = fromEnd, true
		}
		switch {
		case okS && okBack && back == 0:
			return c.op(ugraph.OpSlice, attrs.With(ugraph.IntAttr("start", s)), x)
		case okS && okBack:
			return c.op(ugraph.OpSlice, attrs.With(ugraph.IntAttr("start", s)).With(ugraph.IntAttr("end", back)), x)
		case okS && isNumber && extentNumber:
			return c.op(ugraph.OpSlice, attrs.With(ugraph.IntAttr("start", s)).With(ugraph.IntAttr("end", n)), x)
		}
	}
	index := c.iota(count, ugraph.I32)
	if step != 1 {
		if step > math.MaxInt32 || step < math.MinInt32 {
			c.refuse("a step of %d", step)
		}
		index = c.mul(index, c.int(step, ugraph.I32))
	}
	if !from.Is(0) {
		index = c.add(index, c.size(from, ugraph.I32))
	}
	return c.op(ugraph.OpGather, ugraph.Attrs{ugraph.IntAttr("axis", int64(axis))}, x, index)
}

// bound is a slice's start (which 0) or end (1) from the front, clipped to the axis.
func (c *call) bound(d, extent ugraph.Dim, step int64, which int) ugraph.Dim {
	low, high := ugraph.D(0), extent // where both ends of a forward slice may lie
	if step < 0 {
		low, high = ugraph.D(-1), extent.Sub(ugraph.D(1))
		if which == 0 {
			low = ugraph.D(0)
		}
	}
	n, isNumber := d.Const()
	if isNumber && n >= math.MaxInt32 {
		return high
	}
	if isNumber && n <= math.MinInt32 {
		return low
	}
	if isNumber && n < 0 || !isNumber && c.im.positive(d.Mul(ugraph.D(-1))) {
		d = d.Add(extent)
	}
	if d == ugraph.Overflow {
		c.refuse("a bound beyond 2^63")
	}
	switch {
	case c.im.positive(d.Sub(high).Add(ugraph.D(1))): // at least high
		return high
	case c.im.positive(low.Sub(d).Add(ugraph.D(1))):
		return low
	case !c.im.positive(high.Sub(d).Add(ugraph.D(1))) || !c.im.positive(d.Sub(low).Add(ugraph.D(1))):
		c.refuse("the bound %s of an axis of extent %s is inside it for some sizes only (--bound or --dim can narrow them)", d, extent)
	}
	return d
}

// split cuts equal parts, or those that its input lists; the last of num_outputs parts may be smaller.
func split(c *call) []*tensor {
	x := c.value(0)
	axis := c.axis(c.attrInt("axis", 0), c.typ(x).Rank())
	extent := c.typ(x).Shape[axis]
	parts := int64(len(c.node.outputs))
	if n := c.attrInt("num_outputs", parts); n != parts {
		c.refuse("num_outputs=%d, and the node has %d", n, parts)
	}
	var lengths []ugraph.Dim
	if c.has(1) {
		var err error
		lengths, err = c.in[1].dims()
		c.check(err)
		if int64(len(lengths)) != parts {
			c.refuse("split has %d entries, and the node %d outputs", len(lengths), parts)
		}
	} else if n, isNumber := extent.Const(); isNumber && n%parts != 0 {
		chunk := (n + parts - 1) / parts
		for left := n; left > 0; left -= chunk {
			lengths = append(lengths, ugraph.D(min(chunk, left)))
		}
		if int64(len(lengths)) != parts {
			c.refuse("%d parts of an axis of extent %s", parts, extent)
		}
	}
	equal := true
	for _, d := range lengths {
		equal = equal && d == lengths[0]
	}
	var out []*tensor
	if equal {
		if len(lengths) > 0 && lengths[0].Mul(ugraph.D(parts)) != extent {
			c.refuse("%d parts of %s do not make up an axis of extent %s", parts, lengths[0], extent)
		}
		for _, y := range c.ops(ugraph.OpSplit, ugraph.Attrs{ugraph.IntAttr("parts", parts), ugraph.IntAttr("axis", int64(axis))}, x) {
			out = append(out, c.computed(y))
		}
		return out
	}
	at := ugraph.D(0)
	for _, d := range lengths {
		out = append(out, c.computed(c.sliceAxis(x, axis, at, at.Add(d), 1)))
		at = at.Add(d)
	}
	if at != extent {
		c.refuse("parts of %s in all of an axis of extent %s", at, extent)
	}
	return out
}

// pad puts elements before and after axes; a negative pad takes them away.
func pad(c *call) []*tensor {
	pads := c.shapeFrom(1)
	x := c.value(0)
	rank := c.typ(x).Rank()
	var axes []int64
	for i := range rank {
		axes = append(axes, int64(i))
	}
	if c.has(3) {
		axes, _ = c.axes("axes", 3, rank)
	}
	if len(pads) != 2*len(axes) {
		c.refuse("pads has %d entries for %d axes", len(pads), len(axes))
	}
	mode := c.attrString("mode", "constant")
	fill := ugraph.Int(0)
	if c.has(2) {
		n, ok := c.literal(c.in[2])
		if !ok {
			c.refuse("the padded value is computed")
		}
		fill = n
	}
	for i, axis := range axes {
		before, after := pads[i], pads[len(axes)+i]
		if mode == "constant" {
			x = c.padAxis(x, int(axis), before, after, fill)
		} else if !before.Is(0) || !after.Is(0) {
			x = c.padMode(x, int(axis), before, after, mode)
		}
	}
	return c.one(x)
}

func (c *call) padAxis(x v, axis int, before, after ugraph.Dim, fill ugraph.Number) v {
	t := c.typ(x)
	cut := [2]ugraph.Dim{ugraph.D(0), t.Shape[axis]}
	for i, d := range []ugraph.Dim{before, after} {
		if n, isNumber := d.Const(); isNumber && n < 0 {
			cut[i] = cut[i].Add(ugraph.D(n * int64(2*i-1)))
		}
	}
	x = c.sliceAxis(x, axis, cut[0], cut[1], 1)
	block := func(d ugraph.Dim) []v {
		if !c.im.positive(d) {
			if n, isNumber := d.Const(); !isNumber {
				c.refuse("the pad %s is 0 for some size", d)
			} else if n <= 0 {
				return nil
			}
		}
		shape := append([]ugraph.Dim{}, t.Shape...)
		shape[axis] = d
		return []v{c.broadcast(c.num(fill, t.DType), shape)}
	}
	parts := append(append(block(before), x), block(after)...)
	if len(parts) == 1 {
		return x
	}
	return c.op(ugraph.OpConcat, ugraph.Attrs{ugraph.IntAttr("axis", int64(axis))}, parts...)
}

// padMode gathers from inside the axis, of extent n: place i - before, bounded (edge), reflected at both ends
// (reflect: n-1 - |n-1 - |p||), or, for wrap, taken around once.
func (c *call) padMode(x v, axis int, before, after ugraph.Dim, mode string) v {
	n := c.typ(x).Shape[axis]
	b, okB := before.Const()
	a, okA := after.Const()
	size, okN := n.Const()
	if !okA || !okB || !okN || a < 0 || b < 0 || max(a, b) > 1<<30 || size > 1<<30 {
		c.refuse("mode=%s with pads %s and %s of an axis of extent %s, not all numbers of 0 or more", mode, before, after, n)
	}
	place := c.add(c.iota(ugraph.D(size+a+b), ugraph.I32), c.int(-b, ugraph.I32))
	switch {
	case mode == "edge":
		place = c.clamp(place, 0, size-1)
	case mode == "reflect" && max(a, b) < size:
		last := c.int(size-1, ugraph.I32)
		place = c.sub(last, c.op(ugraph.OpAbs, nil, c.sub(last, c.op(ugraph.OpAbs, nil, place))))
	case mode == "wrap" && max(a, b) <= size:
		place = c.below0(place, c.plus(place, size), place)
		place = c.where(c.op(ugraph.OpLess, nil, place, c.int(size, ugraph.I32)), place, c.plus(place, -size))
	default:
		c.refuse("mode=%s with pads %d and %d of an axis of extent %d", mode, b, a, size)
	}
	return c.op(ugraph.OpGather, ugraph.Attrs{ugraph.IntAttr("axis", int64(axis))}, x, place)
}
