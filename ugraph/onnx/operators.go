package onnx

import "maps"

// operator is a row of the operator table: an operator of ONNX and how it is written in the language.
type operator struct {
	since    int64 // the operator set, from 13 on, in which it came
	min, max int   // inputs; max -1: any number
	rule     func(c *call) []*tensor
	doc      string
}

// operators is the operator table, by ONNX's operator type. Rows differ between operator sets only in where
// an argument stands (an attribute, later an input); their rules ask for both.
var operators = map[string]*operator{}

func init() {
	for _, table := range []map[string]*operator{
		unaryOperators, binaryOperators, linearOperators, reduceOperators, normOperators, shapeOperators, moveOperators, partOperators, indexOperators,
		attentionOperators, quantizeOperators,
	} {
		maps.Copy(operators, table)
	}
}

// missing says why the language has no form for well-known operators.
var missing = map[string]string{
	"If":     "a program has no branches",
	"Loop":   "a program has no loops",
	"Scan":   "a program has no loops",
	"Conv":   "the language has no convolution",
	"LSTM":   "the language has no recurrence",
	"GRU":    "the language has no recurrence",
	"RNN":    "the language has no recurrence",
	"Unique": "the result's size depends on the data",
}
