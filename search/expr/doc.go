// Package expr is the search's own form of a tensor program: a DAG over named axes.
//
//	ugraph program ──library.Expand──▶ primitives ──Lift──▶ DAG ──algebra──▶ DAGs ──loop, schedule──▶ μGraph
//	                                                         │ ▲               │
//	                                                  Window │ │ part by part  └──ToProgram──▶ plain program
//	                                                         ▼ │                              (verify, unfused)
//	                                                        DAG
//
// A value is a function of a set of named axes; axes have no order. Elementwise operators broadcast by
// name, reductions name the axes they remove, and a matrix product is the sum over axes of a product.
// The order of axes exists only at the inputs and outputs. Lift gives two different contractions two
// different axes even if their extents and tensors are the same, which is what makes the abstraction
// test of package algebra sharp.
//
// # Rationale
//
// Why not search on ugraph.Graph? There, transposition, keepdims, unit axes and the order of batch
// axes multiply the graphs that mean the same. Over named axes they are one value.
//
// Why does a tensor that would carry one axis twice not lift? X·Xᵀ needs the axis of X under two names,
// hence X as two inputs, and every stage knows an input by its number. The caller keeps the node as a
// predefined kernel; a window that begins after it has the axes as two.
//
// Why are casts between floating-point types dropped? A fused kernel may keep more than the program's
// precision, never less, and what it may move casts past is the floating-point check's to say. The
// element type of a node remains, and ToProgram writes the casts that it implies.
package expr
