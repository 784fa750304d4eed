// Package onnx imports ONNX models (operator sets 13 to 23 of ai.onnx) as programs.
//
//	FILE ── wire.go, model.go ──▶ messages ── sort.go ──▶ nodes in order, what the outputs need
//	          field tables                                  │
//	inputs, initializers ── inputs.go, tensor.go ──▶ tensors │ call.go: each node by its row of the
//	                                                    │    ▼ operator table (operators.go, op_*.go)
//	        known.go: sizes and small constants  ◀──────┴── tensors
//	        use.go:   a tensor becomes a value where a program needs it
//	                                                         │ finish.go
//	                                                         ▼
//	                                            programs, and the weights' data
//
// # Rationale
//
// Exporters compute shapes in the graph: Shape, Gather, Concat, Reshape. A tensor of sizes is therefore known
// (known.go): its elements are polynomials in the symbols, folded when the model is imported, and no part of
// the program. Where a size does enter the arithmetic it is a sum of ones.
//
// A floating-point constant of one element is a literal, written as the shortest decimal that it rounds from;
// every other initializer is a const input of the model's name, and Weight.Bytes are its elements. So a
// program is text of a readable size, and its weights stay where they can be re-packed.
//
// An attribute that a rule does not ask for is an error: it would change the meaning. What a rule cannot
// express it refuses with a reason; the import goes on, so that one list names every such node.
//
// Levels: with Options.Partial an operator without a form stands between programs. The level of a node is the
// number of such operators in sequence before it, and the nodes of one level are one program.
//
// Deviations from ONNX, all where ug.md defines less: an index below 0 that is computed is an error where the
// program is run, as is one beyond the axis; a row of softmax or attention over nothing but -inf gives
// anything, or 0; integers wrap. IsNaN is "not equal to itself", which exact arithmetic knows to be false: a
// program that relies on it is one of the undefined rows.
//
// The operators stand in operators.md. Files that PyTorch exported are in testdata/pytorch; .ci/onnx-export.py
// makes such files and more.
package onnx
