package onnx

import (
	"github.com/morgana-ml/morgana/ugraph"
)

// The formulas of activations; x is a floating-point tensor.

func softplus(c *call, x v) v {
	small := c.op(ugraph.OpLog, nil, c.plus(c.exp(c.neg(c.op(ugraph.OpAbs, nil, x))), 1))
	return c.add(c.op(ugraph.OpRelu, nil, x), small)
}

func hardSwish(c *call, x v) v {
	dt := c.typ(x).DType
	return c.mul(x, c.clamp(c.add(c.mul(x, c.ratio(1, 6, dt)), c.ratio(1, 2, dt)), 0, 1))
}

func hardSigmoid(c *call, x v) v {
	beta := c.num(c.attrFloat("beta", 0.5), c.typ(x).DType)
	return c.clamp(c.add(c.scale(x, c.attrFloat("alpha", 0.2)), beta), 0, 1)
}

// round is r = floor(x), or r + 1 beyond the half, and at the half the even one of them.
func round(c *call, x v) v {
	dt := c.typ(x).DType
	r := c.op(ugraph.OpFloor, nil, x)
	d, half := c.sub(x, r), c.ratio(1, 2, dt)
	halved := c.half(r)
	odd := c.op(ugraph.OpLess, nil, c.op(ugraph.OpFloor, nil, halved), halved)
	up := c.op(ugraph.OpOr, nil, c.op(ugraph.OpGreater, nil, d, half), c.op(ugraph.OpAnd, nil, c.op(ugraph.OpEqual, nil, d, half), odd))
	return c.where(up, c.plus(r, 1), r)
}

func isInf(c *call, x v) v {
	dt := c.typ(x).DType
	plus, minus := c.attrFlag("detect_positive", true), c.attrFlag("detect_negative", true)
	is := func(sign int) v { return c.op(ugraph.OpEqual, nil, x, c.num(ugraph.Inf(sign), dt)) }
	switch {
	case plus && minus:
		return c.op(ugraph.OpOr, nil, is(1), is(-1))
	case plus:
		return is(1)
	case minus:
		return is(-1)
	}
	return c.broadcast(c.int(0, ugraph.Bool), c.typ(x).Shape)
}

// expm1 is e^x - 1 for x up to 0, and 0 above.
func expm1(c *call, x v) v {
	return c.plus(c.exp(c.op(ugraph.OpMinimum, nil, x, c.int(0, c.typ(x).DType))), -1)
}

func elu(c *call, x v) v { return c.below0(x, c.scale(expm1(c, x), c.attrFloat("alpha", 1)), x) }

func celu(c *call, x v) v {
	alpha := c.attrFloat("alpha", 1)
	scaled := c.div(x, c.num(alpha, c.typ(x).DType))
	return c.add(c.op(ugraph.OpRelu, nil, x), c.scale(expm1(c, scaled), alpha))
}

func selu(c *call, x v) v {
	alpha, gamma := c.attrFloat("alpha", 1.67326319217681884765625), c.attrFloat("gamma", 1.05070102214813232421875)
	return c.scale(c.below0(x, c.scale(expm1(c, x), alpha), x), gamma)
}

func thresholdedRelu(c *call, x v) v {
	dt := c.typ(x).DType
	return c.where(c.op(ugraph.OpGreater, nil, x, c.num(c.attrFloat("alpha", 1), dt)), x, c.int(0, dt))
}

func shrink(c *call, x v) v {
	dt := c.typ(x).DType
	bias, lambda := c.attrFloat("bias", 0), c.attrFloat("lambd", 0.5)
	low := c.op(ugraph.OpLess, nil, x, c.num(lambda.Neg(), dt))
	high := c.op(ugraph.OpGreater, nil, x, c.num(lambda, dt))
	return c.where(low, c.add(x, c.num(bias, dt)), c.where(high, c.sub(x, c.num(bias, dt)), c.int(0, dt)))
}
