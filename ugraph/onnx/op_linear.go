package onnx

import (
	"github.com/morgana-ml/morgana/ugraph"
)

// linearOperators are the products.
var linearOperators = map[string]*operator{
	"MatMul": {min: 2, max: 2, rule: matMul, doc: "matmul; a vector is a row or column for it"},
	"Gemm":   {min: 2, max: 3, rule: gemm, doc: "matmul with alpha, beta and a sum"},
	"Einsum": {min: 1, max: -1, rule: einsum, doc: "matmul of two operands at a time, from the left"},
}

// matMul is NumPy's: a vector on the left is a row, on the right a column, and the axis goes again.
func matMul(c *call) []*tensor {
	return c.one(c.product(c.value(0), c.value(1)))
}

func (c *call) product(a, b ugraph.ValueID) ugraph.ValueID {
	ta, tb := c.typ(a), c.typ(b)
	if ta.Rank() == 0 || tb.Rank() == 0 {
		c.refuse("a scalar has no product of matrices")
	}
	if ta.Rank() == 1 {
		a = c.reshape(a, []ugraph.Dim{ugraph.D(1), ta.Shape[0]})
	}
	if tb.Rank() == 1 {
		b = c.reshape(b, []ugraph.Dim{tb.Shape[0], ugraph.D(1)})
	}
	v := c.op(ugraph.OpMatMul, nil, a, b)
	shape := c.typ(v).Shape
	if tb.Rank() == 1 {
		shape = shape[:len(shape)-1]
	}
	if ta.Rank() == 1 {
		i := len(shape) - 2 // where the row's axis is
		if tb.Rank() == 1 {
			i = len(shape) - 1
		}
		shape = append(append([]ugraph.Dim{}, shape[:i]...), shape[i+1:]...)
	}
	return c.reshape(v, shape)
}

// gemm is alpha·A'B' + beta·C, where A' and B' may be transposed.
func gemm(c *call) []*tensor {
	alpha, beta := c.attrFloat("alpha", 1), c.attrFloat("beta", 1)
	attrs := ugraph.Attrs{ugraph.BoolAttr("transpose_a", c.attrFlag("transA", false)), ugraph.BoolAttr("transpose_b", c.attrFlag("transB", false))}
	v := c.op(ugraph.OpMatMul, attrs, c.value(0), c.value(1))
	if c.typ(v).Rank() != 2 {
		c.refuse("Gemm takes matrices")
	}
	v = c.scale(v, alpha)
	if !c.has(2) || beta.Cmp(ugraph.Int(0)) == 0 {
		return c.one(v)
	}
	args := c.operands(c.computed(v), c.in[2])
	return c.one(c.op(ugraph.OpAdd, nil, v, c.scale(args[1], beta)))
}

// scale multiplies by a number; nothing where it is 1.
func (c *call) scale(v ugraph.ValueID, by ugraph.Number) ugraph.ValueID {
	if by.Cmp(ugraph.Int(1)) == 0 {
		return v
	}
	return c.op(ugraph.OpMul, nil, v, c.num(by, c.typ(v).DType))
}
