package onnx

import (
	"github.com/morgana-ml/morgana/ugraph"
)

// quantizeOperators are those of quantized integers.
var quantizeOperators = map[string]*operator{
	"DequantizeLinear": {min: 2, max: 3, rule: dequantize, doc: "(x - zero point) · scale, per tensor or axis"},
	"QuantizeLinear":   {min: 2, max: 3, rule: quantize, doc: "x / scale, rounded, plus the zero point, saturated"},
	"MatMulInteger":    {min: 2, max: 4, rule: matMulInteger, doc: "matmul of i32 less the zero points"},
}

// perAxis reads scale or zero point i: one for all, or a vector along the axis.
func (c *call) perAxis(i, rank int, dt ugraph.DType) v {
	t := c.in[i].typ
	if n, ok := elements(t); ok && n == 1 && t.Rank() <= 1 {
		return c.cast(c.reshape(c.value(i), []ugraph.Dim{}), dt)
	}
	if t.Rank() != 1 {
		c.refuse("input %d is %s; it must have one element, or one axis", i, t)
	}
	return c.cast(c.along(c.value(i), c.axis(c.attrInt("axis", 1), rank), rank), dt)
}

func (c *call) unblocked() {
	c.attr("axis")
	if b := c.attrInt("block_size", 0); b != 0 {
		c.refuse("block_size=%d: one scale per block", b)
	}
}

func dequantize(c *call) []*tensor {
	c.unblocked()
	x := c.value(0)
	rank, dt := c.typ(x).Rank(), c.in[1].typ.DType
	if o := c.attrInt("output_dtype", 0); o != 0 {
		want, err := elementType(o)
		c.check(err)
		if want != dt {
			c.refuse("output_dtype is not the scale's type %s", dt)
		}
	}
	y := c.cast(x, dt)
	if c.has(2) {
		y = c.sub(y, c.perAxis(2, rank, dt))
	}
	return c.one(c.mul(y, c.perAxis(1, rank, dt)))
}

func quantize(c *call) []*tensor {
	c.unblocked()
	c.attr("saturate")
	x := c.value(0)
	rank, dt, to := c.typ(x).Rank(), c.typ(x).DType, ugraph.U8
	if o := c.attrInt("output_dtype", 0); o != 0 {
		var err error
		to, err = elementType(o)
		c.check(err)
	}
	if c.has(2) {
		to = c.in[2].typ.DType
	}
	if !dt.IsFloat() || !to.IsInt() || c.attrInt("precision", 0) != 0 {
		c.refuse("%s to %s", dt, to)
	}
	y := round(c, c.div(x, c.perAxis(1, rank, dt)))
	if c.has(2) {
		y = c.add(y, c.perAxis(2, rank, dt))
	}
	return c.one(c.cast(y, to))
}

func matMulInteger(c *call) []*tensor {
	var args [2]v
	for i := range args {
		args[i] = c.cast(c.value(i), ugraph.I32)
		if !c.has(2 + i) {
			continue
		}
		if n, ok := c.in[2+i].elements(); !ok || n != 1 {
			c.refuse("a zero point per row or column")
		}
		args[i] = c.sub(args[i], c.cast(c.reshape(c.value(2+i), []ugraph.Dim{}), ugraph.I32))
	}
	return c.one(c.product(args[0], args[1]))
}
