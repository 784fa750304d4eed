package onnx

import (
	"github.com/morgana-ml/morgana/ugraph"
)

// indexOperators read and write where an index says.
var indexOperators = map[string]*operator{
	"Gather":          {min: 2, max: 2, rule: gather, doc: "gather; slice where the index is known and counts by 1"},
	"GatherElements":  {min: 2, max: 2, rule: gatherElements, doc: "gather from the flat tensor, at row-major places"},
	"GatherND":        {min: 2, max: 2, rule: gatherND, doc: "gather from the tensor whose leading axes are one, at row-major places"},
	"ScatterElements": {min: 3, max: 3, rule: scatterElements, doc: "scatter_add into the flat tensor (none: where nothing was added, the old element)"},
	"ScatterND":       {min: 3, max: 3, rule: scatterND, doc: "scatter_add into the tensor whose leading axes are one (none: as ScatterElements)"},
}

// gather of a known index from known sizes is known; a known index that counts by 1 is a slice. A known index
// below 0 counts from the end.
func gather(c *call) []*tensor {
	x, index := c.in[0], c.in[1]
	axis := c.axis(c.attrInt("axis", 0), x.typ.Rank())
	extent := x.typ.Shape[axis]
	at, err := index.numbers()
	isKnown := err == nil && len(at) > 0
	n, numbered := extent.Const()
	if isKnown {
		for i := range at {
			if at[i] < 0 && numbered {
				at[i] += n
			}
			if numbered && (at[i] < 0 || at[i] >= n) {
				c.refuse("index %d of an axis of extent %d", at[i], n)
			}
		}
	}
	if isKnown && x.known != nil && x.typ.Rank() == 1 && !x.typ.DType.IsFloat() {
		if ds, err := x.dims(); err == nil {
			k := &known{}
			for _, i := range at {
				k.ints = append(k.ints, ds[i])
			}
			return []*tensor{knownTensor(x.typ.DType, index.typ.Shape, k)}
		}
	}
	if isKnown && oneByOne(at) {
		y := c.sliceAt(c.value(0), axis, at[0], int64(len(at)))
		shape := append(append(append([]ugraph.Dim{}, x.typ.Shape[:axis]...), index.typ.Shape...), x.typ.Shape[axis+1:]...)
		return c.one(c.reshape(y, shape))
	}
	places := index
	if isKnown {
		k := &known{}
		for _, i := range at {
			if i < 0 {
				c.refuse("the index %d of an axis of symbolic extent %s among others", i, extent)
			}
			k.ints = append(k.ints, ugraph.D(i))
		}
		places = knownTensor(index.typ.DType, index.typ.Shape, k)
	}
	return c.one(c.op(ugraph.OpGather, ugraph.Attrs{ugraph.IntAttr("axis", int64(axis))}, c.value(0), c.use(places)))
}

func oneByOne(at []int64) bool {
	for i := range at {
		if at[i] != at[0]+int64(i) || (at[i] < 0) != (at[0] < 0) {
			return false
		}
	}
	return true
}

// sliceAt is n elements from a place on; one below 0 counts from the end.
func (c *call) sliceAt(x v, axis int, at, n int64) v {
	start, end := ugraph.D(at), ugraph.D(at+n)
	if at < 0 {
		extent := c.typ(x).Shape[axis]
		start, end = extent.Add(start), extent.Add(end)
	}
	return c.sliceAxis(x, axis, start, end, 1)
}

// strides are the row-major distances of a shape, which must be numbers but for the first extent.
func (c *call) strides(shape []ugraph.Dim) []int64 {
	out, n := make([]int64, len(shape)), int64(1)
	for i := len(shape) - 1; i >= 0; i-- {
		out[i] = n
		if i == 0 {
			break
		}
		e, ok := shape[i].Const()
		if !ok {
			c.refuse("row-major places in a tensor with the symbolic extent %s after the first axis", shape[i])
		}
		if e > (1<<31-1)/n {
			c.refuse("row-major places beyond 2^31 in a tensor of shape %s", ugraph.ShapeString(shape))
		}
		n *= e
	}
	return out
}

// fromFront turns indices below 0, which count from the end, into those from the front.
func (c *call) fromFront(index v, extent ugraph.Dim) v {
	return c.below0(index, c.add(index, c.size(extent, c.typ(index).DType)), index)
}

// places are the row-major places, in a tensor of the given shape, of elements that lie where they lie in the
// index, but along the axis where the index says.
func (c *call) places(shape []ugraph.Dim, index v, axis int) v {
	t := c.typ(index)
	if len(shape) != t.Rank() || !t.DType.IsInt() {
		c.refuse("the index is %s, the data have %d axes", t, len(shape))
	}
	strides := c.strides(shape)
	at := c.mul(c.fromFront(index, shape[axis]), c.int(strides[axis], t.DType))
	for i, d := range t.Shape {
		if i != axis && !d.Is(1) {
			at = c.add(at, c.mul(c.along(c.iota(d, t.DType), i, t.Rank()), c.int(strides[i], t.DType)))
		}
	}
	return at
}

func gatherElements(c *call) []*tensor {
	x := c.value(0)
	shape := c.typ(x).Shape
	at := c.places(shape, c.value(1), c.axis(c.attrInt("axis", 0), len(shape)))
	return c.one(c.op(ugraph.OpGather, nil, c.reshape(x, []ugraph.Dim{ugraph.Elements(shape)}), at))
}

// rows are, for an index whose last axis holds k coordinates, the tensor with its first k axes as one, and
// the places there.
func (c *call) rows(x, index v) (flat, at v) {
	shape, t := c.typ(x).Shape, c.typ(index)
	if t.Rank() == 0 || !t.DType.IsInt() {
		c.refuse("the index is %s", t)
	}
	k, ok := t.Shape[t.Rank()-1].Const()
	if !ok || k < 1 || k > int64(len(shape)) {
		c.refuse("the index has %s coordinates of a tensor with %d axes", t.Shape[t.Rank()-1], len(shape))
	}
	strides := c.strides(shape[:k])
	for j := range k {
		one := c.op(ugraph.OpSlice, ugraph.Attrs{ugraph.IntAttr("axis", int64(t.Rank()-1)), ugraph.IntAttr("start", j), ugraph.IntAttr("end", j+1)}, index)
		one = c.mul(c.fromFront(c.reshape(one, t.Shape[:t.Rank()-1]), shape[j]), c.int(strides[j], t.DType))
		if j == 0 {
			at = one
		} else {
			at = c.add(at, one)
		}
	}
	return c.reshape(x, append([]ugraph.Dim{ugraph.Elements(shape[:k])}, shape[k:]...)), at
}

func gatherND(c *call) []*tensor {
	if b := c.attrInt("batch_dims", 0); b != 0 {
		c.refuse("batch_dims=%d", b)
	}
	flat, at := c.rows(c.value(0), c.value(1))
	return c.one(c.op(ugraph.OpGather, nil, flat, at))
}

// scatter adds updates to rows of flat. Where they replace them instead, each row is written at most once
// (ONNX leaves it undefined otherwise): it is what was added to zeros where a count of writes is not 0.
func (c *call) scatter(flat, at, updates v) v {
	t := c.typ(flat)
	switch mode := c.attrString("reduction", "none"); mode {
	case "add":
		return c.op(ugraph.OpScatterAdd, nil, flat, at, updates)
	case "none":
	default:
		c.refuse("reduction=%s; scatter_add is the only one", mode)
	}
	zeros := c.broadcast(c.int(0, t.DType), t.Shape)
	counts := c.broadcast(c.int(0, ugraph.I32), t.Shape)
	ones := c.broadcast(c.int(1, ugraph.I32), c.typ(updates).Shape)
	written := c.op(ugraph.OpGreater, nil, c.op(ugraph.OpScatterAdd, nil, counts, at, ones), c.int(0, ugraph.I32))
	return c.where(written, c.op(ugraph.OpScatterAdd, nil, zeros, at, updates), flat)
}

func scatterElements(c *call) []*tensor {
	x := c.value(0)
	shape := c.typ(x).Shape
	if len(shape) == 0 {
		c.refuse("a scalar has no axis")
	}
	at := c.places(shape, c.value(1), c.axis(c.attrInt("axis", 0), len(shape)))
	flat := c.reshape(x, []ugraph.Dim{ugraph.Elements(shape)})
	return c.one(c.reshape(c.scatter(flat, at, c.value(2)), shape))
}

func scatterND(c *call) []*tensor {
	x := c.value(0)
	flat, at := c.rows(x, c.value(1))
	return c.one(c.reshape(c.scatter(flat, at, c.value(2)), c.typ(x).Shape))
}
