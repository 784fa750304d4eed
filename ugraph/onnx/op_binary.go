package onnx

import (
	"github.com/morgana-ml/morgana/ugraph"
)

// binaryOperators are the elementwise operators of several tensors.
var binaryOperators = map[string]*operator{
	"Add": {min: 2, max: 2, rule: func(c *call) []*tensor { return c.arith(ugraph.OpAdd, ugraph.Dim.Add) }, doc: "add; sizes are added when the model is imported"},
	"Sub": {min: 2, max: 2, rule: func(c *call) []*tensor { return c.arith(ugraph.OpSub, ugraph.Dim.Sub) }, doc: "sub"},
	"Mul": {min: 2, max: 2, rule: func(c *call) []*tensor { return c.arith(ugraph.OpMul, ugraph.Dim.Mul) }, doc: "mul"},
}

// arith is a binary operator; of known integers it is folded.
func (c *call) arith(op ugraph.Op, fold func(a, b ugraph.Dim) ugraph.Dim) []*tensor {
	if t := c.fold2(fold); t != nil {
		return []*tensor{t}
	}
	return c.one(c.op(op, nil, c.args()...))
}

// fold2 applies a function to two known integer tensors, or returns nil where they are not, or where the
// function has no answer (Overflow).
func (c *call) fold2(f func(a, b ugraph.Dim) ugraph.Dim) *tensor {
	a, b := c.in[0], c.in[1]
	if a.known == nil || b.known == nil || a.typ.DType.IsFloat() || a.typ.DType != b.typ.DType {
		return nil
	}
	shape, ok := joined(a.typ.Shape, b.typ.Shape)
	if !ok {
		return nil
	}
	out := &known{}
	switch {
	case a.uniform() && b.uniform():
		out.ints, out.fill = []ugraph.Dim{f(a.known.ints[0], b.known.ints[0])}, true
	case a.uniform() && ugraph.SameShape(shape, b.typ.Shape):
		for _, d := range b.known.ints {
			out.ints = append(out.ints, f(a.known.ints[0], d))
		}
	case b.uniform() && ugraph.SameShape(shape, a.typ.Shape):
		for _, d := range a.known.ints {
			out.ints = append(out.ints, f(d, b.known.ints[0]))
		}
	case ugraph.SameShape(a.typ.Shape, b.typ.Shape):
		for i, d := range a.known.ints {
			out.ints = append(out.ints, f(d, b.known.ints[i]))
		}
	default:
		return nil
	}
	for _, d := range out.ints {
		if n, isNumber := d.Const(); d == ugraph.Overflow || isNumber && ugraph.CheckLiteral(ugraph.Int(n), a.typ.DType) != nil {
			return nil
		}
	}
	return knownTensor(a.typ.DType, shape, out)
}
