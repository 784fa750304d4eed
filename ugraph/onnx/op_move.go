package onnx

import (
	"slices"

	"github.com/morgana-ml/morgana/ugraph"
)

// moveOperators move elements. Of known sizes they are folded where exporters write them so.
var moveOperators = map[string]*operator{
	"Transpose":    {min: 1, max: 1, rule: transpose, doc: "transpose"},
	"Reshape":      {min: 2, max: 2, rule: reshape, doc: "reshape; 0 copies an extent, -1 is found"},
	"Flatten":      {min: 1, max: 1, rule: flatten, doc: "reshape to two axes"},
	"Squeeze":      {min: 1, max: 2, rule: squeeze, doc: "reshape"},
	"Unsqueeze":    {min: 2, max: 2, rule: unsqueeze, doc: "reshape"},
	"Expand":       {min: 2, max: 2, rule: expand, doc: "broadcast; both shapes may have the greater extent"},
	"Concat":       {min: 1, max: -1, rule: concat, doc: "concat"},
	"Tile":         {min: 2, max: 2, rule: tile, doc: "broadcast along a new axis before each, merged with it"},
	"DepthToSpace": {min: 1, max: 1, rule: depthToSpace, doc: "reshape, transpose, reshape"},
	"SpaceToDepth": {min: 1, max: 1, rule: spaceToDepth, doc: "reshape, transpose, reshape"},
}

func transpose(c *call) []*tensor {
	rank := c.in[0].typ.Rank()
	perm, given := c.attrInts("perm")
	if !given {
		for i := rank - 1; i >= 0; i-- {
			perm = append(perm, int64(i))
		}
	}
	if len(perm) != rank {
		c.refuse("perm=%v of a tensor with %d axes", perm, rank)
	}
	return c.one(c.transpose(c.value(0), perm...))
}

// reshaped gives the first input another shape; known elements stay known.
func (c *call) reshaped(shape []ugraph.Dim) []*tensor {
	x := c.in[0]
	if x.known != nil {
		return []*tensor{knownTensor(x.typ.DType, shape, x.known)}
	}
	return c.one(c.reshape(c.value(0), shape))
}

func reshape(c *call) []*tensor {
	x, target := c.in[0], slices.Clone(c.shapeFrom(1))
	zero := c.attrFlag("allowzero", false)
	for i, d := range target {
		if d.Is(0) && !zero {
			if i >= x.typ.Rank() {
				c.refuse("shape %s copies axis %d of %s", ugraph.ShapeString(target), i, x.typ)
			}
			target[i] = x.typ.Shape[i]
		}
	}
	if n, ok := x.elements(); ok && n == 0 || slices.Contains(target, ugraph.D(0)) {
		c.refuse("%s to %s: .ug has no empty tensors", x.typ, ugraph.ShapeString(target))
	}
	shape, err := ugraph.ReshapeTo(x.typ.Shape, target)
	c.check(err)
	return c.reshaped(shape)
}

func flatten(c *call) []*tensor {
	shape := c.in[0].typ.Shape
	axis := c.attrInt("axis", 1)
	if axis < 0 {
		axis += int64(len(shape))
	}
	if axis < 0 || axis > int64(len(shape)) {
		c.refuse("axis of a tensor with %d axes", len(shape))
	}
	return c.reshaped([]ugraph.Dim{ugraph.Elements(shape[:axis]), ugraph.Elements(shape[axis:])})
}

func squeeze(c *call) []*tensor {
	shape := c.in[0].typ.Shape
	axes, given := c.axes("axes", 1, len(shape))
	out := []ugraph.Dim{}
	for i, d := range shape {
		switch gone := slices.Contains(axes, int64(i)); {
		case gone && !d.Is(1):
			c.refuse("axis %d has extent %s, not 1", i, d)
		case gone, !given && d.Is(1):
		default:
			out = append(out, d)
		}
	}
	return c.reshaped(out)
}

func unsqueeze(c *call) []*tensor {
	shape := c.in[0].typ.Shape
	list, err := c.in[1].numbers()
	c.check(err)
	rank := len(shape) + len(list)
	if rank > maxRank {
		c.refuse("a tensor of %d axes; the limit is %d", rank, maxRank)
	}
	axes, _ := c.axes("axes", 1, rank)
	out, from := []ugraph.Dim{}, 0
	for i := range rank {
		if slices.Contains(axes, int64(i)) {
			out = append(out, ugraph.D(1))
			continue
		}
		out = append(out, shape[from])
		from++
	}
	return c.reshaped(out)
}

func expand(c *call) []*tensor {
	x := c.in[0]
	shape, ok := joined(x.typ.Shape, c.shapeFrom(1))
	if !ok {
		c.refuse("%s does not broadcast to input 1", x.typ)
	}
	if x.uniform() {
		return []*tensor{knownTensor(x.typ.DType, shape, &known{ints: x.known.ints, floats: x.known.floats, fill: true})}
	}
	return c.one(c.broadcast(c.value(0), shape))
}

// concat joins; lists of known sizes stay known.
func concat(c *call) []*tensor {
	axis := c.axis(c.attrInt("axis", 0), c.in[0].typ.Rank())
	k := &known{}
	for i, x := range c.in {
		if x == nil {
			c.refuse("input %d is absent", i)
		}
		if x.known == nil || x.typ.Rank() != 1 || x.typ.DType.IsFloat() || x.typ.DType != c.in[0].typ.DType || k == nil {
			k = nil
			continue
		}
		ds, err := x.dims()
		if err != nil || len(k.ints)+len(ds) > maxKnown {
			k = nil
			continue
		}
		k.ints = append(k.ints, ds...)
	}
	if k != nil {
		return []*tensor{knownTensor(c.in[0].typ.DType, ugraph.Ds(int64(len(k.ints))), k)}
	}
	var parts []v
	for i, x := range c.in {
		if n, ok := x.elements(); !ok || n > 0 { // nothing is joined by an empty tensor
			parts = append(parts, c.value(i))
		}
	}
	if len(parts) == 0 {
		c.refuse("all inputs are empty; .ug has no empty tensors")
	}
	if len(parts) == 1 {
		return c.one(parts[0])
	}
	return c.one(c.op(ugraph.OpConcat, ugraph.Attrs{ugraph.IntAttr("axis", int64(axis))}, parts...))
}

func tile(c *call) []*tensor {
	x := c.in[0]
	counts := c.shapeFrom(1)
	if len(counts) != x.typ.Rank() {
		c.refuse("repeats has %d entries for %s", len(counts), x.typ)
	}
	var before, wide, after []ugraph.Dim
	for i, d := range x.typ.Shape {
		if n, isNumber := counts[i].Const(); isNumber && n < 1 {
			c.refuse("%d repeats; .ug has no empty tensors", n)
		}
		before = append(before, ugraph.D(1), d)
		wide = append(wide, counts[i], d)
		after = append(after, counts[i].Mul(d))
	}
	if x.uniform() {
		return []*tensor{knownTensor(x.typ.DType, after, &known{ints: x.known.ints, floats: x.known.floats, fill: true})}
	}
	if ugraph.SameShape(after, x.typ.Shape) {
		return []*tensor{x}
	}
	return c.one(c.reshape(c.broadcast(c.reshape(c.value(0), before), wide), after))
}

// blocks reads blocksize and the shape of an image [N, C, H, W].
func (c *call) blocks() (x v, b int64, s []ugraph.Dim) {
	x, b = c.value(0), c.attrInt("blocksize", 0)
	s = c.typ(x).Shape
	if len(s) != 4 || b < 1 || b > 1<<20 {
		c.refuse("blocksize=%d of %s", b, c.typ(x))
	}
	return x, b, s
}

func (c *call) part(d ugraph.Dim, by int64) ugraph.Dim {
	q, ok := d.Div(by)
	if !ok {
		c.refuse("%d does not divide the extent %s", by, d)
	}
	return q
}

func depthToSpace(c *call) []*tensor {
	x, b, s := c.blocks()
	depth, n := c.part(s[1], b*b), ugraph.D(b)
	switch mode := c.attrString("mode", "DCR"); mode {
	case "DCR":
		x = c.transpose(c.reshape(x, []ugraph.Dim{s[0], n, n, depth, s[2], s[3]}), 0, 3, 4, 1, 5, 2)
	case "CRD":
		x = c.transpose(c.reshape(x, []ugraph.Dim{s[0], depth, n, n, s[2], s[3]}), 0, 1, 4, 2, 5, 3)
	default:
		c.refuse("mode=%q; have DCR, CRD", mode)
	}
	return c.one(c.reshape(x, []ugraph.Dim{s[0], depth, s[2].Mul(n), s[3].Mul(n)}))
}

func spaceToDepth(c *call) []*tensor {
	x, b, s := c.blocks()
	n, h, w := ugraph.D(b), c.part(s[2], b), c.part(s[3], b)
	x = c.transpose(c.reshape(x, []ugraph.Dim{s[0], s[1], h, n, w, n}), 0, 3, 5, 1, 2, 4)
	return c.one(c.reshape(x, []ugraph.Dim{s[0], s[1].Mul(ugraph.D(b * b)), h, w}))
}
