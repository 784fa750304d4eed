package onnx

import (
	"github.com/morgana-ml/morgana/ugraph"
)

// unaryOperators are the elementwise operators of one tensor.
var unaryOperators = map[string]*operator{
	"Abs":        direct(ugraph.OpAbs),
	"Cos":        direct(ugraph.OpCos),
	"Erf":        direct(ugraph.OpErf),
	"Exp":        direct(ugraph.OpExp),
	"Floor":      direct(ugraph.OpFloor),
	"Log":        direct(ugraph.OpLog),
	"Neg":        direct(ugraph.OpNeg),
	"Not":        direct(ugraph.OpNot),
	"Reciprocal": direct(ugraph.OpReciprocal),
	"Relu":       direct(ugraph.OpRelu),
	"Sigmoid":    direct(ugraph.OpSigmoid),
	"Sign":       direct(ugraph.OpSign),
	"Sin":        direct(ugraph.OpSin),
	"Sqrt":       direct(ugraph.OpSqrt),
	"Tanh":       direct(ugraph.OpTanh),
}

// direct is a row for an operator that both languages have.
func direct(op ugraph.Op) *operator {
	return &operator{min: 1, max: 1, doc: "the same: " + op.String(), rule: func(c *call) []*tensor {
		return c.one(c.op(op, nil, c.value(0)))
	}}
}
