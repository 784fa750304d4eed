package onnx

import (
	"github.com/morgana-ml/morgana/ugraph"
)

// normOperators are normalizations.
var normOperators = map[string]*operator{
	"LayerNormalization":        {since: 17, min: 2, max: 3, rule: layerNorm, doc: "layer_norm over the axes from axis on, as one"},
	"RMSNormalization":          {since: 23, min: 2, max: 2, rule: rmsNorm, doc: "rms_norm over the axes from axis on, as one"},
	"InstanceNormalization":     {min: 3, max: 3, rule: instanceNorm, doc: "layer_norm over the axes after the second, then a scale and bias per channel"},
	"GroupNormalization":        {since: 21, min: 3, max: 3, rule: groupNorm, doc: "layer_norm over the groups of channels, then a scale and bias per channel"},
	"BatchNormalization":        {min: 5, max: 5, rule: batchNorm, doc: "(x - mean) / sqrt(var + eps) · scale + bias per channel, outside training"},
	"LpNormalization":           {min: 1, max: 1, rule: lpNorm, doc: "x divided by its norm"},
	"MeanVarianceNormalization": {min: 1, max: 1, rule: meanVarianceNorm, doc: "(x - mean) / (standard deviation + 1e-9)"},
}

// flatFrom reshapes the axes from axis on into one and returns also the value's shape before.
func (c *call) flatFrom(x v, axis int) (v, []ugraph.Dim) {
	shape := c.typ(x).Shape
	flat := append(append([]ugraph.Dim{}, shape[:axis]...), ugraph.Elements(shape[axis:]))
	return c.reshape(x, flat), shape
}

// parameter is a weight of a normalization in the shape of the axes from axis on, as one axis.
func (c *call) parameter(i int, over []ugraph.Dim) v {
	w := c.value(i)
	if len(c.typ(w).Shape) > len(over) {
		c.refuse("input %d is %s, and the normalized axes are %s", i, c.typ(w), ugraph.ShapeString(over))
	}
	return c.reshape(c.broadcast(w, over), []ugraph.Dim{ugraph.Elements(over)})
}

func layerNorm(c *call) []*tensor {
	x := c.value(0)
	t := c.typ(x)
	axis := c.axis(c.attrInt("axis", -1), t.Rank())
	eps := c.attrFloat("epsilon", 1e-5)
	c.stash()
	flat, shape := c.flatFrom(x, axis)
	args := []v{flat, c.parameter(1, shape[axis:])}
	if c.has(2) {
		args = append(args, c.parameter(2, shape[axis:]))
	}
	out := c.one(c.reshape(c.op(ugraph.OpLayerNorm, ugraph.Attrs{ugraph.NumberAttr("eps", eps)}, args...), shape))
	if len(c.node.outputs) < 2 {
		return out
	}
	// Mean and InvStdDev, in the type of the intermediate results: f32, or f64.
	in := c.cast(x, t.DType.Accumulator())
	var axes []int64
	for i := axis; i < t.Rank(); i++ {
		axes = append(axes, int64(i))
	}
	as := ugraph.Attrs{ugraph.IntsAttr("axis", axes...), ugraph.BoolAttr("keepdims", true)}
	m := c.op(ugraph.OpMean, as, in)
	variance := c.op(ugraph.OpMean, as, c.op(ugraph.OpSquare, nil, c.sub(in, m)))
	inverse := c.op(ugraph.OpRsqrt, nil, c.add(variance, c.num(eps, c.typ(variance).DType)))
	return append(out, c.computed(m), c.computed(inverse))
}

// stash reads stash_type: composites compute in f32 inside, whatever it says beyond that.
func (c *call) stash() {
	if s := c.attrInt("stash_type", 1); s != 1 {
		c.refuse("stash_type=%d; a composite computes in f32 inside, which is 1", s)
	}
}

func rmsNorm(c *call) []*tensor {
	x := c.value(0)
	axis := c.axis(c.attrInt("axis", -1), c.typ(x).Rank())
	eps := c.attrFloat("epsilon", 1e-5)
	c.stash()
	flat, shape := c.flatFrom(x, axis)
	return c.one(c.reshape(c.op(ugraph.OpRMSNorm, ugraph.Attrs{ugraph.NumberAttr("eps", eps)}, flat, c.parameter(1, shape[axis:])), shape))
}

// channel is a parameter per channel, axis 1 of a tensor of that rank.
func (c *call) channel(i, rank int) v {
	w := c.value(i)
	if c.typ(w).Rank() != 1 || rank < 2 {
		c.refuse("input %d must have one axis, a value per channel, and the input at least two", i)
	}
	return c.along(w, 1, rank)
}

// affine scales and shifts per channel by inputs 1 and 2.
func (c *call) affine(x v) []*tensor {
	rank := c.typ(x).Rank()
	return c.one(c.add(c.mul(x, c.channel(1, rank)), c.channel(2, rank)))
}

func instanceNorm(c *call) []*tensor {
	x := c.value(0)
	if c.typ(x).Rank() < 3 {
		c.refuse("the input must have an axis after the channels, it is %s", c.typ(x))
	}
	flat, shape := c.flatFrom(x, 2)
	eps := ugraph.NumberAttr("eps", c.attrFloat("epsilon", 1e-5))
	return c.affine(c.reshape(c.op(ugraph.OpLayerNorm, ugraph.Attrs{eps}, flat), shape))
}

func groupNorm(c *call) []*tensor {
	x := c.value(0)
	shape := c.typ(x).Shape
	groups := c.attrInt("num_groups", 0)
	eps := ugraph.NumberAttr("eps", c.attrFloat("epsilon", 1e-5))
	c.stash()
	if len(shape) < 2 || groups < 1 {
		c.refuse("num_groups=%d of %s", groups, c.typ(x))
	}
	size, ok := ugraph.Elements(shape[1:]).Div(groups)
	if _, divides := shape[1].Div(groups); !ok || !divides {
		c.refuse("num_groups=%d does not divide the %s channels", groups, shape[1])
	}
	flat := c.reshape(x, []ugraph.Dim{shape[0], ugraph.D(groups), size})
	return c.affine(c.reshape(c.op(ugraph.OpLayerNorm, ugraph.Attrs{eps}, flat), shape))
}

func batchNorm(c *call) []*tensor {
	if c.attrFlag("training_mode", false) {
		c.refuse("training_mode: a program has no running statistics")
	}
	c.attr("momentum")
	x := c.value(0)
	rank := c.typ(x).Rank()
	variance := c.channel(4, rank)
	scale := c.op(ugraph.OpRsqrt, nil, c.add(variance, c.num(c.attrFloat("epsilon", 1e-5), c.typ(variance).DType)))
	return c.affine(c.mul(c.sub(x, c.channel(3, rank)), scale))
}

func lpNorm(c *call) []*tensor {
	x := c.value(0)
	as := ugraph.Attrs{ugraph.IntsAttr("axis", int64(c.axis(c.attrInt("axis", -1), c.typ(x).Rank()))), ugraph.BoolAttr("keepdims", true)}
	switch p := c.attrInt("p", 2); p {
	case 1:
		return c.one(c.div(x, c.op(ugraph.OpSum, as, c.op(ugraph.OpAbs, nil, x))))
	case 2:
		return c.one(c.div(x, c.op(ugraph.OpSqrt, nil, sumSquare(c, x, as))))
	default:
		c.refuse("p=%d; have 1, 2", p)
	}
	return nil
}

func meanVarianceNorm(c *call) []*tensor {
	x := c.value(0)
	axes, given := c.axes("axes", 1, c.typ(x).Rank())
	if !given {
		axes = []int64{0, 2, 3}
	}
	as := ugraph.Attrs{ugraph.IntsAttr("axis", axes...), ugraph.BoolAttr("keepdims", true)}
	centred := c.sub(x, c.op(ugraph.OpMean, as, x))
	deviation := c.op(ugraph.OpSqrt, nil, c.op(ugraph.OpMean, as, c.op(ugraph.OpSquare, nil, centred)))
	eps, err := ugraph.ParseNumber("1e-9")
	c.check(err)
	return c.one(c.div(centred, c.add(deviation, c.num(eps, c.typ(x).DType))))
}
